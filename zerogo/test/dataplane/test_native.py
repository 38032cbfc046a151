"""The Python face of the native plane; what the plane does is held by the conformance suite in `integration.netns`."""

from __future__ import annotations

import select
import socket

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane import native
from zerogo.dataplane.errors import PlaneNotStarted
from zerogo.dataplane.interface import (
    ControlReceived,
    Counter,
    DatagramReceived,
    Offloads,
    PathPlan,
    PathRefused,
    PeerEntry,
    PeerRoamed,
    PlaneFault,
    PlaneSettings,
    RekeyDue,
    SessionConfirmed,
    Upcall,
)
from zerogo.ids import ChannelAddress, MacAddress, NodeId, RouteAddress, SideAddress, SocketAddress
from zerogo.noise.keys import SessionKeys
from zerogo.policy.filter import DESTINATIONS_LIMIT, OPEN_RULE, RULES_LIMIT, PeerFilter, PolicyRule
from zerogo.wire.handshake import Suite

SOURCE = ("192.0.2.1", 9993)
PEER = PeerEntry(
    peer=7, node_id=NodeId(b"\x02" * 10), mac=MacAddress(bytes.fromhex("020000000002")), addresses=["10.0.0.2"]
)
STUN = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)


class UpcallTests(SynchronousTestCase):
    """What comes out of the extension becomes the values of the interface."""

    def test_each_message_becomes_its_upcall(self) -> None:
        address = SocketAddress.of(*SOURCE)
        hops = (NodeId(bytes([1]) * 10), NodeId(bytes([2]) * 10))
        by_route = [hop.raw for hop in hops]
        expected: list[tuple[tuple[object, ...], Upcall]] = [
            (("datagram", (*SOURCE, 0, 0), b"x"), DatagramReceived(address, b"x")),
            (("datagram", (*SOURCE, 7, 0), b"x"), DatagramReceived(SideAddress(7, address), b"x")),
            (("datagram", (*SOURCE, 0, 0x4001), b"x"), DatagramReceived(ChannelAddress(address, 0x4001), b"x")),
            (("control", 3, by_route, b"y"), ControlReceived(3, RouteAddress(hops), b"y")),
            (("confirmed", 3, 77), SessionConfirmed(3, 77)),
            (("rekey", 3), RekeyDue(3)),
            (("roamed", 3, (*SOURCE, 0, 0)), PeerRoamed(3, address)),
            (("refused", 3, 113), PathRefused(3, 113)),
            (("fault", "why"), PlaneFault("why")),
        ]
        for message, upcall in expected:
            self.assertEqual(upcall, native._upcall(message))


class AbsentTests(SynchronousTestCase):
    """Where the extension was not built."""

    def test_a_plane_cannot_be_opened(self) -> None:
        self.patch(native, "_native", None)
        self.assertFalse(native.is_built())
        plane = native.NativeDataplane()
        settings = PlaneSettings(
            tap_fd=-1, udp_fds=[], node_id=NodeId(bytes(10)), mac1_key=bytes(32), mac=MacAddress(bytes(6)), mtu=1500
        )
        self.assertRaises(PlaneNotStarted, plane.open, settings)

    def test_a_plane_that_is_not_open_ignores_verbs(self) -> None:
        plane = native.NativeDataplane()
        plane.remove_peer(1)
        plane.set_path(1, None)
        plane.close()
        self.assertEqual((-1, []), (plane.wakeup_fd(), plane.poll_upcalls()))
        self.assertEqual(dict.fromkeys(Counter, 0), plane.counters().plane)


class RunningTests(SynchronousTestCase):
    """A plane on a socket pair in place of the TAP: no privilege is needed for verbs and datagrams."""

    if not native.is_built():
        skip = "the native data plane was not built"

    def setUp(self) -> None:
        tap, self.far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.far_end.close)
        data = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        data.bind(("127.0.0.1", 0))
        self.address = data.getsockname()
        for sock in (tap, data):
            sock.setblocking(False)
        self.plane = native.NativeDataplane()
        self.plane.open(
            PlaneSettings(
                tap_fd=tap.detach(),
                udp_fds=[data.detach()],
                node_id=NodeId(bytes(10)),
                mac1_key=bytes(32),
                mac=MacAddress(bytes.fromhex("020000000001")),
                mtu=1500,
                offloads=Offloads(),
            )
        )
        self.addCleanup(self.plane.close)
        self.stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.stranger.bind(("127.0.0.1", 0))
        self.stranger.settimeout(10)
        self.addCleanup(self.stranger.close)

    def upcall(self) -> Upcall:
        self.assertTrue(select.select([self.plane.wakeup_fd()], [], [], 10)[0], "an upcall was awaited")
        return self.plane.poll_upcalls(1)[0]

    def test_a_datagram_comes_up_and_one_goes_out(self) -> None:
        self.stranger.sendto(STUN, self.address)
        self.assertEqual(DatagramReceived(SocketAddress.of(*self.stranger.getsockname()), STUN), self.upcall())
        self.plane.send_datagram(SocketAddress.of(*self.stranger.getsockname()), b"answer")
        self.assertEqual((b"answer", self.address), self.stranger.recvfrom(100))

    def test_a_session_confirms_itself_and_its_path_may_refuse(self) -> None:
        where = SocketAddress.of(*self.stranger.getsockname())
        self.plane.set_peer(PEER)
        self.plane.set_path(7, PathPlan.by(where, 1472))
        keys = SessionKeys(
            local_index=5,
            remote_index=6,
            send_key=bytes(32),
            receive_key=bytes(range(32)),
            suite=Suite.AESGCM,
            is_initiator=True,
            handshake_hash=bytes(32),
        )
        self.plane.add_session(7, keys)
        self.assertEqual((36, self.address), (len(self.stranger.recv(2000)), self.address))
        self.plane.send_control(7, b"\x03\x01")
        self.assertEqual(38, len(self.stranger.recv(2000)))
        row = self.plane.counters().peers[7]
        self.assertEqual(2, row.datagrams_out)
        self.assertIsNone(row.last_receive_age)
        self.plane.set_path(7, PathPlan.by(SocketAddress.of("2001:db8::1", 1), 1472))
        self.plane.send_control(7, b"\x03\x01")
        self.assertIsInstance(self.upcall(), PathRefused)

    def test_filters_as_large_as_any_are_taken(self) -> None:
        prefixes = tuple(f"10.{number // 256}.{number % 256}.0/24" for number in range(DESTINATIONS_LIMIT))
        rules = (PolicyRule(None, None, prefixes), *[OPEN_RULE] * (RULES_LIMIT - 1))
        self.plane.set_filter(1, PeerFilter(rules, rules))
        too_many = [(None, None, [], True)] * (RULES_LIMIT + 1)
        self.assertRaises(ValueError, self.plane._plane.set_filter, 1, (too_many, []))
        too_wide = [(None, None, [*prefixes, "::/0"], True)]
        self.assertRaises(ValueError, self.plane._plane.set_filter, 1, ([], too_wide))

    def test_what_is_no_address_or_key_is_refused(self) -> None:
        self.assertRaises(ValueError, self.plane._plane.set_peer, 1, bytes(10), b"short", [], [], False)
        self.assertRaises(ValueError, self.plane._plane.set_peer, 1, bytes(9), bytes(6), [], [], False)
        self.assertRaises(ValueError, self.plane._plane.set_peer, 1, bytes(10), bytes(6), ["no address"], [], False)
        self.assertRaises(ValueError, self.plane._plane.set_peer, 1, bytes(10), bytes(6), [], ["10.0.0.0/33"], False)
        self.assertRaises(ValueError, self.plane._plane.send_datagram, [bytes(10)], b"")
        looped = [bytes(10), bytes(10)], 1200
        self.assertRaises(ValueError, self.plane._plane.set_path, 1, looped, None, [], None, None)
        self.assertRaises(ValueError, self.plane._plane.add_side_socket, 0, 5)
        self.assertRaises(ValueError, self.plane._plane.add_session, 1, 1, 1, b"", b"", 1, True)
        self.assertRaises(ValueError, self.plane._plane.add_session, 1, 1, 1, bytes(32), bytes(32), 9, True)

    def test_a_side_socket_sends_and_receives_until_it_is_removed(self) -> None:
        side = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        side.bind(("127.0.0.1", 0))
        side.setblocking(False)
        address, where = side.getsockname(), SocketAddress.of(*self.stranger.getsockname())
        self.plane.add_side_socket(9, side.detach())
        self.plane.send_datagram(SideAddress(9, where), STUN)
        self.assertEqual((STUN, address), self.stranger.recvfrom(100))
        self.stranger.sendto(STUN, address)
        self.assertEqual(DatagramReceived(SideAddress(9, where), STUN), self.upcall())
        self.plane.remove_side_socket(9)
        self.plane.send_datagram(SideAddress(9, where), STUN)
        self.plane.send_datagram(where, b"after")
        self.assertEqual(b"after", self.stranger.recv(100))
        self.assertEqual(1, self.plane.counters().plane[Counter.DROPPED_NO_ENDPOINT])
        again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(again.close)
        again.bind(address)

    def test_side_sockets_are_bounded(self) -> None:
        for number in range(1, 70):
            side = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            side.setblocking(False)
            self.plane.add_side_socket(number, side.detach())
            self.plane.send_datagram(SideAddress(number, SocketAddress.of(*self.stranger.getsockname())), b"here")
        self.plane.send_datagram(SocketAddress.of(*self.stranger.getsockname()), b"end")
        self.assertEqual([b"here"] * 64 + [b"end"], [self.stranger.recv(100) for _ in range(65)])
        self.assertEqual(5, self.plane.counters().plane[Counter.DROPPED_NO_ENDPOINT])

    def test_an_initiation_for_somebody_else_does_not_come_up(self) -> None:
        self.stranger.sendto(b"\x90" + bytes(163), self.address)
        self.stranger.sendto(STUN, self.address)
        self.assertEqual(STUN, getattr(self.upcall(), "payload", None))
        self.assertEqual(1, self.plane.counters().plane[Counter.DROPPED_MAC1])

    def test_closing_carries_out_what_was_asked_before(self) -> None:
        self.plane.send_datagram(SocketAddress.of(*self.stranger.getsockname()), b"last words")
        self.plane.close()
        self.assertEqual(b"last words", self.stranger.recv(100))
        self.plane.close()
        self.assertEqual([], self.plane.poll_upcalls())
