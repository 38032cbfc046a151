"""Keys in user names do what they say, and nothing is ignored in silence."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.exit.username import UserName, Wish, parse_username


class UserNameTests(SynchronousTestCase):
    def test_the_founding_grammar_in_any_order(self) -> None:
        wish = Wish(zone="home", region="north", session="A7", minutes=30)
        self.assertEqual(parse_username("bob-zone-home-region-north-session-A7-sessTime-30"), UserName("bob", wish))
        self.assertEqual(parse_username("bob-session-A7-sessTime-30-region-north-zone-home"), UserName("bob", wish))

    def test_the_names_of_the_trade(self) -> None:
        found = parse_username("bob-country-DE-city-kiel-asn-AS3320-lifetime-5-strict-yes").wish
        self.assertEqual(found, Wish(country="de", city="kiel", asn=3320, minutes=5, is_strict=True))

    def test_what_is_wrong_is_said(self) -> None:
        for text, words in (
            ("bob-contry-de", "no key 'contry'"),
            ("bob-country", "no value"),
            ("bob-country-de-country-fr", "twice"),
            ("bob-country-germany", "two letters"),
            ("bob-sesstime-0", "minutes"),
            ("bob-sesstime-5-lifetime-6", "twice"),
            ("bob-session-" + "x" * 17, "1 to 16"),
            ("", "user name"),
            ("-session-a", "user name"),
            ("b b", "user name"),
        ):
            with self.subTest(text):
                self.assertIn(words, str(self.assertRaises(ParseError, parse_username, text)))

    @given(st.text(max_size=60))
    @settings(deadline=None, max_examples=200)
    def test_garbage_raises_parse_error_or_has_a_plain_name(self, text: str) -> None:
        try:
            self.assertNotIn("-", parse_username(text).name)
        except ParseError:
            return
