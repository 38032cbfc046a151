"""What a fan of side sockets sends, and when it knows enough."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.fan import BATCH_SOCKETS, FAN_SECONDS, SOUNDING_SECONDS, SPREAD_ROUNDS, Fan
from zerogo.ids import SideAddress, SocketAddress
from zerogo.stun.server import binding_request
from zerogo.testing.clock import seeded_bytes

PEER = SocketAddress("192.0.2.9", 9993)
SERVERS = (SocketAddress("198.51.100.1", 3478), SocketAddress("198.51.100.1", 3479))


class FanTests(SynchronousTestCase):
    """With real questions, and checks that are told apart by a number."""

    def setUp(self) -> None:
        rng = seeded_bytes("fan")
        self.checks = 0
        self.fan = Fan(self.check, lambda: binding_request(rng), 0.0)

    def check(self) -> bytes:
        """A fresh check."""
        self.checks += 1
        return b"check %d" % self.checks

    def sent(self, now: float) -> list[tuple[SideAddress, bytes]]:
        """What is due."""
        return list(self.fan.take_due(now))

    def test_checks_lie_between_the_questions(self) -> None:
        self.fan.sound([1, 2], SERVERS, (PEER,), 0.0)
        places = [place for place, _ in self.sent(0.0)]
        expected = [SideAddress(1, SERVERS[0]), SideAddress(1, PEER), SideAddress(2, SERVERS[1]), SideAddress(2, PEER)]
        self.assertEqual(places, expected)

    def test_it_is_sounded_when_all_have_answered_and_says_so_once(self) -> None:
        self.fan.sound([1, 2], SERVERS, (PEER,), 0.0)
        questions = [(place, data) for place, data in self.sent(0.0) if place.remote in SERVERS]
        for number, (place, data) in enumerate(questions):
            self.assertFalse(self.fan.take_sounded(0.1))
            self.assertTrue(self.fan.owns(data[8:20]))
            self.fan.receive_answer(data[8:20], place, SocketAddress("192.0.2.1", 20000 + number))
        self.assertTrue(self.fan.take_sounded(0.1))
        self.assertFalse(self.fan.take_sounded(0.1))
        self.assertEqual([sample.port for sample in self.fan.samples], [20000, 20001])

    def test_what_does_not_answer_is_asked_again_and_not_waited_for_long(self) -> None:
        self.fan.sound([1, 2], SERVERS, (), 0.0)
        first = self.sent(0.0)
        self.fan.receive_answer(first[0][1][8:20], first[0][0], SocketAddress("192.0.2.1", 20000))
        self.assertEqual(self.sent(0.1), first[1:])
        self.assertFalse(self.fan.take_sounded(SOUNDING_SECONDS - 0.01))
        self.assertTrue(self.fan.take_sounded(SOUNDING_SECONDS))
        self.assertFalse(self.fan.owns(first[1][1][8:20]))

    def test_an_answer_from_elsewhere_counts_for_nothing(self) -> None:
        self.fan.sound([1], SERVERS, (), 0.0)
        ((place, data),) = self.sent(0.0)
        for source in (SideAddress(2, place.remote), SideAddress(1, PEER)):
            self.fan.receive_answer(data[8:20], source, SocketAddress("192.0.2.1", 20000))
        self.assertEqual(self.fan.samples, [])

    def test_many_sockets_send_in_batches_each_a_check_of_its_own_twice(self) -> None:
        self.fan.spread(list(range(1, 249)), (PEER,), 0.0)
        self.assertEqual(len(self.sent(0.0)), BATCH_SOCKETS)
        later = self.sent(FAN_SECONDS)
        self.assertEqual(len(later) + BATCH_SOCKETS, 248 * SPREAD_ROUNDS)
        self.assertEqual(len({data for _, data in later}), 248)

    def test_sockets_that_are_closed_send_nothing(self) -> None:
        self.fan.spread([1, 2, 3], (PEER,), 0.0)
        self.fan.keep_only(2)
        self.assertEqual({place.socket for place, _ in self.sent(FAN_SECONDS)}, {2})

    def test_it_wants_to_be_looked_at_until_it_ends(self) -> None:
        self.assertEqual(self.fan.next_at(), FAN_SECONDS)
        self.fan.sound([1], SERVERS, (PEER,), 0.0)
        self.assertEqual(self.fan.next_at(), 0.0)
