# -*- test-case-name: zerogo.test.mesh.test_node -*-
"""A node in one network: the core that holds all peers, tells whose a datagram is, and hands out work to its parts.

The driver gives it what the data plane passes up (`receive_datagram`, `receive_control`, `session_confirmed` ...), what
the controller passes on (`update_peers`, `receive_signal`, `punch`) and what the machine knows (`set_host_addresses`).
After each verb it drains `transmits()` and `events()` and reads `next_timer()` again.

All peers of the map are connected to, eagerly; so many searches that this node began go on at once, the others wait
their turn (`turns`). A peer that knocks is answered at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve

from zerogo.core import Deadline, RandomBytes, TimerTable, Transmit
from zerogo.errors import ParseError
from zerogo.ice.candidate import Candidate
from zerogo.ids import ChannelAddress, Endpoint, NodeId, RouteAddress, SocketAddress
from zerogo.mesh.context import IndexPool, NodeContext, Pace, Timestamps
from zerogo.mesh.credentials import derive_pair_secrets
from zerogo.mesh.directory import Directory
from zerogo.mesh.door import Door
from zerogo.mesh.events import (
    NodeEvent,
    PeerAdded,
    PeerChanged,
    PeerRemoved,
    SideSocketsDropped,
    SurroundingsDoubted,
)
from zerogo.mesh.outbox import Outbox
from zerogo.mesh.peer import Peer
from zerogo.mesh.relay import RelaySpec
from zerogo.mesh.relays import Relays
from zerogo.mesh.settings import NodeSettings
from zerogo.mesh.signal import Offer, Relayed, is_relayed_signal, is_signalled_handshake, parse_relayed_signal
from zerogo.mesh.spec import PeerSpec
from zerogo.mesh.status import NodeCounters, PeerStatus, Refusal
from zerogo.mesh.stream_proof import StreamKey, ufrag_of
from zerogo.mesh.streaming import PeerStream
from zerogo.mesh.surroundings import Surroundings
from zerogo.mesh.turns import SearchTurns
from zerogo.mesh.wayfinder import Wayfinder
from zerogo.noise.errors import NotAuthentic
from zerogo.noise.timestamp import HandshakeClock
from zerogo.turn.client import TurnCredential
from zerogo.wire.handshake import Suite

RELAYS = -1
WAYS = -2
SURROUNDINGS = 0
"""Keys of the timers of what is not a peer's; peers count from 1."""
DOUBT_GAP_SECONDS = 2.0
"""After the loss of a peer, the STUN servers and the controller are asked at most so often."""
MISS_GAP_SECONDS = 3.0
"""After one unanswered probe, which on a lossy link means nothing."""
AESGCM_CAPABILITY = "aesgcm"


class Node:
    """The core; one per network."""

    def __init__(self, settings: NodeSettings, rng: RandomBytes, unix_offset: float) -> None:
        """Begin with no peers.

        :param unix_offset: unix seconds minus the monotonic seconds that verbs are called with.
        """
        self._outbox = Outbox()
        self._context = NodeContext(
            identity=settings.identity,
            network=settings.network,
            psk=settings.psk,
            rng=rng,
            capabilities=settings.capabilities,
            outbox=self._outbox,
            indexes=IndexPool(rng),
            timestamps=Timestamps(unix_offset, HandshakeClock(settings.handshake_mark)),
            pace=Pace(),
            policy=settings.policy,
        )
        self._directory = Directory()
        self._surroundings = Surroundings(self._context, self._directory)
        self._relays = Relays(self._context)
        self._door = Door(self._context, self._directory)
        self._wayfinder = Wayfinder(self._context, self._directory)
        self._is_finding_ways = False
        self._to_settle: deque[Peer] = deque()
        self._timers: TimerTable[int] = TimerTable()
        self._last_number = SURROUNDINGS
        self._turns = SearchTurns()

    def update_peers(self, specs: Sequence[PeerSpec], now: float) -> None:
        """The members of the network other than this node, all of them; those that are gone are dropped."""
        wanted = {spec.node_id.raw: spec for spec in specs if spec.node_id != self._context.identity.node_id}
        for peer in self._directory.peers():
            spec = wanted.get(peer.spec.node_id.raw)
            if spec is None or spec.static_public != peer.spec.static_public:
                self._remove(peer, now)
            elif spec != peer.spec:
                peer.change(spec, self._suite(spec))
                self._wayfinder.use_member(spec)
                self._outbox.tell(PeerChanged(peer.number, spec))
        for spec in wanted.values():
            if self._directory.of_node(spec.node_id.raw) is None:
                self._add(spec, now)
        self._begin_searches(now)

    def set_unix_offset(self, unix_offset: float) -> None:
        """The wall clock was set: unix seconds minus monotonic seconds."""
        self._context.timestamps.offset = unix_offset
        self._wayfinder.router.set_unix_offset(unix_offset)

    def set_host_addresses(self, addresses: Iterable[SocketAddress], now: float) -> None:
        """The machine's own addresses with the port of the data socket, best first."""
        if self._surroundings.set_hosts(addresses, now):
            self.network_changed(now)

    def network_changed(self, now: float) -> None:
        """The machine woke up, or is elsewhere, whether its addresses are the same or not: prove every path anew."""
        self._surroundings.network_changed(now)
        self._relays.network_changed(now)
        self._prove_peers(now)
        self._settle_relays(now)
        self._settle_surroundings(now)

    def set_port_mapped(self, outer: SocketAddress | None, now: float) -> None:
        """What the gateway maps to this node's data socket for everybody; None where it maps nothing."""
        self._surroundings.set_port_mapped(outer)
        self._settle_surroundings(now)

    def set_streams(self, streams: Iterable[Candidate], now: float) -> None:
        """Where this node takes TCP connections of members, as passive candidates, best first."""
        self._surroundings.set_streams(streams)
        self._settle_surroundings(now)

    def set_stun_servers(self, servers: Sequence[SocketAddress], now: float) -> None:
        """Where to ask for this node's addresses as the outside sees them; two or more tell about its NAT."""
        self._surroundings.set_servers(servers, now)
        self._context.punches.servers = tuple(each for each in servers if not each.is_ipv6)
        self._settle_surroundings(now)

    def receive_datagram(self, data: bytes, source: Endpoint, now: float) -> None:
        """A datagram that is not of a session: STUN, handshake, garbage. Never raises."""
        if isinstance(source, RouteAddress) and not self._context.policy.carriers_limit:
            self._outbox.refuse(Refusal.UNWANTED_ROUTE)
        elif self._relays.receive(data, source, now):
            self._settle_relays(now)
        elif isinstance(source, ChannelAddress) and not self._relays.named_like(source):
            self._outbox.refuse(Refusal.FOREIGN_CHANNEL)
        else:
            self._receive_own(data, source, now)

    def use_relays(self, relays: Sequence[RelaySpec], now: float) -> None:
        """The relays of the network and how to get to them, all of them."""
        self._relays.use(relays, now)
        self._settle_relays(now)

    def use_relay_credentials(self, credentials: Mapping[str, TurnCredential], now: float) -> None:
        """How this node may use the relays, by their names."""
        self._relays.use_credentials(credentials, now)
        self._settle_relays(now)

    def relay_stream_opened(self, relay: str, address: SocketAddress, now: float) -> None:
        """There is a stream to that relay: datagrams to `address` go into it, and those from there came out of it."""
        self._relays.stream_opened(relay, address, now)
        self._settle_relays(now)

    def relay_stream_closed(self, relay: str, address: SocketAddress, now: float) -> None:
        """That stream is gone."""
        self._relays.stream_closed(relay, address, now)
        self._settle_relays(now)

    def stream_key(self, fragment: bytes) -> StreamKey | None:
        """What proves a connection that says it is for the pair of this fragment; None where there is no such pair."""
        peer = self._directory.addressed(ufrag_of(fragment))
        if peer is None or not self._context.policy.p2p_enabled:
            return None
        return StreamKey(peer.number, fragment, peer.secrets.stream_accept_key)

    def peer_stream_opened(self, peer: int, stream: PeerStream, now: float) -> None:
        """There is a proven stream to that peer: datagrams to its address go into it, and those from there came out."""
        found = self._directory.numbered(peer)
        if found is not None:
            found.paths.streamed(stream, now)
            self._settle(found, now)

    def peer_stream_closed(self, peer: int, address: SocketAddress, now: float) -> None:
        """That stream is gone."""
        found = self._directory.numbered(peer)
        if found is not None:
            found.paths.void(address)
            self._settle(found, now)

    def receive_control(self, peer: int, payload: bytes, source: Endpoint, now: float) -> None:
        """An authentic control message of a peer. Never raises."""
        found = self._directory.numbered(peer)
        if found is None:
            return
        if isinstance(source, RouteAddress) and not self._context.policy.carriers_limit:
            self._outbox.refuse(Refusal.UNWANTED_ROUTE)
            return
        message = found.receive_control(payload, source, now)
        if message is not None:
            self._wayfinder.receive(found, message, now)
        self._settle(found, now)

    def controller_connected(self, now: float) -> None:
        """The controller is in reach, perhaps again: what was to be passed on before may be lost, so tell it anew."""
        for peer in self._directory.peers():
            peer.controller_connected(now)
            self._settle(peer, now)

    def receive_signal(self, sender: NodeId, blob: bytes, now: float, *, place: Relayed | None = None) -> None:
        """A signal that the controller passed on, or that came from an allocation of a relay. Never raises."""
        peer = self._directory.of_node(sender.raw)
        if peer is None:
            self._outbox.refuse(Refusal.UNKNOWN_SIGNAL_SENDER)
            return
        if is_signalled_handshake(blob):
            found = self._door.receive_signalled(blob, sender, now)
            if found is not None:
                self._settle(found, now)
            return
        try:
            peer.receive_signal(blob, now, place=place)
        except ParseError:
            self._outbox.refuse(Refusal.MALFORMED_SIGNAL)
        self._settle(peer, now)

    def punch(self, sender: NodeId, delay: float, now: float) -> None:
        """The controller has this node and `sender` begin their checks in `delay` seconds."""
        peer = self._directory.of_node(sender.raw)
        if peer is not None:
            peer.search.punch(delay, now)
            self._settle(peer, now)

    def test_relay(self, node_id: NodeId, seconds: float, now: float) -> None:
        """For so long, reach a peer by relay servers only, as long as one carries; 0 ends it."""
        if (peer := self._directory.of_node(node_id.raw)) is not None:
            peer.paths.test_relay(seconds, now)
            self._settle(peer, now)

    def side_sockets_opened(self, peer: int, numbers: Sequence[int], now: float) -> None:
        """The answer to `SideSocketsWanted`: these were opened, perhaps fewer than wanted, perhaps none."""
        found = self._directory.numbered(peer)
        if found is None:
            self._outbox.tell(SideSocketsDropped(tuple(numbers)))
            return
        found.search.side_sockets_opened(numbers, now)
        self._settle(found, now)

    def session_confirmed(self, peer: int, local_index: int, now: float) -> None:
        """The data plane saw the first authentic datagram of a session that the peer opened."""
        found = self._directory.numbered(peer)
        if found is not None:
            found.keying.confirmed(local_index, now)
            self._settle(found, now)

    def rekey_due(self, peer: int, now: float) -> None:
        """The data plane wants a fresh session."""
        found = self._directory.numbered(peer)
        if found is not None:
            found.keying.rekey_due(now)
            self._settle(found, now)

    def peer_roamed(self, peer: int, source: Endpoint, now: float) -> None:
        """Authentic datagrams of the peer come from another address than its path's."""
        found = self._directory.numbered(peer)
        if found is not None:
            found.heard(source, now)
            self._settle(found, now)

    def path_refused(self, peer: int, errno: int, now: float) -> None:
        """The kernel would not send by the peer's path."""
        found = self._directory.numbered(peer)
        if found is not None:
            found.paths.refused(errno, now)
            self._settle(found, now)

    def note_sent(self, totals: Mapping[int, int], now: float) -> None:
        """Bytes of data each peer, by number, was sent so far, about once a second: busy paths are watched closely."""
        for number, total in totals.items():
            peer = self._directory.numbered(number)
            if peer is not None and peer.paths.note_sent(total, now):
                self._settle(peer, now)

    def shutdown(self, now: float) -> None:
        """Tell all peers that their sessions end; send what this yields before the data plane is closed."""
        for peer in self._directory.peers():
            peer.shut_down(now)
            self._timers.cancel(peer.number)
        self._relays.close(now)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        for number in self._timers.take_due(now):
            if number == RELAYS:
                self._relays.handle_timer(now)
                self._settle_relays(now)
                continue
            if number == WAYS:
                self._wayfinder.handle_timer(now)
                self._find_ways([], now)
                continue
            peer = self._directory.numbered(number)
            if peer is not None:
                peer.handle_timer(now)
                self._settle(peer, now)
            elif number == SURROUNDINGS:
                self._surroundings.handle_timer(now)
                self._settle_surroundings(now)
        self._begin_searches(now)

    def next_timer(self) -> Deadline | None:
        """The earliest deadline."""
        return self._timers.next()

    def transmits(self) -> Iterator[Transmit]:
        """Drain the datagrams to send from the data socket."""
        return self._outbox.transmits()

    def events(self) -> Iterator[NodeEvent]:
        """Drain what happened; see `zerogo.mesh.events`."""
        return self._outbox.events()

    def peer_status(self, now: float) -> list[PeerStatus]:
        """Snapshots of all peers, in the order they were added."""
        distrusted = self.distrusted(now)
        statuses = [peer.status(now) for peer in self._directory.peers()]
        return [evolve(each, complaint=distrusted.get(each.node_id, "")) for each in statuses]

    def offer(self) -> Offer:
        """What all peers are told of where this node may be reached."""
        return self._surroundings.offer

    @property
    def probes_sent(self) -> int:
        """Datagrams sent to guessed ports and from side sockets, for hard NATs."""
        return self._context.punches.probes

    def counters(self) -> NodeCounters:
        """How often input was refused, by reason."""
        counters = self._outbox.counters()
        ways = {Refusal(refusal.value): count for refusal, count in self._wayfinder.router.refusals.items()}
        return NodeCounters(counters.refusals | ways)

    def distrusted(self, now: float) -> dict[NodeId, str]:
        """Members that did not carry what they promised, and what is held against each."""
        return self._wayfinder.router.trust.complaints(now)

    def _add(self, spec: PeerSpec, now: float) -> None:
        identity = self._context.identity
        try:
            secrets = derive_pair_secrets(identity, spec.static_public, self._context.network)
        except NotAuthentic:
            self._outbox.refuse(Refusal.INVALID_PEER)
            return
        self._last_number += 1
        peer = Peer(
            number=self._last_number,
            spec=spec,
            context=self._context,
            secrets=secrets,
            leads=identity.static_public < spec.static_public,
            suite=self._suite(spec),
            relays=self._relays,
        )
        self._directory.add(peer)
        self._wayfinder.use_member(spec)
        self._turns.add(peer.number)
        peer.search.set_offer(self._surroundings.offer, now)
        self._outbox.tell(PeerAdded(peer.number, spec))

    def _suite(self, spec: PeerSpec) -> Suite:
        both = spec.capabilities & self._context.capabilities
        return Suite.AESGCM if AESGCM_CAPABILITY in both else Suite.CHACHAPOLY

    def _remove(self, peer: Peer, now: float) -> None:
        peer.clear(now)
        self._wayfinder.remove(peer, now)
        self._directory.remove(peer)
        self._door.forget(peer.spec.static_public)
        self._timers.cancel(peer.number)
        self._turns.remove(peer.number)
        self._context.pace.connected = self._turns.connected
        self._outbox.tell(PeerRemoved(peer.number))

    def _begin_searches(self, now: float) -> None:
        while (number := self._turns.take()) is not None:
            peer = self._directory.numbered(number)
            assert peer is not None
            peer.search.begin(now)
            self._settle(peer, now)

    def _prove_peers(self, now: float) -> None:
        """This node is elsewhere: paths must prove themselves, and peers must learn of it."""
        for peer in self._directory.peers():
            peer.network_changed(self._surroundings.offer, now)
            self._settle(peer, now)

    def _receive_own(self, data: bytes, source: Endpoint, now: float) -> None:
        peer = self._door.receive(data, source, self._surroundings, now)
        if peer is not None:
            self._settle(peer, now)
        self._settle_surroundings(now)

    def _settle_relays(self, now: float) -> None:
        version = self._relays.version
        for payload, channel, place in self._relays.settle(now):
            if is_relayed_signal(payload):
                self._receive_relayed_signal(payload, place, now)
            elif channel is not None:
                self._receive_own(payload, channel, now)
        if self._relays.version != version:
            self._surroundings.set_relayed(self._relays.relayed)
            self._settle_surroundings(now)
            for peer in self._directory.peers():
                self._settle(peer, now)
        self._arm_relays(now)

    def _receive_relayed_signal(self, data: bytes, place: Relayed, now: float) -> None:
        try:
            sender, blob = parse_relayed_signal(data)
        except ParseError:
            self._outbox.refuse(Refusal.MALFORMED_SIGNAL)
            return
        self.receive_signal(sender, blob, now, place=place)

    def _arm_relays(self, now: float) -> None:
        self._relays.is_touched = False
        for payload, channel in self._relays.take_ready():
            self._receive_own(payload, channel, now)
        at = self._relays.next_at()
        if at is None:
            self._timers.cancel(RELAYS)
        else:
            self._timers.set(RELAYS, at)

    def _settle(self, peer: Peer, now: float) -> None:
        for transmit in peer.settle(now):
            self._directory.note_request(transmit.payload, peer.number)
            self._outbox.send(transmit.destination, transmit.payload)
        at = peer.next_at()
        if at is None:
            self._timers.cancel(peer.number)
        else:
            self._timers.set(peer.number, at)
        if self._turns.note(peer.number, peer.state):
            self._doubt_surroundings(DOUBT_GAP_SECONDS, now)
        if peer.paths.take_doubt():
            self._doubt_surroundings(MISS_GAP_SECONDS, now)
        self._context.pace.connected = self._turns.connected
        if self._relays.is_touched:
            self._arm_relays(now)
        self._find_ways(self._wayfinder.note(peer, now), now)

    def _find_ways(self, changed: list[Peer], now: float) -> None:
        """Settle the peers whose paths through others changed, until there are none; not within itself."""
        self._to_settle.extend(changed)
        if self._is_finding_ways:
            return
        self._is_finding_ways = True
        self._to_settle.extend(self._wayfinder.carry_out(now))
        while self._to_settle:
            peer = self._to_settle.popleft()
            if self._directory.numbered(peer.number) is peer:
                self._settle(peer, now)
            self._to_settle.extend(self._wayfinder.carry_out(now))
        self._is_finding_ways = False
        deadline = self._wayfinder.next_timer()
        if deadline is None:
            self._timers.cancel(WAYS)
        else:
            self._timers.set(WAYS, deadline.at)

    def _doubt_surroundings(self, gap: float, now: float) -> None:
        self._relays.doubt(now)
        self._timers.set(RELAYS, now)
        if self._surroundings.doubt(gap, now):
            self._outbox.tell(SurroundingsDoubted())
            self._timers.set(SURROUNDINGS, now)

    def _settle_surroundings(self, now: float) -> None:
        is_news = self._surroundings.settle(now)
        if self._surroundings.take_moved():
            self._prove_peers(now)
        elif is_news:
            for peer in self._directory.peers():
                peer.search.set_offer(self._surroundings.offer, now)
                self._settle(peer, now)
        at = self._surroundings.next_at()
        if at is None:
            self._timers.cancel(SURROUNDINGS)
        else:
            self._timers.set(SURROUNDINGS, at)
