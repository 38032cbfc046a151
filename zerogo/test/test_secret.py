"""A secret stays one."""

from __future__ import annotations

import copy
import pickle

from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import LocalError
from zerogo.secret import Secret

TEXT = "correct horse battery staple"


class SecretTests(SynchronousTestCase):
    """What a `Secret` gives away."""

    def test_reveals_its_text_on_request_only(self) -> None:
        secret = Secret(TEXT)
        self.assertEqual(secret.reveal(), TEXT)
        for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}", "%s" % secret):  # noqa: UP031
            self.assertNotIn(TEXT, shown)

    def test_cannot_be_pickled_or_copied(self) -> None:
        self.assertRaises(LocalError, pickle.dumps, Secret(TEXT))
        self.assertRaises(LocalError, copy.copy, Secret(TEXT))

    def test_equals_a_secret_of_the_same_text_only(self) -> None:
        self.assertEqual(Secret(TEXT), Secret(TEXT))
        self.assertEqual(hash(Secret(TEXT)), hash(Secret(TEXT)))
        self.assertNotEqual(Secret(TEXT), Secret(TEXT + "r"))
        self.assertNotEqual(Secret(TEXT), TEXT)
