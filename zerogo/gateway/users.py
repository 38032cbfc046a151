# -*- test-case-name: integration.test_exits -*-
"""Who is in: how many streams each user has, how fast they may be, and every live stream, to be ended from outside."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

from attrs import define, evolve
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from zerogo.control.gateway_messages import UserActivity
from zerogo.errors import ParseError
from zerogo.exit.choose import Demand
from zerogo.exit.frames import Command
from zerogo.exit.grant import AccessRefused, Grant
from zerogo.exit.rate import RateLimit
from zerogo.exit.reason import Reason
from zerogo.exit.retry import LIMIT_SECONDS
from zerogo.exit.username import UserName, parse_username
from zerogo.gateway.hub import Hub
from zerogo.net.exit_opening import Opening, OpeningOwner, OpenStream
from zerogo.net.exit_ports import Accounts, LiveStream, Meter, StreamMeter, StreamRecord
from zerogo.net.exit_user import Entry, UserEnd
from zerogo.net.timeouts import Timeouts
from zerogo.secret import Secret

_log = Logger(namespace="zerogo.exit.users")
_audit = Logger(namespace="zerogo.exit.audit")


@define
class _UserState:
    """One user who has streams."""

    up: RateLimit
    down: RateLimit
    streams: int = 0
    elsewhere: int = 0
    """Streams at other gateways."""
    share: tuple[int, int] | None = None
    """The part of the rates that is this gateway's; None: all of them."""
    passed_up: int = 0
    """Bytes since somebody asked."""
    passed_down: int = 0


class _Live:
    """A live stream."""

    def __init__(self, record: StreamRecord, end: UserEnd) -> None:
        self.record = record
        self.kill = end.kill
        self.hold = end.hold


class _Counted:
    """Counts, and forgets the stream when it is over."""

    def __init__(self, desk: UserDesk, live: _Live, state: _UserState, stream: OpenStream) -> None:
        self._desk = desk
        self._stream = stream
        self._state = state
        self.live = live
        self.up = 0
        self.down = 0
        self.used_at = desk.clock.seconds()
        self.meter: StreamMeter | None = None

    def sent(self, count: int) -> None:
        """From the user."""
        self.up += count
        self._state.passed_up += count
        self.used_at = self._desk.clock.seconds()
        if self.meter is not None:
            self.meter.sent(count)

    def received(self, count: int) -> None:
        """To the user."""
        self.down += count
        self._state.passed_down += count
        self.used_at = self._desk.clock.seconds()
        if self.meter is not None:
            self.meter.received(count)

    def closed(self, reason: Reason | None) -> None:
        """It is over."""
        if self.meter is not None:
            self.meter.closed(reason)
        if reason is None and self.live.record.command is Command.CONNECT:
            self._stream.edge.counted(self._stream.number, self.up, self.down)
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
        self.is_denied: Callable[[str], bool] = lambda source: False
        """Whether no user is taken from that address."""
        self._openings: Timeouts[Opening] = Timeouts(reactor, LIMIT_SECONDS, Opening.late)
        self._passed = [0, 0]
        self.ended: Counter[str] = Counter()
        """Streams that are over, by why."""
        self.refused: Counter[Reason] = Counter()
        """Streams that users may not have, and users who were not let in."""

    # ----- who it is

    def may_skip_password(self, source: str) -> bool:
        """Whether a client from there needs none."""
        return self._accounts.may_skip_password(source)

    def enter(self, username: str, password: Secret | None, source: str) -> Deferred[Entry]:
        """Let a user in, or not."""
        try:
            name = parse_username(username) if username else UserName("")
        except ParseError as error:
            self.refused[Reason.DENIED] += 1
            return fail(AccessRefused(str(error)))
        granted = self._accounts.authenticate(name.name, password, source)
        return granted.addCallbacks(lambda grant: Entry(grant, name), self._note_refusal)

    def _note_refusal(self, failure: Failure) -> Failure:
        if isinstance(failure.value, AccessRefused):
            self.refused[failure.value.reason] += 1
        return failure

    # ----- streams

    def open(self, entry: Entry, demand: Demand, owner: OpeningOwner) -> Opening | None:
        """Begin to open a stream; None where the owner was told already that it failed."""
        state = self._state(entry.grant)
        state.streams += 1
        try:
            grant = self._accounts.renewed(entry.grant)
            self._meter.check(grant.user)
            if grant.streams and state.streams + state.elsewhere > grant.streams:
                raise AccessRefused(f"you have {grant.streams} streams, which is your limit", Reason.QUOTA)
        except AccessRefused as refusal:
            self.refused[refusal.reason] += 1
            owner.stream_failed(refusal.reason, str(refusal))
            return None
        if grant is not entry.grant:
            self._state(grant)
        opening = Opening(self._hub, grant, allowed(grant, demand), owner, self._openings)
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

    def record(self, entry: Entry, demand: Demand, stream: OpenStream, source: str, end: UserEnd) -> StreamMeter:
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
        live = _Live(record, end)
        counted = self._counts[record.number] = _Counted(self, live, self._state(entry.grant), stream)
        counted.meter = self._meter.opened(live)
        if stream.early:
            counted.sent(stream.early)
        return counted

    def stream_over(self, record: StreamRecord, up: int, down: int, reason: Reason | None) -> None:
        """Forget it, and write who went where."""
        self._counts.pop(record.number, None)
        self._passed[0] += up
        self._passed[1] += down
        self.ended["closed" if reason is None else reason.name.lower().replace("_", "-")] += 1
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

    def stop(self) -> None:
        """Wait for no stream any more."""
        self._openings.stop()

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

    def in_use(self) -> set[tuple[str, str]]:
        """Which users have streams by which edges."""
        return {(one.live.record.user, one.live.record.edge) for one in self._counts.values()}

    @property
    def users(self) -> int:
        """Who have streams."""
        return sum(state.streams > 0 for state in self._users.values())

    @property
    def passed(self) -> tuple[int, int]:
        """Payload bytes up and down since the gateway was started."""
        live = self._counts.values()
        return self._passed[0] + sum(one.up for one in live), self._passed[1] + sum(one.down for one in live)

    @property
    def counted(self) -> list[_Counted]:
        """Every stream with its counts, the oldest first."""
        return list(self._counts.values())

    def grant_of(self, user: str) -> Grant | None:
        """What a user may do; None where there is no such user, or not at the moment."""
        try:
            return self._accounts.renewed(Grant(user=user))
        except AccessRefused:
            return None

    def kill_user(self, user: str, reason: Reason = Reason.DENIED) -> int:
        """End all streams of a user; how many."""
        found = [live for live in self.live if live.record.user == user]
        for live in found:
            live.kill(reason)
        return len(found)

    def kill_denied(self) -> None:
        """End streams of users whose address is denied."""
        for live in self.live:
            if self.is_denied(live.record.source):
                live.kill(Reason.DENIED)

    def kill_stream(self, number: int, reason: Reason = Reason.DENIED) -> None:
        """End one stream."""
        counted = self._counts.get(number)
        if counted is not None:
            counted.live.kill(reason)

    def account_changed(self, user: str) -> None:
        """Let what changed act on streams that are there."""
        if user not in self._users:
            return
        found = [live for live in self.live if live.record.user == user]
        try:
            grant = self._accounts.renewed(Grant(user=user))
        except AccessRefused as refusal:
            for live in found:
                live.kill(refusal.reason)
            return
        self._state(grant)
        for live in found:
            state = self._hub.pool.get(live.record.edge)
            demand = allowed(grant, Demand(command=live.record.command, target=live.record.target))
            is_allowed = state is not None and demand.allows(state.profile)
            if not is_allowed or not self._accounts.may_come_from(user, live.record.source):
                live.kill(Reason.DENIED)

    def check_standings(self) -> None:
        """End streams of users whose time is over."""
        for user in list(self._users):
            try:
                self._accounts.renewed(Grant(user=user))
            except AccessRefused as refusal:
                self.kill_user(user, refusal.reason)

    def activity(self) -> list[UserActivity]:
        """Users with streams, and how fast they were since this was asked the last time."""
        found = []
        for user, state in self._users.items():
            passed, hungry = (state.passed_up, state.passed_down), (state.up.take_hunger(), state.down.take_hunger())
            state.passed_up = state.passed_down = 0
            if state.streams:
                found.append(UserActivity(user, state.streams, *passed, *hungry))
        return found

    def take_shares(self, shares: dict[str, tuple[int, int, int]]) -> None:
        """Parts of rates, up and down, and streams elsewhere, of users who are at other gateways, too."""
        for user, state in self._users.items():
            up, down, elsewhere = shares.get(user, (0, 0, 0))
            state.elsewhere = elsewhere
            state.share = (up, down) if user in shares else None
            try:
                self._state(self._accounts.renewed(Grant(user=user)))
            except AccessRefused:
                state.share = None

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
        up, down = state.share or (grant.upload, grant.download)
        if (state.up.rate, state.down.rate) != (up, down):
            self.change_rates(grant.user, up, down)
        return state


def allowed(grant: Grant, demand: Demand) -> Demand:
    """A demand that only edges meet which the user may have."""
    if not (grant.regions or grant.countries or grant.edges) and demand.zones == grant.zones:
        return demand
    return evolve(demand, zones=grant.zones, regions=grant.regions, countries=grant.countries, edges=grant.edges)


class CountingMeter:
    """Counts per user, in memory."""

    def __init__(self) -> None:
        self.users: dict[str, tuple[int, int]] = {}
        """Bytes up and down."""

    def check(self, user: str) -> None:
        """Bytes are free."""

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
