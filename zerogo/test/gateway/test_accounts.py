"""Users of a file and of a controller: right and wrong passwords, addresses, and who guesses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from argon2 import PasswordHasher
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.gateway import GatewayConfig
from zerogo.config.load import parse
from zerogo.exit.account import Account
from zerogo.exit.grant import AccessRefused, Grant, RouteMode
from zerogo.gateway.accounts import (
    FAILURES,
    LOCKED_SECONDS,
    REMEMBERED_SECONDS,
    AccountBook,
    PasswordAccounts,
    account_of,
)
from zerogo.secret import Secret

HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("correct-horse")
CONFIG = f"""
open-to: [127.0.0.0/8, "2001:db8::/32"]
users:
  - {{name: alice, password-hash: '{HASH}', download: 500, reply: early, mode: polling, zones: [home]}}
  - {{name: bob, password-hash: '{HASH}', sources: [192.0.2.0/24]}}
"""


class PasswordAccountsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.checks = 0
        config = parse(CONFIG.encode(), GatewayConfig)
        self.book = AccountBook(account_of(user) for user in config.users)
        self.unix_now = 1000.0
        self.accounts = PasswordAccounts(
            self.book, config, self.clock, lambda: self.unix_now, self.run_now, lambda n: b"s" * n
        )

    def run_now(self, function: Callable[..., bool], *arguments: Any) -> Deferred[bool]:
        self.checks += 1
        return maybeDeferred(function, *arguments)

    def enter(self, user: str, password: str | None, source: str = "198.51.100.1") -> Grant | str:
        secret = None if password is None else Secret(password)
        entered = self.accounts.authenticate(user, secret, source)
        results: list[Grant | str] = []
        entered.addCallbacks(
            results.append, lambda failure: results.append(str(failure.trap(AccessRefused)) and str(failure.value))
        )
        return results[0]

    def test_a_right_password_gives_what_the_file_grants(self) -> None:
        grant = self.enter("alice", "correct-horse")
        assert isinstance(grant, Grant)
        self.assertEqual(
            (grant.download, grant.is_early, grant.zones, grant.route.mode), (500, True, ("home",), RouteMode.POLLING)
        )

    def test_wrong_passwords_and_unknown_users_look_alike_and_cost_the_same(self) -> None:
        wrong, unknown = self.enter("alice", "wrong"), self.enter("eve", "correct-horse")
        self.assertEqual((wrong, self.checks), (unknown, 2))

    def test_a_right_password_is_not_checked_again_for_a_minute(self) -> None:
        for _ in range(5):
            self.assertIsInstance(self.enter("alice", "correct-horse"), Grant)
        self.assertEqual(self.checks, 1)
        self.assertIsInstance(self.enter("alice", "wrong"), str)
        self.clock.advance(REMEMBERED_SECONDS + 1)
        self.enter("alice", "correct-horse")
        self.assertEqual(self.checks, 3)

    def test_whoever_guesses_waits_and_nobody_else(self) -> None:
        for _ in range(FAILURES):
            self.enter("alice", "wrong")
        checks = self.checks
        self.assertIn("too many", str(self.enter("alice", "correct-horse")))
        self.assertEqual(self.checks, checks)
        self.assertIsInstance(self.enter("alice", "correct-horse", "198.51.100.2"), Grant)
        self.clock.advance(LOCKED_SECONDS + 1)
        self.assertIsInstance(self.enter("alice", "correct-horse"), Grant)

    def test_a_user_comes_from_where_they_may(self) -> None:
        self.assertIsInstance(self.enter("bob", "correct-horse"), str)
        self.assertIsInstance(self.enter("bob", "correct-horse", "192.0.2.77"), Grant)

    def test_open_ranges_need_no_password_and_others_do(self) -> None:
        for source in ("127.0.0.1", "::ffff:127.0.0.1", "2001:db8::7"):
            self.assertTrue(self.accounts.may_skip_password(source))
            self.assertIsInstance(self.enter("", None, source), Grant)
        self.assertIsInstance(self.enter("", None), str)
        self.assertIsInstance(self.enter("alice", None, "127.0.0.1"), str)

    def test_a_user_of_the_controller_comes_in_until_it_is_paused_or_its_time_is_over_or_the_copy_is_stale(
        self,
    ) -> None:
        carol = Account(name="carol", password_hash=HASH, expires_at=2000.0)
        self.book.put([carol])
        self.assertIsInstance(self.enter("carol", "correct-horse"), Grant)
        self.book.put([msgspec.structs.replace(carol, is_paused=True)])
        self.assertIn("paused", str(self.enter("carol", "correct-horse")))
        self.book.put([carol])
        self.unix_now = 2000.0
        self.assertIn("time", str(self.enter("carol", "correct-horse")))
        self.assertRaises(AccessRefused, self.accounts.renewed, Grant(user="carol"))
        self.unix_now, self.book.is_stale = 1000.0, True
        self.assertIn("controller", str(self.assertRaises(AccessRefused, self.accounts.renewed, Grant(user="carol"))))
        self.assertIsInstance(self.enter("alice", "correct-horse"), Grant)

    def test_a_password_that_was_changed_is_not_remembered(self) -> None:
        self.book.put([Account(name="carol", password_hash=HASH)])
        self.assertIsInstance(self.enter("carol", "correct-horse"), Grant)
        other = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("another-horse")
        self.book.put([Account(name="carol", password_hash=other)])
        self.assertIsInstance(self.enter("carol", "correct-horse"), str)
        self.assertIsInstance(self.enter("carol", "another-horse"), Grant)
