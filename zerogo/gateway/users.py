# -*- test-case-name: integration.test_exits -*-
"""Who is in: how many streams each user has, how fast they may be, and every live stream, to be ended from outside."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from attrs import define
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from zerogo.errors import ParseError
from zerogo.exit.choose import Demand
from zerogo.exit.grant import AccessRefused, Grant
from zerogo.exit.rate import RateLimit
from zerogo.exit.reason import Reason
from zerogo.exit.username import UserName, parse_username
from zerogo.gateway.hub import Hub
from zerogo.net.exit_opening import Opening, OpeningOwner, OpenStream
from zerogo.net.exit_ports import Accounts, LiveStream, Meter, StreamMeter, StreamRecord
from zerogo.net.exit_user import Entry
from zerogo.secret import Secret

_log = Logger(namespace="zerogo.exit.users")
_audit = Logger(namespace="zerogo.exit.audit")


@define
class _UserState:
    """One user who has streams."""

    up: RateLimit
    down: RateLimit
    streams: int = 0


class _Live:
    """A live stream."""

    def __init__(self, record: StreamRecord, kill: Callable[[Reason], None]) -> None:
        self.record = record
        self.kill = kill


class _Counted:
    """Counts, and forgets the stream when it is over."""

    def __init__(self, desk: UserDesk, live: _Live) -> None:
        self._desk = desk
        self.live = live
        self.up = 0
        self.down = 0
        self.used_at = desk.clock.seconds()
        self.meter: StreamMeter | None = None

    def sent(self, count: int) -> None:
        """From the user."""
        self.up += count
        self.used_at = self._desk.clock.seconds()
        if self.meter is not None:
            self.meter.sent(count)

    def received(self, count: int) -> None:
        """To the user."""
        self.down += count
        self.used_at = self._desk.clock.seconds()
        if self.meter is not None:
            self.meter.received(count)

    def closed(self, reason: Reason | None) -> None:
        """It is over."""
        if self.meter is not None:
            self.meter.closed(reason)
        self._desk.stream_over(self.live.record, self.up, self.down, reason)


class UserDesk:
    """All users of a gateway; what their connections know it by."""

    def __init__(self, hub: Hub, accounts: Accounts, meter: Meter, reactor: IReactorTime, advertised: str = "") -> None:
        self.clock = reactor
        self.reactor = reactor
        self.advertised = advertised
        self._hub = hub
        self._accounts = accounts
        self._meter = meter
        self._users: dict[str, _UserState] = {}
        self._counts: dict[int, _Counted] = {}
        self._numbers = itertools.count(1)

    # ----- who it is

    def may_skip_password(self, source: str) -> bool:
        """Whether a client from there needs none."""
        return self._accounts.may_skip_password(source)

    def enter(self, username: str, password: Secret | None, source: str) -> Deferred[Entry]:
        """Let a user in, or not."""
        try:
            name = parse_username(username) if username else UserName("")
        except ParseError as error:
            return fail(AccessRefused(str(error)))
        granted = self._accounts.authenticate(name.name, password, source)
        return granted.addCallback(lambda grant: Entry(grant, name))

    # ----- streams

    def open(self, entry: Entry, demand: Demand, owner: OpeningOwner) -> Opening | None:
        """Begin to open a stream; None where the owner was told already that it failed."""
        state = self._state(entry.grant)
        state.streams += 1
        if entry.grant.streams and state.streams > entry.grant.streams:
            owner.stream_failed(Reason.QUOTA, f"you have {entry.grant.streams} streams, which is your limit")
            return None
        opening = Opening(self._hub, entry.grant, demand, owner, self.clock)
        opening.begin()
        return None if opening.is_over else opening

    def closed(self, entry: Entry) -> None:
        """What `open` began is over."""
        state = self._users.get(entry.grant.user)
        if state is not None:
            state.streams -= 1
            if state.streams <= 0 and not state.up.rate and not state.down.rate:
                del self._users[entry.grant.user]

    def limits(self, entry: Entry) -> tuple[RateLimit, RateLimit]:
        """Of the user, over all streams."""
        state = self._state(entry.grant)
        return state.up, state.down

    def record(
        self, entry: Entry, demand: Demand, stream: OpenStream, source: str, kill: Callable[[Reason], None]
    ) -> tuple[LiveStream, StreamMeter]:
        """A stream is there."""
        profile = stream.edge.state.profile
        record = StreamRecord(
            number=next(self._numbers),
            user=entry.grant.user,
            source=source,
            edge=profile.edge,
            exit_address=profile.address,
            command=demand.command,
            target=demand.target,
            began_at=self.clock.seconds(),
        )
        live = _Live(record, kill)
        counted = self._counts[record.number] = _Counted(self, live)
        counted.meter = self._meter.opened(live)
        return live, counted

    def stream_over(self, record: StreamRecord, up: int, down: int, reason: Reason | None) -> None:
        """Forget it, and write who went where."""
        self._counts.pop(record.number, None)
        _audit.info(
            "{user} from {source} by {edge} ({exit_address}) to {target}: {up} bytes up, {down} down, "
            "{seconds:.1f} s, {reason}",
            event="stream-closed",
            user=record.user,
            source=record.source,
            edge=record.edge,
            exit_address=record.exit_address,
            target=str(record.target),
            up=up,
            down=down,
            seconds=self.clock.seconds() - record.began_at,
            reason="closed" if reason is None else reason.name.lower(),
        )

    # ----- from outside

    def end_idle(self, seconds: float) -> None:
        """End streams on which nothing passed for so long."""
        limit = self.clock.seconds() - seconds
        for counted in list(self._counts.values()):
            if counted.used_at < limit:
                counted.live.kill(Reason.IDLE)

    @property
    def live(self) -> tuple[LiveStream, ...]:
        """Every stream."""
        return tuple(counted.live for counted in self._counts.values())

    def kill_user(self, user: str, reason: Reason = Reason.DENIED) -> int:
        """End all streams of a user; how many."""
        found = [live for live in self.live if live.record.user == user]
        for live in found:
            live.kill(reason)
        return len(found)

    def change_rates(self, user: str, up: int, down: int) -> None:
        """Other limits for streams that are there, from this moment on."""
        state = self._users.get(user)
        if state is not None:
            state.up.change(up, self.clock.seconds())
            state.down.change(down, self.clock.seconds())

    def _state(self, grant: Grant) -> _UserState:
        now = self.clock.seconds()
        state = self._users.get(grant.user)
        if state is None:
            state = _UserState(RateLimit(grant.upload, now), RateLimit(grant.download, now))
            self._users[grant.user] = state
        elif (state.up.rate, state.down.rate) != (grant.upload, grant.download):
            self.change_rates(grant.user, grant.upload, grant.download)
        return state


class CountingMeter:
    """Counts per user, in memory."""

    def __init__(self) -> None:
        self.users: dict[str, tuple[int, int]] = {}
        """Bytes up and down."""

    def opened(self, stream: LiveStream) -> StreamMeter:
        """One stream."""
        return _Count(self, stream.record.user)

    def add(self, user: str, up: int, down: int) -> None:
        """So much more."""
        known = self.users.get(user, (0, 0))
        self.users[user] = (known[0] + up, known[1] + down)


class _Count:
    def __init__(self, meter: CountingMeter, user: str) -> None:
        self._meter = meter
        self._user = user

    def sent(self, count: int) -> None:
        self._meter.add(self._user, count, 0)

    def received(self, count: int) -> None:
        self._meter.add(self._user, 0, count)

    def closed(self, reason: Reason | None) -> None:
        """Nothing to do: all is counted."""
