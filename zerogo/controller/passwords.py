# -*- test-case-name: zerogo.test.controller.test_passwords -*-
"""Passwords: argon2id in a pool of two threads with a short queue, so that a flood of logins takes neither the memory
nor the reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from attrs import frozen
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from zerogo.store.errors import StoreBusy

THREADS = 2
WAITING_LIMIT = 16
"""Each takes about 60 ms and 64 MiB while it runs (RFC 9106, second recommended option)."""


@frozen
class Verdict:
    """Whether a password was right, and the new hash to store where the old one is of weaker parameters."""

    is_right: bool
    new_hash: str | None = None


class PasswordCheck:
    """The slow functions; they block. A hash of nothing keeps unknown users as slow as known ones."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = PasswordHasher() if hasher is None else hasher
        self._of_nobody = self._hasher.hash("")

    def hash(self, password: str) -> str:
        """argon2id in its text form."""
        return self._hasher.hash(password)

    def verify(self, stored_hash: str | None, password: str) -> Verdict:
        """Compare; None is the hash of a user who does not exist."""
        try:
            self._hasher.verify(self._of_nobody if stored_hash is None else stored_hash, password)
        except (VerificationError, InvalidHashError):
            return Verdict(False)
        if stored_hash is None:
            return Verdict(False)
        is_weak = self._hasher.check_needs_rehash(stored_hash)
        return Verdict(True, self._hasher.hash(password) if is_weak else None)


class Passwords(Protocol):
    """How the API reaches `PasswordCheck`."""

    def hash(self, password: str) -> Deferred[str]: ...

    def verify(self, stored_hash: str | None, password: str) -> Deferred[Verdict]: ...


class PasswordThreads:
    """`PasswordCheck` in its pool."""

    def __init__(self, reactor: IReactorFromThreads, check: Callable[[], PasswordCheck] = PasswordCheck) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, THREADS, "passwords")
        self._check = check()
        self._waiting = 0

    def start(self) -> None:
        """Start the pool."""
        self._pool.start()

    def stop(self) -> None:
        """End it."""
        self._pool.stop()

    def hash(self, password: str) -> Deferred[str]:
        """As `PasswordCheck.hash`; fails with `StoreBusy` too."""
        return self._run(self._check.hash, password)

    def verify(self, stored_hash: str | None, password: str) -> Deferred[Verdict]:
        """As `PasswordCheck.verify`; fails with `StoreBusy` too."""
        return self._run(self._check.verify, stored_hash, password)

    def _run(self, function: Any, *arguments: Any) -> Deferred[Any]:
        if self._waiting >= WAITING_LIMIT:
            return fail(StoreBusy("too many log in at this moment; try again"))
        self._waiting += 1
        return deferToThreadPool(self._reactor, self._pool, function, *arguments).addBoth(self._done)

    def _done(self, result: Any) -> Any:
        self._waiting -= 1
        return result
