"""A login that is on the way: nobody but its browser can take it up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.oidc_attempt import ATTEMPT_SECONDS, AttemptInvalid, Attempts, sealed_attempt
from zerogo.test.control.pair import seeded
from zerogo.test.store.stock import NOW

COOKIE = "__Host-zerogo"


class AttemptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.attempts = Attempts(bytes(32), seeded(self.id()))
        self.attempt = self.attempts.begin(NOW)
        self.sealed = self.attempts.seal(self.attempt)

    def test_another_controller_with_the_same_seed_takes_it_up(self) -> None:
        other = Attempts(bytes(32), seeded("another"))
        self.assertEqual(other.open(self.sealed, self.attempt.state, NOW + ATTEMPT_SECONDS - 1), self.attempt)

    def test_another_seed_state_or_time_does_not(self) -> None:
        foreign = Attempts(bytes(31) + b"\x01", seeded("another"))
        self.assertRaises(AttemptInvalid, foreign.open, self.sealed, self.attempt.state, NOW)
        self.assertRaises(AttemptInvalid, self.attempts.open, self.sealed, "", NOW)
        self.assertRaises(AttemptInvalid, self.attempts.open, self.sealed, self.attempt.nonce, NOW)
        self.assertRaises(AttemptInvalid, self.attempts.open, self.sealed, self.attempt.state, NOW + ATTEMPT_SECONDS)

    def test_the_challenge_is_that_of_rfc_7636(self) -> None:
        """Appendix B."""
        verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        attempt = self.attempt.__class__("s", "n", verifier, NOW)
        self.assertEqual(attempt.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")

    def test_its_repr_shows_no_secret(self) -> None:
        for secret in (self.attempt.state, self.attempt.nonce, self.attempt.verifier):
            self.assertNotIn(secret, repr(self.attempt))

    @settings(max_examples=100, deadline=None)
    @given(st.text())
    def test_garbage_is_refused(self, text: str) -> None:
        self.assertRaises(AttemptInvalid, self.attempts.open, text, text, NOW)
        self.assertIsInstance(sealed_attempt(f"{COOKIE}-oidc={text}", COOKIE), str)
