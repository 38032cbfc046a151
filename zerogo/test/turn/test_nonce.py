"""Nonces that are made and judged without memory."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.secret import Secret
from zerogo.turn.nonce import CLOCKS_SECONDS, NONCE_SECONDS, NonceIssuer, hand_out, is_handed_out

CLIENT = "udp 192.0.2.1:4000"
SECRETS = (Secret("of tomorrow"), Secret("of today"))
UNIX = 1_800_000_000.0


class NonceIssuerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.issuer = NonceIssuer(random.Random(1).randbytes)

    def test_nonce_is_fresh_for_its_client_for_its_time(self) -> None:
        nonce = self.issuer.issue(CLIENT, 1000.5)
        self.assertEqual(len(nonce), 16)
        self.assertTrue(self.issuer.is_fresh(nonce, CLIENT, 1000.6))
        self.assertTrue(self.issuer.is_fresh(nonce, CLIENT, 1000 + NONCE_SECONDS))
        self.assertFalse(self.issuer.is_fresh(nonce, CLIENT, 1001 + NONCE_SECONDS))

    def test_nonce_is_worth_nothing_from_elsewhere(self) -> None:
        nonce = self.issuer.issue(CLIENT, 0)
        for other in ("udp 192.0.2.1:4001", "udp 192.0.2.2:4000", "tcp 192.0.2.1:4000"):
            self.assertFalse(self.issuer.is_fresh(nonce, other, 1))

    def test_nonce_of_another_start_is_not_ours(self) -> None:
        other = NonceIssuer(random.Random(2).randbytes)
        self.assertFalse(self.issuer.is_fresh(other.issue(CLIENT, 0), CLIENT, 0))

    @given(st.binary(max_size=40))
    @settings(deadline=None, max_examples=200)
    def test_garbage_is_not_ours(self, nonce: bytes) -> None:
        self.assertFalse(self.issuer.is_fresh(nonce, CLIENT, 0))

    @given(st.integers(0, 15), st.integers(1, 255))
    @settings(deadline=None, max_examples=100)
    def test_changed_nonce_is_not_ours(self, place: int, change: int) -> None:
        nonce = bytearray(self.issuer.issue(CLIENT, 0))
        nonce[place] ^= change
        self.assertFalse(self.issuer.is_fresh(bytes(nonce), CLIENT, 0))


class HandedOutTests(SynchronousTestCase):
    def is_ours(self, nonce: bytes, user: str = "ann", after: float = 0.0) -> bool:
        return is_handed_out(SECRETS, nonce, user, UNIX + after)

    def test_it_is_good_for_its_user_for_its_time_though_clocks_differ(self) -> None:
        nonce = hand_out(SECRETS[1], "ann", UNIX)
        self.assertTrue(all(self.is_ours(nonce, after=after) for after in (-CLOCKS_SECONDS, 0.0, NONCE_SECONDS)))
        self.assertFalse(any(self.is_ours(nonce, after=after) for after in (-CLOCKS_SECONDS - 1, NONCE_SECONDS + 1)))
        self.assertFalse(self.is_ours(nonce, "bob"))

    def test_one_of_another_secret_is_not_ours(self) -> None:
        self.assertFalse(self.is_ours(hand_out(Secret("of yesterday"), "ann", UNIX)))

    @given(st.binary(max_size=40))
    @settings(deadline=None, max_examples=100)
    def test_garbage_was_not_handed_out(self, nonce: bytes) -> None:
        self.assertFalse(self.is_ours(nonce))

    @given(st.integers(0, 15), st.integers(1, 255))
    @settings(deadline=None, max_examples=100)
    def test_changed_one_was_not_handed_out(self, place: int, change: int) -> None:
        nonce = bytearray(hand_out(SECRETS[0], "ann", UNIX))
        nonce[place] ^= change
        self.assertFalse(self.is_ours(bytes(nonce)))
