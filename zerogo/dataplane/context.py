"""What the two directions of a plane share."""

from __future__ import annotations

from attrs import define, field

from zerogo.dataplane.offloads import Offloads
from zerogo.dataplane.peers import Peer, PeerTable
from zerogo.dataplane.tally import Tally
from zerogo.dataplane.tapwriter import TapWriter
from zerogo.dataplane.transmit import DatagramSender
from zerogo.dataplane.upcalls import UpcallQueue
from zerogo.switch.gate import Gate
from zerogo.switch.segment import Segment


@define
class PlaneContext:
    """State of one plane; `offloads` are those granted at the start, what fails later is where it is used."""

    tap_fd: int
    mtu: int
    own_mac: bytes
    node_id: bytes
    mac1_key: bytes = field(repr=False)
    offloads: Offloads
    tally: Tally
    segment: Segment
    tap: TapWriter
    sender: DatagramSender
    upcalls: UpcallQueue
    table: PeerTable = field(factory=PeerTable)
    gate: Gate = field(factory=Gate)
    routes: dict[bytes, Peer] = field(factory=dict)
    """Destination and source address, 12 bytes, of frames from our own address to a member's."""

    def offloads_in_use(self) -> tuple[tuple[str, bool], ...]:
        """The switches as they stand after probing and fallbacks, by name."""
        return (
            ("tap_tso", self.offloads.tap_tso),
            ("tap_uso", self.offloads.tap_uso),
            ("tap_gso_write", self.tap.merges),
            ("udp_gso", self.sender.segments),
            ("udp_gro", self.offloads.udp_gro),
            ("checksum_elision", self.offloads.checksum_elision),
        )
