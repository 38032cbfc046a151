"""What any plane must do about endpoints: channels, routes, side sockets, twins, spread flows, and at the door."""

from __future__ import annotations

import contextlib
import os
import select
import socket

from zerogo.dataplane.interface import (
    ControlReceived,
    Counter,
    DatagramReceived,
    Offloads,
    PathPlan,
    PeerPath,
    PeerRoamed,
)
from zerogo.ids import Endpoint, NodeId, RouteAddress, SideAddress, SocketAddress
from zerogo.noise.session import TransportSession
from zerogo.test.dataplane.kernel import DATA_PORT, End, Host, inside, join_line, open_end, session_pair, wait_until
from zerogo.test.dataplane.planecase import MEGABYTE, PlaneCase, row_of
from zerogo.test.dataplane.relay import Relay
from zerogo.wire.route import overhead_bytes, sealed_at
from zerogo.wire.transport import OVERHEAD_BYTES

STUN_INDICATION = b"\x00\x11\x00\x00\x21\x12\xa4\x42" + bytes(12)
MTU = 1472
CHANNEL_MTU = MTU - 4
ROUTE_MTU = MTU - overhead_bytes(3)
ROGUE = Host("", 9)
UNKNOWN = NodeId(b"x" * 10)


class Rogue:
    """A member that is no plane: peer 9 of one end, sealing what the test wants."""

    def __init__(self, case: PlaneCase, end: End) -> None:
        self.end = end
        self.socket = case.stranger(end.host)
        initiator, responder = session_pair(base=900)
        self._session = TransportSession(responder)
        end.plane.set_peer(ROGUE.entry(9))
        end.plane.set_path(9, PathPlan.by(SocketAddress.of(*self.socket.getsockname()), MTU))
        end.plane.add_session(9, initiator)
        case.receive_within(self.socket)

    def forward(self, position: int, route: tuple[NodeId, ...], datagram: bytes) -> None:
        self.send(forged(self._session, position, route, datagram))

    def send(self, datagram: bytes) -> None:
        self.socket.sendto(datagram, (f"192.0.2.{self.end.host.number}", DATA_PORT))


def forged(session: TransportSession, position: int, route: tuple[NodeId, ...], datagram: bytes) -> bytes:
    """A FORWARD of any content."""
    end = sealed_at(datagram[0], len(datagram))
    way = b"".join(hop.raw for hop in route) + bytes([position, len(route)])
    return session.seal_forward(datagram[16:end], datagram[end:] + datagram[:16] + way)


class EndpointConformance(PlaneCase):
    """Hosts 1 and 2 are left and right."""

    def relay(self) -> Relay:
        relay = Relay(self.wire.hosts[1])
        self.addCleanup(relay.close)
        return relay

    def plan(self, end: End, best: Endpoint, mtu: int, twin: PeerPath | None = None, *spread: PeerPath) -> None:
        end.plane.set_path(1, PathPlan(PeerPath(best, mtu), twin, spread))

    def udp_through(self, sender: End, receiver: End, count: int, size: int = 100, port: int = 0) -> list[bytes]:
        """Send so many UDP datagrams through the segment; those that arrived until a second passed without any."""
        far = self.socket_in(receiver.host, socket.SOCK_DGRAM, (receiver.host.addresses[0], 0))
        near = self.socket_in(sender.host, socket.SOCK_DGRAM, (sender.host.addresses[0], port))
        sent = [number.to_bytes(4, "big") + bytes(size - 4) for number in range(count)]
        got: list[bytes] = []
        for payload in sent:
            near.sendto(payload, far.getsockname())
            if select.select([far], [], [], 0.05)[0]:
                got.append(far.recv(65536))
        while len(got) < count and select.select([far], [], [], 1.0)[0]:
            got.append(far.recv(65536))
        for end in self.ends:
            end.poll()
        if select.select([far], [], [], 0.05)[0]:
            got.append(far.recv(65536))
        near.close()
        far.close()
        return got

    # -- channels ----------------------------------------------------------------------------------------------------

    def test_tcp_goes_through_the_channels_of_a_relay(self) -> None:
        left, right = self.joined()
        relay = self.relay()
        self.plan(left, relay.channel(1), CHANNEL_MTU)
        self.plan(right, relay.channel(2), CHANNEL_MTU)
        for is_ipv6 in (False, True):
            self.transfer(left.host, right.host, MEGABYTE, is_ipv6)
        self.assertGreater(relay.passed[1], MEGABYTE // MTU)
        self.assertGreater(relay.passed[2], 10)

    def test_a_channel_works_without_super_frames(self) -> None:
        off = Offloads(tap_tso=False, tap_gso_write=False, udp_gso=False, udp_gro=False, checksum_elision=False)
        left, right = self.joined(off, off)
        relay = self.relay()
        self.plan(left, relay.channel(1), CHANNEL_MTU)
        self.plan(right, relay.channel(2), CHANNEL_MTU)
        self.transfer(left.host, right.host, MEGABYTE)

    def test_what_is_not_sealed_comes_up_from_its_channel_and_goes_into_one(self) -> None:
        left, right = self.joined()
        relay = self.relay()
        initiation = right.host.handshake(b"\x90" + bytes(131))
        for datagram in (
            b"\x40\x01\x00\x01\x93",
            b"\xff" * 20,
            initiation[:-20] + bytes(20),
            initiation,
            STUN_INDICATION,
        ):
            left.plane.send_datagram(relay.channel(1), datagram)
        source = relay.channel(2)
        expected = [DatagramReceived(source, initiation), DatagramReceived(source, STUN_INDICATION)]
        self.wait(lambda: set(expected) <= set(right.of(DatagramReceived)), "both datagrams")
        self.assertEqual(2, len(right.of(DatagramReceived)))
        left.plane.send_control(1, b"in a channel", relay.channel(1))
        self.wait(lambda: ControlReceived(1, source, b"in a channel") in right.upcalls, "the control message")
        self.counts(right, Counter.DROPPED_MALFORMED, 2)
        self.counts(right, Counter.DROPPED_MAC1, 1)

    def test_a_signal_comes_up_from_a_channel_and_from_nowhere_else(self) -> None:
        left, right = self.joined()
        relay = self.relay()
        signal = b"\x94" + bytes(range(10)) + b"a blob"
        left.plane.send_datagram(right.host.underlay(), signal)
        self.counts(right, Counter.DROPPED_MALFORMED, 1)
        left.plane.send_datagram(relay.channel(1), signal)
        self.wait(lambda: right.of(DatagramReceived), "the signal")
        self.assertEqual([DatagramReceived(relay.channel(2), signal)], right.of(DatagramReceived))

    def test_channel_data_that_lies_about_its_length_is_dropped(self) -> None:
        left, right = self.joined()
        stranger = self.stranger(left.host)
        bad = (
            b"\x40\x01\x00\x15" + STUN_INDICATION,
            b"\x40\x01\x00\x00",
            b"\x40",
            b"\x40\x01\x00\x00" + STUN_INDICATION,
        )
        for datagram in (*bad, b"\x50\x01\x00\x14" + STUN_INDICATION):
            stranger.sendto(datagram, ("192.0.2.2", DATA_PORT))
        self.counts(right, Counter.DROPPED_MALFORMED, 5)
        stranger.sendto(b"\x40\x01\x00\x14" + STUN_INDICATION + b"\xee\xee", ("192.0.2.2", DATA_PORT))
        self.wait(lambda: right.of(DatagramReceived), "the padded one")
        self.assertEqual([STUN_INDICATION], [upcall.payload for upcall in right.of(DatagramReceived)])

    # -- side sockets ------------------------------------------------------------------------------------------------

    def side_socket(self, host: Host) -> socket.socket:
        with inside(host.namespace):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((f"192.0.2.{host.number}", 0))
        sock.setblocking(False)
        return sock

    def test_a_side_socket_carries_traffic_both_ways_until_it_is_removed(self) -> None:
        left, right = self.joined()
        sock = self.side_socket(left.host)
        outside = SocketAddress.of(*sock.getsockname())
        left.plane.add_side_socket(3, sock.detach())
        self.plan(left, SideAddress(3, right.host.underlay()), MTU)
        self.plan(right, outside, MTU)
        self.transfer(left.host, right.host, MEGABYTE)
        right.plane.send_control(1, b"to the side")
        self.wait(
            lambda: ControlReceived(1, SideAddress(3, right.host.underlay()), b"to the side") in left.upcalls,
            "the control message",
        )
        left.plane.send_datagram(SideAddress(3, right.host.underlay()), STUN_INDICATION)
        self.wait(lambda: DatagramReceived(outside, STUN_INDICATION) in right.upcalls, "the datagram from the side")
        left.plane.remove_side_socket(3)
        left.plane.send_datagram(SideAddress(3, right.host.underlay()), STUN_INDICATION)
        self.counts(left, Counter.DROPPED_NO_ENDPOINT, 1)
        self.assertNotIn(f":{outside.port} ", left.host.run("ss", "-Huan"))

    # -- routes ------------------------------------------------------------------------------------------------------

    def line(self) -> list[End]:
        """Three planes in a line; those at its ends know each other by the one between."""
        self.wire.add_far_host()
        for host in self.wire.hosts:
            self.ends.append(open_end(self.make_plane(), host, Offloads()))
        join_line(self.ends, ROUTE_MTU)
        return self.ends

    def test_tcp_goes_by_a_member_between_who_sees_ciphertext_only(self) -> None:
        left, middle, far = self.line()
        with inside(middle.host.namespace):
            sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.addCleanup(sniffer.close)
        sniffer.setblocking(False)
        marker = os.urandom(16)
        target = self.socket_in(far.host, socket.SOCK_DGRAM, (far.host.addresses[0], 7))
        self.socket_in(left.host, socket.SOCK_DGRAM).sendto(marker * 10, target.getsockname())
        self.assertEqual(marker * 10, self.receive_within(target))
        seen = []
        with contextlib.suppress(BlockingIOError):
            while True:
                seen.append(sniffer.recv(65536))
        self.assertGreater(len(seen), 1)
        self.assertFalse(any(marker in packet for packet in seen))
        for is_ipv6 in (False, True):
            self.transfer(left.host, far.host, MEGABYTE, is_ipv6)
            self.transfer(far.host, left.host, MEGABYTE, is_ipv6)
        self.counts(middle, Counter.FORWARD_CARRIED, 4 * MEGABYTE // MTU)
        self.counts(far, Counter.FORWARD_DELIVERED, 2 * MEGABYTE // MTU)
        for peer in (1, 3):
            self.wait(
                lambda peer=peer: row_of(middle, peer).forwarded_bytes > 2 * MEGABYTE, f"what was carried for {peer}"
            )
        dropped = [Counter.DROPPED_FORWARD_INVALID, Counter.DROPPED_FORWARD_TOO_LONG, Counter.DROPPED_FORWARD_NO_WAY]
        for end in self.ends:
            self.assertEqual([0, 0, 0], [end.plane.counters().plane[counter] for counter in dropped])
            self.assertEqual([], end.of(PeerRoamed))

    def test_messages_say_which_way_they_came(self) -> None:
        left, middle, far = self.line()
        there = RouteAddress((middle.host.node_id, far.host.node_id))
        back = RouteAddress((middle.host.node_id, left.host.node_id))
        initiation = far.host.handshake(b"\x90" + bytes(131))
        left.plane.send_datagram(there, STUN_INDICATION)
        left.plane.send_datagram(there, initiation)
        left.plane.send_control(3, b"by the route", there)
        self.wait(lambda: ControlReceived(1, back, b"by the route") in far.upcalls, "the control message")
        self.wait(lambda: DatagramReceived(back, initiation) in far.upcalls, "the initiation")
        self.counts(left, Counter.DROPPED_FORWARD_INVALID, 1)
        self.assertEqual([DatagramReceived(back, initiation)], far.of(DatagramReceived))

    def verbs_are_done(self, end: End, rogue: Rogue) -> None:
        """Verbs are carried out in order, and not before what comes in: what was said before this control message was
        heard holds from then on."""
        end.plane.send_control(9, b"\x03\x01")
        while len(self.receive_within(rogue.socket)) != OVERHEAD_BYTES + 2:
            pass

    def test_what_is_not_rightful_is_not_carried(self) -> None:
        left, right = self.joined()
        left.plane.set_forwarding(1 << 30)
        rogue = Rogue(self, left)
        here, there, third = left.host.node_id, right.host.node_id, ROGUE.node_id
        datagram = right.host.handshake(b"\x90" + bytes(131))
        wrong = [
            (2, (third, here, there), datagram),
            (0, (here, third, there), datagram),
            (3, (third, here, there), datagram),
            (1, (third, UNKNOWN, there), datagram),
            (1, (UNKNOWN, here, there), datagram),
            (1, (third, here, third), datagram),
            (1, (third, here, here), datagram),
            (1, (third, here), datagram),
            (1, (third, here, there, UNKNOWN, NodeId(b"y" * 10)), datagram),
            (1, (third, here, there), STUN_INDICATION + bytes(12)),
            (1, (third, here, there), b"\x40\x01\x00\x01\x93" + bytes(40)),
            (1, (third, here, there), b"\x98" + bytes(80)),
        ]
        for case in wrong:
            rogue.forward(*case)
        self.counts(left, Counter.DROPPED_FORWARD_INVALID, len(wrong))
        rogue.forward(1, (third, here, UNKNOWN), datagram)
        self.counts(left, Counter.DROPPED_FORWARD_NO_WAY, 1)
        left.plane.set_path(1, PathPlan.by(right.host.underlay(), 700))
        self.verbs_are_done(left, rogue)
        rogue.forward(1, (third, here, there), b"\x93" * 700)
        self.counts(left, Counter.DROPPED_FORWARD_TOO_LONG, 1)
        rogue.forward(1, (third, here, there), datagram)
        expected = DatagramReceived(RouteAddress((here, third)), datagram)
        self.wait(lambda: expected in right.upcalls, "the rightful one")
        self.assertEqual([expected], right.of(DatagramReceived))
        self.assertEqual(len(wrong), left.plane.counters().plane[Counter.DROPPED_FORWARD_INVALID])

    def test_no_forward_is_carried_in_a_forward(self) -> None:
        left, middle, far = self.line()
        session = TransportSession(session_pair(base=300)[0])
        route = (left.host.node_id, far.host.node_id, middle.host.node_id)
        by = RouteAddress((middle.host.node_id, far.host.node_id))
        left.plane.send_datagram(by, forged(session, 1, route, b"\x93" + bytes(60)))
        self.counts(left, Counter.DROPPED_FORWARD_INVALID, 1)
        rightful = far.host.handshake(b"\x90" + bytes(131))
        left.plane.send_datagram(by, rightful)
        back = RouteAddress((middle.host.node_id, left.host.node_id))
        self.wait(lambda: DatagramReceived(back, rightful) in far.upcalls, "what may be carried")
        self.counts(middle, Counter.FORWARD_CARRIED, 3)
        for end in (middle, far):
            self.assertEqual(0, end.plane.counters().plane[Counter.DROPPED_FORWARD_INVALID])

    def test_nothing_is_carried_unless_allowed_and_not_beyond_the_rate(self) -> None:
        left, right = self.joined()
        rogue = Rogue(self, left)
        route = (ROGUE.node_id, left.host.node_id, right.host.node_id)
        rogue.forward(1, route, b"\x93" + bytes(999))
        self.counts(left, Counter.DROPPED_FORWARD_RATE, 1)
        left.plane.set_forwarding(1000)
        self.verbs_are_done(left, rogue)
        for _ in range(150):
            rogue.forward(1, route, b"\x93" + bytes(999))
        self.counts(left, Counter.DROPPED_FORWARD_RATE, 80)
        self.assertIn(left.plane.counters().plane[Counter.FORWARD_CARRIED], range(1, 71))

    # -- several ways ------------------------------------------------------------------------------------------------

    def test_with_a_twin_each_small_datagram_arrives_once_though_one_way_loses_half(self) -> None:
        left, right = self.joined()
        relay = self.relay()
        relay.loses_each = 2
        straight = PeerPath(right.host.underlay(), MTU)
        right.plane.set_path(1, PathPlan(PeerPath(left.host.underlay(), MTU), PeerPath(relay.channel(2), CHANNEL_MTU)))
        # What a kernel says by itself on a new interface comes by both ways too: the right end must know them before.
        right.plane.send_control(1, b"both ways are known")
        self.wait(lambda: left.of(ControlReceived), "the word that the right end knows both ways")
        self.plan(left, relay.channel(1), CHANNEL_MTU, straight)
        got = self.udp_through(left, right, 200)
        self.assertEqual(200, len(got))
        self.assertEqual(200, len(set(got)))
        self.counts(left, Counter.TWINS_OUT, 200)
        self.counts(right, Counter.DROPPED_REPLAY, 90)
        self.assertEqual([], right.of(PeerRoamed))
        before = left.plane.counters().plane[Counter.TWINS_OUT]
        self.udp_through(left, right, 20, size=1000)
        self.wait(lambda: row_of(left, 1).bytes_out > 220 * 100, "the large ones to be counted")
        self.assertEqual(before, left.plane.counters().plane[Counter.TWINS_OUT])

    def test_small_datagrams_go_once_more_later_and_arrive_once(self) -> None:
        left, right = self.joined()
        relay = self.relay()
        relay.loses_each = 2
        ways = PeerPath(relay.channel(1), CHANNEL_MTU), PeerPath(right.host.underlay(), MTU)
        left.plane.set_path(1, PathPlan(ways[0], late=ways[1]))
        got = self.udp_through(left, right, 100)
        self.assertEqual((100, 100), (len(got), len(set(got))))
        self.counts(left, Counter.LATE_COPIES_OUT, 100)
        self.counts(right, Counter.DROPPED_REPLAY, 45)
        before = row_of(left, 1).bytes_out
        self.udp_through(left, right, 20, size=1000)
        self.wait(lambda: row_of(left, 1).bytes_out >= before + 20 * 1000, "the large ones to be counted")
        # The kernel may say something small by itself meanwhile.
        self.assertLess(left.plane.counters().plane[Counter.LATE_COPIES_OUT], 115)

    def test_a_flow_keeps_to_one_of_the_ways_that_flows_are_spread_over(self) -> None:
        left, right = self.joined()
        relay = self.relay()
        self.plan(left, right.host.underlay(), MTU, None, PeerPath(relay.channel(1), CHANNEL_MTU))
        right.plane.set_path(
            1, PathPlan(PeerPath(left.host.underlay(), MTU), None, (PeerPath(relay.channel(2), 1200),))
        )
        shares = []
        for port in range(40000, 40016):
            before = relay.passed[1]
            self.assertEqual(5, len(self.udp_through(left, right, 5, port=port)))
            shares.append(relay.passed[1] - before)
        self.assertEqual({0, 5}, set(shares))
        self.transfer(left.host, right.host, MEGABYTE)

    # -- the door ----------------------------------------------------------------------------------------------------

    def test_a_flood_of_handshakes_for_others_does_not_keep_a_true_one_out(self) -> None:
        left, right = self.joined()
        stranger = self.stranger(left.host)
        wrong = left.host.handshake(b"\x90" + bytes(131))
        for number in range(6000):
            with contextlib.suppress(BlockingIOError):
                stranger.sendto(wrong, ("192.0.2.2", DATA_PORT))
            if number % 500 == 499:
                wait_until(self.ends, lambda seen=number: self._knocked(right) > seen // 2, "the flood")  # type: ignore[misc]
        initiation = right.host.handshake(b"\x90" + bytes(131))
        stranger.sendto(initiation, ("192.0.2.2", DATA_PORT))
        source = SocketAddress.of(*stranger.getsockname())
        self.wait(lambda: DatagramReceived(source, initiation) in right.upcalls, "the true handshake")
        self.assertEqual([DatagramReceived(source, initiation)], right.of(DatagramReceived))
        self.assertEqual(0, right.plane.counters().plane[Counter.DROPPED_UPCALL_QUEUE])

    def _knocked(self, end: End) -> int:
        return end.plane.counters().plane[Counter.DROPPED_MAC1]
