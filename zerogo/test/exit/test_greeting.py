"""Greetings parse back, and garbage is refused without being quoted."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.exit.greeting import Join, Refusal, Welcome, emit_greeting, parse_answer, parse_join


class GreetingTests(SynchronousTestCase):
    def test_all_three_parse_back(self) -> None:
        join = Join(
            secret=b"s" * 20, name="kiel", country="de", ports=[(1, 24), (26, 65535)], tunnel=b"t" * 16, received=9
        )
        self.assertEqual(parse_join(emit_greeting(join)), join)
        for answer in (Welcome(b"t" * 16, is_resumed=True, received=4, seen="192.0.2.1"), Refusal("no", is_final=True)):
            self.assertEqual(parse_answer(emit_greeting(answer)), answer)

    def test_a_repr_shows_no_secret(self) -> None:
        self.assertNotIn("sss", repr(Join(secret=b"s" * 20)))

    def test_names_that_could_do_harm_are_refused(self) -> None:
        for name in ("a b", "A", "\x1b", "x" * 65):
            self.assertRaises(ParseError, parse_join, emit_greeting(Join(name=name)))

    @given(st.binary(max_size=80))
    @settings(deadline=None, max_examples=150)
    def test_garbage_raises_parse_error_or_nothing(self, garbage: bytes) -> None:
        for parse in (parse_join, parse_answer):
            try:
                parse(garbage)
            except ParseError:
                continue
