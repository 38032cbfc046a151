"""Fingerprints: of one form, and other ones for other keys."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.noise.fingerprint import fingerprint
from zerogo.noise.identity import PublicIdentity

PUBLIC = PublicIdentity(b"s" * 32, b"e" * 32)


class FingerprintTests(SynchronousTestCase):
    def test_it_is_eight_groups_of_four(self) -> None:
        self.assertRegex(fingerprint(PUBLIC), r"\A([a-z2-7]{4} ){7}[a-z2-7]{4}\Z")

    def test_each_key_counts(self) -> None:
        prints = {
            fingerprint(each)
            for each in (
                PUBLIC,
                evolve(PUBLIC, static_public=b"t" * 32),
                evolve(PUBLIC, signing_public=b"f" * 32),
                PublicIdentity(PUBLIC.signing_public, PUBLIC.static_public),
            )
        }
        self.assertEqual(len(prints), 4)
