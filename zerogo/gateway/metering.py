# -*- test-case-name: zerogo.test.gateway.test_controlled -*-
"""Counts all streams of a gateway in payload bytes, spends users' credit, and makes batches for the controller.

A batch is what passed since the one before; there is one at a time under way, sent again under its number until it is
acknowledged, so that it counts once. A user with a package spends credit that the controller leased; when it ends, all
of the user's streams are held until the answer to the request for more, and ended where that says that there is none.
The rules are those of `zerogo.exit.credit`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from zerogo.control.gateway_messages import (
    ROWS_LIMIT,
    ClosedStream,
    Lease,
    LeaseRequest,
    Returned,
    Usage,
    UsageRow,
)
from zerogo.exit.credit import Credit
from zerogo.exit.grant import AccessRefused
from zerogo.exit.reason import Reason
from zerogo.net.exit_ports import LiveStream, StreamMeter

IDLE_SECONDS = 60.0
"""A lease that nobody used for so long is handed back."""
EXPECTED_SECONDS = 5.0
"""So long a stream may take until it is there."""
CLOSED_LIMIT = 100_000
"""Streams whose lines wait for a controller that is away; the oldest make room."""
_SPENT = "the traffic package of your account is used up"

_Key = tuple[str, str, str]
"""User, edge, country."""


@define(eq=False)
class _User:
    credit: Credit | None = None
    """None: bytes are free."""
    streams: dict[int, LiveStream] = field(factory=dict)
    used_at: float = 0.0
    is_held: bool = False


class LeasedMeter:
    """The meter.

    :param needs_credit: whether a user of that name has a package.
    :param country_of: of an edge.
    """

    def __init__(
        self,
        clock: IReactorTime,
        unix_time: Callable[[], float],
        needs_credit: Callable[[str], bool],
        country_of: Callable[[str], str],
    ) -> None:
        self.lines_lost = 0
        """Of the audit, since the controller was away for so long."""
        self.wants_lease: Callable[[], object] = lambda: None
        """Called when `take_lease_requests` should be asked."""
        self._clock = clock
        self._unix_time = unix_time
        self._needs_credit = needs_credit
        self._country_of = country_of
        self._users: dict[str, _User] = {}
        self._rows: dict[_Key, list[int]] = {}
        self._untold: dict[str, int] = {}
        """Bytes of each user in all those rows."""
        self._closed: deque[ClosedStream] = deque()
        self._returned: dict[str, int] = {}
        self._batch: Usage | None = None
        self._number = 0
        self._requests = 0
        """How many there were."""

    # ----- streams

    def check(self, user: str) -> None:
        """Raise `AccessRefused` where the user's package is used up, as far as is known."""
        found = self._user(user)
        credit = found.credit
        if credit is None:
            return
        found.used_at = now = self._clock.seconds()
        if credit.is_refused(now):
            raise AccessRefused(_SPENT, Reason.QUOTA)
        if credit.is_empty:
            self.wants_lease()

    def opened(self, stream: LiveStream) -> StreamMeter:
        """A stream is there."""
        record = stream.record
        user = self._user(record.user)
        user.streams[record.number] = stream
        row = self._row(record.user, record.edge)
        row[2] += 1
        if user.credit is not None and user.credit.is_empty:
            self._ran_dry(user)
        return _Count(self, user, stream)

    def passed(self, user: _User, stream: LiveStream, up: int, down: int) -> None:
        """Payload went by."""
        name = stream.record.user
        row = self._row(name, stream.record.edge)
        row[0] += up
        row[1] += down
        self._untold[name] = self._untold.get(name, 0) + up + down
        credit = user.credit
        if credit is not None:
            user.used_at = self._clock.seconds()
            if credit.spend(up + down):
                self._ran_dry(user)

    def is_over(self, user: _User, stream: LiveStream, up: int, down: int, reason: Reason | None) -> None:
        """A stream ended."""
        record = stream.record
        user.streams.pop(record.number, None)
        line = ClosedStream(
            user=record.user,
            source=record.source,
            edge=record.edge,
            exit_address=record.exit_address,
            target=str(record.target)[:300],
            command=record.command.name.lower(),
            ended_at=self._unix_time(),
            seconds=max(0.0, self._clock.seconds() - record.began_at),
            up=up,
            down=down,
            reason="closed" if reason is None else reason.name.lower().replace("_", "-"),
        )
        self._closed.append(line)
        if len(self._closed) > CLOSED_LIMIT:
            self._closed.popleft()
            self.lines_lost += 1
        self._forget_if_idle(record.user, user)

    # ----- credit

    def take_lease_requests(self) -> Iterator[LeaseRequest]:
        """What the controller is to be asked now, after all batches that were taken."""
        now = self._clock.seconds()
        for name, user in self._users.items():
            credit = user.credit
            if credit is None:
                continue
            is_expected = bool(user.streams) or now - user.used_at < EXPECTED_SECONDS or credit.is_asking
            if is_expected and credit.take_request(self._requests + 1, now):
                self._requests += 1
                held = credit.left + self._untold.get(name, 0) + self._returned.get(name, 0)
                yield LeaseRequest(name, self._requests, held)

    def leased(self, lease: Lease) -> None:
        """The controller's answer."""
        user = self._users.get(lease.user)
        credit = None if user is None else user.credit
        now = self._clock.seconds()
        if user is None or credit is None:
            if lease.count:
                self._returned[lease.user] = self._returned.get(lease.user, 0) + lease.count
        elif not credit.is_answer(lease.number):
            # A later request is under way, and says that this was not leased.
            pass
        elif lease.is_waiting:
            credit.wait(lease.retry_seconds, now)
        else:
            credit.granted(lease.count, lease.retry_seconds, now)
            if not credit.is_empty:
                self._hold(user, is_held=False)
            elif not lease.count:
                for stream in list(user.streams.values()):
                    stream.kill(Reason.QUOTA)

    def account_changed(self, name: str) -> None:
        """Package or account are others: what is leased goes back, and is asked for anew."""
        user = self._users.get(name)
        if user is None:
            return
        self._hand_back(name, user)
        if not self._needs_credit(name):
            user.credit = None
            self._hold(user, is_held=False)
            return
        if user.credit is None:
            user.credit = Credit()
        user.credit.give_up()
        if user.streams:
            self._ran_dry(user)

    def hand_back_idle(self) -> None:
        """Leases that nobody uses."""
        before = self._clock.seconds() - IDLE_SECONDS
        for name, user in list(self._users.items()):
            if user.credit is not None and user.credit.left > 0 and user.used_at <= before:
                self._hand_back(name, user)
            self._forget_if_idle(name, user)

    # ----- batches

    def next_batch(self) -> Usage | None:
        """What to send; the one that is under way comes again. None: nothing passed."""
        if self._batch is None and (self._rows or self._closed or self._returned):
            self._number += 1
            keys = [key for key, _ in zip(self._rows, range(ROWS_LIMIT), strict=False)]
            for key in keys:
                self._tell(key[0], self._rows[key])
            lines = min(ROWS_LIMIT // 2, len(self._closed))
            backs = [name for name, _ in zip(self._returned, range(ROWS_LIMIT // 4), strict=False)]
            self._batch = Usage(
                self._number,
                [UsageRow(*key, *self._rows.pop(key)) for key in keys],
                [self._closed.popleft() for _ in range(lines)],
                [Returned(name, self._returned.pop(name)) for name in backs],
            )
        return self._batch

    @property
    def is_all_told(self) -> bool:
        """Whether the controller has everything."""
        return self._batch is None and not self._rows and not self._closed and not self._returned

    @property
    def is_urgent(self) -> bool:
        """Whether the next batch should not wait for its second: credit goes back, which somebody else may want."""
        return bool(self._returned) or len(self._rows) > ROWS_LIMIT or len(self._closed) > ROWS_LIMIT

    def acked(self, number: int) -> None:
        """That batch is on the controller's disk."""
        if self._batch is not None and self._batch.number == number:
            self._batch = None

    # ----- pieces

    def _user(self, name: str) -> _User:
        user = self._users.get(name)
        if user is None:
            user = self._users[name] = _User(Credit() if self._needs_credit(name) else None)
            user.used_at = self._clock.seconds()
        return user

    def _row(self, user: str, edge: str) -> list[int]:
        key = (user, edge, self._country_of(edge))
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = [0, 0, 0]
        return row

    def _tell(self, name: str, row: list[int]) -> None:
        """A row goes into a batch."""
        left = self._untold.pop(name, 0) - row[0] - row[1]
        if left:
            self._untold[name] = left

    def _ran_dry(self, user: _User) -> None:
        self._hold(user, is_held=True)
        self.wants_lease()

    @staticmethod
    def _hold(user: _User, *, is_held: bool) -> None:
        user.is_held = is_held
        for stream in list(user.streams.values()):
            stream.hold(is_held)

    def _hand_back(self, name: str, user: _User) -> None:
        if user.credit is not None and user.credit.left > 0:
            self._returned[name] = self._returned.get(name, 0) + user.credit.left
            user.credit.give_up()

    def _forget_if_idle(self, name: str, user: _User) -> None:
        credit = user.credit
        if not user.streams and (credit is None or self._is_settled(credit)):
            self._users.pop(name, None)

    def _is_settled(self, credit: Credit) -> bool:
        return credit.left == 0 and not credit.is_asking and not credit.is_refused(self._clock.seconds())


class _Count:
    """One stream's."""

    def __init__(self, meter: LeasedMeter, user: _User, stream: LiveStream) -> None:
        self._meter = meter
        self._user = user
        self._stream = stream
        self._up = 0
        self._down = 0

    def sent(self, count: int) -> None:
        """From the user."""
        self._up += count
        self._meter.passed(self._user, self._stream, count, 0)

    def received(self, count: int) -> None:
        """To the user."""
        self._down += count
        self._meter.passed(self._user, self._stream, 0, count)

    def closed(self, reason: Reason | None) -> None:
        """It is over."""
        self._meter.is_over(self._user, self._stream, self._up, self._down, reason)
