"""What a path is known by."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.mesh.measure import (
    FATES_REMEMBERED,
    FIRST_TIMEOUT_SECONDS,
    LARGEST_TIMEOUT_SECONDS,
    LEAST_TIMEOUT_SECONDS,
    MOST_PROBES_UNTIL_DEAD,
    Measurement,
)


class MeasurementTests(SynchronousTestCase):
    """Round trips, jitter, loss."""

    def test_nothing_is_known_at_first(self) -> None:
        fresh = Measurement()
        self.assertEqual((fresh.smoothed, fresh.minimum, fresh.jitter, fresh.loss), (None, None, None, 0.0))
        self.assertEqual(fresh.timeout, FIRST_TIMEOUT_SECONDS)

    def test_smoothing_follows_rfc_6298(self) -> None:
        measured = Measurement()
        measured.answered(0.100, 0.0)
        self.assertEqual((measured.smoothed, measured.variation), (0.100, 0.050))
        measured.answered(0.140, 1.0)
        self.assertAlmostEqual(measured.variation, 0.050 * 3 / 4 + 0.040 / 4)
        self.assertAlmostEqual(measured.smoothed or 0.0, 0.100 * 7 / 8 + 0.140 / 8)

    def test_a_hint_gives_way_to_the_first_answer(self) -> None:
        measured = Measurement()
        measured.hint(0.5)
        self.assertEqual(measured.smoothed, 0.5)
        measured.answered(0.1, 0.0)
        self.assertEqual(measured.smoothed, 0.1)
        measured.hint(0.7)
        self.assertEqual(measured.smoothed, 0.1)

    def test_the_minimum_forgets_a_path_that_became_longer(self) -> None:
        measured = Measurement()
        measured.answered(0.010, 0.0)
        for second in range(1, 30):
            measured.answered(0.200, float(second))
        self.assertEqual(measured.minimum, 0.200)

    def test_loss_is_the_share_of_the_last_probes(self) -> None:
        measured = Measurement()
        for number in range(FATES_REMEMBERED):
            measured.lost() if number % 4 == 0 else measured.answered(0.02, float(number))
        self.assertEqual(measured.loss, 0.25)
        for number in range(FATES_REMEMBERED):
            measured.answered(0.02, 100.0 + number)
        self.assertEqual(measured.loss, 0.0)

    def test_a_clean_path_is_dead_after_three_lost_probes(self) -> None:
        measured = Measurement()
        for number in range(20):
            measured.answered(0.02, float(number))
        self.assertEqual(measured.probes_until_dead, 3)

    def test_a_lossy_path_is_given_more_chances(self) -> None:
        measured = Measurement()
        for number in range(30):
            measured.lost() if number % 3 == 0 else measured.answered(0.02, float(number))
        self.assertGreater(measured.probes_until_dead, 5)
        self.assertLessEqual(measured.probes_until_dead, MOST_PROBES_UNTIL_DEAD)

    def test_what_got_lost_while_the_path_was_dead_is_no_loss_of_the_path(self) -> None:
        measured = Measurement()
        for number in range(20):
            measured.answered(0.02, float(number))
        for _ in range(9):
            measured.lost()
        self.assertGreater(measured.loss, 0.3)
        measured.answered(0.02, 30.0)
        self.assertEqual((measured.loss, measured.unanswered), (0.0, 0))
        measured.lost()
        measured.answered(0.02, 31.0)
        self.assertGreater(measured.loss, 0.0)

    def test_one_lost_probe_is_bad_luck(self) -> None:
        measured = Measurement()
        for number in range(31):
            measured.answered(0.02, float(number))
        measured.lost()
        self.assertEqual(measured.certain_loss, 0.0)
        measured.lost()
        self.assertEqual(measured.certain_loss, 1 / 32)

    def test_what_chance_may_have_done_is_more_the_more_was_lost(self) -> None:
        measured = Measurement()
        self.assertEqual((measured.least_loss, measured.most_loss), (0.0, 0.0))
        for lost, least, most in ((0, 0, 0), (1, 0, 0), (4, 2, 4), (9, 6, 10)):
            measured = Measurement()
            for number in range(32 - lost):
                measured.answered(0.02, float(number))
            for _ in range(lost):
                measured.lost()
            self.assertEqual((measured.least_loss, measured.most_loss), (least / 32, most / 32))

    def test_a_burst_of_bad_luck_is_over_after_32_probes_and_lasting_loss_is_not(self) -> None:
        for lost_every, most in ((math.inf, 4 / 256), (10, 16 / 256)):
            measured = Measurement()
            for number in range(1, 221):
                measured.lost() if number % lost_every == 0 else measured.answered(0.02, float(number))
            for _ in range(4):
                measured.lost()
                measured.answered(0.02, 221.0)
            self.assertGreater(measured.most_loss, 4 / 32 - 0.001)
            for _ in range(FATES_REMEMBERED):
                measured.answered(0.02, 222.0)
            self.assertEqual(measured.loss, 0.0)
            self.assertTrue(most <= measured.most_loss < 2 * most, measured.most_loss)
            measured.forget_long_ago()
            self.assertEqual(measured.most_loss, 0.0)

    def test_after_a_long_silence_nothing_is_held_against_a_path(self) -> None:
        measured = Measurement()
        for number in range(64):
            measured.lost() if number % 2 else measured.answered(0.02, float(number))
        for _ in range(FATES_REMEMBERED):
            measured.lost()
        measured.answered(0.02, 100.0)
        self.assertEqual((measured.loss, measured.most_loss), (0.0, 0.0))

    def test_the_silence_itself_does_not_make_a_path_look_lossy(self) -> None:
        measured = Measurement()
        for number in range(20):
            measured.answered(0.02, float(number))
        measured.lost()
        measured.lost()
        self.assertEqual(measured.probes_until_dead, 3)

    @given(st.lists(st.one_of(st.none(), st.floats(0.0, 10.0)), max_size=80))
    @settings(deadline=None, max_examples=100)
    def test_figures_stay_in_their_ranges(self, fates: list[float | None]) -> None:
        measured = Measurement()
        for number, round_trip in enumerate(fates):
            if round_trip is None:
                measured.lost()
            else:
                measured.answered(round_trip, float(number))
        self.assertTrue(0.0 <= measured.loss <= 1.0)
        self.assertTrue(LEAST_TIMEOUT_SECONDS <= measured.timeout <= LARGEST_TIMEOUT_SECONDS)
        self.assertTrue(3 <= measured.probes_until_dead <= MOST_PROBES_UNTIL_DEAD)
        if measured.minimum is not None:
            self.assertIn(measured.minimum, fates)
