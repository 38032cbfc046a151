"""Both planes given the same keys and the same frames: what they send, and write to the TAP, is equal to the byte."""

from __future__ import annotations

import os
import random
import select
import socket
import struct
import time

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.interface import Counter, PathPlan, PeerEntry, PlaneSettings
from zerogo.dataplane.messages import ADD_SESSION
from zerogo.dataplane.native import NativeDataplane, is_built
from zerogo.dataplane.transmit import UDP_SEGMENT
from zerogo.ids import MacAddress, NodeId, SocketAddress
from zerogo.noise.keys import SessionKeys
from zerogo.policy.decisions import DecisionTable
from zerogo.policy.filter import PeerFilter, PolicyRule
from zerogo.test.dataplane import frames as f
from zerogo.wire.handshake import Suite

FRAMES = 300
SUBNETS = ("198.51.100.0/24", "2001:db8::/32")
"""Behind the one that sends."""
SOURCES = (b"", b"", b"", b"", b"", b"", f.IPV4[2], bytes([198, 51, 100, 7]), bytes(4))
SOURCES_IPV6 = (b"", b"", b"", b"", b"", f.IPV6[3], bytes.fromhex("20010db8") + bytes(12), b"\xfe\x80" + bytes(14))
COMPARED = [name for name in Counter if name.startswith(("dropped", "checksums", "fragments"))]
PATH_MTU = 1472
"""A multiple of 8, to which the reference plane rounds its segments."""


class NativeEnd:
    """A native plane with a socket pair for a TAP and one UDP socket on the loopback."""

    def __init__(self, number: int, case: SynchronousTestCase) -> None:
        self.kernel, tap = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        data = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        data.bind(("127.0.0.1", 0))
        self.address = data.getsockname()
        self.wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.wire.bind(("127.0.0.1", 0))
        self.wire.connect(self.address)
        self.wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        for sock in (tap, data):
            sock.setblocking(False)
        for sock in (self.kernel, self.wire):
            sock.settimeout(10)
            case.addCleanup(sock.close)
        self.plane = NativeDataplane()
        mac = MacAddress(f.MACS[number])
        self.plane.open(
            PlaneSettings(
                tap_fd=tap.detach(),
                udp_fds=[data.detach()],
                node_id=NodeId(bytes([number]) * 10),
                mac1_key=bytes(32),
                mac=mac,
                mtu=1500,
            )
        )
        case.addCleanup(self.plane.close)
        self.kernel.recv(1 << 17)  # the probe for super-frames

    def meet(self, other: int, keys: SessionKeys) -> None:
        node_id, mac = NodeId(bytes([other]) * 10), MacAddress(f.MACS[other])
        self.plane.set_peer(
            PeerEntry(peer=1, node_id=node_id, mac=mac, addresses=f.addresses_of(other), subnets=SUBNETS)
        )
        self.plane.set_path(1, PathPlan.by(SocketAddress.of(*self.wire.getsockname()), PATH_MTU))
        self.plane.add_session(1, keys)

    def settle(self) -> None:
        """Wait until all verbs so far were carried out."""
        self.plane.send_datagram(SocketAddress.of(*self.wire.getsockname()), b"settled")
        while self.wire.recv(1 << 16) != b"settled":
            pass

    def counted(self, expected: dict[Counter, int]) -> dict[Counter, int]:
        """What the plane counted, once it is as expected: nothing else tells of the last frames that it dropped."""
        deadline = time.monotonic() + 20
        while True:
            values = self.plane.counters().plane
            counted = {name: values[name] for name in expected}
            if counted == expected or time.monotonic() > deadline:
                return counted
            select.select([self.plane.wakeup_fd()], [], [], 0.01)

    def deliver(self, train: bytes, size: int) -> None:
        """A train comes in from the network."""
        ancillary = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", size))] if len(train) > size else []
        self.wire.sendmsg([train], ancillary)


RULES = PeerFilter(
    outbound=(
        PolicyRule(6, (40000, 40003)),
        PolicyRule(17, (0, 39999), allows=False),
        PolicyRule(17, None, ("10.77.0.0/24", "fd77::/64")),
        PolicyRule(58, None),
    ),
    inbound=(PolicyRule(None, (40000, 40001)), PolicyRule(50, None, ("fd77::2/128",))),
)


def random_packet(rng: random.Random) -> bytes:
    """A frame that a filter has to look at closely: fragments, extension headers, ICMP with quotes, cut anywhere."""
    is_ipv6 = rng.random() < 0.5
    ports = struct.pack("!HH", rng.choice([5201, 40000]), rng.randrange(39998, 40005)) + bytes(16)
    protocol = rng.choice([1, 6, 17, 47, 50, 58, 132])
    message = ports
    if protocol in (1, 58):
        kind = rng.choice([0, 3, 4, 8, 11, 1, 2, 128, 129, 135, 138])
        quoted = f.ip_frame(17, ports, is_ipv6)[14 : 14 + rng.randrange(60)]
        message = bytes([kind, 0, 0, 0, 0, rng.randrange(3), 0, 0]) + quoted
    for _ in range(rng.choice([0, 0, 1, 2]) if is_ipv6 else 0):
        extension = rng.choice([0, 43, 44, 51, 60])
        offset = rng.choice([0, 0, 8, 16]) if extension == 44 else 0
        message = (
            bytes([protocol, extension == 51, offset >> 8, offset & 255, 0, 0, 0, 0])
            + (bytes(4) if extension == 51 else b"")
            + message
        )
        protocol = extension
    tags = [b"", b"", b"\x81\x00\x00\x05", b"\x88\xa8\x00\x05\x81\x00\x00\x06", b"\x81\x00\x60\x00"]
    vlan = rng.choice([*tags, b"\x81\x00\x00\x00" * 3])
    source = rng.choice(SOURCES_IPV6 if is_ipv6 else SOURCES)
    frame = bytearray(f.ip_frame(protocol, message, is_ipv6, vlan=vlan, source=source))
    if not is_ipv6 and rng.random() < 0.2:
        frame[14 + len(vlan) + 7] = rng.choice([1, 2])
    if rng.random() < 0.2:
        frame[rng.randrange(12, len(frame))] = rng.randrange(256)
    # Planes may differ in whether they leave the Ethernet header out of a frame that holds an IPv4 header and no more.
    return f.plain(bytes(frame[: rng.choice([len(frame), len(frame), rng.randrange(35, len(frame) + 1)])]))


def random_frame(rng: random.Random) -> bytes:
    """A frame as a kernel might hand it out: plain, partial, a super-frame, of no IP at all."""
    is_ipv6 = rng.random() < 0.4
    size = rng.choice([0, 1, 18, 200, 1000, 1400, 1440, 1452, 1460])
    kind = rng.randrange(6)
    source = rng.choice(SOURCES_IPV6 if is_ipv6 else SOURCES)
    if kind == 0:
        return f.plain(f.ethernet(0x88B5, rng.randbytes(46 + size)))
    if kind == 1:
        return f.plain(f.ip_frame(1, rng.randbytes(8 + size), is_ipv6, source=source))
    if kind == 2:
        message = f.udp_message(rng.randbytes(size), rng.choice([68, 4789, 40000]))
        frame = f.ip_frame(17, message, is_ipv6, rng.randrange(65536), source=source)
        return f.partial(frame, 17, is_ipv6)
    if kind == 3:
        gso = rng.choice([200, 1000, 1432])
        message = f.udp_message(rng.randbytes(gso * rng.randrange(2, 40) + rng.randrange(gso)))
        frame = f.ip_frame(17, message, is_ipv6, rng.randrange(65536), source=source)
        return f.partial(frame, 17, is_ipv6, gso)
    flags = f.ACK | rng.choice([0, f.PSH, f.FIN, f.CWR])
    options = bytes(4 * rng.randrange(4))
    payload = rng.randbytes(rng.randrange(1, 60_000) if kind == 5 else size)
    message = f.tcp_message(payload, rng.randrange(1 << 32), flags, options)
    frame = f.ip_frame(6, message, is_ipv6, rng.randrange(65536), source=source)
    return f.partial(frame, 6, is_ipv6, 1400 if kind == 5 and len(payload) > 1400 else 0)


class DifferenceTests(SynchronousTestCase):
    """The same stream, suite by suite."""

    if not is_built():
        skip = "the native data plane was not built"

    def setUp(self) -> None:
        self.left, self.right = f.MemoryPlane(0), f.MemoryPlane(1)
        for plane, other in ((self.left, self.right), (self.right, self.left)):
            plane.meet(other, PATH_MTU, subnets=SUBNETS)
            # A socket pair knows no UDP super-frames, which the native plane finds out.
            plane.plane.ingress._merger.takes_udp = False
            self.addCleanup(plane.close)

    def keys(self, suite: Suite, is_initiator: bool) -> SessionKeys:
        """One end of a session with known keys, given to the reference plane of that end too."""
        pair = (b"\x01" * 32, b"\x02" * 32)[:: 1 if is_initiator else -1]
        near, far = (100, 200) if is_initiator else (200, 100)
        reference = self.left if is_initiator else self.right
        reference.plane.obey((ADD_SESSION, 1, (near, far), pair, int(suite), is_initiator), 0.0)
        return SessionKeys(
            local_index=near,
            remote_index=far,
            send_key=pair[0],
            receive_key=pair[1],
            suite=suite,
            is_initiator=is_initiator,
            handshake_hash=bytes(32),
        )

    def check(self, suite: Suite, rules: PeerFilter | None = None) -> None:
        seed = int.from_bytes(os.urandom(4), "big")
        rng = random.Random(seed)
        sender, receiver = NativeEnd(0, self), NativeEnd(1, self)
        receiver.meet(0, self.keys(suite, False))
        receiver.settle()
        sender.meet(1, self.keys(suite, True))
        (confirming,) = self.left.sender.datagrams()
        self.assertEqual(confirming, sender.wire.recv(1 << 16))
        for end, reference, side in ((sender, self.left, rules), (receiver, self.right, rules and rules.swapped)):
            end.plane.set_filter(1, side)
            end.plane.set_decision_log(True)
            reference.context.gate.set_filter(1, side)
            reference.context.gate.decisions = DecisionTable()
            end.settle()
        make = random_frame if rules is None else lambda dice: dice.choice((random_frame, random_packet))(dice)
        for number in range(FRAMES):
            trains, self.left.sender.trains = self.left.sender.trains, []
            for _, train, size in trains:
                self.right.receive(train, size)
                receiver.deliver(train, size)
            for at, expected in enumerate(self.right.frames()):
                self.assertEqual(expected, receiver.kernel.recv(1 << 17), f"seed {seed}: write {at} of {number - 1}")
            frame = make(rng)
            self.left.write(frame)
            sender.kernel.send(frame)
            for at, expected in enumerate(self.left.sender.datagrams()):
                self.assertEqual(expected, sender.wire.recv(1 << 16), f"seed {seed}: datagram {at} of {number}")
        for end, reference in ((sender, self.left), (receiver, self.right)):
            expected = {name: getattr(reference.tally, name) for name in COMPARED}
            self.assertEqual(expected, end.counted(expected), seed)
            assert reference.context.gate.decisions is not None
            decided = reference.context.gate.decisions.take()
            self.assertEqual(decided, end.plane.take_decisions(), seed)
            self.assertEqual(rules is not None, bool(decided))

    def test_chachapoly(self) -> None:
        self.check(Suite.CHACHAPOLY)
        self.assertGreater(self.right.tally.dropped_foreign_source, FRAMES // 100)

    def test_filters(self) -> None:
        self.check(Suite.AESGCM, RULES)
        # Not all of the rules' other sides are at home where nothing comes back.
        dropped = [plane.tally.dropped_policy_out + plane.tally.dropped_policy_in for plane in (self.left, self.right)]
        self.assertGreater(dropped[0], FRAMES // 10)
        self.assertGreater(len(self.left.context.gate.flows), 3)

    def test_aesgcm(self) -> None:
        self.check(Suite.AESGCM)
