# -*- test-case-name: zerogo.test.dataplane.test_gso -*-
"""Cutting a super-frame of the local kernel into complete frames that fit a path, in the buffer it was read into.

The frame is read with one `readv` whose vectors are the places of the payloads in a train: what was last read tells
the header length and segment size to expect, so payloads land where they are sealed from and only headers are
written. A frame of another shape is copied to its places first; it costs a copy, never a frame.

TCP is cut at a size of our choice, whatever the kernel's segment size was: total length, identification (RFC 791,
consecutive), sequence number are set, CWR stays on the first frame only (RFC 3168), PSH and FIN on the last. UDP is cut
at the kernel's size, since there the borders have a meaning.
"""

from __future__ import annotations

from array import array

from attrs import define, frozen

from zerogo.dataplane.checksum import complement, complete_partial, word_sum, write_pseudo_sum
from zerogo.dataplane.packet import CHECKSUM_OFFSET, TCP
from zerogo.dataplane.place import CHANNEL_HEADER_BYTES
from zerogo.dataplane.slots import SEAL_BYTES, Column, LayoutCache, SealedSlots, network_order
from zerogo.dataplane.vnet import VNET_BYTES
from zerogo.switch.frame import ETHERNET_BYTES
from zerogo.wire.transport import INNER, INNER_BYTES, LAST_OF_RUN, OVERHEAD_BYTES

FRAME_LIMIT = 65535 + ETHERNET_BYTES + 8
"""Bytes of the largest frame a kernel hands out: an IP packet, Ethernet header, two VLAN tags."""
_CLEAR_BASE = 32
_BUFFER_BYTES = FRAME_LIMIT + 128 * 192 + _CLEAR_BASE
_LAYOUTS_LIMIT = 16
_FIN, _PSH, _CWR = 0x01, 0x08, 0x80
_POSITIONS = bytes(range(128))


@frozen
class Shape:
    """What decides where everything is. Offsets count from the first header byte that is sent."""

    lead: int
    """Bytes of the frame that are not sent: 14 of an elided Ethernet header, or none."""
    network: int
    transport: int
    header_bytes: int
    payload_bytes: int
    """Of each frame but the last."""
    protocol: int
    is_ipv4: bool
    wrap: int = 0
    """Bytes before each sealed datagram."""


class CutLayout:
    """The views of one shape."""

    def __init__(self, shape: Shape, clear: memoryview, sealed: memoryview) -> None:
        self.shape = shape
        size = shape.header_bytes + shape.payload_bytes + OVERHEAD_BYTES
        self.slots = SealedSlots(sealed, clear, _CLEAR_BASE, size, shape.wrap)
        stride, count = self.slots.stride, self.slots.count
        starts = range(_CLEAR_BASE, _CLEAR_BASE + count * stride, stride)
        header_bytes = INNER_BYTES + shape.header_bytes
        self.frame_start = _CLEAR_BASE + INNER_BYTES - shape.lead
        self.headers = [slice(at, at + header_bytes) for at in starts]
        self.payloads = [slice(at + header_bytes, at + stride) for at in starts]
        first = clear[self.frame_start - VNET_BYTES : _CLEAR_BASE + stride]
        self.first_bytes = len(first)
        self.vectors = [first] + [clear[place] for place in self.payloads[1:]]
        self.takes_all = self.first_bytes + (count - 1) * shape.payload_bytes >= FRAME_LIMIT + VNET_BYTES
        header = _CLEAR_BASE + INNER_BYTES
        self.positions = clear[_CLEAR_BASE + 3 : _CLEAR_BASE + count * stride : stride]
        self.identifications = Column(clear, header + shape.network + 4, stride, count, "H")
        self.header_sums = Column(clear, header + shape.network + 10, stride, count, "H")
        self.sequences = Column(clear, header + shape.transport + 4, stride, count, "I")


@define
class Run:
    """A super-frame that was cut: `count` plaintexts in the slots of a layout, the last of `last_bytes`."""

    slots: SealedSlots
    count: int
    last_bytes: int


class Cutter:
    """The buffers in front of the seal: what is read from the TAP, and the trains made of it."""

    def __init__(self) -> None:
        self.clear = memoryview(bytearray(_BUFFER_BYTES))
        self.sealed = memoryview(bytearray(_BUFFER_BYTES + 128 * (SEAL_BYTES + CHANNEL_HEADER_BYTES)))
        self._layouts: LayoutCache[Shape, CutLayout] = LayoutCache(self._make, _LAYOUTS_LIMIT)
        self.layout = self._layouts.get(Shape(ETHERNET_BYTES, 0, 20, 52, 1384, TCP, True))

    def _make(self, shape: Shape) -> CutLayout:
        return CutLayout(shape, self.clear, self.sealed)

    def linear(self, size: int) -> memoryview:
        """A copy, in one piece, of `size` bytes (virtio header, frame) that were read into the vectors."""
        first = self.layout.first_bytes
        spread = max(0, size - first + self.layout.shape.payload_bytes - 1) // self.layout.shape.payload_bytes
        return memoryview(bytearray(b"".join(self.layout.vectors[: 1 + spread])))[:size]

    def load(self, shape: Shape, frame: memoryview) -> CutLayout:
        """Put a frame (without virtio header) in the places of `shape`; the next one is expected to be like it."""
        layout = self._layouts.get(shape)
        if layout.takes_all:
            self.layout = layout
        head = shape.lead + shape.header_bytes
        self.clear[layout.frame_start : layout.frame_start + head] = frame[:head]
        size = shape.payload_bytes
        for place, at in zip(layout.payloads, range(head, len(frame), size), strict=False):
            piece = frame[at : at + size]
            self.clear[place.start : place.start + len(piece)] = piece
        return layout

    def cut(self, layout: CutLayout, payload_bytes: int, inner: tuple[int, int, int]) -> Run:
        """Write the headers of all frames of a super-frame whose payload, of `payload_bytes`, is in its places.

        `inner` is what the inner headers begin with: kind and flags, band, run id.
        """
        shape = layout.shape
        count = -(-payload_bytes // shape.payload_bytes)
        last_payload = payload_bytes - (count - 1) * shape.payload_bytes
        start = _CLEAR_BASE + INNER_BYTES
        template = bytearray(self.clear[start : start + shape.header_bytes])
        last_length = self._write_lengths(shape, template, last_payload)
        flags = self._middle_flags(shape, template)
        head = INNER.pack(*inner, 0) + bytes(template)
        clear = self.clear
        for place in layout.headers[:count]:
            clear[place] = head
        layout.positions[:count] = _POSITIONS[:count]
        layout.positions[count - 1] = count - 1 | LAST_OF_RUN
        last = memoryview(clear)[layout.headers[count - 1].start + INNER_BYTES :]
        last[shape.network + (2 if shape.is_ipv4 else 4) :][:2] = last_length
        if shape.is_ipv4:
            self._number(layout, template, count, int.from_bytes(last_length, "big"))
        if shape.protocol == TCP:
            self._sequence(layout, template, count, flags)
        else:
            last[shape.transport + 4 : shape.transport + 6] = (last_payload + 8).to_bytes(2, "big")
        return Run(layout.slots, count, INNER_BYTES + shape.header_bytes + last_payload)

    @staticmethod
    def _write_lengths(shape: Shape, template: bytearray, last_payload: int) -> bytes:
        """Set the lengths of a full frame in the template; return the IP length of the last."""
        at = shape.network + (2 if shape.is_ipv4 else 4)
        headers = shape.header_bytes - shape.network - (0 if shape.is_ipv4 else 40)
        template[at : at + 2] = (headers + shape.payload_bytes).to_bytes(2, "big")
        if shape.protocol != TCP:
            template[shape.transport + 4 : shape.transport + 6] = (shape.payload_bytes + 8).to_bytes(2, "big")
        return (headers + last_payload).to_bytes(2, "big")

    @staticmethod
    def _middle_flags(shape: Shape, template: bytearray) -> int:
        """Leave in the template the TCP flags of a frame in the middle; return those of the whole."""
        if shape.protocol != TCP:
            return 0
        flags = template[shape.transport + 13]
        template[shape.transport + 13] = flags & ~(_FIN | _PSH | _CWR)
        return flags

    @staticmethod
    def _number(layout: CutLayout, template: bytearray, count: int, last_length: int) -> None:
        """Consecutive identifications and the header checksums that follow from them."""
        network = layout.shape.network
        first = int.from_bytes(template[network + 4 : network + 6], "big")
        length = int.from_bytes(template[network + 2 : network + 4], "big")
        template[network + 4 : network + 6] = template[network + 10 : network + 12] = b"\0\0"
        rest = word_sum(template[network : layout.shape.transport])
        identifications: range | list[int] = range(first, first + count)
        top = complement(rest + first)
        sums: range | list[int] = range(top, top - count, -1)
        if first + count > 0x10000 or top < count:
            identifications = [(first + index) & 0xFFFF for index in range(count)]
            sums = [complement(rest + identification) for identification in identifications]
        layout.identifications.write(0, network_order("H", identifications))
        layout.header_sums.write(0, network_order("H", sums))
        last_sum = complement(rest - length + last_length + ((first + count - 1) & 0xFFFF))
        layout.header_sums.write(count - 1, network_order("H", [last_sum]))

    def _sequence(self, layout: CutLayout, template: bytearray, count: int, flags: int) -> None:
        transport, step = layout.shape.transport, layout.shape.payload_bytes
        first = int.from_bytes(template[transport + 4 : transport + 8], "big")
        numbers: range | list[int] = range(first, first + count * step, step)
        if first + count * step > 0xFFFFFFFF:
            numbers = [number & 0xFFFFFFFF for number in numbers]
        layout.sequences.write(0, network_order("I", numbers))
        at = INNER_BYTES + transport + 13
        self.clear[layout.headers[0].start + at] |= flags & _CWR
        self.clear[layout.headers[count - 1].start + at] |= flags & (_FIN | _PSH)

    def complete_sums(self, layout: CutLayout, run: Run) -> None:
        """Compute the TCP or UDP checksum of each frame of a run, for where it may not stay partial."""
        shape = layout.shape
        for index in range(run.count):
            size = run.last_bytes if index == run.count - 1 else run.slots.stride
            packet = run.slots.plaintexts[index][INNER_BYTES:size]
            end = size - INNER_BYTES
            write_pseudo_sum(packet, shape.network, shape.transport, shape.protocol, end)
            complete_partial(packet, shape.transport, CHECKSUM_OFFSET[shape.protocol], end)


def column_of(value: int, count: int) -> array[int]:
    """`count` times the same 64-bit number, in network order."""
    return network_order("Q", [value]) * count
