"""Promises and what became of them."""

from __future__ import annotations

from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from zerogo.routing.trust import FADE_SECONDS, HANDICAP_MILLISECONDS, LONGEST_REST_SECONDS, TrustBook
from zerogo.test.routing.parts import ANN, BOB, CAT, DAN


class TrustTests(SynchronousTestCase):
    """Strikes, rests and forgiveness."""

    def setUp(self) -> None:
        self.trust = TrustBook()

    def test_a_failed_route_rests_longer_each_time(self) -> None:
        now, rest = 0.0, 1.0
        for _ in range(9):
            self.trust.broke((BOB, DAN), now, is_still_claimed=False)
            self.assertTrue(self.trust.is_resting((BOB, DAN), now + rest - 0.01))
            self.assertFalse(self.trust.is_resting((BOB, DAN), now + rest))
            self.assertEqual(self.trust.next_rest_end(DAN, now), now + rest)
            now += rest
            rest = min(2 * rest, LONGEST_REST_SECONDS)
        self.trust.kept((BOB, DAN), 0.02, 0.02, now)
        self.trust.broke((BOB, DAN), now, is_still_claimed=False)
        self.assertFalse(self.trust.is_resting((BOB, DAN), now + 1.0))

    def test_the_end_of_a_rest_is_noticed_once(self) -> None:
        self.trust.broke((BOB, DAN), 0.0, is_still_claimed=False)
        self.assertFalse(self.trust.take_rested(DAN, 0.5))
        self.assertTrue(self.trust.take_rested(DAN, 1.0))
        self.assertFalse(self.trust.take_rested(DAN, 1.0))

    def test_news_of_a_node_end_the_rest_of_routes_over_it(self) -> None:
        self.trust.broke((BOB, CAT, DAN), 0.0, is_still_claimed=False)
        self.trust.rest_is_over(CAT)
        self.assertFalse(self.trust.is_resting((BOB, CAT, DAN), 0.1))

    def test_three_broken_promises_are_distrust(self) -> None:
        for turn in range(3):
            self.assertFalse(self.trust.is_distrusted(BOB, float(turn)))
            self.trust.broke((BOB, DAN), float(turn), is_still_claimed=True)
        self.trust.broke((BOB, DAN), 3.0, is_still_claimed=True)
        self.assertTrue(self.trust.is_distrusted(BOB, 3.0))
        self.assertEqual(self.trust.handicap((BOB,), 3.0), HANDICAP_MILLISECONDS)
        self.assertEqual(self.trust.complaints(3.0), {BOB: "carries nothing of what it promised to carry"})
        self.assertFalse(self.trust.is_distrusted(BOB, 3.0 + FADE_SECONDS))

    def test_a_link_that_was_told_to_be_gone_is_no_broken_promise(self) -> None:
        for turn in range(9):
            self.trust.broke((BOB, DAN), float(turn), is_still_claimed=False)
        self.assertFalse(self.trust.is_distrusted(BOB, 9.0))

    def test_two_carriers_share_the_blame(self) -> None:
        for turn in range(5):
            self.trust.broke((BOB, CAT, DAN), float(turn), is_still_claimed=True)
        self.assertFalse(self.trust.is_distrusted(BOB, 5.0))

    def test_too_good_to_be_true(self) -> None:
        for _ in range(4):
            self.trust.kept((BOB, DAN), 0.001, 0.080, 0.0)
        self.assertEqual(self.trust.complaint(BOB, 0.0), "told of 1 ms where 80 were measured")
        self.assertEqual(self.trust.complaint(CAT, 0.0), "")

    def test_kept_promises_take_strikes_away(self) -> None:
        for _ in range(4):
            self.trust.broke((BOB, DAN), 0.0, is_still_claimed=True)
        self.trust.kept((BOB, DAN), 0.02, 0.03, 0.0)
        self.trust.kept((BOB, DAN), 0.02, 0.03, 0.0)
        self.assertFalse(self.trust.is_distrusted(BOB, 0.0))

    def test_it_is_bounded(self) -> None:
        with patch("zerogo.routing.trust.ROUTES_LIMIT", 1), patch("zerogo.routing.trust.MEMBERS_LIMIT", 1):
            for carrier in (ANN, BOB):
                for _ in range(4):
                    self.trust.broke((carrier, DAN), 0.0, is_still_claimed=True)
        self.assertFalse(self.trust.is_resting((ANN, DAN), 0.0))
        self.assertEqual(list(self.trust.complaints(0.0)), [BOB])
