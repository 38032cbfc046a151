# -*- test-case-name: zerogo.test.control.test_member -*-
"""The agent's end of the control channel, as a core: one `Member` per network, for all connections of its life.

The driver dials, calls `connected`, feeds WebSocket messages to `receive_message`, sends what `outgoing` yields, and
calls `disconnected`. The core registers (with the secret of the join token until it is a member), keeps the newest
verified map, answers pings and passes signals. It never dials and never gives up by itself: after `Refused` with
`is_final` the driver must not dial again, after anything else it dials with back-off.

    DISCONNECTED -connected-> OPENING -channel open-> REGISTERING -Welcome-> MEMBER
                                                        |  \\-Waiting-> PENDING -Welcome-> MEMBER
    any -disconnected-> DISCONNECTED                    any -Refusal-> REFUSED
"""

from __future__ import annotations

import contextlib
import enum
from collections import deque
from collections.abc import Iterator, Sequence

from attrs import field, frozen

from zerogo import __version__
from zerogo.control.channel import ChannelInitiator, WrongController
from zerogo.control.messages import (
    BLOB_LIMIT,
    TEMPORARY,
    ControllerMessage,
    Controllers,
    Filters,
    FlowsReport,
    GrantRequest,
    Leave,
    LinksReport,
    MapUnchanged,
    MemberMessage,
    PeerGrants,
    Ping,
    Pong,
    Publish,
    Punch,
    PunchRequest,
    Refusal,
    Register,
    RelayPasswords,
    RelayTest,
    Resync,
    SignalFrom,
    SignalTo,
    Waiting,
    Watch,
    Welcome,
    WholeMap,
    binding_text,
    emit_message,
    parse_controller_message,
)
from zerogo.control.netmap import MapDelta, NetworkMap, SignedMap, StaleMap
from zerogo.control.policy_sheet import FilterSheet, HeldFilters
from zerogo.control.relay_access import credentials_of, grants_of
from zerogo.control.relays import PeerGrant, RelayCredential
from zerogo.control.token import SECRET_BYTES, join_host_port, parse_base32, split_host_port
from zerogo.core import Deadline, RandomBytes, TimerTable, drain
from zerogo.errors import LocalError, ParseError, RemoteError
from zerogo.ids import NetworkId, NodeId
from zerogo.noise.identity import Identity

OPENING_SECONDS = 20.0
"""A controller that has not welcomed, refused or put us on the waiting list by then is given up. So long may it take
where a thousand agents come back to a slow machine, and those that lose patience make it longer."""
SILENCE_SECONDS = 65.0
"""The controller pings every 20 s; after so long without a word the connection is dead."""
EVENTS_LIMIT = 1024
"""Events waiting to be drained; beyond it, signals and what concerns relays and punches are dropped."""


class MemberState(enum.Enum):
    """Where registration stands."""

    DISCONNECTED = "disconnected"
    OPENING = "opening"
    REGISTERING = "registering"
    PENDING = "pending"
    MEMBER = "member"
    REFUSED = "refused"


@frozen
class Registered:
    """We are a member. The join secret is used up and may be forgotten."""

    name: str
    """Our name in the network; the controller may have changed it to be unique."""
    addresses: tuple[str, ...]
    """Ours, IPv4 and IPv6, without prefix length (prefixes are in the map)."""


@frozen
class Pending:
    """A person must approve us; the connection stays open until then."""

    sentence: str


@frozen
class MapUpdated:
    """The newest verified map; also after each registration, changed or not."""

    network_map: NetworkMap
    signed_blob: bytes = field(repr=False)
    """`SignedMap.encode`; keep it on disk: `SignedMap.decode` and `verify` read it back."""
    psk: bytes | None = field(repr=False)
    """The network's pre-shared key: the join token's where it has one, else the controller's. None: there is none."""
    sheet: FilterSheet | None = None
    """Our filters, where the network has a policy; keep its bytes on disk before those of the map."""


@frozen
class SignalReceived:
    """A member sends us a blob through the controller, which vouches for the sender only."""

    sender: NodeId
    blob: bytes = field(repr=False)


@frozen
class PunchAt:
    """Begin checks with `peer` in `delay` seconds."""

    peer: NodeId
    delay: float


@frozen
class RelayCredentials:
    """How we may use the network's relays; replaces what was told before, and comes again in good time."""

    credentials: tuple[RelayCredential, ...]


@frozen
class PeersGranted:
    """What `request_grants` asked for, one for each relay."""

    grants: tuple[PeerGrant, ...]


@frozen
class Watched:
    """For `seconds` from now somebody looks at our links: report every `interval` seconds, at most `links` of them."""

    seconds: float
    interval: float
    links: int


@frozen
class RelayTestWanted:
    """Reach `peer` by relay servers only for so many seconds, as long as one carries; 0 ends it."""

    peer: NodeId
    seconds: float


@frozen
class ControllersTold:
    """Where the network's controllers are dialled, best first, each `host:port`; replaces what was told before."""

    places: tuple[str, ...]


@frozen
class Refused:
    """The controller turned us away. `is_final`: do not dial again."""

    code: str
    sentence: str
    is_final: bool


@frozen
class ChannelFailed:
    """This connection is of no use: close it, dial again (the next address) with back-off."""

    reason: str
    is_foreign: bool = False
    """Whoever answered has other keys than the pinned ones."""


MemberEvent = (
    Registered
    | Pending
    | MapUpdated
    | SignalReceived
    | PunchAt
    | RelayCredentials
    | PeersGranted
    | Watched
    | RelayTestWanted
    | ControllersTold
    | Refused
    | ChannelFailed
)


class _Timer(enum.Enum):
    OPENING = "opening"
    SILENCE = "silence"

    def __str__(self) -> str:
        return self.value


class Member:
    """The core. Nothing waits for a connection: what is sent without one is dropped, registration makes it stale."""

    def __init__(self, *, identity: Identity, key_hash: bytes, network: NetworkId, name: str, rng: RandomBytes) -> None:
        """`key_hash` (20 bytes) pins the controller; `name` is what we would like to be called."""
        self._identity = identity
        self._key_hash = key_hash
        self._network = network
        self._name = name
        self._rng = rng
        self._published: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._secret: bytes | None = None
        self._own_psk: bytes | None = None
        self._controller_psk: bytes | None = None
        self._held: SignedMap | None = None
        self._filters = HeldFilters()
        self._channel: ChannelInitiator | None = None
        self._events: deque[MemberEvent] = deque()
        self._timers: TimerTable[_Timer] = TimerTable()
        self.state = MemberState.DISCONNECTED

    # The verbs of the agent

    def use_token(self, secret: str, psk: bytes | None = None) -> None:
        """Register with this secret of a join token until we are a member; `psk` wins over the controller's."""
        self._secret = parse_base32(secret, SECRET_BYTES, "the join token's secret")
        self._own_psk = psk

    def use_stored_map(self, blob: bytes, psk: bytes | None) -> NetworkMap:
        """Start from a map (`MapUpdated.signed_blob`) and psk kept on disk; raises `ParseError` or `ForgedMap`."""
        held = SignedMap.decode(blob)
        held.verify(self._key_hash, self._network)
        self._held = held
        self._controller_psk = psk
        return held.network_map

    def use_stored_filters(self, blob: bytes) -> FilterSheet:
        """Start with filters that were kept on disk (`MapUpdated.sheet`); raises `ParseError` or `ForgedMap`."""
        sheet = FilterSheet.decode(blob)
        sheet.verify(self._key_hash, self._network)
        self._filters.take(sheet)
        return sheet

    def publish(self, capabilities: Sequence[str], subnets: Sequence[str], now: float) -> None:
        """Tell our capabilities (short words) and the networks behind us, at registration and whenever they change."""
        wanted = (tuple(capabilities), tuple(subnets))
        changed = wanted != self._published
        self._published = wanted
        if changed and self.state is MemberState.MEMBER:
            self._send(Publish(caps=list(capabilities), nets=list(subnets)))

    def signal(self, to: NodeId, blob: bytes, now: float) -> bool:
        """Pass `blob` (at most 16 KiB, opaque to the controller) to a member; False if we are not connected."""
        if len(blob) > BLOB_LIMIT:
            raise LocalError(f"a signal of {len(blob)} bytes; the limit is {BLOB_LIMIT}")
        return self._send_as_member(SignalTo(to=to.raw, blob=blob))

    def request_punch(self, to: NodeId, now: float) -> bool:
        """Ask that `to` and we are told a common moment (`PunchAt` at both); False if we are not connected."""
        return self._send_as_member(PunchRequest(to=to.raw))

    def request_grants(self, to: NodeId, now: float) -> bool:
        """Ask that the relays let us reach the address that `to` dials the controller from (`PeersGranted`, or nothing
        where it is not connected or its address is not one of the internet); False if we are not connected."""
        return self._send_as_member(GrantRequest(to=to.raw))

    def report(self, report: LinksReport | FlowsReport, now: float) -> bool:
        """Tell the controller what changed of our links, or what we decided by the policy; False: not connected."""
        return self._send_as_member(report)

    def leave(self, now: float) -> bool:
        """Leave the network for good: the controller frees our name and addresses. False if we are not connected."""
        return self._send_as_member(Leave())

    @property
    def network_map(self) -> NetworkMap | None:
        """The newest verified map."""
        return None if self._held is None else self._held.network_map

    # The driver's side

    def connected(self, now: float) -> None:
        """A WebSocket to a controller is open."""
        self._channel = ChannelInitiator(self._identity, self._key_hash, self._rng)
        self.state = MemberState.OPENING
        self._timers.set(_Timer.OPENING, now + OPENING_SECONDS)

    def disconnected(self, now: float) -> None:
        """The WebSocket is closed, for whatever reason."""
        self._close()
        if self.state is not MemberState.REFUSED:
            self.state = MemberState.DISCONNECTED

    def receive_message(self, data: bytes, now: float) -> None:
        """Take one WebSocket message; never raises."""
        if self._channel is None:
            return
        try:
            was_open = self._channel.is_open
            messages = self._channel.receive(data)
            if self._channel.is_open and not was_open:
                self._register(self._channel)
            for message in messages:
                self._receive(parse_controller_message(message), now)
        except RemoteError as error:
            self._fail(str(error), isinstance(error, WrongController))
            return
        if self._timers.is_set(_Timer.SILENCE):
            self._timers.set(_Timer.SILENCE, now + SILENCE_SECONDS)

    def handle_timer(self, now: float) -> None:
        """Notice a controller that is silent."""
        for timer in self._timers.take_due(now):
            self._fail("the controller does not answer" if timer is _Timer.OPENING else "the controller fell silent")

    def next_timer(self) -> Deadline | None:
        """When `handle_timer` is wanted."""
        return self._timers.next()

    def outgoing(self) -> Iterator[bytes]:
        """Drain the WebSocket messages to send."""
        return iter(()) if self._channel is None else self._channel.outgoing()

    def events(self) -> Iterator[MemberEvent]:
        """Drain the events."""
        return drain(self._events)

    # What messages do

    def _register(self, channel: ChannelInitiator) -> None:
        text = binding_text(self._network.raw, self._identity.static_public, channel.handshake_hash)
        self.state = MemberState.REGISTERING
        self._send(
            Register(
                network=self._network.raw,
                signing=self._identity.signing_public,
                binding=self._identity.sign(text),
                name=self._name,
                caps=list(self._published[0]),
                nets=list(self._published[1]),
                version=__version__,
                revision=0 if self._held is None else self._held.network_map.revision,
                filters=self._filters.digest,
                secret=self._secret,
            )
        )

    def _receive(self, message: ControllerMessage | None, now: float) -> None:
        match message:
            case Ping(number):
                self._send(Pong(number))
            case Waiting(sentence):
                self._await_traffic(MemberState.PENDING, now)
                self._events.append(Pending(sentence))
            case Welcome(name, addresses, psk):
                self._welcome(name, tuple(addresses), psk, now)
            case Refusal(code, sentence):
                self._refuse(code, sentence)
            case None:
                pass
            case _ if self.state is MemberState.MEMBER:
                self._receive_as_member(message, now)

    def _receive_as_member(self, message: ControllerMessage, now: float) -> None:
        match message:
            case WholeMap(signed):
                self._receive_map(SignedMap.decode(signed))
            case MapDelta():
                self._receive_delta(message)
            case Filters(signed):
                sheet = FilterSheet.decode(signed)
                sheet.verify(self._key_hash, self._network)
                self._filters.take(sheet)
            case MapUnchanged(revision):
                self._confirm_map(revision)
            case SignalFrom(sender, blob):
                self._tell(SignalReceived(NodeId(sender), blob))
            case Punch(peer, delay_ms):
                self._tell(PunchAt(NodeId(peer), delay_ms / 1000))
            case RelayPasswords():
                self._tell(RelayCredentials(credentials_of(message, now)))
            case PeerGrants():
                self._tell(PeersGranted(grants_of(message, now)))
            case Controllers(places):
                self._tell(ControllersTold(_readable(places)))
            case RelayTest(peer, seconds):
                self._tell(RelayTestWanted(NodeId(peer), seconds))
            case Watch(seconds, interval, links):
                self._tell(Watched(seconds, interval, links))

    def _tell(self, event: MemberEvent) -> None:
        if len(self._events) < EVENTS_LIMIT:
            self._events.append(event)

    def _welcome(self, name: str, addresses: tuple[str, ...], psk: bytes | None, now: float) -> None:
        self._await_traffic(MemberState.MEMBER, now)
        self._secret = None
        self._name = name
        self._controller_psk = psk
        self._events.append(Registered(name, addresses))

    def _await_traffic(self, state: MemberState, now: float) -> None:
        self.state = state
        self._timers.cancel(_Timer.OPENING)
        self._timers.set(_Timer.SILENCE, now + SILENCE_SECONDS)

    def _receive_map(self, signed: SignedMap) -> None:
        signed.verify(self._key_hash, self._network)
        held, revision = self._held, signed.network_map.revision
        if held is not None and revision < held.network_map.revision:
            raise StaleMap(f"the controller sent revision {revision} of the map; we hold {held.network_map.revision}")
        self._hold(signed)

    def _receive_delta(self, delta: MapDelta) -> None:
        if self._held is None:
            self._send(Resync())
            return
        try:
            self._hold(self._held.apply(delta))
        except RemoteError:
            self._send(Resync())

    def _confirm_map(self, revision: int) -> None:
        if self._held is None or self._held.network_map.revision != revision:
            self._send(Resync())
            return
        self._hold(self._held)

    def _hold(self, signed: SignedMap) -> None:
        self._held = signed
        psk = self._controller_psk if self._own_psk is None else self._own_psk
        sheet = self._filters.at(signed.network_map.revision)
        self._events.append(MapUpdated(signed.network_map, signed.encode(), psk, sheet))

    def _refuse(self, code: str, sentence: str) -> None:
        is_final = code not in TEMPORARY
        self._close()
        self.state = MemberState.REFUSED if is_final else MemberState.DISCONNECTED
        self._events.append(Refused(code, sentence, is_final))

    def _fail(self, reason: str, is_foreign: bool = False) -> None:
        self._close()
        self.state = MemberState.DISCONNECTED
        self._events.append(ChannelFailed(reason, is_foreign))

    def _close(self) -> None:
        self._channel = None
        self._timers.cancel(_Timer.OPENING)
        self._timers.cancel(_Timer.SILENCE)

    def _send_as_member(self, message: MemberMessage) -> bool:
        return self.state is MemberState.MEMBER and self._send(message)

    def _send(self, message: MemberMessage) -> bool:
        if self._channel is None or not self._channel.is_open:
            return False
        self._channel.send(emit_message(message))
        return True


def _readable(places: Sequence[str]) -> tuple[str, ...]:
    """Those that this release can read, each once."""
    found: dict[str, None] = {}
    for text in places:
        with contextlib.suppress(ParseError):
            found[join_host_port(*split_host_port(text))] = None
    return tuple(found)
