# -*- test-case-name: zerogo.test.control.test_coordinator -*-
"""The controller's end of all control connections, as a core.

It proves who connects, asks its owner what to do with them (`RegistrationWanted`, `MapWanted`: answered by verbs,
whenever the store has answered), keeps every member of a network on the newest map (`pushes`), passes signals, and
times punches. It knows no database, and nothing in it must survive: after a restart agents register again and resume by
revision.

A punch: both agents are told a delay such that, with half the round trip measured on each channel, both act at the
same moment.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve

from zerogo.control.arrivals import Arrivals
from zerogo.control.connection import Connection, ConnectionState, Registration, origin_of
from zerogo.control.coordinator_events import (
    Admission,
    CapabilitiesChanged,
    CloseWanted,
    CoordinatorEvent,
    FlowsReported,
    LeaveWanted,
    LinksReported,
    MemberConnected,
    MemberDisconnected,
    Presence,
    RegistrationWanted,
)
from zerogo.control.introductions import Introductions
from zerogo.control.messages import (
    FlowsReport,
    GrantRequest,
    Leave,
    LinksReport,
    MemberMessage,
    Pong,
    Publish,
    PunchRequest,
    Refusal,
    RefusalCode,
    Register,
    Resync,
    SignalTo,
    Waiting,
    Welcome,
    binding_text,
    parse_member_message,
)
from zerogo.control.publication import MapView
from zerogo.control.pushes import Pushes
from zerogo.control.relay_access import RENEW_SECONDS, SETTLED_SECONDS, RelayAccess
from zerogo.control.subnets import announced_subnets
from zerogo.control.watching import Watching
from zerogo.core import Deadline, RandomBytes, TimerTable, drain
from zerogo.errors import RemoteError
from zerogo.ids import NetworkId, NodeId
from zerogo.noise.identity import Identity, verify

UNPROVEN_SECONDS = 20.0
TICK_SECONDS = 0.5
_TICK = "tick"


class Coordinator:
    """The core. Connections are numbers that the driver chooses and never reuses."""

    def __init__(
        self, controller: Identity, rng: RandomBytes, access: RelayAccess, controllers: Sequence[str] = ()
    ) -> None:
        """`access` makes what members may do at the relays; `controllers` are dialled at these `host:port`."""
        self._controller = controller
        self._controllers = tuple(controllers)
        self._access = access
        self._rng = rng
        self._connections: dict[int, Connection] = {}
        self._of_node: dict[tuple[NetworkId, NodeId], list[Connection]] = {}
        self._present: dict[NetworkId, dict[NodeId, Connection]] = {}
        self._arrivals = Arrivals()
        self._outgoing: deque[tuple[int, bytes] | CloseWanted] = deque()
        self._events: deque[CoordinatorEvent] = deque()
        self._timers: TimerTable[NetworkId | str] = TimerTable()
        self._pushes = Pushes(controller, self._present, self._events, self._timers, self._collect)
        self._watching = Watching()
        self._introductions = Introductions(access, self._events, self._present_member, self._collect)

    # Connections, from the driver

    def connection_opened(self, number: int, source: str, now: float) -> None:
        """A WebSocket from host `source` is open."""
        origin = origin_of(source)
        if not self._arrivals.enter(origin, now):
            self._outgoing.append(CloseWanted(number, "too many connections that have not shown who they are", True))
            return
        connection = Connection(number, source, self._controller, self._rng, now)
        self._connections[number] = connection
        self._collect(connection)
        if not self._timers.is_set(_TICK):
            self._timers.set(_TICK, now + TICK_SECONDS)

    def connection_closed(self, number: int, now: float) -> None:
        """A WebSocket is closed."""
        if (connection := self._connections.pop(number, None)) is None:
            return
        self._absent(connection)
        if connection.registration is None:
            self._arrivals.prove(connection.origin)
            return
        siblings = self._of_node[connection.registration.member]
        siblings.remove(connection)
        if not siblings:
            del self._of_node[connection.registration.member]

    def receive_message(self, number: int, data: bytes, now: float) -> None:
        """Take one WebSocket message; never raises."""
        connection = self._connections.get(number)
        if connection is None or connection.state is ConnectionState.CLOSING:
            return
        if not connection.frames.take(now):
            self.refuse(number, RefusalCode.TOO_MANY, "you send too many messages", now)
            return
        try:
            for message in connection.receive(data, now):
                self._receive(connection, parse_member_message(message), now)
        except RemoteError as error:
            self._close(connection, str(error))
        self._collect(connection)

    def set_congested(self, number: int, is_congested: bool, now: float) -> None:
        """The transport's buffer is full, or has room again."""
        connection = self._connections.get(number)
        if connection is None:
            return
        connection.is_congested = is_congested
        self._pushes.bring(connection)
        self._collect(connection)

    # Answers and news, from the owner

    def admit(self, number: int, admission: Admission, now: float) -> None:
        """The agent is a member."""
        connection = self._answered(number)
        if connection is None or connection.registration is None:
            return
        registration = connection.registration
        self._replace(connection, registration, now)
        is_new = connection.state is not ConnectionState.MEMBER
        connection.state = ConnectionState.MEMBER
        self._present.setdefault(registration.network, {})[registration.node_id] = connection
        # Who comes from another controller may hold a map that is newer than the one published here.
        newest = min(connection.sent_revision, admission.network_revision)
        connection.needed_revision = max(admission.revision, newest)
        connection.is_map_due = connection.is_map_due or is_new
        connection.send(Welcome(name=admission.name, addresses=list(admission.addresses), psk=admission.psk))
        connection.ping_if_due(now)
        if is_new:
            connection.tell_controllers(self._controllers, registration.node_id)
            self._send_passwords(connection, registration, now)
            self._tell_watch(connection, now)
            self._events.append(MemberConnected(registration.network, registration.node_id))
        if connection.passwords_at is not None:
            connection.passwords_at = min(connection.passwords_at, now + SETTLED_SECONDS)
        publication = self._pushes.published(registration.network)
        if publication is None or publication.revision < connection.needed_revision:
            self._pushes.changed(registration.network, now, connection.needed_revision)
        self._pushes.bring(connection)
        self._collect(connection)

    def hold(self, number: int, sentence: str, now: float) -> None:
        """The agent must wait for a person to approve it."""
        connection = self._answered(number)
        if connection is None or connection.registration is None:
            return
        self._replace(connection, connection.registration, now)
        self._absent(connection)
        connection.state = ConnectionState.PENDING
        connection.passwords_at = None
        connection.send(Waiting(sentence))
        connection.ping_if_due(now)
        self._collect(connection)

    def refuse(self, number: int, code: RefusalCode, sentence: str, now: float) -> None:
        """Turn the agent away, telling it why, and close."""
        connection = self._connections.get(number)
        if connection is None:
            return
        connection.send(Refusal(code, sentence))
        self._collect(connection)
        self._close(connection, sentence)

    def reconsider(self, network: NetworkId, node_id: NodeId, now: float) -> None:
        """Something about this member was decided: ask again about its connections, and tell them the answer."""
        for connection in self._of_node.get((network, node_id), ()):
            if connection.registration is not None:
                self._ask(connection, connection.registration)

    def receive_elsewhere(self, network: NetworkId, node_id: NodeId, content: bytes, now: float) -> None:
        """Another controller has something for a member (`Elsewhere`), which may be here; raises `ParseError`."""
        self._introductions.receive(network, node_id, content)

    def connected_elsewhere(self, network: NetworkId, node_id: NodeId, now: float) -> None:
        """A member is connected to another controller: what it has here is from before."""
        for connection in list(self._of_node.get((network, node_id), ())):
            sentence = "this node has connected to another controller; this connection ends"
            self.refuse(connection.number, RefusalCode.REPLACED, sentence, now)

    def network_changed(self, network: NetworkId, now: float) -> None:
        """The stored network has a new revision: publish it, at once or when the push interval is over."""
        self._pushes.changed(network, now)

    @property
    def is_telling(self) -> bool:
        """Whether members are still to be brought to a map: `tell` is wanted, as soon as there is time for it."""
        return self._pushes.is_telling

    def tell(self, now: float) -> None:
        """Bring some more members to their map."""
        self._pushes.tell(now)

    def install(self, view: MapView, now: float) -> None:
        """The network as it is stored: every connected member is to be brought to it (`tell`)."""
        network = view.network_map.network
        self._pushes.install(view, now)
        self._reconsider_changed(network, view)
        self._pushes.installed(network, now)

    def _reconsider_changed(self, network: NetworkId, view: MapView) -> None:
        """What was decided at another controller shows in the map, whether or not word of it came."""
        revision = view.network_map.revision
        for (where, node_id), connections in self._of_node.items():
            for connection in connections if where == network else ():
                is_other = connection.state is (
                    ConnectionState.PENDING if node_id in view.changed_at else ConnectionState.MEMBER
                )
                if is_other and connection.needed_revision <= revision and connection.registration is not None:
                    self._ask(connection, connection.registration)

    def map_failed(self, network: NetworkId, now: float) -> None:
        """The network could not be read: ask again in a second."""
        self._pushes.failed(network, now)

    def network_removed(self, network: NetworkId, sentence: str, now: float) -> None:
        """The network is gone: turn all its agents away."""
        for connection in list(self._connections.values()):
            if connection.registration is not None and connection.registration.network == network:
                self.refuse(connection.number, RefusalCode.NETWORK_UNKNOWN, sentence, now)
        self._pushes.removed(network)

    def watch(self, is_watched: bool, now: float) -> None:
        """Somebody looks at links, or nobody does any more."""
        connected = [connection for members in self._present.values() for connection in members.values()]
        self._watching.change(is_watched, connected, now)
        for connection in connected:
            self._tell_watch(connection, now)
            self._collect(connection)

    def _tell_watch(self, connection: Connection, now: float) -> None:
        self._watching.tell(connection, lambda: sum(map(len, self._present.values())), now)

    def presence(self, network: NetworkId, of: Iterable[NodeId] | None, now: float) -> dict[NodeId, Presence]:
        """The connected members of a network, or those `of` them."""
        here = self._present.get(network, {})
        return {
            node_id: Presence(
                source=connection.source,
                connected_seconds=now - connection.opened_at,
                rtt=connection.rtt,
                facts=connection.facts,
            )
            for node_id in (here if of is None else of)
            if (connection := here.get(node_id)) is not None
        }

    def connection_counts(self) -> Counter[str]:
        """How many connections are in each state."""
        return Counter(connection.state.value for connection in self._connections.values())

    # Time, and what comes out

    def handle_timer(self, now: float) -> None:
        """Pings, time-outs, pushes that are due."""
        for timer in self._timers.take_due(now):
            if isinstance(timer, str):
                self._tick(now)
            else:
                self._pushes.timer_due(timer, now)

    def next_timer(self) -> Deadline | None:
        """When `handle_timer` is wanted."""
        return self._timers.next()

    def outgoing(self) -> Iterator[tuple[int, bytes] | CloseWanted]:
        """Drain what to do to connections, in order: a WebSocket message to send, or to close one."""
        return drain(self._outgoing)

    def events(self) -> Iterator[CoordinatorEvent]:
        """Drain the events."""
        return drain(self._events)

    # Messages of agents

    def _receive(self, connection: Connection, message: MemberMessage | None, now: float) -> None:
        if isinstance(message, Register):
            self._register(connection, message)
        elif isinstance(message, Pong):
            connection.receive_pong(message.number, now)
        elif connection.state is ConnectionState.MEMBER and connection.registration is not None:
            self._receive_of_member(connection, connection.registration, message, now)

    def _register(self, connection: Connection, message: Register) -> None:
        if connection.registration is not None:
            self._close(connection, "a second registration on one connection")
            return
        static_public = connection.channel.remote_static
        text = binding_text(message.network, static_public, connection.channel.handshake_hash)
        verify(message.signing, text, message.binding)
        registration = Registration(
            network=NetworkId(message.network),
            node_id=NodeId.from_key(static_public),
            static_public=static_public,
            signing_public=message.signing,
            name=message.name,
            capabilities=tuple(message.caps),
            subnets=announced_subnets(message.nets),
            version=message.version,
            secret=message.secret,
            source=connection.source,
        )
        self._arrivals.prove(connection.origin)
        connection.registration = evolve(registration, secret=None)
        self._of_node.setdefault(registration.member, []).append(connection)
        connection.sent_revision = message.revision
        connection.sent_filters = message.filters
        connection.state = ConnectionState.ASKING
        self._ask(connection, registration)

    def _ask(self, connection: Connection, registration: Registration) -> None:
        """One question at a time: what is decided meanwhile makes its answer void, and it is asked again."""
        if connection.state is ConnectionState.CLOSING:
            return
        if connection.is_asked:
            connection.is_answer_void = True
            return
        connection.is_asked = True
        self._events.append(RegistrationWanted(connection.number, registration))

    def _answered(self, number: int) -> Connection | None:
        connection = self._connections.get(number)
        if connection is None or connection.state is ConnectionState.CLOSING or not connection.is_asked:
            return None
        connection.is_asked = False
        if connection.is_answer_void and connection.registration is not None:
            connection.is_answer_void = False
            self._ask(connection, connection.registration)
            return None
        return connection

    def _receive_of_member(
        self, connection: Connection, who: Registration, message: MemberMessage | None, now: float
    ) -> None:
        match message:
            case SignalTo(to, blob):
                if connection.signals.take(now):
                    self._introductions.signal(who.network, who.node_id, NodeId(to), blob)
            case PunchRequest(to):
                if connection.punches.take(now):
                    self._introductions.punch(connection, who.network, who.node_id, NodeId(to))
            case GrantRequest(to):
                if connection.grants.take(now):
                    self._introductions.grant(connection, who.network, who.node_id, NodeId(to))
            case LinksReport():
                if connection.reports.take(now):
                    connection.facts = message.about or connection.facts
                    self._events.append(LinksReported(who.network, who.node_id, message))
            case FlowsReport():
                if self._keeps_flow_log(who.network) and connection.flows.take(now):
                    self._events.append(FlowsReported(who.network, who.node_id, message))
            case Publish(caps, nets):
                if not connection.publishes.take(now):
                    # It registers anew, with what it can do by then, so nothing is missed.
                    sentence = "you change your capabilities too often"
                    self.refuse(connection.number, RefusalCode.TOO_MANY, sentence, now)
                    return
                changed = CapabilitiesChanged(who.network, who.node_id, tuple(caps), announced_subnets(nets))
                self._events.append(changed)
            case Resync():
                if connection.resyncs.take(now):
                    connection.sent_revision, connection.sent_filters = 0, b""
                    self._pushes.bring(connection)
            case Leave():
                self._events.append(LeaveWanted(who.network, who.node_id))
            case _:
                pass

    def _keeps_flow_log(self, network: NetworkId) -> bool:
        publication = self._pushes.published(network)
        return publication is not None and publication.keeps_flow_log

    def _present_member(self, network: NetworkId, node_id: NodeId) -> Connection | None:
        return self._present.get(network, {}).get(node_id)

    def _send_passwords(self, connection: Connection, who: Registration, now: float) -> None:
        if (passwords := self._access.passwords(who.node_id)) is not None:
            connection.passwords_at = now + RENEW_SECONDS
            connection.send(passwords)

    # Ends

    def _tick(self, now: float) -> None:
        for connection in list(self._connections.values()):
            if connection.registration is None and now - connection.opened_at >= UNPROVEN_SECONDS:
                self._close(connection, "did not register in time")
            elif connection.is_silent(now):
                self._close(connection, "fell silent")
            elif connection.state in (ConnectionState.MEMBER, ConnectionState.PENDING):
                connection.ping_if_due(now)
                self._renew_passwords(connection, now)
                if connection.state is ConnectionState.MEMBER:
                    self._tell_watch(connection, now)
                self._collect(connection)
        if self._connections:
            self._timers.set(_TICK, now + TICK_SECONDS)

    def _renew_passwords(self, connection: Connection, now: float) -> None:
        """Not while it is in question whether it is a member: it would be given what was just revoked."""
        is_due = connection.passwords_at is not None and connection.passwords_at <= now and not connection.is_asked
        if is_due and connection.state is ConnectionState.MEMBER and connection.registration is not None:
            self._send_passwords(connection, connection.registration, now)

    def _replace(self, connection: Connection, registration: Registration, now: float) -> None:
        """One node, one connection: the one that registered last, whichever was opened first."""
        for other in list(self._of_node.get(registration.member, ())):
            if other is connection:
                return
            sentence = "this node has connected a second time; the older connection ends"
            self.refuse(other.number, RefusalCode.REPLACED, sentence, now)

    def _close(self, connection: Connection, reason: str) -> None:
        if connection.state is ConnectionState.CLOSING:
            return
        self._absent(connection)
        connection.state = ConnectionState.CLOSING
        self._collect(connection)
        self._outgoing.append(CloseWanted(connection.number, reason))

    def _absent(self, connection: Connection) -> None:
        registration = connection.registration
        if registration is None:
            return
        present = self._present.get(registration.network, {})
        if present.get(registration.node_id) is connection:
            del present[registration.node_id]
            self._events.append(MemberDisconnected(registration.network, registration.node_id))

    def _collect(self, connection: Connection) -> None:
        for frame in connection.channel.outgoing():
            self._outgoing.append((connection.number, frame))
