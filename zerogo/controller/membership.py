# -*- test-case-name: zerogo.test.controller.test_membership -*-
"""Between coordinator and store: answers the one's questions from the other, and tells it what people decided.

Agents that register while others are being answered are answered together next, in one unit of work. What the store
cannot answer at the moment becomes a refusal that asks the agent to try again; nothing waits in memory for a database
that is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from zerogo.control.connection import ConnectionState, Registration
from zerogo.control.coordinator import Coordinator
from zerogo.control.coordinator_events import (
    Admission,
    CapabilitiesChanged,
    CloseWanted,
    CoordinatorEvent,
    Elsewhere,
    FlowsReported,
    LeaveWanted,
    LinksReported,
    MapWanted,
    MemberConnected,
    MemberDisconnected,
    Presence,
    RegistrationWanted,
)
from zerogo.control.fellow_words import (
    ForMember,
    MemberDecided,
    MemberHere,
    NetworkChanged,
    NetworkDeleted,
    Word,
)
from zerogo.control.introductions import told
from zerogo.control.messages import FlowsReport, LinksReport, RefusalCode, RelayTest
from zerogo.control.publication import MapView
from zerogo.control.relays import Servers
from zerogo.controller.together import Together
from zerogo.errors import ZeroGoError
from zerogo.ids import NetworkId, NodeId
from zerogo.net.pump import Pump
from zerogo.net.turns import Turns
from zerogo.store import ephemeral, members
from zerogo.store.errors import JoinRefused, NotFound
from zerogo.store.registrations import AT_ONCE, Held, Outcome, recognise_all, register_all
from zerogo.store.threads import StoreAccess
from zerogo.store.views import Views

SEEN_SECONDS = 60.0
"""Between two writes of who was seen."""

_log = Logger()


class Observer(Protocol):
    """Who shows people what changes."""

    def network_touched(self, network: NetworkId) -> None: ...

    def network_removed(self, network: NetworkId) -> None: ...

    def member_connected(self, network: NetworkId, node_id: NodeId) -> None: ...

    def member_disconnected(self, network: NetworkId, node_id: NodeId) -> None: ...

    def links_reported(self, network: NetworkId, node_id: NodeId, report: LinksReport) -> None: ...

    def heard(self, word: Word) -> None: ...


class Membership:
    """Drives the coordinator. `send` and `close` reach the agents' connections."""

    def __init__(
        self,
        coordinator: Coordinator,
        store: StoreAccess,
        clock: IReactorTime,
        unix_time: Callable[[], float],
        servers: Servers,
    ) -> None:
        self._coordinator = coordinator
        self._store = store
        self._clock = clock
        self._unix_time = unix_time
        self.observer: Observer | None = None
        self.tell_fellows: Callable[[Word], object] = lambda word: None
        """Tells the other controllers of the same database, where there are any."""
        self.has_fellows = False
        self.flows_reported: Callable[[NetworkId, NodeId, FlowsReport], object] = lambda network, node_id, report: None
        """Takes what members here decided by the policy."""
        self.view_read: Callable[[MapView], object] = lambda view: None
        """Takes each map that was read."""
        self.network_gone: Callable[[NetworkId], object] = lambda network: None
        """Takes each network that was deleted."""
        self.elsewhere: Callable[[NetworkId], dict[NodeId, Presence]] = lambda network: {}
        """Members that are connected to another controller."""
        self._known: Together[Registration, Outcome | None] = Together(
            lambda some: store.read(recognise_all, some, unix_time()), AT_ONCE
        )
        self._new: Together[Registration, Outcome] = Together(
            lambda some: store.write(register_all, some, unix_time()), AT_ONCE
        )
        self._views = Views(servers)
        self.outcomes: Counter[str] = Counter(admitted=0, held=0, refused=0, failed=0)
        """Registrations by what became of them."""
        self.pushes = 0
        """Network maps that were read to be published."""
        self._began_at = clock.seconds()
        self._seen: dict[tuple[NetworkId, NodeId], None] = {}
        self._send: Callable[[int, bytes], object] = lambda number, data: None
        self._close: Callable[[int, str, bool], object] = lambda number, reason, is_abrupt: None
        self._pump: Pump[CoordinatorEvent, tuple[int, bytes] | CloseWanted] = Pump(
            coordinator,
            clock,
            outputs=coordinator.outgoing,
            send=self._act,
            on_event=self._on_event,
        )
        self._telling = Turns(clock, self._tell_some, lambda: store.waiting > 0)

    def attach(self, send: Callable[[int, bytes], object], close: Callable[[int, str, bool], object]) -> None:
        """Where messages and closings of connections go."""
        self._send, self._close = send, close

    def stop(self) -> None:
        """Do nothing any more."""
        self._telling.stop()
        self._pump.stop()

    # What people decided

    def decided(self, network: NetworkId, node_id: NodeId) -> None:
        """A member was approved, denied, changed or removed: tell it, and its network."""
        self.tell_fellows(MemberDecided(network.raw, node_id.raw))
        self._pump.call(self._coordinator.reconsider, network, node_id)
        self.network_changed(network)

    def test_relay(self, network: NetworkId, pair: tuple[NodeId, NodeId], seconds: float) -> None:
        """Have two members reach each other by relay servers only for so long, as long as one carries; 0 ends it."""
        for node_id, peer in (pair, pair[::-1]):
            content = told(RelayTest(peer.raw, seconds))
            self.tell_fellows(ForMember(network.raw, node_id.raw, content))
            self._pump.call(self._coordinator.receive_elsewhere, network, node_id, content)

    def network_changed(self, network: NetworkId) -> None:
        """The network's settings, or what its members are shown, are others."""
        self.tell_fellows(NetworkChanged(network.raw))
        self._network_changed(network)

    def _network_changed(self, network: NetworkId) -> None:
        self._pump.call(self._coordinator.network_changed, network)
        if self.observer is not None:
            self.observer.network_touched(network)

    def network_deleted(self, network: NetworkId) -> None:
        """The network is gone."""
        self.tell_fellows(NetworkDeleted(network.raw))
        self._network_deleted(network)

    def heard(self, word: Word) -> None:
        """What another controller of the same database says; raises `ParseError`."""
        if self.observer is not None:
            self.observer.heard(word)
        match word:
            case NetworkChanged():
                self._network_changed(word.network)
            case NetworkDeleted():
                self._network_deleted(word.network)
            case MemberDecided():
                self._pump.call(self._coordinator.reconsider, word.network, word.node_id)
            case MemberHere():
                self._pump.call(self._coordinator.connected_elsewhere, word.network, word.node_id)
            case ForMember():
                self._pump.call(self._coordinator.receive_elsewhere, word.network, word.node_id, word.content)

    def _network_deleted(self, network: NetworkId) -> None:
        self._pump.call(self._coordinator.network_removed, network, "the network was deleted")
        self.network_gone(network)
        if self.observer is not None:
            self.observer.network_removed(network)

    def watch(self, is_watched: bool) -> None:
        """Somebody looks at links, or nobody does any more."""
        self._pump.call(self._coordinator.watch, is_watched)

    def presence(self, network: NetworkId, of: Iterable[NodeId] | None = None) -> dict[NodeId, Presence]:
        """Its members that are connected, also those at another controller; those `of` them are all that is asked."""
        return self.elsewhere(network) | self._coordinator.presence(network, of, self._clock.seconds())

    def connection_counts(self) -> dict[str, int]:
        """How many connections of agents are in each state."""
        return {state.value: 0 for state in ConnectionState} | self._coordinator.connection_counts()

    # Connections, from the WebSocket server

    def connection_opened(self, number: int, source: str) -> None:
        """A WebSocket is open."""
        self._pump.call(self._coordinator.connection_opened, number, source)

    def message_received(self, number: int, data: bytes) -> None:
        """A message came."""
        self._pump.call(self._coordinator.receive_message, number, data)

    def connection_closed(self, number: int) -> None:
        """A WebSocket is closed."""
        self._pump.call(self._coordinator.connection_closed, number)

    def congestion_changed(self, number: int, is_congested: bool) -> None:
        """The transport's buffer is full, or has room again."""
        self._pump.call(self._coordinator.set_congested, number, is_congested)

    # What the coordinator asks for

    def _act(self, output: tuple[int, bytes] | CloseWanted) -> None:
        if isinstance(output, CloseWanted):
            _log.debug("Connection {number} closes: {reason}", number=output.connection, reason=output.reason)
            self._close(output.connection, output.reason, output.is_abrupt)
        else:
            self._send(*output)

    def _on_event(self, event: CoordinatorEvent) -> None:
        match event:
            case RegistrationWanted():
                _spawn(self._register(event), "a registration")
            case MapWanted(network):
                _spawn(self._read_map(network), "a network map")
            case LeaveWanted(network, node_id):
                _spawn(self._leave(network, node_id), "a member's leave")
            case CapabilitiesChanged():
                _spawn(self._store_capabilities(event), "a member's capabilities")
            case MemberConnected() | MemberDisconnected():
                self._came_or_went(event)
            case Elsewhere(network, node_id, content):
                self.tell_fellows(ForMember(network.raw, node_id.raw, content))
            case LinksReported(network, node_id, report):
                if self.observer is not None:
                    self.observer.links_reported(network, node_id, report)
            case FlowsReported(network, node_id, flows):
                self.flows_reported(network, node_id, flows)

    def _came_or_went(self, event: MemberConnected | MemberDisconnected) -> None:
        network, node_id = event.network, event.node_id
        self._seen[network, node_id] = None
        is_here = isinstance(event, MemberConnected)
        if is_here:
            self.tell_fellows(MemberHere(network.raw, node_id.raw))
        what = "is here" if is_here else "has gone"
        _log.info("{node_id} {what}", node_id=str(node_id), network=str(network), what=what)
        if self.observer is not None and is_here:
            self.observer.member_connected(network, node_id)
        elif self.observer is not None:
            self.observer.member_disconnected(network, node_id)

    async def _register(self, question: RegistrationWanted) -> None:
        number, registration = question.connection, question.registration
        try:
            answer = await self._known.ask(registration)
            is_changed = answer is None
            if answer is None:
                answer = await self._new.ask(registration)
        except ZeroGoError as error:
            _log.error("{node_id} cannot register: {reason}", node_id=str(registration.node_id), reason=str(error))
            self.outcomes["failed"] += 1
            sentence = "the controller cannot use its database at the moment; try again"
            self._pump.call(self._coordinator.refuse, number, RefusalCode.UNAVAILABLE, sentence)
            return
        if isinstance(answer, JoinRefused):
            _log.info("{node_id} is turned away: {reason}", node_id=str(registration.node_id), reason=answer.sentence)
            self.outcomes["refused"] += 1
            self._pump.call(self._coordinator.refuse, number, answer.reason, answer.sentence)
            return
        self._answer(number, answer)
        if is_changed:
            self.network_changed(registration.network)

    def _answer(self, number: int, answer: Admission | Held) -> None:
        self.outcomes["held" if isinstance(answer, Held) else "admitted"] += 1
        if isinstance(answer, Held):
            self._pump.call(self._coordinator.hold, number, answer.sentence)
        else:
            self._pump.call(self._coordinator.admit, number, answer)

    async def _read_map(self, network: NetworkId) -> None:
        try:
            view = await self._store.read(self._views.read, network)
        except NotFound:
            self._network_deleted(network)
        except ZeroGoError as error:
            _log.error("The map of {network} cannot be read: {reason}", network=str(network), reason=str(error))
            self._pump.call(self._coordinator.map_failed, network)
        else:
            self.pushes += 1
            self._pump.call(self._coordinator.install, view)
            self.view_read(view)
            self._telling.begin()

    def _tell_some(self) -> bool:
        self._pump.call(self._coordinator.tell)
        return self._coordinator.is_telling

    async def _leave(self, network: NetworkId, node_id: NodeId) -> None:
        try:
            await self._store.write(members.leave, network, node_id, self._unix_time())
        except NotFound:
            return
        except ZeroGoError as error:
            _log.error("{node_id} could not be removed: {reason}", node_id=str(node_id), reason=str(error))
            return
        self.decided(network, node_id)

    async def _store_capabilities(self, event: CapabilitiesChanged) -> None:
        try:
            said = (event.capabilities, event.subnets)
            await self._store.write(members.set_published, event.network, event.node_id, *said)
        except ZeroGoError as error:
            _log.error("What {node_id} can do is not stored: {reason}", node_id=str(event.node_id), reason=str(error))
            return
        self.network_changed(event.network)

    async def store_seen(self) -> None:
        """Write who was seen since the last time, and forget the ephemeral members that are away for long."""
        present = {key: None for key in self._seen}
        self._seen.clear()
        if self.has_fellows:
            present |= {key: None for key in await self._ephemeral_here()}
        if present:
            await self._store.write(members.touch_members, list(present), self._unix_time())
        if self._clock.seconds() - self._began_at >= ephemeral.AWAY_SECONDS:
            await self._forget_ephemeral()

    async def _ephemeral_here(self) -> list[tuple[NetworkId, NodeId]]:
        """Another controller must not take them for away."""
        all_of_them = await self._store.read(ephemeral.ephemeral_members)
        here = {network: self.presence(network) for network in dict.fromkeys(network for network, _ in all_of_them)}
        return [(network, node_id) for network, node_id in all_of_them if node_id in here[network]]

    async def _forget_ephemeral(self) -> None:
        """Not before this controller has run as long as they may be away: who was here before it is unknown to it."""
        away = await self._store.read(ephemeral.ephemeral_members)
        here = {network: self.presence(network) for network in dict.fromkeys(network for network, _ in away)}
        present = [(network, node_id) for network, node_id in away if node_id in here[network]]
        if len(present) == len(away):
            return
        now = self._unix_time()
        since = now - ephemeral.AWAY_SECONDS
        for network, node_id in await self._store.write(ephemeral.forget_ephemeral, present, since, now):
            _log.info("{node_id} was away for long and is forgotten", node_id=str(node_id), network=str(network))
            self.decided(network, node_id)


def _spawn(work: Awaitable[None], what: str) -> None:
    deferred: Deferred[None] = ensureDeferred(work)  # type: ignore[arg-type]
    deferred.addErrback(lambda failure: _log.failure("A bug in {what}", failure, what=what))
