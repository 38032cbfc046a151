"""What others told of their links, and what is worth telling."""

from __future__ import annotations

from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from zerogo.routing.links import STALE_BEHIND, TOLD_FOR_SECONDS, LinkState, ToldLinks, gone, is_news
from zerogo.test.routing.parts import ANN, BOB, CAT, DAN, advert
from zerogo.wire.links import AdvertisedLink


class ToldLinksTests(SynchronousTestCase):
    """Kept by the sequence numbers of who measured."""

    def setUp(self) -> None:
        self.told = ToldLinks()

    def latency(self, now: float = 0.0) -> int | None:
        """Of the link from BOB to CAT."""
        found = self.told.told(BOB, CAT, now)
        return None if found is None else found.link.latency

    def test_what_is_told_is_known_until_it_is_old(self) -> None:
        self.assertEqual(self.told.learn(advert(BOB, 1, AdvertisedLink(CAT, 50)), None, 0.0), [CAT])
        self.assertEqual(self.latency(), 50)
        self.assertEqual([origin for origin, _ in self.told.towards(CAT, 0.0)], [BOB])
        self.assertIsNone(self.latency(TOLD_FOR_SECONDS))
        self.told.forget(TOLD_FOR_SECONDS)
        self.assertEqual(len(self.told), 0)

    def test_only_what_is_asked_for_is_kept(self) -> None:
        both = advert(BOB, 1, AdvertisedLink(CAT, 50), AdvertisedLink(DAN, 60))
        self.assertEqual(self.told.learn(both, {DAN: None}, 0.0), [DAN])
        self.assertIsNone(self.latency())

    def test_an_older_advert_changes_nothing(self) -> None:
        self.told.learn(advert(BOB, 7, gone(CAT)), None, 0.0)
        self.assertEqual(self.told.learn(advert(BOB, 6, AdvertisedLink(CAT, 1)), None, 0.0), [])
        self.assertEqual(self.told.learn(advert(BOB, 7, AdvertisedLink(CAT, 1)), None, 0.0), [])
        self.assertIsNone(self.latency())
        self.assertEqual(self.told.learn(advert(BOB, 8, AdvertisedLink(CAT, 9)), None, 0.0), [CAT])

    def test_one_far_behind_what_its_origin_said_of_anything_is_stale(self) -> None:
        self.told.learn(advert(BOB, STALE_BEHIND + 2, AdvertisedLink(DAN, 1)), None, 0.0)
        old = advert(BOB, 1, AdvertisedLink(CAT, 1))
        self.assertTrue(self.told.is_stale(old))
        self.assertEqual(self.told.learn(old, None, 0.0), [])
        self.assertFalse(self.told.is_stale(advert(BOB, 2, AdvertisedLink(CAT, 1))))
        self.assertFalse(self.told.is_stale(advert(ANN, 1, AdvertisedLink(CAT, 1))))

    def test_the_same_again_is_no_change_but_holds_longer(self) -> None:
        self.told.learn(advert(BOB, 1, AdvertisedLink(CAT, 50)), None, 0.0)
        self.assertEqual(self.told.learn(advert(BOB, 2, AdvertisedLink(CAT, 50)), None, 60.0), [])
        self.assertEqual(self.latency(100.0), 50)

    def test_it_is_bounded(self) -> None:
        with patch("zerogo.routing.links.LINKS_LIMIT", 2):
            self.told.learn(
                advert(BOB, 1, AdvertisedLink(CAT, 1), AdvertisedLink(DAN, 1), AdvertisedLink(ANN, 1)), None, 0
            )
        self.assertEqual(len(self.told), 2)
        self.assertIsNone(self.latency())


class NewsTests(SynchronousTestCase):
    """A difference that is worth a datagram."""

    def test_coming_and_going(self) -> None:
        link = LinkState(0.020).advertised(CAT)
        self.assertTrue(is_news(None, link))
        self.assertTrue(is_news(gone(CAT), link))
        self.assertTrue(is_news(link, None))
        self.assertTrue(is_news(link, gone(CAT)))
        self.assertFalse(is_news(None, None))
        self.assertFalse(is_news(gone(CAT), None))

    def test_a_fifth_slower_or_two_percent_more_loss(self) -> None:
        told = LinkState(0.100).advertised(CAT)
        self.assertFalse(is_news(told, LinkState(0.110, 0.01).advertised(CAT)))
        self.assertTrue(is_news(told, LinkState(0.122).advertised(CAT)))
        self.assertTrue(is_news(told, LinkState(0.100, 0.02).advertised(CAT)))
