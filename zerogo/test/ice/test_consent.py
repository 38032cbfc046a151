"""When a valid pair is asked, and when it is lost."""

from __future__ import annotations

import itertools
import random

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.consent import Consent


class ConsentTests(SynchronousTestCase):
    def intervals(self, is_selected: bool, count: int) -> list[float]:
        consent = Consent(random.Random(1).randbytes, 0.0)
        times = [0.0]
        for _ in range(count):
            times.append(consent.next_ask_at(is_selected))
            consent.ask(times[-1])
        return [late - early for early, late in itertools.pairwise(times)]

    def test_fresh_pair_is_asked_three_times_within_two_seconds(self) -> None:
        for found, expected in zip(self.intervals(True, 3), (0.2, 0.4, 0.8), strict=True):
            self.assertAlmostEqual(found, expected)

    def test_selected_pair_is_asked_every_five_seconds_give_or_take_a_fifth(self) -> None:
        intervals = self.intervals(True, 200)[3:]
        self.assertTrue(all(4.0 <= each <= 6.0001 for each in intervals))
        self.assertGreater(max(intervals) - min(intervals), 1.0)
        self.assertLess(abs(sum(intervals) / len(intervals) - 5.0), 0.3)

    def test_pair_in_reserve_is_asked_a_third_as_often(self) -> None:
        self.assertTrue(all(12.0 <= each <= 18.0001 for each in self.intervals(False, 50)[3:]))

    def test_it_expires_thirty_seconds_after_the_last_answer_and_not_after_the_last_question(self) -> None:
        consent = Consent(random.Random(1).randbytes, 100.0)
        consent.ask(120.0)
        self.assertEqual(consent.expires_at(True), 130.0)
        consent.grant(121.0)
        self.assertEqual(consent.expires_at(True), 151.0)
        self.assertEqual(consent.expires_at(False), 171.0)
