# -*- test-case-name: zerogo.test.controller.test_login_limits -*-
"""Slowing down who guesses passwords, without locking anyone out.

Failures are counted for an account as tried from one network of origin, for that network whatever the account, and for
the account wherever the attempt comes from. Beyond its free attempts each further failure doubles the wait, up to a
bound. The bound for the account as a whole is a few seconds: it slows a guesser with many addresses, and whoever only
wants to keep the account's owner out cannot. An attempt counts as failed from its beginning, so that many at once count
as many; a success takes it back and forgets the account's failures. An hour of quiet forgets all. The table is bounded:
what was quiet longest is dropped first.

Several controllers of one database tell each other of each attempt as it begins and ends (`tell`, `heard`), so that
whoever spreads guesses over them has no more of them.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable

from attrs import define, frozen

from zerogo.control.connection import origin_of
from zerogo.control.fellow_words import Attempted, Step
from zerogo.store.networks import name_key

FREE_ATTEMPTS = 5
FREE_PER_SOURCE = 50
"""A network of origin may be a whole company behind one address."""
FREE_PER_ACCOUNT = 100
FIRST_WAIT_SECONDS = 1.0
WAIT_LIMIT_SECONDS = 300.0
ACCOUNT_WAIT_LIMIT_SECONDS = 5.0
FORGET_SECONDS = 3600.0
ENTRIES_LIMIT = 10_000


@frozen
class _Limit:
    key: str
    free: int
    longest: float


@define
class _Failures:
    count: int
    last_at: float


class LoginLimits:
    """Failures by account and by source; `now` is monotonic seconds."""

    def __init__(self) -> None:
        self.tell: Callable[[Attempted], object] = lambda word: None
        """Tells the other controllers of the same database, where there are any."""
        self._failures: dict[str, _Failures] = {}

    def wait(self, name: str, source: str, now: float) -> float:
        """Seconds until this account may be tried from this host; 0: at once."""
        return max(self._wait(limit, now) for limit in _limits(name, source))

    def begin(self, name: str, source: str, now: float) -> None:
        """An attempt begins, and counts as failed."""
        self._begin(name, source, now)
        self.tell(Attempted(name, source, Step.BEGUN))

    def forgive(self, name: str, source: str) -> None:
        """The attempt did not fail, or was not even made."""
        self._forgive(name, source)
        self.tell(Attempted(name, source, Step.FORGIVEN))

    def succeeded(self, name: str, source: str) -> None:
        """The account's owner is in."""
        self._succeeded(name, source)
        self.tell(Attempted(name, source, Step.SUCCEEDED))

    def heard(self, word: Attempted, now: float) -> None:
        """Somebody tried to log in at another controller."""
        match word.step:
            case Step.BEGUN:
                self._begin(word.account, word.source, now)
            case Step.FORGIVEN:
                self._forgive(word.account, word.source)
            case Step.SUCCEEDED:
                self._succeeded(word.account, word.source)

    def _begin(self, name: str, source: str, now: float) -> None:
        for limit in _limits(name, source):
            failures = self._failures.pop(limit.key, None)
            if failures is None or now - failures.last_at > FORGET_SECONDS:
                failures = _Failures(0, now)
            failures.count += 1
            failures.last_at = now
            self._failures[limit.key] = failures
        while len(self._failures) > ENTRIES_LIMIT:
            del self._failures[next(iter(self._failures))]

    def _forgive(self, name: str, source: str) -> None:
        for limit in _limits(name, source):
            failures = self._failures.get(limit.key)
            if failures is not None and failures.count > 1:
                failures.count -= 1
            else:
                self._failures.pop(limit.key, None)

    def _succeeded(self, name: str, source: str) -> None:
        self._forgive(name, source)
        for limit in _limits(name, source)[:2]:
            self._failures.pop(limit.key, None)

    def _wait(self, limit: _Limit, now: float) -> float:
        failures = self._failures.get(limit.key)
        if failures is None or failures.count < limit.free or now - failures.last_at > FORGET_SECONDS:
            return 0.0
        wait = min(limit.longest, FIRST_WAIT_SECONDS * 2.0 ** min(failures.count - limit.free, 20))
        return max(0.0, failures.last_at + wait - now)


def _limits(name: str, source: str) -> tuple[_Limit, _Limit, _Limit]:
    account, network = name_key(name), source_network(source)
    return (
        _Limit(f"pair:{network} {account}", FREE_ATTEMPTS, WAIT_LIMIT_SECONDS),
        _Limit(f"name:{account}", FREE_PER_ACCOUNT, ACCOUNT_WAIT_LIMIT_SECONDS),
        _Limit(f"source:{network}", FREE_PER_SOURCE, WAIT_LIMIT_SECONDS),
    )


@functools.lru_cache(maxsize=4096)
def source_network(source: str) -> str:
    """The /24 or /64 of an address; other texts as they are."""
    origin = origin_of(source)
    try:
        return str(ipaddress.IPv4Network((origin, 24), strict=False))
    except ValueError:
        return origin
