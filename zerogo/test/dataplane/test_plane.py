from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.counter import Counter
from zerogo.dataplane.messages import (
    ADD_SESSION,
    PEER_COUNTERS,
    PLANE_COUNTERS,
    REKEY_DUE,
    REMOVE_PEER,
    RETIRE_SESSION,
    SEND_CONTROL,
    SEND_DATAGRAM,
    SET_PATH,
)
from zerogo.dataplane.plane import UNANSWERED_SECONDS
from zerogo.test.dataplane import frames as f
from zerogo.wire.transport import OVERHEAD_BYTES

FRAME = f.plain(f.ip_frame(17, f.udp_message(b"x")))


class PlaneTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.left, self.right = f.joined()
        self.addCleanup(self.left.close)
        self.addCleanup(self.right.close)

    def test_verbs_about_those_who_are_gone_are_ignored(self) -> None:
        keys = (bytes(32), bytes(32))
        for message in (
            (ADD_SESSION, 9, (1, 2), keys, 1, True),
            (SET_PATH, 9, f.straight(("192.0.2.1", 1), 1472)),
            (SEND_CONTROL, 9, b"x", None),
            (REMOVE_PEER, 9),
            (RETIRE_SESSION, 9),
        ):
            self.left.plane.obey(message, 1.0)
        self.assertEqual([], self.left.sender.trains)

    def test_a_datagram_is_sent_as_it_is(self) -> None:
        self.left.plane.obey((SEND_DATAGRAM, ("198.51.100.1", 7), b"stun"), 1.0)
        self.assertEqual([(("198.51.100.1", 7), b"stun", 4)], self.left.sender.trains)

    def test_a_control_message_may_go_another_way_than_frames(self) -> None:
        self.left.plane.obey((SEND_CONTROL, 1, b"probe", ("198.51.100.1", 7)), 1.0)
        ((destination, train, _),) = self.left.sender.trains
        self.assertEqual((("198.51.100.1", 7), 5 + OVERHEAD_BYTES), (destination, len(train)))

    def test_who_only_receives_sends_a_keepalive_after_ten_seconds(self) -> None:
        self.left.write(FRAME, now=1.0)
        self.right.take_trains_of(self.left, now=1.0)
        self.right.plane.tick(10.9)
        self.assertEqual([], self.right.sender.trains)
        self.right.plane.tick(11.0)
        self.assertEqual([OVERHEAD_BYTES], [len(train) for _, train, _ in self.right.sender.trains])
        self.left.take_trains_of(self.right, now=11.0)
        for now in (12.0, 25.0, 40.0):
            self.left.plane.tick(now)
            self.right.plane.tick(now)
        self.assertEqual([], self.left.sender.trains + self.right.sender.trains, "keepalives answer no keepalives")

    def test_data_without_any_answer_asks_for_a_session(self) -> None:
        self.left.write(FRAME, now=1.0)
        self.left.plane.tick(UNANSWERED_SECONDS)
        self.assertEqual([], self.left.upcalls())
        self.left.plane.tick(UNANSWERED_SECONDS + 1)
        self.assertEqual([(REKEY_DUE, 1)], self.left.upcalls())

    def test_an_old_session_in_use_asks_for_a_fresh_one(self) -> None:
        self.left.write(FRAME, now=121.0)
        self.right.take_trains_of(self.left, now=121.0)
        self.left.plane.tick(121.5)
        self.right.plane.tick(121.5)
        self.assertIn((REKEY_DUE, 1), self.left.upcalls())
        self.assertEqual([], self.right.upcalls(), "the responder leaves it to the initiator")

    def test_a_fresh_initiator_owes_a_datagram_until_it_has_a_path(self) -> None:
        left, right = f.MemoryPlane(0), f.MemoryPlane(1)
        self.addCleanup(left.close)
        self.addCleanup(right.close)
        left.meet(right)
        right.meet(left)
        left.plane.obey((SET_PATH, 1, None), 0.0)
        f.give_session(left, right)
        self.assertEqual([], left.sender.trains)
        left.plane.obey((SET_PATH, 1, f.straight(("192.0.2.1", 9993), 1472)), 1.0)
        self.assertEqual([OVERHEAD_BYTES], [len(train) for _, train, _ in left.sender.trains])
        left.plane.obey((SET_PATH, 1, f.straight(("192.0.2.2", 9993), 1472)), 2.0)
        self.assertEqual(1, len(left.sender.trains))

    def test_counters_are_told_when_they_change(self) -> None:
        self.left.write(FRAME)
        self.left.plane.report()
        plane, peers = self.left.upcalls()
        self.assertEqual(PLANE_COUNTERS, plane[0])
        values = dict(zip(Counter, plane[1], strict=True))
        self.assertEqual(1, values[Counter.TAP_FRAMES_IN])
        self.assertEqual(PEER_COUNTERS, peers[0])
        number, bytes_in, bytes_out, *_ = peers[1][0]
        self.assertEqual((1, 0, len(FRAME) - 10), (number, bytes_in, bytes_out))
        self.left.plane.report()
        self.assertEqual([], self.left.upcalls())
