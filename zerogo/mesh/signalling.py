# -*- test-case-name: zerogo.test.mesh.test_signalling -*-
"""The signals of one pair: what was told, what was heard, and when the checks of both ends should begin.

Each end tells all it has whenever it changed, at most once per `DEBOUNCE_SECONDS`. An end asks the controller to start
the checks as soon as it knows that both have asked all their STUN servers; once per pair of epochs, and not where the
other end's wish was granted before. It is never one end's business alone: who has just joined has all last and knows
first, and its peer, which learns it by a signal, would have the checks of both begin one trip to the peer later. Where
something is missing, the end that leads asks `PUNCH_PATIENCE_SECONDS` after the first signal. An end that begins anew
draws another epoch and wants an answer, so each knows what the other has.
"""

from __future__ import annotations

import enum

from attrs import define, evolve, field

from zerogo.ice.prediction import PortWindow
from zerogo.ids import NodeId
from zerogo.mesh.context import NodeContext
from zerogo.mesh.credentials import PairSecrets
from zerogo.mesh.events import PunchWanted, SignalToSend
from zerogo.mesh.signal import RELAYED_LIMIT, Offer, Relayed, Signal, emit_signal, parse_signal

DEBOUNCE_SECONDS = 0.01
PUNCH_PATIENCE_SECONDS = 0.3
PUNCH_GAP_SECONDS = 1.0
"""The controller is asked at most so often per pair, by each end."""


class Hearing(enum.Enum):
    """What a signal was to the one who heard it."""

    STALE = "stale"
    """Older than what is known."""
    MORE = "more"
    """Of the epoch that is known."""
    NEW_EPOCH = "new epoch"
    """The peer began anew, or is heard for the first time."""


@define(eq=False)
class Signalling:
    """One pair's, at one end."""

    _context: NodeContext
    _node_id: NodeId
    _secrets: PairSecrets = field(repr=False)
    leads: bool
    epoch: int = field(default=0, init=False)
    remote: Signal | None = field(default=None, init=False)
    """The newest signal of the peer."""
    window: PortWindow | None = field(default=None, init=False)
    """Where this end expects to be seen by the peer; told with each signal."""
    told: bytes | None = field(default=None, init=False)
    """The newest blob that the controller was given; its taker sets it back."""
    _places: dict[str, Relayed] = field(factory=dict, init=False)
    """Where the peer was heard from in its epoch, by relay, at relays where it has named no address itself."""
    _sequence: int = field(default=0, init=False)
    _send_at: float | None = field(default=None, init=False)
    _punch_at: float | None = field(default=None, init=False)
    _punched: tuple[int, int] | None = field(default=None, init=False)
    _asked_at: float | None = field(default=None, init=False)
    _wants_answer: bool = field(default=False, init=False)

    @property
    def remote_offer(self) -> Offer:
        """What the peer told last; empty while it told nothing."""
        return Offer() if self.remote is None else self.remote.offer

    def begin(self, now: float) -> None:
        """Look for the peer anew: another epoch, told at once."""
        self.epoch = self._context.number() or 1
        self._sequence = 0
        self._wants_answer = True
        self.changed(now)

    def forget_asked(self) -> None:
        """The controller may not have heard what it was asked for: it may be asked again at once."""
        self._asked_at = None

    def hasten(self, now: float) -> None:
        """Tell the peer what this end has, at once."""
        self._send_at = now

    def changed(self, now: float) -> None:
        """What this end has to tell is not what it told last."""
        if self._send_at is None:
            self._send_at = now + DEBOUNCE_SECONDS

    def receive(self, blob: bytes, own: Offer, now: float, *, place: Relayed | None = None) -> Hearing:
        """Take a signal of the peer; `own` is what this end would tell. Raises `ParseError`.

        :param place: the allocation of a relay that it came from; the peer may not know that one itself yet.
        """
        signal = parse_signal(blob, self._secrets.signal_receive_key)
        before = self.remote
        is_new = before is None or before.epoch != signal.epoch
        if before is not None and not is_new and signal.sequence <= before.sequence:
            if place is None or signal.sequence < before.sequence or place.relay in self._places:
                return Hearing.STALE
            if any(each.relay == place.relay for each in signal.offer.relayed):
                return Hearing.STALE
        if is_new:
            self._places.clear()
        self.remote = self._placed(signal, place)
        if signal.wants_answer:
            self.changed(now)
        self.plan_punch(own, now)
        return Hearing.NEW_EPOCH if is_new else Hearing.MORE

    def _placed(self, signal: Signal, place: Relayed | None) -> Signal:
        """With the addresses that the peer was heard from in this epoch and does not name; its own word goes first."""
        if place is not None and (place.relay in self._places or len(self._places) < RELAYED_LIMIT):
            self._places[place.relay] = place
        for each in signal.offer.relayed:
            self._places.pop(each.relay, None)
        relayed = (*signal.offer.relayed, *self._places.values())[:RELAYED_LIMIT]
        return evolve(signal, offer=evolve(signal.offer, relayed=relayed))

    def plan_punch(self, own: Offer, now: float) -> None:
        """Something changed at one end: have the controller start both, once for each pair of epochs."""
        if self.remote is None or self._punched == (self.epoch, self.remote.epoch):
            return
        is_complete = own.is_complete and self.remote.offer.is_complete
        if not is_complete and not self.leads:
            return
        wanted_at = now if is_complete else now + PUNCH_PATIENCE_SECONDS
        if self._asked_at is not None:
            wanted_at = max(wanted_at, self._asked_at + PUNCH_GAP_SECONDS)
        self._punch_at = wanted_at if self._punch_at is None else min(self._punch_at, wanted_at)

    def punch_told(self) -> None:
        """The controller has set a moment for both, whoever asked."""
        self._punch_at = None
        if self.remote is not None:
            self._punched = (self.epoch, self.remote.epoch)

    def handle_timer(self, own: Offer, now: float) -> None:
        """Send what is due; `own` carries candidates, mapping and completeness."""
        is_punch_due = self._punch_at is not None and self._punch_at <= now
        # What the peer needs for the checks goes before the word that begins them.
        if self._send_at is not None and (self._send_at <= now or is_punch_due):
            self._send_at = None
            self._send(own)
        if is_punch_due:
            self._punch_at = None
            self._ask_punch(now)

    def next_at(self) -> float | None:
        """When `handle_timer` is wanted."""
        return min((at for at in (self._send_at, self._punch_at) if at is not None), default=None)

    def _ask_punch(self, now: float) -> None:
        if self.remote is not None:
            self._punched = (self.epoch, self.remote.epoch)
            self._asked_at = now
            self._context.outbox.tell(PunchWanted(self._node_id))

    def compose(self, own: Offer) -> bytes:
        """The next signal, for whoever carries it."""
        self._sequence += 1
        signal = Signal(
            epoch=self.epoch,
            sequence=self._sequence,
            offer=own,
            wants_answer=self._wants_answer,
            window=self.window,
        )
        return emit_signal(signal, self._secrets.signal_send_key)

    def _send(self, own: Offer) -> None:
        blob = self.compose(own)
        self._wants_answer = False
        self.told = blob
        self._context.outbox.tell(SignalToSend(self._node_id, blob))
