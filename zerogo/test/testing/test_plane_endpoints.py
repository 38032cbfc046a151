"""The plane in memory knows all endpoints: channels, routes, side sockets, plans of several ways."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.interface import (
    ControlReceived,
    Counter,
    DatagramReceived,
    PathPlan,
    PeerEntry,
    PeerPath,
    PeerRoamed,
    PlaneSettings,
)
from zerogo.ids import ChannelAddress, Endpoint, MacAddress, NodeId, RouteAddress, SideAddress, SocketAddress
from zerogo.noise.cookie import mac
from zerogo.noise.keys import SessionKeys
from zerogo.testing.plane import MemoryPlane
from zerogo.wire.handshake import Suite

PLACES = [SocketAddress.of(f"192.0.2.{number}", 1) for number in range(1, 5)]
SIDE_PLACE = SocketAddress.of("192.0.2.1", 555)
RELAY = SocketAddress.of("198.51.100.1", 3478)
NODES = [NodeId(bytes([number]) * 10) for number in range(1, 5)]
MACS = [MacAddress(bytes([2, 0, 0, 0, 0, number])) for number in range(1, 5)]
STUN = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)
UDP_TAIL = bytes.fromhex("0800450000200001000040110000") + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + bytes(12)


class EndpointTests(SynchronousTestCase):
    """Four planes, each with a session with each other; `i` knows `j` as peer `j + 1`."""

    def setUp(self) -> None:
        self.now = 0.0
        self.lost: set[SocketAddress] = set()
        self.wire: list[tuple[SocketAddress, bytes]] = []
        self.frames: list[list[bytes]] = [[] for _ in PLACES]
        self.planes = [self.make(number) for number in range(4)]
        for number, plane in enumerate(self.planes):
            for other in range(4):
                if other != number:
                    plane.set_peer(PeerEntry(peer=other + 1, node_id=NODES[other], mac=MACS[other]))
                    plane.set_path(other + 1, PathPlan.by(PLACES[other], 1400))
        for number in range(4):
            for other in range(number):
                self.connect(number, other)
        for plane in self.planes:
            plane.poll_upcalls()
        self.wire.clear()

    def make(self, number: int) -> MemoryPlane:
        def send(destination: SocketAddress, payload: bytes, source: SocketAddress = PLACES[number]) -> None:
            self.wire.append((destination, payload))
            if destination == RELAY:
                # The channel's number says whom it is bound to, and both ends use the same.
                self.planes[payload[1]].receive_datagram(payload[:1] + bytes([number]) + payload[2:], RELAY)
            elif destination in PLACES and destination not in self.lost:
                self.planes[PLACES.index(destination)].receive_datagram(payload, source)

        plane = MemoryPlane(
            lambda: self.now, send, lambda peer, frame: self.frames[number].append(frame), lambda: None,
            lambda side, destination, payload: send(destination, payload, SIDE_PLACE),
        )  # fmt: skip
        settings = PlaneSettings(
            tap_fd=-1, udp_fds=(), node_id=NODES[number], mac1_key=bytes([number]) * 32, mac=MACS[number], mtu=1500
        )
        plane.open(settings)
        return plane

    def connect(self, initiator: int, responder: int) -> None:
        index, shared = 16 * initiator + responder, {"suite": Suite.CHACHAPOLY, "handshake_hash": bytes(32)}
        one, other = bytes([index]) * 32, bytes([index + 100]) * 32
        self.planes[responder].add_session(
            initiator + 1,
            SessionKeys(
                local_index=index, remote_index=index + 256, send_key=other, receive_key=one, is_initiator=False,
                **shared,
            ),  # type: ignore[arg-type]
        )  # fmt: skip
        self.planes[initiator].add_session(
            responder + 1,
            SessionKeys(
                local_index=index + 256, remote_index=index, send_key=one, receive_key=other, is_initiator=True,
                **shared,
            ),  # type: ignore[arg-type]
        )  # fmt: skip
        self.planes[initiator].send_control(responder + 1, b"confirmed")

    def plan(self, sender: int, receiver: int, *ways: Endpoint, twin: Endpoint | None = None, mtu: int = 1300) -> None:
        paths = [PeerPath(way, mtu) for way in ways]
        self.planes[sender].set_path(
            receiver + 1, PathPlan(paths[0], None if twin is None else PeerPath(twin, mtu), tuple(paths[1:]))
        )

    def write(self, sender: int, receiver: int, tail: bytes = b"\x88\xb5payload") -> bytes:
        frame = MACS[receiver].raw + MACS[sender].raw + tail
        self.planes[sender].write_frame(frame)
        return frame

    def count(self, number: int, counter: Counter) -> int:
        return self.planes[number].counters().plane[counter]

    def test_a_frame_goes_through_a_channel_and_comes_from_one(self) -> None:
        self.plan(0, 1, ChannelAddress(RELAY, 0x4001))
        self.assertEqual([self.write(0, 1)], self.frames[1])
        self.assertEqual((RELAY, b"\x40\x01"), (self.wire[0][0], self.wire[0][1][:2]))
        roamed = [each for each in self.planes[1].poll_upcalls() if isinstance(each, PeerRoamed)]
        self.assertEqual([PeerRoamed(1, ChannelAddress(RELAY, 0x4000))], roamed)

    def test_what_is_not_sealed_goes_up_from_its_channel(self) -> None:
        self.planes[0].send_datagram(ChannelAddress(RELAY, 0x4001), STUN)
        self.planes[0].send_datagram(ChannelAddress(RELAY, 0x4001), b"\x40\x01\x00\x00")
        self.planes[1].receive_datagram(b"\x40\x01\x00\x05\x90", RELAY)
        self.assertEqual([DatagramReceived(ChannelAddress(RELAY, 0x4000), STUN)], self.planes[1].poll_upcalls())
        self.assertEqual(2, self.count(1, Counter.DROPPED_MALFORMED))

    def test_routes_of_two_and_three_hops_carry_what_those_between_cannot_read(self) -> None:
        for via in ([1], [1, 2]):
            for plane in self.planes[1:3]:
                plane.set_forwarding(1 << 20)
            self.wire.clear()
            self.plan(0, 3, RouteAddress(tuple(NODES[number] for number in [*via, 3])))
            frame = self.write(0, 3)
            self.assertEqual(frame, self.frames[3][-1])
            self.assertEqual([PLACES[number] for number in [*via, 3]], [place for place, _ in self.wire])
            self.assertFalse(any(b"payload" in datagram for _, datagram in self.wire))
            back = RouteAddress(tuple(NODES[number] for number in [*via[::-1], 0]))
            self.planes[0].send_control(4, b"probe", RouteAddress(tuple(NODES[number] for number in [*via, 3])))
            self.assertIn(ControlReceived(1, back, b"probe"), self.planes[3].poll_upcalls())
        self.assertEqual((4, 2), (self.count(1, Counter.FORWARD_CARRIED), self.count(2, Counter.FORWARD_CARRIED)))
        self.assertEqual([], self.frames[1] + self.frames[2])
        self.assertGreater(self.planes[1].counters().peers[1].forwarded_bytes, 4 * 36)

    def test_a_handshake_goes_by_a_route(self) -> None:
        self.planes[1].set_forwarding(1 << 20)
        initiation = b"\x90" + bytes(115)
        initiation += mac(bytes([3]) * 32, initiation) + bytes(16)
        self.planes[0].send_datagram(RouteAddress((NODES[1], NODES[3])), initiation)
        self.planes[0].send_datagram(RouteAddress((NODES[1], NODES[3])), STUN)
        source = RouteAddress((NODES[1], NODES[0]))
        self.assertEqual([DatagramReceived(source, initiation)], self.planes[3].poll_upcalls())
        self.assertEqual(1, self.count(0, Counter.DROPPED_FORWARD_INVALID))

    def test_nothing_is_carried_without_leave_or_beyond_the_rate(self) -> None:
        self.plan(0, 3, RouteAddress((NODES[1], NODES[3])))
        self.write(0, 3)
        self.assertEqual((1, []), (self.count(1, Counter.DROPPED_FORWARD_RATE), self.frames[3]))
        self.planes[1].set_forwarding(1000)
        for _ in range(100):
            self.write(0, 3, b"\x88\xb5" + bytes(1000))
        carried = self.count(1, Counter.FORWARD_CARRIED)
        self.assertEqual((carried, 101 - carried), (len(self.frames[3]), self.count(1, Counter.DROPPED_FORWARD_RATE)))
        self.assertLess(carried, 65)

    def test_what_is_carried_must_be_rightful_and_fit(self) -> None:
        self.planes[1].set_forwarding(1 << 20)
        ids = [node.raw for node in NODES]
        datagram = b"\x93" + bytes(60)
        for route, carried in (
            (ids[2] + ids[1] + ids[3] + b"\x01\x03", datagram),
            (ids[0] + ids[2] + ids[3] + b"\x01\x03", datagram),
            (ids[3] + ids[0] + ids[2] + b"\x02\x03", datagram),
            (ids[0] + ids[1] + ids[3] + ids[2] + bytes(10) + b"\x01\x05", datagram),
            (ids[0] + ids[1] + ids[0] + b"\x01\x03", datagram),
            (ids[0] + ids[1] + ids[3] + b"\x01\x03", STUN + bytes(60)),
            (ids[0] + ids[1] + ids[3] + b"\x01\x03", b"\x98" + bytes(80)),
        ):
            self.seal(carried, route)
        self.assertEqual(7, self.count(1, Counter.DROPPED_FORWARD_INVALID))
        self.seal(datagram, ids[0] + ids[1] + b"x" * 10 + b"\x01\x03")
        self.assertEqual(1, self.count(1, Counter.DROPPED_FORWARD_NO_WAY))
        self.seal(b"\x93" * 1410, ids[0] + ids[1] + ids[3] + b"\x01\x03")
        self.assertEqual(1, self.count(1, Counter.DROPPED_FORWARD_TOO_LONG))
        for size in range(1, 96):
            self.planes[1].receive_datagram((b"\x98" + bytes(95))[:size], PLACES[0])
        self.assertEqual(95, self.count(1, Counter.DROPPED_MALFORMED))

    def seal(self, carried: bytes, route: bytes) -> None:
        """Have member 0 send member 1 a FORWARD of any content."""
        session = self.planes[0]._peers[2].current
        assert session is not None
        sealed = session.transport.seal_forward(carried[16:-16], carried[-16:] + carried[:16] + route)
        self.planes[1].receive_datagram(sealed, PLACES[0])

    def test_the_twin_carries_small_udp_and_each_frame_arrives_once(self) -> None:
        self.plan(0, 1, PLACES[1], twin=ChannelAddress(RELAY, 0x4001))
        frames = [self.write(0, 1, UDP_TAIL)]
        self.assertEqual(self.wire[0][1], self.wire[1][1][4:])
        self.lost.add(PLACES[1])
        frames.append(self.write(0, 1, UDP_TAIL))
        self.write(0, 1)
        self.assertEqual((frames, 2), (self.frames[1], self.count(0, Counter.TWINS_OUT)))

    def test_a_flow_keeps_to_its_way_and_flows_spread(self) -> None:
        self.plan(0, 1, PLACES[1], ChannelAddress(RELAY, 0x4001))
        used = []
        for port in range(16):
            self.wire.clear()
            for _ in range(3):
                self.write(0, 1, UDP_TAIL[:-12] + bytes([0, port]) + bytes(10))
            self.assertEqual(1, len({place for place, _ in self.wire}))
            used.append(self.wire[0][0])
        self.assertEqual({PLACES[1], RELAY}, set(used))

    def test_side_sockets_are_used_while_they_are_there(self) -> None:
        self.plan(0, 1, SideAddress(3, PLACES[1]))
        self.write(0, 1)
        self.planes[0].add_side_socket(3, -1)
        self.assertEqual([self.write(0, 1)], self.frames[1])
        self.planes[0].remove_side_socket(3)
        self.write(0, 1)
        self.assertEqual((2, 1), (self.count(0, Counter.DROPPED_NO_ENDPOINT), len(self.frames[1])))

    def test_handshakes_for_others_stay_outside(self) -> None:
        for datagram in (b"\x90" + bytes(163), b"\x91" + bytes(95), b"\x90"):
            self.planes[0].receive_datagram(datagram, PLACES[1])
        self.assertEqual(([], 3), (self.planes[0].poll_upcalls(), self.count(0, Counter.DROPPED_MAC1)))
