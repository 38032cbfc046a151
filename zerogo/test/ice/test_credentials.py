"""Ufrag and password."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ice.credentials import Credentials


class CredentialsTests(SynchronousTestCase):
    def test_generated_ones_are_of_a_form_that_others_take(self) -> None:
        for seed in range(50):
            made = Credentials.generate(random.Random(seed).randbytes)
            self.assertEqual(Credentials.of(made.ufrag, made.pwd), made)
            self.assertEqual((len(made.ufrag), len(made.pwd)), (8, 24))

    def test_password_never_shows(self) -> None:
        made = Credentials.generate(random.Random(1).randbytes)
        self.assertNotIn(made.pwd, repr(made))

    def test_what_the_rfc_does_not_allow_is_refused(self) -> None:
        good = "a" * 22
        for ufrag, pwd in (("abc", good), ("a" * 257, good), ("ab:d", good), ("abcd\n", good), ("abcd", "a" * 21)):
            self.assertRaises(ParseError, Credentials.of, ufrag, pwd)
