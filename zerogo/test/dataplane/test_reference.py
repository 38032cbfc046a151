"""The agent's end of the plane, against a socket pair in the place of the worker."""

from __future__ import annotations

import os
import select
import socket

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane import messages as m
from zerogo.dataplane.counter import Counter
from zerogo.dataplane.interface import (
    ControlReceived,
    DatagramReceived,
    Offloads,
    PathPlan,
    PathRefused,
    PeerEntry,
    PeerPath,
    PeerRoamed,
    PlaneFault,
    RekeyDue,
    SessionConfirmed,
)
from zerogo.dataplane.place import CHANNEL, ROUTE, SIDE
from zerogo.dataplane.reference import ReferenceDataplane
from zerogo.ids import ChannelAddress, MacAddress, NodeId, RouteAddress, SideAddress, SocketAddress
from zerogo.noise.keys import SessionKeys
from zerogo.policy.filter import OPEN_RULE, PeerFilter, PolicyRule
from zerogo.wire.handshake import Suite

ADDRESS = SocketAddress.of("192.0.2.1", 9993)
NODE = NodeId(b"\x03" * 10)
PAIR = ("192.0.2.1", 9993)


class ReferenceDataplaneTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.plane = ReferenceDataplane()
        ours, self.worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self.worker.setblocking(False)
        self.plane._control = ours
        self.addCleanup(self.worker.close)
        self.addCleanup(self.plane.close)

    def said(self) -> list[m.Message]:
        heard = []
        while True:
            try:
                heard.append(m.decode(self.worker.recv(m.RECORD_LIMIT)))
            except BlockingIOError:
                return heard

    def tell(self, *upcalls: m.Message) -> None:
        for message in upcalls:
            self.worker.send(m.encode(message))

    def test_verbs_arrive_in_order(self) -> None:
        keys = SessionKeys(
            local_index=1, remote_index=2, send_key=b"s" * 32, receive_key=b"r" * 32, suite=Suite.AESGCM,
            is_initiator=True, handshake_hash=bytes(32),
        )  # fmt: skip
        mac = MacAddress(bytes.fromhex("020000000001"))
        self.plane.set_peer(
            PeerEntry(peer=3, node_id=NODE, mac=mac, addresses=("10.0.0.1",), subnets=("::/0",), is_bridge=True)
        )
        self.plane.add_session(3, keys)
        self.plane.set_path(3, PathPlan.by(ADDRESS, 1400))
        self.plane.set_path(3, None)
        self.plane.send_datagram(ADDRESS, b"stun")
        self.plane.send_control(3, b"probe")
        self.plane.send_control(3, b"probe", ADDRESS)
        self.plane.retire_session(1)
        self.plane.remove_peer(3)
        self.assertEqual(
            [
                (m.SET_PEER, 3, NODE.raw, mac.raw, ["10.0.0.1"], ["::/0"], True),
                (m.ADD_SESSION, 3, (1, 2), (b"s" * 32, b"r" * 32), 2, True),
                (m.SET_PATH, 3, ((PAIR, 1400), None, (), None, None)),
                (m.SET_PATH, 3, None),
                (m.SEND_DATAGRAM, PAIR, b"stun"),
                (m.SEND_CONTROL, 3, b"probe", None),
                (m.SEND_CONTROL, 3, b"probe", PAIR),
                (m.RETIRE_SESSION, 1),
                (m.REMOVE_PEER, 3),
            ],
            self.said(),
        )

    def test_verbs_of_endpoints_arrive(self) -> None:
        route = RouteAddress((NODE, NodeId(b"\x04" * 10)))
        self.plane.set_path(3, PathPlan(PeerPath(route, 1300), PeerPath(ADDRESS, 1400)))
        self.plane.send_datagram(ChannelAddress(ADDRESS, 0x4001), b"stun")
        self.plane.send_control(3, b"probe", SideAddress(2, ADDRESS))
        self.plane.set_forwarding(1000)
        self.plane.remove_side_socket(2)
        self.plane.set_filter(3, PeerFilter((OPEN_RULE,), (PolicyRule(6, (1, 2), ("10.0.0.0/8",), False),)))
        self.plane.set_filter(3, None)
        by_route = (ROUTE, NODE.raw, b"\x04" * 10)
        self.assertEqual(
            [
                (m.SET_PATH, 3, ((by_route, 1300), (PAIR, 1400), (), None, None)),
                (m.SEND_DATAGRAM, (CHANNEL, 0x4001, *PAIR), b"stun"),
                (m.SEND_CONTROL, 3, b"probe", (SIDE, 2, *PAIR)),
                (m.SET_FORWARDING, 1000),
                (m.REMOVE_SIDE_SOCKET, 2),
                (m.SET_FILTER, 3, (((None, None, (), True),), ((6, (1, 2), ("10.0.0.0/8",), False),))),
                (m.SET_FILTER, 3, None),
            ],
            self.said(),
        )

    def test_a_side_socket_goes_over_and_is_ours_no_more(self) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        descriptor = os.dup(sock.fileno())
        self.plane.add_side_socket(5, descriptor)
        self.assertRaises(OSError, os.fstat, descriptor)
        record, descriptors, _, _ = socket.recv_fds(self.worker, m.RECORD_LIMIT, 4)
        self.assertEqual((m.ADD_SIDE_SOCKET, 5), m.decode(record))
        with socket.socket(fileno=descriptors[0]) as passed:
            self.assertEqual(sock.getsockname(), passed.getsockname())

    def test_a_side_socket_that_cannot_go_over_is_closed(self) -> None:
        for _ in range(2):
            descriptor = os.open("/dev/null", os.O_RDONLY)
            self.plane.close()
            self.plane.add_side_socket(5, descriptor)
            self.assertRaises(OSError, os.fstat, descriptor)

    def test_upcalls_come_out_as_values(self) -> None:
        self.tell(
            (m.DATAGRAM_RECEIVED, PAIR, b"stun"),
            (m.CONTROL_RECEIVED, 3, PAIR, b"probe"),
            (m.SESSION_CONFIRMED, 3, 7),
            (m.REKEY_DUE, 3),
            (m.PEER_ROAMED, 3, PAIR),
            (m.PATH_REFUSED, 3, 101),
        )
        self.assertEqual(
            [
                DatagramReceived(ADDRESS, b"stun"),
                ControlReceived(3, ADDRESS, b"probe"),
                SessionConfirmed(3, 7),
                RekeyDue(3),
                PeerRoamed(3, ADDRESS),
                PathRefused(3, 101),
            ],
            self.plane.poll_upcalls(),
        )

    def test_the_descriptor_is_readable_while_upcalls_wait(self) -> None:
        self.tell(*[(m.REKEY_DUE, number) for number in range(3)])
        for number in range(3):
            self.assertTrue(select.select([self.plane.wakeup_fd()], [], [], 0)[0])
            self.assertEqual([RekeyDue(number)], self.plane.poll_upcalls(limit=1))
        self.assertFalse(select.select([self.plane.wakeup_fd()], [], [], 0)[0])

    def test_counters_are_the_last_that_were_told(self) -> None:
        switches = (("tap_tso", False),)
        self.tell(
            (m.PLANE_COUNTERS, tuple(range(len(Counter))), switches),
            (m.PEER_COUNTERS, [(3, 10, 20, 1, 2, 7, 0.0, None)]),
        )
        self.assertEqual([], self.plane.poll_upcalls())
        snapshot = self.plane.counters()
        self.assertEqual(dict(zip(Counter, range(len(Counter)), strict=True)), snapshot.plane)
        self.assertEqual(Offloads(tap_tso=False), snapshot.offloads)
        row = snapshot.peers[3]
        self.assertEqual(
            (10, 20, 1, 2, None), (row.bytes_in, row.bytes_out, row.datagrams_in, row.datagrams_out, row.session_age)
        )
        self.assertGreater(row.last_receive_age or 0.0, 0.0)

    def test_the_workers_end_is_a_fault_told_once(self) -> None:
        self.tell((m.REKEY_DUE, 1))
        self.worker.close()
        first, second = self.plane.poll_upcalls()
        self.assertEqual(RekeyDue(1), first)
        self.assertIsInstance(second, PlaneFault)
        self.plane.set_path(1, None)
        self.assertEqual([], self.plane.poll_upcalls())

    def test_what_the_worker_says_is_wrong_is_the_fault(self) -> None:
        self.tell((m.PLANE_FAULT, "the TAP is gone"))
        self.worker.close()
        self.assertEqual([PlaneFault("the TAP is gone")], self.plane.poll_upcalls())

    def test_a_worker_that_is_behind_loses_no_verb(self) -> None:
        for number in range(20_000):
            self.plane.send_datagram(ADDRESS, number.to_bytes(4, "big"))
        heard: list[m.Message] = []
        while len(heard) < 20_000:
            heard += self.said()
            self.plane.poll_upcalls()
        self.assertEqual([number.to_bytes(4, "big") for number in range(20_000)], [message[2] for message in heard])

    def test_closed_it_says_nothing(self) -> None:
        self.plane.close()
        self.plane.close()
        self.plane.set_path(1, None)
        self.assertEqual([], self.plane.poll_upcalls())
        self.assertEqual(-1, self.plane.wakeup_fd())
