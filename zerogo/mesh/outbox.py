# -*- test-case-name: zerogo.test.mesh.test_outbox -*-
"""What a node wants done, in order: datagrams to send and events to tell. Bounded, with an overflow rule each.

The driver drains both after every verb, so they only fill up where one verb makes much. Past the bound, datagrams and
the events that may be lost like datagrams (control messages, signals) are dropped and counted. Events that carry state
(peers, sessions, paths) are never dropped: their number is bounded by the peers of the map.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from attrs import define, field

from zerogo.core import Transmit, drain
from zerogo.ids import Endpoint
from zerogo.mesh.events import ControlToSend, DatagramToSend, NodeEvent, PunchWanted, SignalToSend
from zerogo.mesh.signal import BySignal
from zerogo.mesh.status import NodeCounters, Refusal

TRANSMITS_LIMIT = 16384
LOSSY_EVENTS_LIMIT = 16384
_LOSSY = (ControlToSend, DatagramToSend, SignalToSend, PunchWanted)


@define(eq=False)
class Outbox:
    """One per node, shared by all its parts; also where they count what they refuse."""

    _transmits: deque[Transmit] = field(factory=deque, init=False)
    _events: deque[NodeEvent] = field(factory=deque, init=False)
    _refusals: dict[Refusal, int] = field(factory=lambda: dict.fromkeys(Refusal, 0), init=False)

    def send(self, destination: Endpoint | BySignal, payload: bytes) -> None:
        """Send a datagram from the data socket, or have the controller carry it."""
        if isinstance(destination, BySignal):
            self.tell(SignalToSend(destination.node_id, payload))
            return
        if len(self._transmits) >= TRANSMITS_LIMIT:
            self.refuse(Refusal.OUTPUT_OVERFLOW)
            return
        self._transmits.append(Transmit(destination, payload))

    def send_ahead(self, destination: Endpoint, payload: bytes) -> None:
        """Send a datagram from the data socket before what is told after it takes effect."""
        self.tell(DatagramToSend(destination, payload))

    def tell(self, event: NodeEvent) -> None:
        """Tell the driver something."""
        if len(self._events) >= LOSSY_EVENTS_LIMIT and isinstance(event, _LOSSY):
            self.refuse(Refusal.OUTPUT_OVERFLOW)
            return
        self._events.append(event)

    def refuse(self, refusal: Refusal) -> None:
        """Count input that nothing was done about."""
        self._refusals[refusal] += 1

    def counters(self) -> NodeCounters:
        """A snapshot of what was refused."""
        return NodeCounters(dict(self._refusals))

    def transmits(self) -> Iterator[Transmit]:
        """Drain the datagrams, oldest first."""
        return drain(self._transmits)

    def events(self) -> Iterator[NodeEvent]:
        """Drain the events, oldest first."""
        return drain(self._events)
