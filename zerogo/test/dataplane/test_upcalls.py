from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.limits import UPCALLS_LIMIT
from zerogo.dataplane.messages import CONTROL_RECEIVED, DATAGRAM_RECEIVED, REKEY_DUE
from zerogo.dataplane.tally import Tally
from zerogo.dataplane.upcalls import STRANGERS_BURST, STRANGERS_PER_SECOND, UpcallQueue

SOURCE = ("192.0.2.9", 1)


class UpcallQueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.tally = Tally()
        self.queue = UpcallQueue(self.tally)

    def test_strangers_pass_a_budget_per_second(self) -> None:
        for _ in range(int(STRANGERS_BURST) + 5):
            self.queue.add_stranger(SOURCE, b"x", True, 0.0)
        self.assertEqual(STRANGERS_BURST, len(self.queue.waiting))
        self.assertEqual(5, self.tally.dropped_upcall_queue)
        self.queue.add_stranger(SOURCE, b"x", True, 1 / STRANGERS_PER_SECOND + 0.001)
        self.assertEqual(5, self.tally.dropped_upcall_queue)

    def test_a_flood_of_one_kind_does_not_starve_the_other(self) -> None:
        for _ in range(int(STRANGERS_BURST) + 5):
            self.queue.add_stranger(SOURCE, b"x", True, 0.0)
        self.queue.add_stranger(SOURCE, b"stun", False, 0.0)
        self.assertEqual((DATAGRAM_RECEIVED, SOURCE, b"stun"), self.queue.waiting[-1])

    def test_strangers_wait_in_a_bounded_queue(self) -> None:
        for second in range(20):
            for _ in range(int(STRANGERS_BURST)):
                self.queue.add_stranger(SOURCE, b"x", True, float(second))
        self.assertEqual(UPCALLS_LIMIT, len(self.queue.waiting))

    def test_what_a_peer_causes_has_room_when_strangers_have_filled_theirs(self) -> None:
        self.queue.waiting.extend([(DATAGRAM_RECEIVED, SOURCE, b"x")] * UPCALLS_LIMIT)
        for _ in range(UPCALLS_LIMIT + 5):
            self.queue.add((CONTROL_RECEIVED, 1, SOURCE, b"probe"))
        self.assertEqual(2 * UPCALLS_LIMIT, len(self.queue.waiting))
        self.assertEqual(5, self.tally.dropped_upcall_queue)
        self.queue.add((REKEY_DUE, 1))
        self.assertEqual((REKEY_DUE, 1), self.queue.waiting[-1])
