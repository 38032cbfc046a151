# -*- test-case-name: zerogo.test.mesh.test_punching -*-
"""What the easy end of a pair does for a peer behind a hard NAT: it tries the ports that the peer has told.

It acts on each window once, and only on one whose address the peer has told as its server-reflexive candidate, while
there is no direct pair. How often a peer may ask grows longer with each try that finds nothing, whatever the peer says;
how much goes to one address is bounded over all peers (`zerogo.ice.spray`).
"""

from __future__ import annotations

from attrs import define, field

from zerogo.ice.agent import IceAgent
from zerogo.ice.candidate import CandidateKind, is_reachable_form
from zerogo.ice.prediction import PortWindow
from zerogo.ice.spray import Spray
from zerogo.ids import SocketAddress
from zerogo.mesh.context import NodeContext
from zerogo.mesh.punch_desk import PunchDesk, backoff
from zerogo.mesh.signal import Offer

PATIENCE_SECONDS = 0.7
"""After the last probe an answer may still come."""
QUEUE_SECONDS = 0.2
"""Where others are trying, a place is asked for again so much later."""
WINDOW_SECONDS = 2.0
"""A window that found no place for so long is of no use any more."""
_EARLIER_SHARE = 0.8
"""The peer waits as long between its tries; this end is ready a little before."""


@define(eq=False)
class EasyEnd:
    """One peer's. `take_due` yields what goes out by the data socket."""

    _context: NodeContext
    _desk: PunchDesk
    _peer: int
    tries: int = field(default=0, init=False)
    _spray: Spray | None = field(default=None, init=False)
    _probe: bytes = field(default=b"", init=False, repr=False)
    _granted: int = field(default=0, init=False)
    _over_at: float | None = field(default=None, init=False)
    _waiting: PortWindow | None = field(default=None, init=False)
    _waits_until: float = field(default=0.0, init=False)
    _ask_at: float = field(default=0.0, init=False)
    _last_number: int | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)
    _ready_at: float = field(default=float("-inf"), init=False)

    @property
    def is_trying(self) -> bool:
        """Whether probes are under way."""
        return self._spray is not None

    def told(self, window: PortWindow, offer: Offer, ice: IceAgent, now: float) -> None:
        """The peer expects to be seen in this window; `offer` is what it told along with it."""
        if window.number == self._last_number or now < self._ready_at or self._spray is not None:
            return
        if not _is_credible(window, offer) or ice.has_direct:
            return
        self._last_number = window.number
        self._waiting, self._waits_until = window, now + WINDOW_SECONDS
        self._begin(ice, now)

    def found(self) -> None:
        """There is a direct pair: no more probes, and the peer may ask again at once when it is lost."""
        self._failures = 0
        self._ready_at = float("-inf")
        self.stop()

    def stop(self) -> None:
        """Try nothing more."""
        if self._spray is not None:
            self._desk.budget.give_back(self._spray.window.host, self._granted - self._spray.sent)
        self._spray = self._waiting = self._over_at = None
        self._desk.leave_spray(self._peer)

    def take_due(self, ice: IceAgent, now: float) -> list[tuple[SocketAddress, bytes]]:
        """Probes to send now."""
        if self._waiting is not None and self._ask_at <= now:
            self._begin(ice, now)
        spray = self._spray
        if spray is None:
            return []
        probes = [(destination, self._probe) for destination in spray.take_due(now)]
        self._desk.probes += len(probes)
        if spray.is_over:
            self._over_at = self._over_at or now + PATIENCE_SECONDS
            if self._over_at <= now:
                self._failed(now)
        return probes

    def next_at(self) -> float | None:
        """When `take_due` is wanted."""
        if self._spray is None:
            return None if self._waiting is None else self._ask_at
        return self._over_at if self._spray.is_over and self._over_at is not None else self._spray.next_at()

    def _begin(self, ice: IceAgent, now: float) -> None:
        window = self._waiting
        assert window is not None
        if now >= self._waits_until or ice.has_direct:
            self._waiting = None
            return
        self._ask_at = now + QUEUE_SECONDS
        if not self._desk.take_spray(self._peer):
            return
        self._waiting = None
        spray = Spray(window, self._context.number(), now)
        self._granted = self._desk.budget.take(window.host, spray.limit, now)
        spray.limit = self._granted
        if not self._granted:
            self._desk.leave_spray(self._peer)
            return
        self.tries += 1
        self._spray, self._probe = spray, ice.loose_check()

    def _failed(self, now: float) -> None:
        window = None if self._spray is None else self._spray.window
        self.stop()
        self._failures += 1
        self._ready_at = now + _EARLIER_SHARE * backoff(self._failures, window)


def _is_credible(window: PortWindow, offer: Offer) -> bool:
    reflexive = [each.address for each in offer.candidates if each.kind is CandidateKind.SRFLX]
    is_told = any(address.host == window.host for address in reflexive)
    return is_told and offer.nat.is_hard and is_reachable_form(SocketAddress(window.host, window.low))
