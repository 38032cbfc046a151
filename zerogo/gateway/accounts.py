# -*- test-case-name: zerogo.test.gateway.test_accounts -*-
"""Users of the configuration file, with argon2id hashes, checked in a thread of their own.

A right password is remembered for a minute, as a keyed hash: a browser opens a hundred connections, and each check
takes 50 ms. Who guesses is slowed down by source: after `FAILURES` wrong ones in a row, that source waits.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime

from zerogo.config.gateway import GatewayConfig, GatewayUser
from zerogo.core import RandomBytes
from zerogo.exit.grant import AccessRefused, Grant, Route, RouteMode
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
_WRONG = "user name or password is wrong"


class Threads(Protocol):
    """Where slow functions run."""

    def __call__(self, function: Callable[..., bool], *arguments: object) -> Deferred[bool]: ...


def grant_of(user: GatewayUser) -> Grant:
    """What a user of the file may do."""
    return Grant(
        user=user.name,
        upload=user.upload,
        download=user.download,
        streams=user.streams,
        is_early=user.reply == "early",
        may_listen=user.listen,
        may_datagrams=user.datagrams,
        zones=user.zones,
        route=Route(mode=RouteMode(user.mode), edge=user.edge, minutes=user.minutes),
    )


class FileAccounts:
    """The users of a gateway's file."""

    def __init__(self, config: GatewayConfig, clock: IReactorTime, run: Threads, rng: RandomBytes) -> None:
        self._users = {user.name: user for user in config.users}
        self._open_to = config.open_to
        self._clock = clock
        self._run = run
        self._salt = rng(32)
        self._hasher = PasswordHasher()
        self._of_nobody = self._hasher.hash("")
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._waiting = 0

    def may_skip_password(self, source: str) -> bool:
        """Whether that address is in a range that is open."""
        address = parse_address(source)
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._open_to)

    def authenticate(self, user: str, password: Secret | None, source: str) -> Deferred[Grant]:
        """Who it is; fails with `AccessRefused`."""
        if password is None:
            is_open = not user and self.may_skip_password(source)
            return succeed(Grant(user=ANONYMOUS)) if is_open else fail(AccessRefused("a password is needed"))
        if self._is_locked(source):
            return fail(AccessRefused("too many wrong passwords came from your address; wait half a minute"))
        known = self._users.get(user)
        if known is not None and known.sources and not self._comes_from(known, source):
            known = None
        digest = self._digest(user, password)
        if known is not None and self._right.get(digest, 0.0) > self._clock.seconds():
            return succeed(grant_of(known))
        if self._waiting >= CHECKS_LIMIT:
            return fail(AccessRefused("too many log in at this moment; try again"))
        self._waiting += 1
        stored = self._of_nobody if known is None or known.password_hash is None else known.password_hash.reveal()
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

    def _verdict(self, is_right: bool, known: GatewayUser | None, digest: bytes, source: str) -> Grant:
        now = self._clock.seconds()
        if known is None or known.password_hash is None or not is_right:
            count, _ = self._wrong.pop(source, (0, 0.0))
            self._wrong[source] = (count + 1, now + LOCKED_SECONDS)
            while len(self._wrong) > SOURCES_LIMIT:
                self._wrong.popitem(last=False)
            raise AccessRefused(_WRONG)
        self._wrong.pop(source, None)
        self._right[digest] = now + REMEMBERED_SECONDS
        while len(self._right) > REMEMBERED_LIMIT:
            self._right.popitem(last=False)
        return grant_of(known)

    def _is_locked(self, source: str) -> bool:
        count, until = self._wrong.get(source, (0, 0.0))
        if count and until <= self._clock.seconds():
            del self._wrong[source]
            return False
        return count >= FAILURES

    def _digest(self, user: str, password: Secret) -> bytes:
        text = f"{user}\0{password.reveal()}".encode()
        return hashlib.blake2b(text, digest_size=32, key=self._salt).digest()

    @staticmethod
    def _comes_from(user: GatewayUser, source: str) -> bool:
        return any(parse_address(source) in network for network in user.sources)
