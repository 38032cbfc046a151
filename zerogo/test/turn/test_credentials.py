"""Users with passwords, and users that whoever knows the secret can make."""

from __future__ import annotations

import base64
import hashlib
import hmac

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.secret import Secret
from zerogo.stun.integrity import long_term_key
from zerogo.turn.credentials import Account, Authorities, StaticUsers, TimedUsers, timed_password, timed_username

SECRET = Secret("north")


class StaticUsersTests(SynchronousTestCase):
    def test_user_has_the_long_term_key(self) -> None:
        users = StaticUsers({"alice": Secret("pw")})
        self.assertEqual(
            tuple(users.accounts("alice", "r", 0)), (Account("alice", hashlib.md5(b"alice:r:pw").digest()),)
        )
        self.assertEqual(tuple(users.accounts("bob", "r", 0)), ())

    def test_key_does_not_show(self) -> None:
        self.assertNotIn("key", repr(Account("alice", b"secret-key")))


class TimedUsersTests(SynchronousTestCase):
    def test_password_is_that_of_the_rest_scheme(self) -> None:
        expected = base64.b64encode(hmac.new(b"north", b"1700000000:node", hashlib.sha1).digest()).decode()
        self.assertEqual(timed_password(SECRET, "1700000000:node").reveal(), expected)

    def test_name_stands_for_the_part_behind_the_colon(self) -> None:
        (account,) = TimedUsers([SECRET]).accounts("1700000000:node", "r", 1_699_999_999)
        password = timed_password(SECRET, "1700000000:node").reveal()
        self.assertEqual(account, Account("node", long_term_key("1700000000:node", "r", password), 1_700_000_000.0))

    def test_name_may_be_the_time_alone(self) -> None:
        (account,) = TimedUsers([SECRET]).accounts("1700000000", "r", 0)
        self.assertEqual(account.user, "1700000000")

    def test_expired_name_stands_for_nobody(self) -> None:
        users = TimedUsers([SECRET])
        self.assertEqual(tuple(users.accounts("1700000000:node", "r", 1_700_000_000)), ())

    def test_old_and_new_secret_are_both_in_force(self) -> None:
        accounts = TimedUsers([SECRET, Secret("south")]).accounts("1700000000:node", "r", 0)
        self.assertEqual(len({each.key for each in accounts}), 2)

    def test_made_names_are_read_back(self) -> None:
        (account,) = TimedUsers([SECRET]).accounts(timed_username("a:b", 99.9), "r", 5)
        self.assertEqual((account.user, account.expires_at), ("a:b", 99.0))

    @given(st.text(max_size=200))
    @settings(deadline=None, max_examples=200)
    def test_garbage_stands_for_nobody(self, username: str) -> None:
        for account in TimedUsers([SECRET]).accounts(username, "r", 1e12):
            self.fail(f"{username!r} is {account.user!r}")

    def test_authorities_are_all_asked(self) -> None:
        both = Authorities([StaticUsers({"alice": Secret("pw")}), TimedUsers([SECRET])])
        self.assertEqual([each.user for each in both.accounts("alice", "r", 0)], ["alice"])
        self.assertEqual([each.user for each in both.accounts("9:bob", "r", 0)], ["bob"])
