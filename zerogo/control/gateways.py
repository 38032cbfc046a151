# -*- test-case-name: zerogo.test.control.test_gateways -*-
"""The controller's end of all its gateways' connections, as a core.

It proves who connects, asks its owner what to do with them (`EnterWanted`), hands on what they report, and sends them
what is decided. It knows no database; what it keeps is who is here, which edges each has, and how busy each user is
there, from which it divides rates (`zerogo.exit.shares`) once a second, gateways of other controllers (`far`) included.
A gateway whose transport is congested is sent answers and orders, but no accounts, settings and shares; those it is
sent anew when it has room again.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator, Sequence

from attrs import define, field

from zerogo.control.channel import ChannelResponder
from zerogo.control.connection import TokenBucket, origin_of
from zerogo.control.coordinator_events import CloseWanted
from zerogo.control.far_gateways import FarGateways
from zerogo.control.fellow_words import GatewayTold
from zerogo.control.gateway_events import (
    AnswerReceived,
    ClaimsWanted,
    DiscrepancyReported,
    EdgesReported,
    EnterWanted,
    GatewayGone,
    GatewayHere,
    GatewayPresence,
    LeaseWanted,
    OfficeEvent,
    UsageReported,
)
from zerogo.control.gateway_messages import (
    ACTIVE_USERS_LIMIT,
    GATEWAY,
    ROWS_LIMIT,
    Accounts,
    Activity,
    Admitted,
    Answered,
    ClaimRequest,
    Discrepancy,
    EdgeHere,
    Enter,
    GatewayMessage,
    LeaseRequest,
    OfficeMessage,
    Presence,
    Refused,
    Settings,
    Share,
    Shares,
    Usage,
    UserActivity,
    emit,
    parse_gateway_message,
)
from zerogo.control.messages import Ping, Pong
from zerogo.core import Deadline, RandomBytes, TimerTable, drain
from zerogo.errors import RemoteError
from zerogo.exit.shares import Demanded, divide
from zerogo.ids import NodeId
from zerogo.noise.identity import Identity

UNPROVEN_SECONDS = 10.0
UNPROVEN_LIMIT = 64
UNPROVEN_PER_SOURCE_LIMIT = 8
GATEWAYS_LIMIT = 256
FRAMES_PER_SECOND, FRAMES_BURST = 500.0, 4000.0
TICK_SECONDS = 1.0
PING_SECONDS = 5.0
UNANSWERED_SECONDS = 15.0
EDGES_LIMIT = 100_000
"""Of one gateway."""
_TICK = "tick"


class _State(enum.Enum):
    UNPROVEN = enum.auto()
    ASKING = enum.auto()
    HERE = enum.auto()
    CLOSING = enum.auto()


@define(eq=False)
class _Connection:
    number: int
    source: str
    channel: ChannelResponder
    opened_at: float
    frames: TokenBucket
    state: _State = _State.UNPROVEN
    gateway: NodeId | None = None
    enter: Enter | None = None
    edges: dict[str, EdgeHere] = field(factory=dict)
    activity: Activity | None = None
    """None until it told of it."""
    coming: dict[str, UserActivity] = field(factory=dict)
    """Users of an activity that is told in several messages, the last of which has not come."""
    users: dict[str, UserActivity] = field(factory=dict)
    shares: tuple[Share, ...] | None = None
    """As it was sent them last; None: never on this connection, and what it has may be from an older one."""
    is_congested: bool = False
    pings: int = 0
    pinged_at: float | None = None
    ping_at: float = 0.0

    def send(self, message: OfficeMessage) -> None:
        if self.channel.is_open and self.state is not _State.CLOSING:
            self.channel.send(emit(message))


class GatewayOffice:
    """The core. Connections are numbers that the driver chooses and never reuses."""

    def __init__(self, controller: Identity, rng: RandomBytes) -> None:
        self._controller = controller
        self._rng = rng
        self._connections: dict[int, _Connection] = {}
        self._here: dict[NodeId, _Connection] = {}
        self.far = FarGateways()
        """Gateways of other controllers."""
        self._rates: dict[str, tuple[int, int]] = {}
        """Of users with limits, up and down."""
        self._outgoing: deque[tuple[int, bytes] | CloseWanted] = deque()
        self._events: deque[OfficeEvent] = deque()
        self._timers: TimerTable[str] = TimerTable()

    # Connections, from the driver

    def connection_opened(self, number: int, source: str, now: float) -> None:
        """A WebSocket from host `source` is open."""
        unproven = [one.source for one in self._connections.values() if one.state is _State.UNPROVEN]
        origins = [origin_of(one) for one in unproven]
        if len(unproven) >= UNPROVEN_LIMIT or origins.count(origin_of(source)) >= UNPROVEN_PER_SOURCE_LIMIT:
            self._outgoing.append(CloseWanted(number, "too many connections that have not shown who they are", True))
            return
        channel = ChannelResponder(self._controller, self._rng, GATEWAY)
        frames = TokenBucket(FRAMES_PER_SECOND, FRAMES_BURST, now)
        connection = _Connection(number, source, channel, now, frames)
        self._connections[number] = connection
        self._collect(connection)
        if not self._timers.is_set(_TICK):
            self._timers.set(_TICK, now + TICK_SECONDS)

    def connection_closed(self, number: int, now: float) -> None:
        """A WebSocket is closed."""
        connection = self._connections.pop(number, None)
        if connection is not None:
            self._absent(connection)

    def receive_message(self, number: int, data: bytes, now: float) -> None:
        """Take one WebSocket message; never raises."""
        connection = self._connections.get(number)
        if connection is None or connection.state is _State.CLOSING:
            return
        if not connection.frames.take(now):
            self.refuse(number, "you send too many messages", False, now)
            return
        try:
            for message in connection.channel.receive(data):
                self._receive(connection, parse_gateway_message(message), now)
        except RemoteError as error:
            self._close(connection, str(error))
        self._collect(connection)

    def set_congested(self, number: int, is_congested: bool, now: float) -> None:
        """The transport's buffer is full, or has room again."""
        connection = self._connections.get(number)
        if connection is None:
            return
        had = connection.is_congested
        connection.is_congested = is_congested
        if had and not is_congested and connection.state is _State.HERE and connection.gateway is not None:
            self._events.append(GatewayHere(number, connection.gateway, 0))

    # Answers and news, from the owner

    def admit(self, number: int, name: str, now: float) -> None:
        """The gateway is one of ours."""
        connection = self._connections.get(number)
        if connection is None or connection.state is not _State.ASKING:
            return
        assert connection.gateway is not None and connection.enter is not None
        older = self._here.get(connection.gateway)
        if older is not None:
            self.refuse(older.number, "this gateway has connected a second time; the older connection ends", False, now)
        connection.state = _State.HERE
        self._here[connection.gateway] = connection
        self.far.forget(connection.gateway)
        connection.send(Admitted(name))
        connection.ping_at = now
        self._events.append(GatewayHere(number, connection.gateway, connection.enter.revision))
        self._collect(connection)

    def refuse(self, number: int, sentence: str, is_final: bool, now: float) -> None:
        """Turn the gateway away, telling it why, and close."""
        connection = self._connections.get(number)
        if connection is not None:
            connection.send(Refused(sentence, is_final))
            self._collect(connection)
            self._close(connection, sentence)

    def send(self, number: int, message: OfficeMessage, now: float) -> None:
        """Send to one gateway."""
        connection = self._connections.get(number)
        if connection is not None and connection.state is _State.HERE:
            connection.send(message)
            self._collect(connection)

    def tell_all(self, message: OfficeMessage, now: float) -> None:
        """Send to all gateways; those that are congested get what is large later, when they are brought up to date."""
        for connection in self._here.values():
            if not connection.is_congested or not isinstance(message, Accounts | Settings):
                connection.send(message)
                self._collect(connection)

    def tell(self, gateway: NodeId, message: OfficeMessage, now: float) -> None:
        """Send to a gateway that is here."""
        connection = self._here.get(gateway)
        if connection is not None:
            connection.send(message)
            self._collect(connection)

    def set_rates(self, rates: Sequence[tuple[str, int, int]], now: float) -> None:
        """Users' rates up and down, bytes per second; only limits are kept."""
        for user, up, down in rates:
            if up or down:
                self._rates[user] = (up, down)
            else:
                self._rates.pop(user, None)

    def remove_gateway(self, gateway: NodeId, sentence: str, now: float) -> None:
        """A person removed or denied it."""
        connection = self._here.get(gateway)
        if connection is not None:
            self.refuse(connection.number, sentence, True, now)

    # Other controllers

    def told(self, word: GatewayTold, now: float) -> None:
        """One told of its gateway. One that is here has left there, whether they know it or not."""
        if word.gateway not in self._here:
            self.far.told(word, now)

    def words(self, now: float) -> dict[NodeId, list[GatewayTold]]:
        """What others are to know of the gateways that are here."""
        return {gateway: _words(gateway, connection, now) for gateway, connection in self._here.items()}

    # What is known

    @property
    def connections(self) -> tuple[int, ...]:
        """Numbers of all."""
        return tuple(self._connections)

    @property
    def present(self) -> tuple[NodeId, ...]:
        """Gateways that are here."""
        return tuple(self._here)

    def presence(self, now: float) -> dict[NodeId, GatewayPresence]:
        """All that are here, and those of other controllers."""
        return self.far.presence(now) | {
            gateway: self._presence(gateway, connection, now) for gateway, connection in self._here.items()
        }

    def edges(self) -> dict[str, tuple[EdgeHere, list[NodeId]]]:
        """Edges that are here, and the gateways that they have tunnels to."""
        found: dict[str, tuple[EdgeHere, list[NodeId]]] = {}
        for gateway, connection in self._here.items():
            for edge, here in connection.edges.items():
                found.setdefault(edge, (here, []))[1].append(gateway)
        return found

    def streams_of(self, user: str) -> int:
        """A user's live streams at all gateways."""
        own = sum(one.users[user].streams for one in self._here.values() if user in one.users)
        return own + self.far.streams_of(user)

    def _presence(self, gateway: NodeId, connection: _Connection, now: float) -> GatewayPresence:
        return GatewayPresence(
            gateway=gateway,
            source=connection.source,
            connected_seconds=now - connection.opened_at,
            version="" if connection.enter is None else connection.enter.version,
            streams=0 if connection.activity is None else connection.activity.streams,
            users=len(connection.users),
            edges=len(connection.edges),
            is_draining=connection.activity is not None and connection.activity.is_draining,
        )

    # Time, and what comes out

    def handle_timer(self, now: float) -> None:
        """Pings, time-outs, shares of rates."""
        for _ in self._timers.take_due(now):
            self._tick(now)

    def next_timer(self) -> Deadline | None:
        """When `handle_timer` is wanted."""
        return self._timers.next()

    def outgoing(self) -> Iterator[tuple[int, bytes] | CloseWanted]:
        """Drain what to do to connections, in order."""
        return drain(self._outgoing)

    def events(self) -> Iterator[OfficeEvent]:
        """Drain the events."""
        return drain(self._events)

    # Messages of gateways

    def _receive(self, connection: _Connection, message: GatewayMessage | None, now: float) -> None:
        if isinstance(message, Enter):
            self._enter(connection, message)
            return
        gateway = connection.gateway
        if connection.state is not _State.HERE or gateway is None or connection.enter is None:
            return
        match message:
            case Usage():
                self._events.append(UsageReported(connection.number, gateway, connection.enter.boot, message))
            case LeaseRequest():
                self._events.append(LeaseWanted(connection.number, gateway, message))
            case Presence():
                self._receive_presence(connection, gateway, message)
            case Activity():
                self._receive_activity(connection, message)
            case ClaimRequest():
                self._events.append(ClaimsWanted(connection.number, message))
            case Answered(number, document):
                self._events.append(AnswerReceived(gateway, number, document))
            case Discrepancy():
                self._events.append(DiscrepancyReported(gateway, message))
            case Pong(number):
                if number == connection.pings:
                    connection.pinged_at = None
            case _:
                pass

    def _enter(self, connection: _Connection, message: Enter) -> None:
        if connection.state is not _State.UNPROVEN:
            self._close(connection, "a second greeting on one connection")
            return
        static_public = connection.channel.remote_static
        connection.gateway = NodeId.from_key(static_public)
        if len(self._here) >= GATEWAYS_LIMIT and connection.gateway not in self._here:
            self._close(connection, "too many gateways")
            return
        connection.state = _State.ASKING
        connection.enter = message
        self._events.append(
            EnterWanted(connection.number, connection.gateway, static_public, message, connection.source)
        )

    def _receive_presence(self, connection: _Connection, gateway: NodeId, message: Presence) -> None:
        if message.is_whole:
            connection.edges.clear()
        for edge in message.gone:
            connection.edges.pop(edge, None)
        for here in message.here:
            if len(connection.edges) < EDGES_LIMIT:
                connection.edges[here.edge] = here
        if message.here:
            self._events.append(EdgesReported(gateway, tuple(message.here)))

    def _receive_activity(self, connection: _Connection, message: Activity) -> None:
        for one in message.users:
            if len(connection.coming) < ACTIVE_USERS_LIMIT:
                connection.coming[one.user] = one
        if not message.is_more:
            connection.activity = message
            connection.users, connection.coming = connection.coming, {}

    # Time

    def _tick(self, now: float) -> None:
        for connection in list(self._connections.values()):
            if connection.state is _State.UNPROVEN and now - connection.opened_at >= UNPROVEN_SECONDS:
                self._close(connection, "did not say who it is in time")
            elif connection.pinged_at is not None and now - connection.pinged_at >= UNANSWERED_SECONDS:
                self._close(connection, "fell silent")
            elif connection.state is _State.HERE and connection.pinged_at is None and now >= connection.ping_at:
                connection.pings += 1
                connection.pinged_at, connection.ping_at = now, now + PING_SECONDS
                connection.send(Ping(connection.pings))
                self._collect(connection)
        self.far.forget_old(now)
        self._share()
        if self._connections:
            self._timers.set(_TICK, now + TICK_SECONDS)

    def _share(self) -> None:
        """Tell each gateway its part of the rates of users who are at several."""
        at: dict[str, dict[NodeId, UserActivity]] = {}
        for gateway, connection in self._here.items():
            for user, activity in connection.users.items():
                at.setdefault(user, {})[gateway] = activity
        for gateway, users in self.far.users().items():
            for user, activity in users.items():
                if user in at:
                    at[user][gateway] = activity
        found: dict[NodeId, list[Share]] = {gateway: [] for gateway in self._here}
        for user, places in at.items():
            if len(places) > 1:
                self._share_user(user, places, found)
        for gateway, shares in found.items():
            connection = self._here[gateway]
            is_told = connection.activity is not None and not connection.is_congested
            if is_told and tuple(shares) != connection.shares:
                connection.shares = tuple(shares)
                connection.send(Shares(shares[:10_000]))
                self._collect(connection)

    def _share_user(self, user: str, places: dict[NodeId, UserActivity], found: dict[NodeId, list[Share]]) -> None:
        rates = self._rates.get(user, (0, 0))
        ups = {str(gateway): Demanded(one.up, one.is_up_hungry) for gateway, one in places.items()}
        downs = {str(gateway): Demanded(one.down, one.is_down_hungry) for gateway, one in places.items()}
        up, down = divide(rates[0], ups), divide(rates[1], downs)
        streams = sum(one.streams for one in places.values())
        for gateway, shares in found.items():
            one = places.get(gateway)
            if one is not None:
                shares.append(Share(user, up[str(gateway)], down[str(gateway)], streams - one.streams))

    # Ends

    def _close(self, connection: _Connection, reason: str) -> None:
        if connection.state is not _State.CLOSING:
            self._absent(connection)
            connection.state = _State.CLOSING
            self._collect(connection)
            self._outgoing.append(CloseWanted(connection.number, reason))

    def _absent(self, connection: _Connection) -> None:
        gateway = connection.gateway
        if gateway is not None and self._here.get(gateway) is connection:
            del self._here[gateway]
            self._events.append(GatewayGone(gateway))

    def _collect(self, connection: _Connection) -> None:
        for frame in connection.channel.outgoing():
            self._outgoing.append((connection.number, frame))


def _words(gateway: NodeId, connection: _Connection, now: float) -> list[GatewayTold]:
    users, activity = list(connection.users.values()), connection.activity or Activity()
    starts = range(0, max(1, len(users)), ROWS_LIMIT)
    return [
        GatewayTold(
            gateway.raw,
            source=connection.source,
            connected_seconds=now - connection.opened_at,
            version="" if connection.enter is None else connection.enter.version,
            streams=activity.streams,
            edges=len(connection.edges),
            is_draining=activity.is_draining,
            users=users[start : start + ROWS_LIMIT],
            part=start // ROWS_LIMIT,
            is_more=start != starts[-1],
        )
        for start in starts
    ]
