# -*- test-case-name: zerogo.test.turn.test_quota -*-
"""How much of a relay one user may have.

A user is on the books from its first allocation on. The books are bounded: when they are full, the user that was seen
longest ago and holds no allocation is struck off; where all hold one, no new user is taken.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from attrs import define, frozen

USERS_LIMIT = 16384


@frozen(kw_only=True)
class Quota:
    """Limits; those of one user unless they say otherwise."""

    allocations: int = 16
    total_allocations: int = 4096
    """Of all users."""
    allocations_per_second: float = 4.0
    """In the long run, deleted ones too."""
    permissions: int = 1024
    """Peer addresses of one allocation."""
    channels: int = 1024
    """Of one allocation."""
    total_entries: int = 1_048_576
    """Permissions and channels of all users: what bounds their memory, about 350 bytes each."""
    bytes_per_second: float = 12_500_000.0
    """Relayed in both directions together, payload only: 100 Mbit/s."""


class Bandwidth(Protocol):
    """How much a user may send and be sent."""

    def takes(self, amount: float, now: float) -> bool: ...

    def release(self) -> None: ...


class TokenBucket:
    """Allows `burst` at once and `rate` a second in the long run."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at = now

    def takes(self, amount: float, now: float) -> bool:
        """Take `amount`; False where there is not as much."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < amount:
            return False
        self._tokens -= amount
        return True

    def release(self) -> None:
        """Nothing is held."""


def make_bandwidth(rate: float, now: float) -> Bandwidth:
    """So many bytes a second, and as many at once."""
    return TokenBucket(rate, rate, now)


@define
class Usage:
    """What one user has and does."""

    user: str
    bandwidth: Bandwidth
    openings: TokenBucket
    allocations: int = 0


class Books:
    """The usage of all users."""

    def __init__(
        self, quota: Quota, users_limit: int = USERS_LIMIT, make: Callable[[float, float], Bandwidth] = make_bandwidth
    ) -> None:
        self.quota = quota
        self._make = make
        self.total = 0
        self.entries = 0
        """Permissions and channels of all allocations, kept by who installs them."""
        self._users_limit = users_limit
        self._usages: OrderedDict[str, Usage] = OrderedDict()

    def open(self, user: str, now: float) -> Usage | None:
        """Count one more allocation of `user`; None where a limit is reached."""
        if self.total >= self.quota.total_allocations:
            return None
        usage = self._usage(user, now)
        if usage is None or usage.allocations >= self.quota.allocations or not usage.openings.takes(1, now):
            return None
        usage.allocations += 1
        self.total += 1
        return usage

    def close(self, usage: Usage) -> None:
        """One allocation less."""
        usage.allocations -= 1
        self.total -= 1

    def __len__(self) -> int:
        """Users on the books."""
        return len(self._usages)

    def _usage(self, user: str, now: float) -> Usage | None:
        usage = self._usages.get(user)
        if usage is not None:
            self._usages.move_to_end(user)
            return usage
        if len(self._usages) >= self._users_limit and not self._strike_off():
            return None
        quota = self.quota
        usage = self._usages[user] = Usage(
            user,
            self._make(quota.bytes_per_second, now),
            TokenBucket(quota.allocations_per_second, max(1.0, 2.0 * quota.allocations), now),
        )
        return usage

    def _strike_off(self) -> bool:
        for user, usage in self._usages.items():
            if usage.allocations == 0:
                del self._usages[user]
                usage.bandwidth.release()
                return True
        return False
