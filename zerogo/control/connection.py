# -*- test-case-name: zerogo.test.control.test_coordinator -*-
"""One agent's connection, as the controller's end keeps it: its channel, how far it is, its round trip, its limits."""

from __future__ import annotations

import enum
import ipaddress
from collections import deque
from collections.abc import Sequence

from attrs import field, frozen

from zerogo.control.channel import ChannelResponder
from zerogo.control.messages import AgentFacts, ControllerMessage, Controllers, Ping, emit_message
from zerogo.core import RandomBytes
from zerogo.ids import NetworkId, NodeId
from zerogo.noise.identity import Identity

PING_SECONDS = 20.0
FIRST_PINGS = (0.5, 1.0, 2.0)
"""Seconds between the first pings, so that punch times are good from the start."""
UNANSWERED_SECONDS = 60.0
"""A ping unanswered for so long ends the connection."""
ASSUMED_RTT = 0.1
"""Seconds, of a connection that has not been measured."""
ONE_WAY_LIMIT = 0.4
"""Seconds. A moment that a member which answers late has others wait for is no later than the one at which they begin
without a word, 0.5 s: a controller that hundreds dial at once takes its own queue for distance."""
RTT_SAMPLES = 8
FRAMES_PER_SECOND, FRAMES_BURST = 500.0, 4000.0
SIGNALS_PER_SECOND, SIGNALS_BURST = 100.0, 2048.0
PUNCHES_PER_SECOND, PUNCHES_BURST = 50.0, 1024.0
GRANTS_PER_SECOND, GRANTS_BURST = 10.0, 256.0
RESYNCS_PER_SECOND, RESYNCS_BURST = 0.2, 3.0
PUBLISHES_PER_SECOND, PUBLISHES_BURST = 0.5, 20.0
"""Each is a write to the disk and a new map for everybody."""
REPORTS_PER_SECOND, REPORTS_BURST = 2.0, 20.0
FLOWS_PER_SECOND, FLOWS_BURST = 1 / 30, 4.0


def origin_of(source: str) -> str:
    """What hosts are counted by: an IPv4 address, also where it comes written as an IPv6 one, or the /64 of an IPv6
    address, since whoever has one address of it has them all."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source[:60]
    if address.version == 4:
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped) if mapped is not None else str(ipaddress.IPv6Network((int(address), 64), strict=False))


class TokenBucket:
    """Lets `rate` things a second pass in the long run, `burst` at once."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one more may pass."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class ConnectionState(enum.Enum):
    """How far a connection is."""

    UNPROVEN = "unproven"
    """The agent has not shown its key."""
    ASKING = "asking"
    """It registered; the store is being asked."""
    PENDING = "pending"
    MEMBER = "member"
    CLOSING = "closing"


@frozen(kw_only=True)
class Registration:
    """What an agent asks for, its keys proven."""

    network: NetworkId
    node_id: NodeId
    static_public: bytes = field(repr=False)
    signing_public: bytes = field(repr=False)
    name: str
    """What it would like to be called, as it came: not checked."""
    capabilities: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    """Networks behind it, as it says."""
    version: str = ""
    secret: bytes | None = field(default=None, repr=False)
    """Of the join token, only with the first attempt of a connection."""
    source: str = ""
    """The host it dialled from."""

    @property
    def member(self) -> tuple[NetworkId, NodeId]:
        """Who it is, where."""
        return self.network, self.node_id


class Connection:
    """State of one connection. Only `Coordinator` touches it."""

    def __init__(self, number: int, source: str, controller: Identity, rng: RandomBytes, now: float) -> None:
        self.number = number
        self.source = source
        self.origin = origin_of(source)
        self.opened_at = now
        self.channel = ChannelResponder(controller, rng)
        self.state = ConnectionState.UNPROVEN
        self.registration: Registration | None = None
        self.sent_revision = 0
        """Of the map the agent holds, as far as we know."""
        self.sent_filters = b""
        """Digest of the sheet of filters the agent holds, as far as we know."""
        self.needed_revision = 0
        """The first map that holds the agent itself; an older one is not sent."""
        self.is_map_due = False
        """Whether a map message must go out even if the agent holds the newest map."""
        self.is_asked = False
        self.is_answer_void = False
        self.is_congested = False
        self.passwords_at: float | None = None
        """When the relays' passwords are to be sent; None: not, since it is no member."""
        self.facts: AgentFacts | None = None
        self.watch_at: float | None = None
        """When it is to be told that somebody looks, or nobody does any more; None: it knows that nobody does."""
        self.frames = TokenBucket(FRAMES_PER_SECOND, FRAMES_BURST, now)
        self.signals = TokenBucket(SIGNALS_PER_SECOND, SIGNALS_BURST, now)
        self.punches = TokenBucket(PUNCHES_PER_SECOND, PUNCHES_BURST, now)
        self.grants = TokenBucket(GRANTS_PER_SECOND, GRANTS_BURST, now)
        self.resyncs = TokenBucket(RESYNCS_PER_SECOND, RESYNCS_BURST, now)
        self.publishes = TokenBucket(PUBLISHES_PER_SECOND, PUBLISHES_BURST, now)
        self.reports = TokenBucket(REPORTS_PER_SECOND, REPORTS_BURST, now)
        self.flows = TokenBucket(FLOWS_PER_SECOND, FLOWS_BURST, now)
        self._round_trips: deque[float] = deque(maxlen=RTT_SAMPLES)
        self._pings = 0
        self._ping_sent_at: float | None = None
        self._ping_at = now

    def receive(self, data: bytes, now: float) -> list[bytes]:
        """Take a frame and give the messages that it completes; raises `ChannelBroken` or `ParseError`."""
        if not self.channel.is_open:
            # An agent answers the Hello at once, and the first ping when it is done with its first map.
            self._round_trips.append(now - self.opened_at)
        return self.channel.receive(data)

    def send(self, message: ControllerMessage) -> None:
        """Seal a message; dropped where the channel is not open."""
        self.send_encoded(emit_message(message))

    def send_encoded(self, message: bytes) -> None:
        """As `send`, of a message that is encoded already."""
        if self.channel.is_open and self.state is not ConnectionState.CLOSING:
            self.channel.send(message)

    def tell_controllers(self, places: Sequence[str], node_id: NodeId) -> None:
        """Say where the network's controllers are, if there is anything to say: members begin at different ones, so
        that those of a controller that dies are shared among all others."""
        if places:
            first = node_id.raw[-1] % len(places)
            self.send(Controllers([*places[first:], *places[:first]]))

    @property
    def rtt(self) -> float | None:
        """The least of the last round trips, seconds: of pings, and of the answer to the Hello."""
        return min(self._round_trips) if self._round_trips else None

    @property
    def one_way(self) -> float:
        """Seconds that a message to the agent takes, estimated."""
        return min(ONE_WAY_LIMIT, (ASSUMED_RTT if self.rtt is None else self.rtt) / 2)

    def ping_if_due(self, now: float) -> None:
        """Send a ping if it is time."""
        if now < self._ping_at or self._ping_sent_at is not None:
            return
        self._ping_at = now + (FIRST_PINGS[self._pings] if self._pings < len(FIRST_PINGS) else PING_SECONDS)
        self._pings += 1
        self._ping_sent_at = now
        self.send(Ping(self._pings))

    def receive_pong(self, number: int, now: float) -> None:
        """Measure the round trip; an answer to anything but the last ping is ignored."""
        if number == self._pings and self._ping_sent_at is not None:
            self._round_trips.append(now - self._ping_sent_at)
            self._ping_sent_at = None

    def is_silent(self, now: float) -> bool:
        """Whether the last ping has been unanswered for too long."""
        return self._ping_sent_at is not None and now - self._ping_sent_at >= UNANSWERED_SECONDS
