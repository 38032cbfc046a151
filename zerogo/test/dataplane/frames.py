"""Ethernet frames as a kernel hands them to a TAP with virtio headers, and two planes joined in memory."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence

from attrs import define, field

from zerogo.dataplane.checksum import write_ipv4_header_sum, write_pseudo_sum
from zerogo.dataplane.context import PlaneContext
from zerogo.dataplane.messages import ADD_SESSION, SET_PATH, SET_PEER
from zerogo.dataplane.offloads import Offloads
from zerogo.dataplane.packet import CHECKSUM_OFFSET
from zerogo.dataplane.place import CHANNEL, CHANNEL_HEADER, Place
from zerogo.dataplane.plane import Plane
from zerogo.dataplane.tally import Tally
from zerogo.dataplane.tapwriter import TapWriter
from zerogo.dataplane.upcalls import UpcallQueue
from zerogo.dataplane.vnet import GSO_ECN, GSO_TCPV4, GSO_TCPV6, GSO_UDP, NEEDS_CHECKSUM, VNET, VNET_BYTES
from zerogo.dataplane.way import Plan
from zerogo.noise.cookie import mac
from zerogo.switch.segment import Segment

_NUMBERS = (1, 2, 3, 4)
MACS = tuple(bytes([2, 0x7A, 0, 0, 0, number]) for number in _NUMBERS)
IPV4 = tuple(bytes([10, 77, 0, number]) for number in _NUMBERS)
IPV6 = tuple(bytes.fromhex("fd77") + bytes(13) + bytes([number]) for number in _NUMBERS)
NODES = tuple(bytes([number]) * 10 for number in _NUMBERS)
MAC1_KEY = b"\x0f" * 32
CWR, PSH, FIN, ACK = 0x80, 0x08, 0x01, 0x10
CHACHAPOLY, AESGCM = 1, 2
SOURCE = ("192.0.2.1", 9993)


def addresses_of(number: int) -> list[str]:
    """In the segment, of the member of that number."""
    return [socket.inet_ntop(socket.AF_INET, IPV4[number]), f"fd77::{number + 1}"]


def ethernet(ethertype: int, payload: bytes, destination: bytes = MACS[1], source: bytes = MACS[0]) -> bytes:
    return destination + source + ethertype.to_bytes(2, "big") + payload


def ip_frame(
    protocol: int,
    message: bytes,
    is_ipv6: bool = False,
    identification: int = 1,
    vlan: bytes = b"",
    source: bytes = b"",
) -> bytes:
    """An Ethernet frame of one IP packet with a right header checksum and, if TCP or UDP, a partial one of its own.

    :param source: address, where it is not that of the first member.
    """
    if is_ipv6:
        packet = struct.pack("!IHBB", 6 << 28, len(message), protocol, 64) + (source or IPV6[0]) + IPV6[1] + message
    else:
        packet = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), identification, 0x4000, 64, protocol, 0)
        packet += (source or IPV4[0]) + IPV4[1] + message
    frame = bytearray(MACS[1] + MACS[0] + vlan + (b"\x86\xdd" if is_ipv6 else b"\x08\x00") + packet)
    network = 14 + len(vlan)
    if not is_ipv6:
        write_ipv4_header_sum(memoryview(frame), network)
    transport = network + (40 if is_ipv6 else 20)
    if protocol in CHECKSUM_OFFSET:
        write_pseudo_sum(memoryview(frame), network, transport, protocol, len(frame))
    return bytes(frame)


def turned(frame: bytes) -> bytes:
    """A frame of `ip_frame` in IPv4, from the second member to the first; its sums stay right."""
    return MACS[0] + MACS[1] + frame[12:26] + IPV4[1] + IPV4[0] + frame[34:]


def tcp_message(payload: bytes, sequence: int = 1000, flags: int = ACK, options: bytes = bytes(12)) -> bytes:
    offset = (20 + len(options)) // 4 << 4
    return struct.pack("!HHIIBBHHH", 5201, 40000, sequence, 77, offset, flags, 502, 0, 0) + options + payload


def udp_message(payload: bytes, port: int = 40000) -> bytes:
    return struct.pack("!HHHH", 5201, port, 8 + len(payload), 0) + payload


def partial(frame: bytes, protocol: int, is_ipv6: bool = False, gso_size: int = 0, vlan: bytes = b"") -> bytes:
    """`frame` behind the virtio header that a kernel gives it: checksum left partial, a super-frame if `gso_size`."""
    start = 14 + len(vlan) + (40 if is_ipv6 else 20)
    offset = 16 if protocol == 6 else 6
    gso = 0
    if gso_size:
        gso = GSO_UDP if protocol == 17 else (GSO_TCPV6 if is_ipv6 else GSO_TCPV4)
        if protocol == 6 and frame[start + 13] & CWR:
            gso |= GSO_ECN
    return VNET.pack(NEEDS_CHECKSUM, gso, 0, gso_size, start, offset) + frame


def plain(frame: bytes) -> bytes:
    return bytes(VNET_BYTES) + frame


def signed(body: bytes, key: bytes = MAC1_KEY) -> bytes:
    """A handshake message with mac1 for a plane of ours; mac2 is zeros."""
    return body + mac(key, body) + bytes(16)


def straight(place: Place, mtu: int = 1472) -> Plan:
    """A plan of one way."""
    return (place, mtu), None, (), None, None


class MemorySender:
    """Stands where the data sockets are; keeps trains as (destination, bytes, datagram size)."""

    def __init__(self) -> None:
        self.segments = True
        self.failure = 0
        self.trains: list[tuple[Place, bytes, int]] = []

    def send(self, datagram: bytes, destination: Place) -> int:
        if destination[0] == CHANNEL:
            datagram = CHANNEL_HEADER.pack(destination[1], len(datagram)) + datagram
        return self.send_train(memoryview(bytes(datagram)), len(datagram), destination, 0.0)

    def send_train(self, train: memoryview, size: int, destination: Place, now: float) -> int:
        self.trains.append((destination, bytes(train), size))
        return self.failure

    def datagrams(self) -> list[bytes]:
        return [train[at : at + size] for _, train, size in self.trains for at in range(0, len(train), size)]


@define
class MemoryPlane:
    """A plane whose TAP is a socket pair and whose data socket is a list."""

    number: int
    offloads: Offloads = field(factory=Offloads)
    mtu: int = 1500
    is_bridge: bool = False
    kernel: socket.socket = field(init=False)
    tally: Tally = field(init=False, factory=Tally)
    sender: MemorySender = field(init=False, factory=MemorySender)
    context: PlaneContext = field(init=False)
    plane: Plane = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.kernel, tap = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self.kernel, tap):
            end.setblocking(False)
        descriptor = tap.detach()
        writer = TapWriter(descriptor, self.tally, self.offloads.tap_gso_write)
        segment = Segment(MACS[self.number], addresses_of(self.number), self.is_bridge)
        self.context = PlaneContext(
            descriptor, self.mtu, MACS[self.number], NODES[self.number], MAC1_KEY, self.offloads, self.tally, segment,
            writer, self.sender, UpcallQueue(self.tally),  # type: ignore[arg-type]
        )  # fmt: skip
        self.plane = Plane(self.context)
        self.frames()

    def close(self) -> None:
        self.kernel.close()
        os.close(self.context.tap_fd)

    def meet(
        self, other: MemoryPlane, path_mtu: int = 1472, is_bridge: bool = False, subnets: Sequence[str] = ()
    ) -> None:
        names = (NODES[other.number], MACS[other.number], addresses_of(other.number))
        self.plane.obey((SET_PEER, 1, *names, list(subnets), is_bridge), 0.0)
        self.plane.obey((SET_PATH, 1, straight(("192.0.2.1", 9993), path_mtu)), 0.0)

    def write(self, *frames: bytes, now: float = 1.0) -> None:
        """Frames come out of the kernel; sent in one turn."""
        for frame in frames:
            self.kernel.send(frame)
        self.plane.tap_readable(now)

    def frames(self) -> list[bytes]:
        """What the plane wrote into the TAP since last asked."""
        frames = []
        while True:
            try:
                frames.append(self.kernel.recv(1 << 17))
            except BlockingIOError:
                return frames

    def receive(self, train: bytes, size: int, source: Place = SOURCE, now: float = 1.0) -> None:
        """A train comes in from the network."""
        ingress = self.plane.ingress
        ingress.buffer[: len(train)] = train
        ingress.receive(len(train), size, source, now)

    def take_trains_of(self, other: MemoryPlane, now: float = 1.0) -> None:
        """All that `other` sent comes in."""
        trains, other.sender.trains = other.sender.trains, []
        for _, train, size in trains:
            self.receive(train, size, now=now)

    def upcalls(self) -> list[tuple[object, ...]]:
        waiting = list(self.context.upcalls.waiting)
        self.context.upcalls.waiting.clear()
        return waiting


def give_session(
    first: MemoryPlane, second: MemoryPlane, suite: int = CHACHAPOLY, base: int = 0, now: float = 0.0
) -> None:
    """A session of `first` (initiator) with `second`; not confirmed yet."""
    keys = os.urandom(32), os.urandom(32)
    second.plane.obey((ADD_SESSION, 1, (200 + base, 100 + base), keys[::-1], suite, False), now)
    first.plane.obey((ADD_SESSION, 1, (100 + base, 200 + base), keys, suite, True), now)


def joined(
    suite: int = CHACHAPOLY, path_mtu: int = 1472, offloads: tuple[Offloads, Offloads] | None = None
) -> list[MemoryPlane]:
    """Two planes that know each other, with a confirmed session; nothing waits."""
    switches = offloads or (Offloads(), Offloads())
    planes = [MemoryPlane(0, switches[0]), MemoryPlane(1, switches[1])]
    planes[0].meet(planes[1], path_mtu)
    planes[1].meet(planes[0], path_mtu)
    give_session(planes[0], planes[1], suite)
    planes[1].take_trains_of(planes[0])
    for plane in planes:
        plane.upcalls()
    return planes
