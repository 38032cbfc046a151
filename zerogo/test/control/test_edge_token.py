"""Edge tokens read back, and damaged ones are refused without being quoted."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.edge_token import EdgeToken
from zerogo.errors import ParseError

TOKEN = EdgeToken(("gateway.example.net:9396", "[2001:db8::1]:443"), bytes(range(20)), bytes(range(20, 40)), True)


class EdgeTokenTests(SynchronousTestCase):
    def test_it_reads_back_and_shows_no_secret(self) -> None:
        self.assertEqual(EdgeToken.parse(f" '{TOKEN.format()}' "), TOKEN)
        self.assertNotIn("secret", repr(TOKEN))

    def test_damaged_ones_are_refused(self) -> None:
        text = TOKEN.format()
        for bad in (
            text[:-10],
            text.replace("?k=", "?x="),
            "zerogo://a/b/c?k=d",
            text.replace("zerogo-edge", "http"),
            "",
        ):
            self.assertRaises(ParseError, EdgeToken.parse, bad)

    @given(st.text(max_size=60))
    @settings(deadline=None, max_examples=100)
    def test_garbage_raises_parse_error(self, garbage: str) -> None:
        for text in (garbage, "zerogo-edge://" + garbage):
            self.assertRaises(ParseError, EdgeToken.parse, text)
