"""How many edges are taken in a turn, and when the others come again."""

from __future__ import annotations

from unittest import TestCase

from hypothesis import given, settings
from hypothesis import strategies as st

from zerogo.exit.admission import (
    HASTE,
    RATE_LEAST,
    RATE_SECONDS,
    SOURCE_PART,
    STRANGERS_LIMIT,
    STRANGERS_OF_SOURCE_LIMIT,
    TAKEN_AT_FIRST,
    TAKEN_LEAST,
    TAKEN_MOST,
    TICKET_LEAST_SECONDS,
    TICKET_SECONDS,
    TURN_SECONDS,
    Intake,
    Strangers,
    Tickets,
)

TURNS = 60
SOURCE = "192.0.2.1"


def settled(seconds_each: float, others: float = 0.0) -> tuple[int, float]:
    """How many are taken a turn in the end, and how long the turn is, where each edge costs so much in each of the
    three turns after the one in which it was taken, and everything else takes `others` of a turn."""
    intake, now, taken = Intake(), 100.0, [0, 0, 0]
    turn = 0.0
    for _ in range(TURNS):
        taken = [*taken[1:], intake.begin(now)]
        intake.end(is_more=True)
        turn = others + seconds_each * sum(taken)
        now += turn
    return taken[-1], turn


class IntakeTests(TestCase):
    def test_on_a_quick_machine_as_many_are_taken_as_in_one_turn_may_be(self) -> None:
        self.assertEqual(settled(0.0004)[0], TAKEN_MOST)

    def test_on_a_starved_one_turns_stay_short_enough_and_no_time_is_wasted(self) -> None:
        most, turn = settled(0.01)
        self.assertLess(turn, 1.5 * TURN_SECONDS)
        self.assertGreater(most, 5)

    def test_where_others_make_turns_long_some_are_taken_still(self) -> None:
        self.assertEqual(settled(0.001, others=2.0)[0], TAKEN_LEAST)

    def test_a_turn_is_measured_only_between_two_that_left_some_waiting(self) -> None:
        intake = Intake()
        self.assertEqual(intake.begin(1.0), TAKEN_AT_FIRST)
        intake.end(is_more=False)
        self.assertEqual(intake.begin(100.0), TAKEN_AT_FIRST)
        intake.end(is_more=True)
        self.assertLess(intake.begin(102.0), TAKEN_AT_FIRST)

    @given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=100))
    @settings(deadline=None, max_examples=100)
    def test_whatever_turns_are_like_some_are_taken_and_never_too_many(self, turns: list[tuple[float, bool]]) -> None:
        intake, now = Intake(), 0.0
        for seconds, is_more in turns:
            now += seconds
            self.assertIn(intake.begin(now), range(TAKEN_LEAST, TAKEN_MOST + 1))
            intake.end(is_more)


class TicketsTests(TestCase):
    def busy(self, rate: int) -> Tickets:
        """So many handshakes were completed in each second before 100."""
        tickets = Tickets()
        for second in range(90, 100):
            for _ in range(rate):
                tickets.completed(second + 0.5)
        return tickets

    def test_the_rate_is_that_of_the_last_whole_seconds(self) -> None:
        tickets = self.busy(200)
        self.assertEqual(tickets.rate(100.2), 200)
        for _ in range(1000):
            tickets.completed(100.5)
        self.assertEqual(tickets.rate(100.9), 200)
        self.assertEqual(tickets.rate(101.0), (2 * 200 + 1000) / RATE_SECONDS)

    def test_where_nothing_was_completed_a_least_rate_holds(self) -> None:
        self.assertEqual(Tickets().rate(100), RATE_LEAST)
        self.assertEqual(self.busy(200).rate(110), RATE_LEAST)

    def test_tickets_come_due_one_after_the_other_a_little_faster_than_handshakes(self) -> None:
        tickets = self.busy(40)
        due = [tickets.draw(SOURCE, 0.5, 100.0) for _ in range(201)]
        self.assertEqual(due[0], TICKET_LEAST_SECONDS)
        self.assertAlmostEqual(due[200] - due[0], 200 / (40 * HASTE))
        self.assertEqual(due, sorted(due))

    def test_the_line_goes_on_where_it_ended_and_not_before_the_least_time(self) -> None:
        tickets = self.busy(40)
        for _ in range(100):
            last = tickets.draw(SOURCE, 0.5, 100.0)
        self.assertAlmostEqual(tickets.draw(SOURCE, 0.5, 101.0), last + 1 / (40 * HASTE) - 1)
        self.assertEqual(tickets.draw(SOURCE, 0.5, 110.0), TICKET_LEAST_SECONDS)

    def test_who_would_come_very_late_comes_at_a_random_time_and_keeps_nobody_back(self) -> None:
        tickets = self.busy(40)
        for number in range(10_000):
            tickets.draw(str(number % 10), 0.5, 100.0)
        self.assertEqual(tickets.draw(SOURCE, 0.0, 100.0), TICKET_SECONDS / 2)
        self.assertEqual(tickets.draw(SOURCE, 1.0, 100.0), TICKET_SECONDS)
        self.assertLess(tickets.draw(SOURCE, 1.0, 130.0), TICKET_SECONDS / 2 + 1)

    def test_however_many_one_source_draws_the_others_are_put_off_by_its_part_of_the_line(self) -> None:
        tickets, part = self.busy(40), TICKET_SECONDS * SOURCE_PART
        for _ in range(10_000):
            tickets.draw(SOURCE, 0.5, 100.0)
        self.assertAlmostEqual(tickets.draw("192.0.2.2", 0.5, 100.0), part + TICKET_LEAST_SECONDS, delta=0.1)
        self.assertEqual(tickets.draw(SOURCE, 0.0, 100.0), part)
        self.assertEqual(tickets.draw(SOURCE, 1.0, 100.0), TICKET_SECONDS)

    def test_a_source_whose_tickets_are_due_has_its_part_again(self) -> None:
        tickets = Tickets()
        for _ in range(10_000):
            tickets.draw(SOURCE, 0.5, 100.0)
        later = 100.0 + TICKET_SECONDS
        self.assertEqual(tickets.draw(SOURCE, 0.5, later), TICKET_LEAST_SECONDS)

    @given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 1), st.booleans()), max_size=100))
    @settings(deadline=None, max_examples=100)
    def test_no_ticket_is_for_the_past_or_for_later_than_the_latest(
        self, steps: list[tuple[float, float, bool]]
    ) -> None:
        tickets, now = Tickets(), 0.0
        for seconds, chance, is_completed in steps:
            now += seconds
            if is_completed:
                tickets.completed(now)
            else:
                self.assertTrue(
                    TICKET_LEAST_SECONDS <= tickets.draw(SOURCE, chance, now) + 1e-9 <= TICKET_SECONDS + 1e-6
                )


class StrangersTests(TestCase):
    def setUp(self) -> None:
        self.strangers: Strangers[int] = Strangers()

    def come(self, first: int, count: int, source: str) -> list[int]:
        """Who had to make room."""
        gone = [self.strangers.add(number, source) for number in range(first, first + count)]
        return [number for number in gone if number is not None]

    def test_those_of_one_source_make_room_for_each_other_and_take_nobody_elses_place(self) -> None:
        self.come(0, 3, "a")
        self.assertEqual(self.come(10, STRANGERS_OF_SOURCE_LIMIT + 5, "b"), [10, 11, 12, 13, 14])
        self.assertEqual(self.come(5, 1, "a"), [])
        self.assertEqual(len(self.strangers), 4 + STRANGERS_OF_SOURCE_LIMIT)

    def test_where_sources_are_many_the_oldest_makes_room(self) -> None:
        gone = [self.strangers.add(number, str(number % 9)) for number in range(STRANGERS_LIMIT + 3)]
        self.assertEqual([number for number in gone if number is not None], [0, 1, 2])
        self.assertEqual(len(self.strangers), STRANGERS_LIMIT)

    def test_who_was_admitted_has_no_place_and_makes_none(self) -> None:
        self.come(0, STRANGERS_OF_SOURCE_LIMIT, "a")
        self.strangers.discard(0)
        self.strangers.discard(0)
        self.assertEqual(self.come(-1, 1, "a"), [])
        self.assertEqual(self.come(-2, 1, "a"), [1])
