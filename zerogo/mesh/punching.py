# -*- test-case-name: zerogo.test.mesh.test_punching -*-
"""Beyond plain checks: how one peer is reached where the NAT of either end maps each destination anew.

The recipe follows from what both ends have told of their NATs (`zerogo.ice.nature`), so both know it without a word.
The hard end leads (`zerogo.mesh.hard_end`): it opens side sockets, finds out between which ports it is seen, and tells
that in its next signal; the easy end then tries those ports (`zerogo.mesh.easy_end`). Whatever is hit becomes a pair of
the ICE agent like any other. A direct pair ends all of it, also while it begins.

    0        plain checks of both ends, at the moment that the controller has set
    0.25 s   the hard end opens 8 side sockets and sounds its NAT; one round trip later the peer is told
    0.6 s    where ports are random: 56 or 248 further ones; the easy end sends 1,000 probes a second, at most 1,472
    3.75 s   what found nothing ends; the hard end begins again after 5, 10, 20 and then every 40 seconds, and
             where many ports were tried, after 5, 15, 30, 60, 60 and then every 300
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from zerogo.core import Transmit
from zerogo.ice.agent import IceAgent
from zerogo.ice.nature import Recipe, recipe_for
from zerogo.ice.prediction import PortWindow
from zerogo.ids import Endpoint
from zerogo.mesh.context import NodeContext
from zerogo.mesh.easy_end import EasyEnd
from zerogo.mesh.hard_end import HardEnd
from zerogo.mesh.signal import Offer
from zerogo.stun.message import Message


@define(eq=False)
class Punching:
    """One peer's."""

    _context: NodeContext
    _peer: int
    recipe: Recipe = field(default=Recipe.PLAIN, init=False)
    _began_at: float | None = field(default=None, init=False)
    hard: HardEnd = field(init=False)
    easy: EasyEnd = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Neither end has anything to do yet."""
        self.hard = HardEnd(self._context, self._context.punches, self._peer)
        self.easy = EasyEnd(self._context, self._context.punches, self._peer)

    @property
    def window(self) -> PortWindow | None:
        """What every signal to the peer has to carry while a try is under way."""
        return self.hard.window

    def begin(self, ours: Offer, theirs: Offer, now: float) -> None:
        """The checks of both ends begin."""
        self._began_at = now
        self.learn(ours, theirs, now)

    def learn(self, ours: Offer, theirs: Offer, now: float) -> None:
        """What is known of either end may have changed, also after the checks began."""
        self.recipe = recipe_for(ours.nat, theirs.nat)
        is_tried = self.recipe in (Recipe.PREDICTION, Recipe.BIRTHDAY)
        if self._began_at is not None and ours.nat.is_hard and is_tried:
            self.hard.begin(theirs, crosses=theirs.nat.is_hard, began_at=self._began_at, now=now)

    def told(self, window: PortWindow, theirs: Offer, ours: Offer, ice: IceAgent, now: float) -> None:
        """A signal of the peer carried a window; `learn` was told of the rest of it."""
        if ours.nat.is_hard:
            self.hard.told(window, now)
        else:
            self.easy.told(window, theirs, ice, now)

    def found(self, endpoint: Endpoint, ice: IceAgent) -> None:
        """The ICE agent found a pair."""
        if ice.has_direct:
            self.easy.found()
            self.hard.found(endpoint)

    def settle(self, ice: IceAgent) -> None:
        """The ICE agent heard something."""
        self.hard.settle(ice)

    def lost(self, endpoint: Endpoint) -> None:
        """The ICE agent lost a pair."""
        self.hard.lost(endpoint)

    def clear(self) -> None:
        """The peer is gone: close everything."""
        self._began_at = None
        self.easy.stop()
        self.hard.clear()

    def owns(self, transaction_id: bytes) -> bool:
        """Whether an answer is to a question of this peer's fan."""
        return self.hard.owns(transaction_id)

    def receive_answer(self, message: Message, source: Endpoint, now: float) -> None:
        """A STUN server's answer to such a question."""
        self.hard.receive_answer(message, source, now)

    def handle_timer(self, ice: IceAgent, now: float) -> None:
        """Do what is due."""
        self.hard.handle_timer(ice, now)

    def next_at(self) -> float | None:
        """When `handle_timer` and `transmits` are wanted."""
        times = (self.hard.next_at(), self.easy.next_at())
        return min((at for at in times if at is not None), default=None)

    def transmits(self, ice: IceAgent, now: float) -> Iterator[Transmit]:
        """What is to be sent now."""
        for side, payload in self.hard.take_due(now):
            yield Transmit(side, payload)
        for destination, payload in self.easy.take_due(ice, now):
            yield Transmit(destination, payload)
