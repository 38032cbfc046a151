# -*- test-case-name: zerogo.test.exit.test_owner_limits -*-
"""What an edge's owner gives away: so many bytes in a month, and only at some hours of the day. Times are UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from attrs import frozen

from zerogo.errors import ParseError

DAY_MINUTES = 24 * 60


@frozen
class Hours:
    """From one minute of the day up to another; over midnight where the second is not later."""

    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read `22:00-06:30`; raises `ParseError`."""
        match = re.fullmatch(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})", text, re.ASCII)
        numbers = [int(part) for part in match.groups()] if match else []
        if not numbers or max(numbers[0], numbers[2]) > 23 or max(numbers[1], numbers[3]) > 59:
            raise ParseError(f"{text[:40]!r} is no time of the day; write it as 22:00-06:30, in UTC")
        return cls(numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3])

    def __str__(self) -> str:
        times = (self.start, self.end)
        return "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in times)

    def holds(self, unix_time: float) -> bool:
        """Whether it is such a time."""
        minute = int(unix_time // 60) % DAY_MINUTES
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@frozen
class MonthUse:
    """Bytes of both directions in one month."""

    month: str
    """As in `2026-11`."""
    used: int = 0

    def at(self, unix_time: float) -> MonthUse:
        """This month's: zero where the one that is kept is over."""
        month = datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m")
        return self if month == self.month else MonthUse(month)

    def plus(self, count: int) -> MonthUse:
        """So many bytes more."""
        return MonthUse(self.month, self.used + count)
