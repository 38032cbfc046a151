"""What may never appear in a log."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.observe.redact import HIDDEN, TEXT_LIMIT, is_telling, safe_value, without_bearers, without_controls
from zerogo.secret import Secret

CANARY = "cAnArY0123456789abcdefghijkl"


class Unshowable:
    def __str__(self) -> str:
        raise RuntimeError(CANARY)


class RedactTests(SynchronousTestCase):
    """Fields, bearers, control characters."""

    def test_fields_with_a_telling_name_are_hidden(self) -> None:
        for name in (
            "token",
            "join_token",
            "jwt_secret",
            "psk",
            "password",
            "private_key",
            "keys",
            "key",
            "Authorization",
        ):
            self.assertEqual(safe_value(name, CANARY), HIDDEN, name)
        for name in ("peer", "static_public", "public_key", "monkey", "tokens_left_over", "keyboard"):
            self.assertFalse(is_telling(name), name)

    def test_bytes_are_never_shown(self) -> None:
        for value in (CANARY.encode(), bytearray(CANARY.encode()), memoryview(CANARY.encode())):
            self.assertEqual(safe_value("payload", value), "<28 bytes>")

    def test_secret_inside_another_value_stays_hidden(self) -> None:
        self.assertNotIn(CANARY, str(safe_value("config", {"token": Secret(CANARY)})))

    def test_bearers_inside_a_text_are_hidden(self) -> None:
        for text in (
            f"joined by zerogo://{CANARY}@192.0.2.1:9394/net#{CANARY}",
            f"zerogo:join/{CANARY}",
            f"Authorization: Bearer {CANARY}",
            f"eyJhbGciOiJFZERTQSJ9.{CANARY}.{CANARY}",
            f"http://user:{CANARY}@controller.example/",
        ):
            self.assertNotIn(CANARY, without_bearers(text), text)

    def test_ordinary_text_is_left_alone(self) -> None:
        for text in (
            "zerogo: started",
            "http://192.0.2.1:9394/api/v1",
            "peer living-room at [2001:db8::1]:9993",
            "zerogo0 is up",
        ):
            self.assertEqual(without_controls(without_bearers(text)), text)

    def test_numbers_stay_numbers(self) -> None:
        self.assertEqual([safe_value("n", value) for value in (None, True, 3, 0.5)], [None, True, 3, 0.5])

    def test_long_value_is_cut(self) -> None:
        self.assertEqual(len(str(safe_value("text", "x" * 100_000))), TEXT_LIMIT)

    def test_value_that_cannot_be_shown_does_no_harm(self) -> None:
        self.assertEqual(safe_value("x", Unshowable()), "<Unshowable that cannot be shown>")

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=60))
    def test_no_control_character_gets_through(self, text: str) -> None:
        shown = without_controls(text)
        self.assertEqual([c for c in shown if unicodedata.category(c) in ("Cc", "Zl", "Zp")], [])
        self.assertEqual([c for c in shown if unicodedata.bidirectional(c) in ("LRO", "RLO", "LRE", "RLE", "PDF")], [])
