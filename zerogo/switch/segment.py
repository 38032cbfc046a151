# -*- test-case-name: zerogo.test.switch.test_segment -*-
"""The switch of one segment: forwarding database, neighbours, sources and storm control, as a data plane asks them.

A plane asks `egress` about each frame that leaves the TAP and does what the verdict says; and `refuses` about each
frame that a peer sent before it enters the TAP. `static_routes` is the plane's short cut for the many frames from our
own address to a member's: destination and source address, 12 bytes, to peer.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from zerogo.switch.fdb import ForwardingDatabase
from zerogo.switch.frame import (
    ETHERNET_BYTES,
    Buffer,
    Refusal,
    is_group,
    is_link_local_group,
    untagged_payload,
)
from zerogo.switch.neighbor import LOCAL, NeighborTable
from zerogo.switch.source import SourceGuard
from zerogo.switch.storm import (
    INCOMING_BURST_BYTES,
    INCOMING_BYTES_PER_SECOND,
    OUTGOING_BURST_BYTES,
    OUTGOING_BYTES_PER_SECOND,
    StormBudget,
)


@frozen
class Unicast:
    """Send the frame to this peer."""

    peer: int


@frozen
class Flood:
    """Send a copy of the frame to each of these peers."""

    peers: list[int]


@frozen
class Answer:
    """Put this frame into the TAP; the one that came out of it goes nowhere."""

    frame: bytes


Verdict = Unicast | Flood | Answer | Refusal


class Segment:
    """One Ethernet segment as one member sees it. Addresses are 6 bytes, times monotonic seconds."""

    def __init__(self, own_mac: bytes, own_addresses: Sequence[str] = (), is_bridge: bool = False) -> None:
        self._own_mac = own_mac
        self._is_bridge = is_bridge
        self._fdb = ForwardingDatabase(own_mac)
        self._neighbors = NeighborTable()
        self._neighbors.set_addresses(LOCAL, own_mac, own_addresses)
        self._sources = SourceGuard(self._neighbors)
        self._outgoing = StormBudget(OUTGOING_BYTES_PER_SECOND, OUTGOING_BURST_BYTES)
        self._incoming: dict[int, StormBudget] = {}
        self.static_routes: dict[bytes, int] = {}

    def set_member(
        self,
        peer: int,
        mac: bytes,
        addresses: Sequence[str] = (),
        subnets: Sequence[str] = (),
        is_bridge: bool = False,
    ) -> None:
        """Know a member, or change what is known; `subnets` are the IP prefixes behind it."""
        self._fdb.set_member(peer, mac, is_bridge)
        self._neighbors.set_addresses(peer, mac, addresses)
        self._sources.set_member(peer, subnets, is_bridge)
        self._incoming.setdefault(peer, StormBudget(INCOMING_BYTES_PER_SECOND, INCOMING_BURST_BYTES))
        self._derive_routes()

    def remove_member(self, peer: int) -> None:
        """Forget a member."""
        self._fdb.remove_member(peer)
        self._neighbors.remove(peer)
        self._sources.remove_member(peer)
        self._incoming.pop(peer, None)
        self._derive_routes()

    def _derive_routes(self) -> None:
        self.static_routes = {mac + self._own_mac: peer for mac, peer in self._fdb.static_addresses().items()}

    def egress(self, frame: Buffer, now: float) -> Verdict:
        """What becomes of a frame that came out of the TAP."""
        if len(frame) < ETHERNET_BYTES:
            return Refusal.MALFORMED
        destination, source = bytes(frame[:6]), bytes(frame[6:12])
        if source != self._own_mac:
            if not self._is_bridge or is_group(source) or source in self._fdb.static_addresses():
                return Refusal.FOREIGN_SOURCE
            self._fdb.station_is_local(source)
        if not is_group(destination):
            return self._egress_unicast(destination, frame, now)
        if is_link_local_group(destination):
            return Refusal.UNKNOWN_DESTINATION
        answer = self._neighbors.answer(frame)
        if answer is not None:
            return Answer(answer)
        return self._flood(self._fdb.members(), len(frame), now)

    def _egress_unicast(self, destination: bytes, frame: Buffer, now: float) -> Verdict:
        peer = self._fdb.lookup(destination, now)
        if peer is not None:
            return Unicast(peer)
        # The map knows every member, so an unknown station can only be behind a bridge.
        return self._flood(self._fdb.bridges(), len(frame), now)

    def _flood(self, peers: list[int], size: int, now: float) -> Verdict:
        if not peers:
            return Refusal.UNKNOWN_DESTINATION
        if not self._outgoing.spend(size * len(peers), now):
            return Refusal.STORM
        return Flood(peers)

    def refuses(self, peer: int, frame: Buffer, now: float) -> Refusal | None:
        """Why a complete frame of a peer may not enter the TAP; None where it may. Learns from bridges."""
        if len(frame) < ETHERNET_BYTES:
            return Refusal.MALFORMED
        destination, source = bytes(frame[:6]), bytes(frame[6:12])
        if not self._fdb.accepts_source(peer, source, now):
            return Refusal.FOREIGN_SOURCE
        if is_group(destination):
            if is_link_local_group(destination):
                return Refusal.UNKNOWN_DESTINATION
            if not self._incoming[peer].spend(len(frame), now):
                return Refusal.STORM
        elif destination != self._own_mac and not self._is_bridge:
            return Refusal.UNKNOWN_DESTINATION
        located = untagged_payload(frame)
        return Refusal.MALFORMED if located is None else self.refuses_packet(peer, located[0], frame[located[1] :])

    def refuses_packet(self, peer: int, ethertype: int, packet: Buffer) -> Refusal | None:
        """Why what a peer sent, without its Ethernet header, may not enter the TAP: it claims another's address."""
        if self._neighbors.refuses(peer, ethertype, packet):
            return Refusal.FOREIGN_SOURCE
        return self._sources.refuses(peer, ethertype, packet)
