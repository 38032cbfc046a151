"""Who is told what, and when."""

from __future__ import annotations

from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import NodeId
from zerogo.routing.links import TOLD_FOR_SECONDS, LinkState, gone
from zerogo.routing.telling import GAP_SECONDS, PASSED_PER_INTEREST, REPEAT_SECONDS, Telling
from zerogo.test.routing.parts import ANN, CAT, DAN, EVE, advert
from zerogo.wire.links import AdvertisedLink

FAST, SLOW = LinkState(0.010).advertised(CAT), LinkState(0.100).advertised(CAT)


class TellingTests(SynchronousTestCase):
    """BOB's table; ANN asks."""

    def setUp(self) -> None:
        self.own: dict[NodeId, AdvertisedLink] = {CAT: FAST}
        self.telling = Telling(self.own)

    def news(self, now: float) -> list[AdvertisedLink]:
        """What ANN is told at that moment."""
        return self.telling.take_news(ANN, now) if ANN in self.telling.due(now) else []

    def test_the_answer_comes_twice_and_then_only_changes(self) -> None:
        self.telling.ask(ANN, CAT, 0.0, asks_on=False)
        self.assertEqual(self.news(0.0), [FAST])
        self.assertEqual(self.news(0.1), [])
        self.assertEqual(self.news(REPEAT_SECONDS), [FAST])
        self.assertEqual(self.news(9.0), [])
        self.own[CAT] = SLOW
        self.telling.link_changed(CAT, 10.0)
        self.assertEqual(self.news(10.0), [SLOW])

    def test_a_link_that_goes_is_told_at_once_and_a_slower_one_after_a_second(self) -> None:
        self.telling.ask(ANN, CAT, 0.0, asks_on=False)
        self.news(0.0)
        self.news(REPEAT_SECONDS)
        self.own[CAT] = SLOW
        self.telling.link_changed(CAT, 0.5)
        self.assertEqual(self.news(0.6), [])
        self.assertEqual(self.news(REPEAT_SECONDS + GAP_SECONDS), [SLOW])
        del self.own[CAT]
        self.telling.link_changed(CAT, 1.5)
        self.assertEqual(self.news(1.5), [gone(CAT)])

    def test_no_interest_lasts(self) -> None:
        self.telling.ask(ANN, CAT, 0.0, asks_on=True)
        self.news(0.0)
        self.own[CAT] = SLOW
        self.telling.link_changed(CAT, TOLD_FOR_SECONDS)
        self.assertEqual(self.news(TOLD_FOR_SECONDS), [])
        self.telling.forget(TOLD_FOR_SECONDS)
        self.assertEqual(len(self.telling), 0)

    def test_an_asker_has_so_many_interests(self) -> None:
        with patch("zerogo.routing.telling.INTERESTS_PER_ASKER", 1):
            self.assertIsNotNone(self.telling.ask(ANN, CAT, 0.0, asks_on=False))
            self.assertIsNone(self.telling.ask(ANN, DAN, 0.0, asks_on=False))
            self.assertIsNotNone(self.telling.ask(EVE, DAN, 0.0, asks_on=False))

    def test_a_neighbours_word_is_passed_on_with_the_link_to_it(self) -> None:
        self.telling.ask(ANN, DAN, 0.0, asks_on=True)
        self.assertEqual(self.telling.sought(0.0), [DAN])
        word = advert(CAT, 5, AdvertisedLink(DAN, 40))
        self.telling.neighbour_told(word, [DAN], 1.0)
        self.assertEqual(list(self.telling.passing()), [(ANN, word)])
        self.assertEqual(self.news(1.0), [FAST])
        self.telling.neighbour_told(word, [DAN], 1.0)
        self.assertEqual(len(list(self.telling.passing())), 1)

    def test_what_nobody_wants_is_not_passed_on(self) -> None:
        self.telling.ask(ANN, DAN, 0.0, asks_on=False)
        self.telling.neighbour_told(advert(CAT, 5, AdvertisedLink(DAN, 40)), [DAN], 1.0)
        self.telling.ask(CAT, EVE, 0.0, asks_on=True)
        self.telling.neighbour_told(advert(CAT, 6, AdvertisedLink(EVE, 40)), [EVE], 1.0)
        self.telling.ask(ANN, CAT, 0.0, asks_on=True)
        self.telling.neighbour_told(advert(EVE, 6, AdvertisedLink(CAT, 40)), [CAT], 1.0)
        self.assertEqual(list(self.telling.passing()), [])

    def test_so_many_neighbours_are_quoted(self) -> None:
        self.telling.ask(ANN, DAN, 0.0, asks_on=True)
        for number in range(9):
            neighbour = NodeId(number.to_bytes(10, "big"))
            self.own[neighbour] = AdvertisedLink(neighbour, 10)
            self.telling.neighbour_told(advert(neighbour, 1, AdvertisedLink(DAN, 40)), [DAN], 0.0)
        self.assertEqual(len(list(self.telling.passing())), PASSED_PER_INTEREST)
