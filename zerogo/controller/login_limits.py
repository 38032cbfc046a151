# -*- test-case-name: zerogo.test.controller.test_login_limits -*-
"""Slowing down who guesses passwords, per account and per network of origin, without locking anyone out for good.

After `FREE_ATTEMPTS` failures each further one doubles the wait, up to `WAIT_LIMIT_SECONDS`; a success forgets the
account's failures, and an hour of quiet forgets all. The table is bounded: what was quiet longest is dropped first.
"""

from __future__ import annotations

import ipaddress

from attrs import define

from zerogo.store.networks import name_key

FREE_ATTEMPTS = 5
FIRST_WAIT_SECONDS = 1.0
WAIT_LIMIT_SECONDS = 300.0
FORGET_SECONDS = 3600.0
ENTRIES_LIMIT = 10_000
FREE_PER_SOURCE = 50
"""A network of origin may be a whole company behind one address."""


@define
class _Failures:
    count: int
    last_at: float


class LoginLimits:
    """Failures by account and by source; `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._failures: dict[str, _Failures] = {}

    def wait(self, name: str, source: str, now: float) -> float:
        """Seconds until this account may be tried from this host; 0: at once."""
        account = self._wait(f"name:{name_key(name)}", FREE_ATTEMPTS, now)
        return max(account, self._wait(f"source:{source_network(source)}", FREE_PER_SOURCE, now))

    def failed(self, name: str, source: str, now: float) -> None:
        """An attempt failed."""
        for key in (f"name:{name_key(name)}", f"source:{source_network(source)}"):
            failures = self._failures.pop(key, None)
            if failures is None or now - failures.last_at > FORGET_SECONDS:
                failures = _Failures(0, now)
            failures.count += 1
            failures.last_at = now
            self._failures[key] = failures
        while len(self._failures) > ENTRIES_LIMIT:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, name: str) -> None:
        """The account's owner is in."""
        self._failures.pop(f"name:{name_key(name)}", None)

    def _wait(self, key: str, free: int, now: float) -> float:
        failures = self._failures.get(key)
        if failures is None or failures.count < free or now - failures.last_at > FORGET_SECONDS:
            return 0.0
        wait = min(WAIT_LIMIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(failures.count - free, 20))
        return max(0.0, failures.last_at + wait - now)


def source_network(source: str) -> str:
    """The /24 or /64 of an address; other texts as they are."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source[:60]
    length = 24 if address.version == 4 else 64
    return str(ipaddress.ip_network((address, length), strict=False))
