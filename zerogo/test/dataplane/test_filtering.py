"""Where the reference plane judges frames: all the ways that lead out of it and in."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.messages import REMOVE_PEER, SET_FILTER, SET_PATH, SET_PEER
from zerogo.test.dataplane import frames as f

TCP, UDP = 6, 17
NOTHING = ((), ())
UDP_40000 = ((UDP, (40000, 40000), (), True),)
FRAME = f.plain(f.ip_frame(UDP, f.udp_message(b"allowed")))
FORBIDDEN = f.plain(f.ip_frame(UDP, f.udp_message(b"forbidden", 40001)))
SUPER = f.partial(f.ip_frame(TCP, f.tcp_message(bytes(9000))), TCP, gso_size=1400)


class FilteringTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.left, self.right = f.joined()
        self.addCleanup(self.left.close)
        self.addCleanup(self.right.close)

    def rule(self, plane: f.MemoryPlane, rows: object) -> None:
        plane.plane.obey((SET_FILTER, 1, rows), 1.0)

    def test_what_is_refused_is_not_sent_but_counted(self) -> None:
        self.rule(self.left, (UDP_40000, ()))
        self.left.write(FRAME, FORBIDDEN, FORBIDDEN)
        self.assertEqual([1, 2], [len(self.left.sender.trains), self.left.tally.dropped_policy_out])
        self.right.take_trains_of(self.left)
        self.assertEqual(1, len(self.right.frames()))

    def test_what_is_refused_is_not_taken_but_counted(self) -> None:
        self.rule(self.right, ((), UDP_40000))
        self.left.write(FRAME, FORBIDDEN)
        self.right.take_trains_of(self.left)
        self.assertEqual([1, 1], [len(self.right.frames()), self.right.tally.dropped_policy_in])

    def test_a_super_frame_is_judged_once_at_each_end(self) -> None:
        for _ in range(2):
            self.left.write(SUPER)
            self.right.take_trains_of(self.left)
        self.assertEqual(2, len(self.right.frames()))
        self.rule(self.right, NOTHING)
        self.left.write(SUPER)
        self.right.take_trains_of(self.left)
        self.assertEqual(([], 1), (self.right.frames(), self.right.tally.dropped_policy_in))
        self.rule(self.left, NOTHING)
        self.left.write(SUPER, SUPER)
        self.assertEqual(([], 2), (self.left.sender.trains, self.left.tally.dropped_policy_out))

    def test_a_super_frame_that_is_allowed_arrives_as_one(self) -> None:
        allows = ((TCP, (40000, 40000), (), True),)
        self.rule(self.left, (allows, ()))
        self.rule(self.right, ((), allows))
        for _ in range(2):
            self.left.write(SUPER)
            self.right.take_trains_of(self.left)
        self.assertEqual(2, len(self.right.frames()))

    def test_frames_in_pieces_are_judged_when_they_are_whole(self) -> None:
        self.left.plane.obey((SET_PATH, 1, f.straight(("192.0.2.1", 9993), 1052)), 1.0)
        large = [f.plain(f.ip_frame(UDP, f.udp_message(bytes(1300), port))) for port in (40000, 40001)]
        self.rule(self.right, ((), UDP_40000))
        self.left.write(*large)
        self.right.take_trains_of(self.left)
        self.assertEqual([1, 1], [len(self.right.frames()), self.right.tally.dropped_policy_in])

    def test_groups_are_judged_for_each_member(self) -> None:
        broadcast = f.plain(b"\xff" * 6 + FRAME[16:])
        self.left.plane.obey((SET_PEER, 2, f.NODES[2], f.MACS[2], [], [], False), 0.0)
        self.left.plane.obey((SET_FILTER, 2, NOTHING), 0.0)
        self.left.write(broadcast)
        self.assertEqual([1, 1], [len(self.left.sender.trains), self.left.tally.dropped_policy_out])

    def test_what_waits_is_held_against_the_rules_of_the_moment_it_goes(self) -> None:
        left, right = f.MemoryPlane(0), f.MemoryPlane(1)
        self.addCleanup(left.close)
        self.addCleanup(right.close)
        left.meet(right)
        right.meet(left)
        self.rule(left, (UDP_40000, ()))
        left.write(FRAME, FORBIDDEN)
        self.assertEqual(1, left.tally.dropped_policy_out)
        self.rule(left, NOTHING)
        f.give_session(left, right)
        right.take_trains_of(left)
        self.assertEqual(([], 2), (right.frames(), left.tally.dropped_policy_out))

    def test_a_peer_that_comes_again_has_no_filter(self) -> None:
        self.rule(self.left, NOTHING)
        self.left.plane.obey((REMOVE_PEER, 1), 1.0)
        self.left.meet(self.right)
        f.give_session(self.left, self.right, base=5)
        self.left.sender.trains.clear()
        self.left.write(FORBIDDEN)
        self.assertEqual([1, 0], [len(self.left.sender.trains), self.left.tally.dropped_policy_out])
