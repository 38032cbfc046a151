# -*- test-case-name: zerogo.test.gateway.test_accounts -*-
"""Users of a gateway, those of its file and those of its controller, checked without asking anybody.

Passwords are argon2id hashes, checked in a thread. A right one is remembered for a minute, as a keyed hash: a browser
opens a hundred connections, and each check takes 50 ms. Who guesses is slowed down by source: after `FAILURES` wrong
ones in a row, that source waits. What a user may do is looked up anew at each stream, so a change holds at once.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime

from zerogo.config.gateway import GatewayConfig, GatewayUser
from zerogo.core import RandomBytes
from zerogo.exit.account import Account
from zerogo.exit.grant import AccessRefused, Grant, RouteMode
from zerogo.policy.addresses import parse_address
from zerogo.secret import Secret

REMEMBERED_SECONDS = 60.0
REMEMBERED_LIMIT = 4096
FAILURES = 8
LOCKED_SECONDS = 30.0
SOURCES_LIMIT = 10_000
CHECKS_LIMIT = 64
"""Password checks that may wait; each takes 50 ms."""
ANONYMOUS = "anonymous"
_OF_ANONYMOUS = Grant(user=ANONYMOUS)
_WRONG = "user name or password is wrong"


class Threads(Protocol):
    """Where slow functions run."""

    def __call__(self, function: Callable[..., bool], *arguments: object) -> Deferred[bool]: ...


def account_of(user: GatewayUser) -> Account:
    """A user of the file."""
    return Account(
        name=user.name,
        password_hash="" if user.password_hash is None else user.password_hash.reveal(),
        upload=user.upload,
        download=user.download,
        streams=user.streams,
        is_early=user.reply == "early",
        may_listen=user.listen,
        may_datagrams=user.datagrams,
        sources=[str(network) for network in user.sources],
        zones=list(user.zones),
        mode=RouteMode(user.mode),
        edge=user.edge,
        minutes=user.minutes,
    )


class AccountBook:
    """All accounts that a gateway knows. Those of the file stay whatever the controller says."""

    def __init__(self, own: Iterable[Account] = ()) -> None:
        self.revision = 0
        """Of the controller's accounts; 0: none came yet."""
        self.is_stale = False
        """Whether the controller has been away for too long to believe what it said last."""
        self._own = {account.name: account for account in own}
        self._given: dict[str, Account] = {}

    def find(self, name: str) -> Account | None:
        """An account."""
        return self._own.get(name) or (None if self.is_stale else self._given.get(name))

    def has_package(self, name: str) -> bool:
        """Whether that user's bytes need credit."""
        account = self.find(name)
        return account is not None and account.has_package

    @property
    def given(self) -> list[Account]:
        """Those of the controller."""
        return list(self._given.values())

    def put(self, accounts: Iterable[Account], removed: Iterable[str] = ()) -> None:
        """These are as they are here from now on, those are gone."""
        for account in accounts:
            self._given[account.name] = account
        for name in removed:
            self._given.pop(name, None)

    def clear(self) -> None:
        """Forget those of the controller."""
        self._given.clear()


class PasswordAccounts:
    """The users of a gateway."""

    def __init__(
        self,
        book: AccountBook,
        config: GatewayConfig,
        clock: IReactorTime,
        unix_time: Callable[[], float],
        run: Threads,
        rng: RandomBytes,
    ) -> None:
        self.book = book
        self._open_to = config.open_to
        self._clock = clock
        self._unix_time = unix_time
        self._run = run
        self.may_skip_password: Callable[[str], bool] = lru_cache(SOURCES_LIMIT)(self._is_open_to)
        """Whether an address is in a range that is open."""
        self._salt = rng(32)
        self._hasher = PasswordHasher()
        self._of_nobody = _of_nobody()
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._waiting = 0

    def _is_open_to(self, source: str) -> bool:
        address = parse_address(source)
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._open_to)

    def may_come_from(self, user: str, source: str) -> bool:
        """Whether a user may come from that address."""
        account = self.book.find(user)
        return account is None or account.may_come_from(source)

    def renewed(self, grant: Grant) -> Grant:
        """What a user who is in may do by now; raises `AccessRefused`."""
        if grant.user == ANONYMOUS:
            return grant
        account = self.book.find(grant.user)
        if account is None:
            raise AccessRefused("your account is gone" if not self.book.is_stale else _STALE)
        account.check_standing(self._unix_time())
        return account.grant()

    def authenticate(self, user: str, password: Secret | None, source: str) -> Deferred[Grant]:
        """Who it is; fails with `AccessRefused`."""
        if password is None:
            is_open = not user and self.may_skip_password(source)
            return succeed(_OF_ANONYMOUS) if is_open else fail(AccessRefused("a password is needed"))
        if self._is_locked(source):
            return fail(AccessRefused("too many wrong passwords came from your address; wait half a minute"))
        known = self.book.find(user)
        if known is not None and not known.may_come_from(source):
            known = None
        stored = self._of_nobody if known is None or not known.password_hash else known.password_hash
        digest = self._digest(user, password, stored)
        if known is not None and self._right.get(digest, 0.0) > self._clock.seconds():
            return _entered(known, self._unix_time())
        if self._waiting >= CHECKS_LIMIT:
            return fail(AccessRefused("too many log in at this moment; try again"))
        self._waiting += 1
        checked = self._run(self._verify, stored, password.reveal())
        return checked.addBoth(self._done).addCallback(self._verdict, known, digest, source)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def _done(self, result: bool) -> bool:
        self._waiting -= 1
        return result

    def _verdict(self, is_right: bool, known: Account | None, digest: bytes, source: str) -> Grant:
        now = self._clock.seconds()
        if known is None or not known.password_hash or not is_right:
            count, _ = self._wrong.pop(source, (0, 0.0))
            self._wrong[source] = (count + 1, now + LOCKED_SECONDS)
            while len(self._wrong) > SOURCES_LIMIT:
                self._wrong.popitem(last=False)
            raise AccessRefused(_WRONG)
        self._wrong.pop(source, None)
        self._right[digest] = now + REMEMBERED_SECONDS
        while len(self._right) > REMEMBERED_LIMIT:
            self._right.popitem(last=False)
        known.check_standing(self._unix_time())
        return known.grant()

    def _is_locked(self, source: str) -> bool:
        count, until = self._wrong.get(source, (0, 0.0))
        if count and until <= self._clock.seconds():
            del self._wrong[source]
            return False
        return count >= FAILURES

    def _digest(self, user: str, password: Secret, stored: str) -> bytes:
        """Of the stored hash too: a password that was changed is not remembered."""
        text = f"{user}\0{stored}\0{password.reveal()}".encode()
        return hashlib.blake2b(text, digest_size=32, key=self._salt).digest()


@cache
def _of_nobody() -> str:
    """A hash that takes as long to check as that of a user."""
    return PasswordHasher().hash("")


_STALE = "this gateway has not heard from its controller for too long"


def _entered(account: Account, unix_now: float) -> Deferred[Grant]:
    try:
        account.check_standing(unix_now)
    except AccessRefused as refusal:
        return fail(refusal)
    return succeed(account.grant())
