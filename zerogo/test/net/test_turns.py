from itertools import pairwise

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.turns import LOOK_SECONDS, PUT_OFF_SECONDS, TURN_SECONDS, Turns


class TurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.left = 0
        self.costs = 0.0
        self.done = 0
        self.turns = Turns(self.clock, self.piece)

    def piece(self) -> bool:
        """Takes `costs` seconds of the clock, of which nobody else is told."""
        self.left -= 1
        self.done += 1
        self.clock.rightNow += self.costs
        return self.left > 0

    def test_what_takes_no_time_is_done_in_one_turn(self) -> None:
        self.left = 100
        self.turns.begin()
        self.assertEqual(self.done, 100)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_turn_is_as_long_as_it_may_be_and_the_reactor_comes_between_two(self) -> None:
        self.left, self.costs = 10, TURN_SECONDS / 4
        left_at: list[int] = []
        call_later = self.clock.callLater
        self.patch(self.clock, "callLater", lambda *call: left_at.append(self.left) or call_later(*call))
        self.turns.begin()
        self.clock.advance(0)
        self.assertEqual((left_at, self.left), ([6, 2], 0))

    def test_a_piece_that_takes_long_is_a_turn(self) -> None:
        self.left, self.costs = 2, 1.0
        self.turns.begin()
        self.assertEqual((self.done, len(self.clock.getDelayedCalls())), (1, 1))

    def test_what_is_added_meanwhile_waits_for_the_next_turn(self) -> None:
        self.left, self.costs = 2, 1.0
        self.turns.begin()
        self.left += 1
        self.turns.begin()
        self.assertEqual((self.done, len(self.clock.getDelayedCalls())), (1, 1))
        self.clock.advance(0)
        self.assertEqual((self.done, self.clock.getDelayedCalls()), (3, []))

    def test_a_piece_that_begins_anew_is_not_done_within_itself(self) -> None:
        depths: list[int] = []

        def piece() -> bool:
            depths.append(len(depths))
            turns.begin()
            return len(depths) < 3

        turns = Turns(self.clock, piece)
        turns.begin()
        self.assertEqual(depths, [0, 1, 2])
        turns.begin()
        self.assertEqual(len(depths), 4)

    def test_one_that_is_stopped_does_nothing_more(self) -> None:
        self.left, self.costs = 5, 1.0
        self.turns.begin()
        self.turns.stop()
        self.clock.advance(1)
        self.turns.begin()
        self.assertEqual((self.done, self.clock.getDelayedCalls()), (1, []))

    def test_one_that_its_own_piece_stops_does_nothing_more(self) -> None:
        def piece() -> bool:
            self.turns.stop()
            return self.piece()

        self.left, self.costs = 5, 1.0
        self.turns = Turns(self.clock, piece)
        self.turns.begin()
        self.assertEqual((self.done, self.clock.getDelayedCalls()), (1, []))


class WaitingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.at: list[float] = []
        self.pieces = 1000
        self.are_others_waiting = True
        self.turns = Turns(self.clock, self.piece, lambda: self.are_others_waiting)

    def piece(self) -> bool:
        self.at.append(self.clock.seconds())
        self.clock.rightNow += TURN_SECONDS
        return len(self.at) < self.pieces

    def advance(self, seconds: float) -> None:
        self.clock.pump([LOOK_SECONDS / 2] * round(2 * seconds / LOOK_SECONDS))

    def test_a_turn_is_put_off_while_others_wait_and_not_for_ever(self) -> None:
        self.addCleanup(self.turns.stop)
        self.turns.begin()
        self.advance(1.0)
        between = [after - before - TURN_SECONDS for before, after in pairwise(self.at)]
        self.assertGreater(len(between), 50)
        for seconds in between:
            self.assertGreater(seconds, PUT_OFF_SECONDS - LOOK_SECONDS / 10)
            self.assertLess(seconds, PUT_OFF_SECONDS + 2 * LOOK_SECONDS)

    def test_it_is_taken_when_nobody_waits_any_more(self) -> None:
        self.addCleanup(self.turns.stop)
        self.turns.begin()
        self.advance(LOOK_SECONDS)
        self.assertEqual(len(self.at), 1)
        self.are_others_waiting, self.pieces = False, 3
        self.advance(LOOK_SECONDS)
        self.assertEqual(len(self.at), 3)

    def test_one_that_is_stopped_while_it_is_put_off_does_nothing_more(self) -> None:
        self.turns.begin()
        self.turns.stop()
        self.advance(1.0)
        self.assertEqual((len(self.at), self.clock.getDelayedCalls()), (1, []))

    def test_one_that_is_begun_after_its_end_waits_for_nothing(self) -> None:
        self.pieces = 1
        self.turns.begin()
        self.turns.stop()
        self.turns.begin()
        self.assertEqual((len(self.at), self.clock.getDelayedCalls()), (1, []))
