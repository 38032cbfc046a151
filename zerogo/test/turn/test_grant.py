"""Grants for peers: for one user, one address, one time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.policy.addresses import parse_address
from zerogo.secret import Secret
from zerogo.turn.grant import GRANT_BYTES, emit_grant, is_granted

SECRET = Secret("north")
PEER = parse_address("8.8.8.8")


class GrantTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.grant = emit_grant(SECRET, "node", PEER, 1000)

    def test_bytes_of_a_grant(self) -> None:
        self.assertEqual(self.grant.hex(), "000003e8" + self.grant.hex()[8:])
        self.assertEqual(len(self.grant), GRANT_BYTES)

    def test_grant_holds_until_it_expires(self) -> None:
        self.assertTrue(is_granted([SECRET], self.grant, "node", PEER, 999))
        self.assertFalse(is_granted([SECRET], self.grant, "node", PEER, 1000))

    def test_grant_is_for_one_user_address_and_secret(self) -> None:
        for secrets, user, address in (
            ([SECRET], "other", "8.8.8.8"),
            ([SECRET], "node", "8.8.4.4"),
            ([SECRET], "node", "2606:4700::1111"),
            ([Secret("south")], "node", "8.8.8.8"),
            ([], "node", "8.8.8.8"),
        ):
            self.assertFalse(is_granted(secrets, self.grant, user, parse_address(address), 0))

    def test_one_of_several_secrets_is_enough(self) -> None:
        self.assertTrue(is_granted([Secret("south"), SECRET], self.grant, "node", PEER, 0))

    @given(st.binary(max_size=40))
    @settings(deadline=None, max_examples=100)
    def test_garbage_grants_nothing(self, grant: bytes) -> None:
        self.assertFalse(is_granted([SECRET], grant, "node", PEER, 0))
