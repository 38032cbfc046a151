# -*- test-case-name: zerogo.test.dataplane.test_gso -*-
"""Merging a run of frames back into one super-frame for the local kernel.

Nothing that the peer claims is believed: the run id only says what to look at. The frames must be what `cut` makes:
equal headers but for lengths, identification, checksums and the TCP sequence number, which must continue; no flag in
the middle that ends a segment; equal payloads, the last not longer. The virtio header is built from headers that were
read here. What does not fit is left to be written frame by frame.

On success the headers in the slots have been overwritten; on failure too, so `Merger.merge` looks before it touches,
and the caller opens the datagrams again in the rare case that it returns None (`is_spoiled`).
"""

from __future__ import annotations

from attrs import frozen

from zerogo.dataplane.checksum import is_transport_sum_right, pseudo_sum, write_ipv4_header_sum
from zerogo.dataplane.packet import CHECKSUM_OFFSET, TCP, network_offset, transport_of
from zerogo.dataplane.slots import SLOTS_LIMIT, Column, LayoutCache, network_order
from zerogo.dataplane.vnet import GSO_ECN, GSO_TCPV4, GSO_TCPV6, GSO_UDP, NEEDS_CHECKSUM, VNET, VNET_BYTES
from zerogo.switch.frame import ETHERNET_BYTES
from zerogo.wire.transport import INNER_BYTES

TCP_PAYLOAD_MINIMUM = 256
"""A super-frame of smaller TCP segments would make the kernel work more than its bytes are worth."""
UDP_SEGMENTS_LIMIT = 64
"""UDP_MAX_SEGMENTS of kernels before 6.9."""
PACKET_LIMIT = 65535
TUNNEL_PORTS = (4789, 6081, 8472)
"""VXLAN and Geneve drop merged datagrams on kernels before 6.8.5."""
_LAYOUTS_LIMIT = 64
_FIN, _SYN, _RST, _PSH, _ACK, _URG, _ECE, _CWR = (1 << bit for bit in (0, 1, 2, 3, 4, 5, 6, 7))


@frozen
class Place:
    """Where the frames of a run lie: slots of `stride` bytes from `base`, frames `network` before their IP header."""

    base: int
    stride: int
    network: int
    transport: int
    header_bytes: int


class MergeLayout:
    """The views of one kind of run."""

    def __init__(self, place: Place, clear: memoryview) -> None:
        count = min((len(clear) - place.base) // place.stride, SLOTS_LIMIT)
        starts = range(place.base + INNER_BYTES, place.base + count * place.stride, place.stride)
        header = place.base + INNER_BYTES
        self.headers = [clear[at : at + place.header_bytes] for at in starts]
        self.payloads = [clear[at + place.header_bytes : at + place.stride - INNER_BYTES] for at in starts]
        self.frames = [clear[at : at + place.stride - INNER_BYTES] for at in starts]
        self.identifications = Column(clear, header + place.network + 4, place.stride, count, "H")
        self.header_sums = Column(clear, header + place.network + 10, place.stride, count, "H")
        self.sequences = Column(clear, header + place.transport + 4, place.stride, count, "I")
        self.flags = clear[header + place.transport + 13 : place.base + count * place.stride : place.stride]
        self.tcp_sums = Column(clear, header + place.transport + 16, place.stride, count, "H")
        self.udp_sums = Column(clear, header + place.transport + 6, place.stride, count, "H")


class Merger:
    """Works on one buffer of opened datagrams."""

    def __init__(self, clear: memoryview, base: int) -> None:
        self.takes_udp = True
        """Whether the kernel takes UDP super-frames."""
        self._clear = clear
        self._base = base
        self._layouts: LayoutCache[Place, MergeLayout] = LayoutCache(
            lambda place: MergeLayout(place, clear), _LAYOUTS_LIMIT
        )
        self.is_spoiled = False
        """Whether the last `merge` that returned None had begun to overwrite headers."""

    def merge(
        self, stride: int, first: int, count: int, last_bytes: int, ethernet: bytes | None, is_trusted: bool
    ) -> list[memoryview | bytearray] | None:
        """The pieces of one write to the TAP (virtio header and frame) for `count` slots from `first` on.

        :param stride: bytes of a slot: inner header and frame; the last slot holds `last_bytes` of them.
        :param ethernet: the header to put in front where the frames came without; its EtherType is set here.
        :param is_trusted: whether transport checksums need no look (left partial, or verified, by the sender).
        """
        self.is_spoiled = False
        at = self._base + first * stride + INNER_BYTES
        end = at + stride - INNER_BYTES
        network_at = at if ethernet is not None else network_offset(self._clear, at, end)
        located = transport_of(self._clear, network_at, end) if network_at else None
        if located is None or last_bytes > stride or count < 2:
            return None
        transport, protocol, headers_end = located[0] - at, located[1], located[2] - at
        place = Place(self._base, stride, network_at - at, transport, headers_end)
        if not self._is_worth(place, protocol, first, count, last_bytes):
            return None
        layout = self._layouts.get(place)
        if not is_trusted and not self._sums_are_right(layout, place, protocol, first, count, last_bytes):
            return None
        is_tcp = protocol == TCP
        flags = self._merged_flags(layout, place, first, count) if is_tcp else 0
        if flags is None or not self._continues(layout, place, is_tcp, first, count):
            return None
        self.is_spoiled = True
        if not self._is_uniform(layout, place, is_tcp, first, count, last_bytes):
            return None
        head = self._head(layout.headers[first], place, protocol, flags, count, last_bytes, ethernet)
        last = layout.payloads[first + count - 1][: last_bytes - INNER_BYTES - place.header_bytes]
        return [head, *layout.payloads[first : first + count - 1], last]

    def _is_worth(self, place: Place, protocol: int, first: int, count: int, last_bytes: int) -> bool:
        payload = place.stride - INNER_BYTES - place.header_bytes
        last = last_bytes - INNER_BYTES - place.header_bytes
        if last <= 0 or place.header_bytes - place.network + payload * (count - 1) + last > PACKET_LIMIT:
            return False
        if protocol == TCP:
            return payload >= TCP_PAYLOAD_MINIMUM
        if not self.takes_udp:
            return False
        at = self._base + first * place.stride + INNER_BYTES + place.transport
        port = int.from_bytes(self._clear[at + 2 : at + 4], "big")
        return count <= UDP_SEGMENTS_LIMIT and port not in TUNNEL_PORTS

    def _sums_are_right(
        self, layout: MergeLayout, place: Place, protocol: int, first: int, count: int, last_bytes: int
    ) -> bool:
        for index in range(first, first + count):
            end = (last_bytes if index == first + count - 1 else place.stride) - INNER_BYTES
            if not is_transport_sum_right(layout.frames[index], place.network, place.transport, protocol, end):
                return False
        return True

    @staticmethod
    def _merged_flags(layout: MergeLayout, place: Place, first: int, count: int) -> int | None:
        """The TCP flags of the whole; None where those of the parts do not make one."""
        flags = bytes(layout.flags[first : first + count])
        base = flags[0] & ~_CWR
        if base & ~_ECE != _ACK or flags[1:-1] != bytes([base]) * (count - 2) or flags[-1] & ~(_PSH | _FIN) != base:
            return None
        return flags[0] | flags[-1]

    @staticmethod
    def _continues(layout: MergeLayout, place: Place, is_tcp: bool, first: int, count: int) -> bool:
        """Whether identifications and sequence numbers run on without a gap."""
        header = layout.headers[first]
        if header[place.network] >> 4 == 4:
            start = header[place.network + 4] << 8 | header[place.network + 5]
            numbers = network_order("H", [number & 0xFFFF for number in range(start, start + count)]).tobytes()
            found = layout.identifications.read(first, count)
            # A packet that must not be fragmented needs no number of its own (RFC 6864): UDP may have the same on all.
            is_constant = not is_tcp and header[place.network + 6] & 0x40 and found == found[:2] * count
            if found != numbers and not is_constant:
                return False
        if not is_tcp:
            return True
        step = place.stride - INNER_BYTES - place.header_bytes
        start = int.from_bytes(header[place.transport + 4 : place.transport + 8], "big")
        sequence: range | list[int] = range(start, start + count * step, step)
        if start + count * step > 0xFFFFFFFF:
            sequence = [number & 0xFFFFFFFF for number in sequence]
        return layout.sequences.read(first, count) == network_order("I", sequence).tobytes()

    def _is_uniform(
        self, layout: MergeLayout, place: Place, is_tcp: bool, first: int, count: int, last_bytes: int
    ) -> bool:
        """Whether the lengths are true and the headers equal, once what may differ was made equal."""
        first_header, last_header = layout.headers[first], layout.headers[first + count - 1]
        network, transport = place.network, place.transport
        is_ipv4 = first_header[network] >> 4 == 4
        at, counted = (network + 2, 0) if is_ipv4 else (network + 4, 40)
        full, last = place.stride - INNER_BYTES - network - counted, last_bytes - INNER_BYTES - network - counted
        lengths = [(at, full, last)]
        if not is_tcp:
            before = transport - network - counted
            lengths.append((transport + 4, full - before, last - before))
        for position, full_length, last_length in lengths:
            if int.from_bytes(first_header[position : position + 2], "big") != full_length:
                return False
            if int.from_bytes(last_header[position : position + 2], "big") != last_length:
                return False
            last_header[position : position + 2] = first_header[position : position + 2]
        if is_ipv4:
            layout.identifications.fill(first, count, bytes(first_header[network + 4 : network + 6]))
            layout.header_sums.fill(first, count, b"\0\0")
        if is_tcp:
            layout.sequences.fill(first, count, bytes(first_header[transport + 4 : transport + 8]))
            layout.flags[first : first + count] = bytes([first_header[transport + 13]]) * count
        (layout.tcp_sums if is_tcp else layout.udp_sums).fill(first, count, b"\0\0")
        return b"".join(layout.headers[first : first + count]) == bytes(first_header) * count

    @staticmethod
    def _head(
        header: memoryview, place: Place, protocol: int, flags: int, count: int, last_bytes: int, ethernet: bytes | None
    ) -> bytearray:
        """Virtio header and all headers of the merged frame."""
        lead = ETHERNET_BYTES if ethernet is not None else 0
        head = bytearray(VNET_BYTES + lead + place.header_bytes)
        view = memoryview(head)[VNET_BYTES:]
        view[lead:] = header
        network, transport = lead + place.network, lead + place.transport
        is_ipv4 = view[network] >> 4 == 4
        if ethernet is not None:
            view[:ETHERNET_BYTES] = ethernet[:12] + (b"\x08\x00" if is_ipv4 else b"\x86\xdd")
        payload = place.stride - INNER_BYTES - place.header_bytes
        after_network = place.header_bytes - place.network + payload * (count - 1) + last_bytes
        after_network -= INNER_BYTES + place.header_bytes
        at = network + (2 if is_ipv4 else 4)
        view[at : at + 2] = (after_network - (0 if is_ipv4 else 40)).to_bytes(2, "big")
        message = after_network - (transport - network)
        if protocol == TCP:
            view[transport + 13] = flags
            gso = (GSO_TCPV4 if is_ipv4 else GSO_TCPV6) | (GSO_ECN if flags & _CWR else 0)
        else:
            view[transport + 4 : transport + 6] = message.to_bytes(2, "big")
            gso = GSO_UDP
        field = transport + CHECKSUM_OFFSET[protocol]
        view[field : field + 2] = pseudo_sum(view, network, protocol, message).to_bytes(2, "big")
        if is_ipv4:
            write_ipv4_header_sum(view, network)
        VNET.pack_into(head, 0, NEEDS_CHECKSUM, gso, len(view), payload, transport, CHECKSUM_OFFSET[protocol])
        return head
