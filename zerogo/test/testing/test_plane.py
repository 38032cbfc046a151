"""The plane in memory keeps the law of sessions."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.interface import (
    STAGED_BYTES_LIMIT,
    ControlReceived,
    Counter,
    DatagramReceived,
    IDataplane,
    PathPlan,
    PeerEntry,
    PeerRoamed,
    RekeyDue,
    SessionConfirmed,
    Upcall,
)
from zerogo.ids import MacAddress, NodeId, SocketAddress
from zerogo.noise.keys import SessionKeys
from zerogo.testing.plane import MemoryPlane
from zerogo.wire.handshake import Suite

PLACES = [SocketAddress.of("192.0.2.1", 1), SocketAddress.of("192.0.2.2", 1)]
NODES = [NodeId(bytes([number]) * 10) for number in (1, 2)]
MACS = [MacAddress(bytes([2, 0, 0, 0, 0, number])) for number in (1, 2)]


def keys(generation: int) -> tuple[SessionKeys, SessionKeys]:
    """Those of the initiator and of the responder."""
    one, other = bytes([generation]) * 32, bytes([generation + 100]) * 32
    shared = {"suite": Suite.CHACHAPOLY, "handshake_hash": bytes(32)}
    return (
        SessionKeys(
            local_index=generation,
            remote_index=1000 + generation,
            send_key=one,
            receive_key=other,
            is_initiator=True,
            **shared,
        ),  # type: ignore[arg-type]
        SessionKeys(
            local_index=1000 + generation,
            remote_index=generation,
            send_key=other,
            receive_key=one,
            is_initiator=False,
            **shared,
        ),  # type: ignore[arg-type]
    )


class PlaneTests(SynchronousTestCase):
    """Two planes back to back; 0 initiates. Each knows the other as peer 1."""

    def setUp(self) -> None:
        self.now = 0.0
        self.frames: list[list[bytes]] = [[], []]
        self.source = PLACES[0]
        self.planes = [self.make(number) for number in (0, 1)]
        for number, plane in enumerate(self.planes):
            plane.set_peer(PeerEntry(peer=1, node_id=NODES[1 - number], mac=MACS[1 - number]))
            plane.set_path(1, PathPlan.by(PLACES[1 - number], 1472))

    def make(self, number: int) -> MemoryPlane:
        """One plane whose datagrams reach the other at once."""

        def send(destination: SocketAddress, payload: bytes) -> None:
            if destination == PLACES[1 - number]:
                self.planes[1 - number].receive_datagram(payload, PLACES[number])

        return MemoryPlane(lambda: self.now, send, lambda peer, frame: self.frames[number].append(frame), lambda: None)

    def rekey(self, generation: int) -> None:
        """A handshake that 0 began."""
        ours, theirs = keys(generation)
        self.planes[1].add_session(1, theirs)
        self.planes[0].add_session(1, ours)

    def frame(self, sender: int, payload: bytes) -> bytes:
        """A frame to the other."""
        return MACS[1 - sender].raw + MACS[sender].raw + b"\x88\xb5" + payload

    def upcalls(self, number: int, kind: type) -> list[Upcall]:
        """Those of a kind."""
        return [each for each in self.planes[number].poll_upcalls() if isinstance(each, kind)]

    def test_it_has_all_verbs_of_a_plane(self) -> None:
        plane: IDataplane = self.planes[0]
        self.assertEqual(plane.name, "memory")

    def test_the_responder_holds_back_until_it_is_confirmed(self) -> None:
        self.rekey(1)
        self.planes[1].write_frame(self.frame(1, b"early"))
        self.assertEqual(self.frames[0], [])
        self.planes[0].write_frame(self.frame(0, b"first"))
        self.assertEqual(self.frames[1], [self.frame(0, b"first")])
        self.assertEqual(self.frames[0], [self.frame(1, b"early")])
        self.assertEqual(self.upcalls(1, SessionConfirmed), [SessionConfirmed(1, 1001)])

    def test_frames_wait_for_keys_and_path_and_ask_for_keys(self) -> None:
        self.planes[0].set_path(1, None)
        for number in range(3):
            self.planes[0].write_frame(self.frame(0, b"%d" % number))
        self.planes[0].tick()
        self.assertEqual(self.upcalls(0, RekeyDue), [RekeyDue(1)])
        self.rekey(1)
        self.assertEqual(self.frames[1], [])
        self.planes[0].set_path(1, PathPlan.by(PLACES[1], 1472))
        self.assertEqual([frame[14:] for frame in self.frames[1]], [b"0", b"1", b"2"])

    def test_what_waits_is_bounded(self) -> None:
        for _ in range(1000):
            self.planes[0].write_frame(self.frame(0, bytes(1400)))
        self.rekey(1)
        self.planes[0].tick()
        self.assertLessEqual(sum(map(len, self.frames[1])), STAGED_BYTES_LIMIT)
        self.assertGreater(self.planes[0].counters().plane[Counter.DROPPED_STAGED], 0)

    def test_a_rekey_loses_nothing(self) -> None:
        self.rekey(1)
        for generation in range(2, 6):
            self.planes[0].write_frame(self.frame(0, b"a"))
            self.planes[1].write_frame(self.frame(1, b"b"))
            self.rekey(generation)
            self.planes[1].write_frame(self.frame(1, b"c"))
        self.assertEqual((len(self.frames[1]), len(self.frames[0])), (4, 8))
        self.assertLessEqual(self.planes[0].session_count, 3)

    def test_sessions_end_after_three_minutes(self) -> None:
        self.rekey(1)
        self.now = 180.0
        self.planes[0].write_frame(self.frame(0, b"late"))
        self.planes[0].tick()
        self.assertEqual((self.frames[1], self.planes[0].session_count), ([], 0))

    def test_keys_are_asked_for_after_two_minutes_of_use(self) -> None:
        self.rekey(1)
        self.now = 119.0
        self.planes[0].write_frame(self.frame(0, b"x"))
        self.planes[0].tick()
        self.assertEqual(self.upcalls(0, RekeyDue), [])
        self.now = 121.0
        self.planes[0].write_frame(self.frame(0, b"x"))
        self.planes[0].tick()
        self.assertEqual(self.upcalls(0, RekeyDue), [RekeyDue(1)])

    def test_control_messages_and_strangers_are_passed_up(self) -> None:
        self.rekey(1)
        self.planes[0].send_control(1, b"\x03\x01")
        self.planes[1].receive_datagram(b"\x90abc", PLACES[0])
        self.assertEqual(
            [each for each in self.planes[1].poll_upcalls() if not isinstance(each, SessionConfirmed)],
            [ControlReceived(1, PLACES[0], b"\x03\x01"), DatagramReceived(PLACES[0], b"\x90abc")],
        )

    def test_replayed_damaged_and_foreign_datagrams_are_counted(self) -> None:
        self.rekey(1)
        captured: list[bytes] = []
        original = self.planes[0]._send
        self.planes[0]._send = lambda to, payload: captured.append(payload)
        self.planes[0].write_frame(self.frame(0, b"x"))
        self.planes[0]._send = original
        receiver = self.planes[1]
        receiver.receive_datagram(captured[0][:-1] + b"\0", PLACES[0])
        receiver.receive_datagram(captured[0], PLACES[0])
        receiver.receive_datagram(captured[0], PLACES[0])
        receiver.receive_datagram(captured[0][:30], PLACES[0])
        receiver.receive_datagram(captured[0][:4] + bytes(4) + captured[0][8:], PLACES[0])
        counts = receiver.counters().plane
        self.assertEqual(len(self.frames[1]), 1)
        self.assertEqual(counts[Counter.DROPPED_UNAUTHENTIC], 2)
        self.assertEqual(counts[Counter.DROPPED_MALFORMED], 1)
        self.assertEqual(counts[Counter.DROPPED_UNKNOWN_INDEX], 1)

    def test_a_peer_cannot_send_in_another_ones_name(self) -> None:
        self.rekey(1)
        self.planes[0].write_frame(MACS[1].raw + b"\x02\x99\x99\x99\x99\x99" + b"\x88\xb5liar")
        self.assertEqual(self.frames[1], [])
        self.assertEqual(self.planes[1].counters().plane[Counter.DROPPED_FOREIGN_SOURCE], 1)

    def test_another_source_is_told_once_a_second(self) -> None:
        self.rekey(1)
        elsewhere = SocketAddress.of("192.0.2.99", 9)
        self.planes[0]._send = lambda to, payload: self.planes[1].receive_datagram(payload, elsewhere)
        for _ in range(5):
            self.planes[0].write_frame(self.frame(0, b"x"))
        self.assertEqual(self.upcalls(1, PeerRoamed), [PeerRoamed(1, elsewhere)])

    def test_a_removed_peer_and_a_closed_plane_hold_no_keys(self) -> None:
        self.rekey(1)
        self.planes[0].remove_peer(1)
        self.assertEqual(self.planes[0].session_count, 0)
        self.planes[1].close()
        self.planes[1].close()
        self.assertEqual(self.planes[1].session_count, 0)

    def test_silence_after_frames_is_broken_by_a_keepalive(self) -> None:
        self.rekey(1)
        self.planes[0].write_frame(self.frame(0, b"x"))
        before = self.planes[1].counters().plane[Counter.UDP_DATAGRAMS_OUT]
        for _ in range(25):
            self.now += 1.0
            self.planes[1].tick()
        self.assertEqual(self.planes[1].counters().plane[Counter.UDP_DATAGRAMS_OUT], before + 1)
