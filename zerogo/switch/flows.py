# -*- test-case-name: zerogo.test.switch.test_gate -*-
"""What was opened through filters, so that answers pass: docs/PROTOCOL.md, section 13.2.

One table for all peers, bounded; when it is full, the flow that was idle longest goes. The table is kept in the order
of use, so nothing has to be searched. Times are monotonic seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from zerogo.switch.headers import TCP, UDP, Packet

FLOWS_LIMIT = 65536
IDLE_SECONDS = {TCP: 7440.0, UDP: 180.0}
"""RFC 5382, REQ-5: at least 2 hours and 4 minutes. RFC 4787, REQ-5: at least 2 minutes."""
OTHER_IDLE_SECONDS = 60.0


class Flow(NamedTuple):
    """One flow, as its first packet names it from this end."""

    peer: int
    protocol: int
    our_address: bytes
    their_address: bytes
    our_port: int
    their_port: int

    @classmethod
    def of(cls, peer: int, packet: Packet, is_outbound: bool) -> Flow:
        """The flow that a packet belongs to."""
        protocol, source, destination, source_port, destination_port, _, _ = packet
        if is_outbound:
            return cls(peer, protocol, source, destination, source_port, destination_port)
        return cls(peer, protocol, destination, source, destination_port, source_port)

    def first_packet(self, is_outbound: bool) -> Packet:
        """The packet that opened it, from us or from the peer."""
        ours, theirs = (self.our_address, self.our_port), (self.their_address, self.their_port)
        (source, source_port), (destination, port) = (ours, theirs) if is_outbound else (theirs, ours)
        return Packet(self.protocol, source, destination, source_port, port)


class FlowTable:
    """The flows of a plane."""

    def __init__(self, limit: int = FLOWS_LIMIT) -> None:
        self._limit = limit
        self._flows: OrderedDict[Flow, tuple[float, bool]] = OrderedDict()
        """When each was used last, and whether it was opened from here; the one used last at the end."""
        self._by_peer: dict[int, dict[Flow, None]] = {}

    def __len__(self) -> int:
        return len(self._flows)

    def knows(self, flow: Flow, now: float) -> bool:
        """Whether there is such a flow."""
        entry = self._flows.get(flow)
        if entry is not None and now - entry[0] >= IDLE_SECONDS.get(flow.protocol, OTHER_IDLE_SECONDS):
            self._remove(flow)
            return False
        return entry is not None

    def touch(self, flow: Flow, now: float) -> bool:
        """Whether there is such a flow; if so, it was used just now."""
        if not self.knows(flow, now):
            return False
        self._flows[flow] = (now, self._flows[flow][1])
        self._flows.move_to_end(flow)
        return True

    def open(self, flow: Flow, is_outbound: bool, now: float) -> None:
        """A rule let its first packet pass."""
        if len(self._flows) >= self._limit:
            self._remove(next(iter(self._flows)))
        self._flows[flow] = (now, is_outbound)
        self._by_peer.setdefault(flow.peer, {})[flow] = None

    def end(self, peer: int, may_stay: Callable[[Packet, bool], bool]) -> None:
        """End the flows of a peer but those that may stay, judged by their first packet and whether it was ours."""
        for flow in list(self._by_peer.get(peer, ())):
            is_outbound = self._flows[flow][1]
            if not may_stay(flow.first_packet(is_outbound), is_outbound):
                self._remove(flow)

    def _remove(self, flow: Flow) -> None:
        del self._flows[flow]
        of_peer = self._by_peer[flow.peer]
        del of_peer[flow]
        if not of_peer:
            del self._by_peer[flow.peer]
