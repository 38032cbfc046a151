# -*- test-case-name: zerogo.test.agent.test_service -*-
"""The mesh core and the data plane, glued: events become verbs of the plane, upcalls become verbs of the core.

The core says which peer is reached how, the plane moves the frames; this class translates, one line a case, and decides
nothing. It also carries over what comes from the controller (members, signals, punch times) and from the machine
(addresses, STUN servers, a wall clock that was set).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from attrs import define
from twisted.internet.interfaces import IReactorFDSet, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from zerogo.agent.filters import Filters, NodeFilters
from zerogo.agent.state_dir import Endpoints, LastSeen
from zerogo.agent.streams import Streams
from zerogo.control.netmap import MemberRecord, NetworkMap
from zerogo.core import Transmit
from zerogo.dataplane.interface import (
    ControlReceived,
    DatagramReceived,
    IDataplane,
    PathRefused,
    PeerEntry,
    PeerRoamed,
    PlaneCounters,
    PlaneFault,
    RekeyDue,
    SessionConfirmed,
    Upcall,
)
from zerogo.dataplane.plan import path_plan
from zerogo.ice.candidate import Candidate, CandidateKind
from zerogo.ids import NodeId, SideAddress, SocketAddress
from zerogo.mesh.events import (
    ControlToSend,
    DatagramToSend,
    HandshakeMarkChanged,
    NodeEvent,
    PathSelected,
    PeerAdded,
    PeerChanged,
    PeerRemoved,
    PeerState,
    PeerStateChanged,
    PeerStreamUnwanted,
    PeerStreamWanted,
    PunchWanted,
    RelayStreamUnwanted,
    RelayStreamWanted,
    SessionReady,
    SessionRetired,
    SideSocketKept,
    SideSocketsDropped,
    SideSocketsWanted,
    SignalToSend,
    SurroundingsDoubted,
)
from zerogo.mesh.node import Node
from zerogo.mesh.relay import RelaySpec
from zerogo.mesh.signal import Offer
from zerogo.mesh.spec import PeerSpec
from zerogo.mesh.status import NodeCounters, PeerStatus
from zerogo.mesh.stream_proof import StreamKey
from zerogo.mesh.streaming import PeerStream
from zerogo.net.plane import UpcallReader
from zerogo.net.pump import Pump
from zerogo.net.side_sockets import SideSockets
from zerogo.policy.decisions import Decided
from zerogo.turn.client import TurnCredential

TRAFFIC_SECONDS = 1.0
"""How often the core is told how much each peer was sent."""

_log = Logger(namespace="zerogo.agent.segment")


class Signalling(Protocol):
    """What of the controller the mesh uses."""

    def signal(self, to: NodeId, blob: bytes) -> None: ...

    def request_punch(self, to: NodeId) -> None: ...

    def look(self) -> None: ...


@define(kw_only=True, eq=False)
class SegmentOwner:
    """Who is told what a segment cannot settle itself."""

    keep_mark: Callable[[bytes], object]
    """Put a handshake mark on the disk before this returns."""
    plane_failed: Callable[[str], object]
    """The plane cannot go on."""
    relay_stream_wanted: Callable[[str], object]
    """Nothing comes back from the relay of that name by UDP."""
    relay_stream_unwanted: Callable[[str], object]
    streams: Streams
    """Who dials members by TCP."""
    peers_changed: Callable[[], object] = lambda: None
    """A peer is reached another way, or not any more."""


def peer_spec(record: MemberRecord, endpoints: Endpoints) -> PeerSpec:
    """A member as the mesh core wants it; `endpoints` are where members were last."""
    seen = endpoints.get(record.node_id, LastSeen())
    return PeerSpec(
        node_id=record.node_id,
        static_public=record.static_public,
        signing_public=record.signing_public,
        name=record.name,
        mac=record.mac,
        addresses=record.addresses,
        capabilities=frozenset(record.capabilities),
        subnets=record.subnets,
        is_bridge=record.is_bridge,
        endpoints=seen.endpoints,
        streams=tuple(Candidate.passive(place, CandidateKind.HOST, rank) for rank, place in enumerate(seen.streams)),
    )


class Segment:
    """One network as this machine takes part in it, from `start` to `stop`.

    :param plane: an opened data plane; `stop` closes it.
    """

    def __init__(
        self,
        node: Node,
        plane: IDataplane,
        clock: IReactorTime,
        reactor: IReactorFDSet,
        *,
        signalling: Signalling,
        owner: SegmentOwner,
    ) -> None:
        self._node = node
        self._plane = plane
        self._clock = clock
        self._signalling = signalling
        self._owner = owner
        self._names: dict[int, str] = {}
        self._known_since: dict[int, float] = {}
        self.filters = Filters(plane)
        """What each peer is held against."""
        self.logs_decisions = False
        """Whether the plane counts what filters decide."""
        self._ciphers: dict[int, str] = {}
        self._reader: UpcallReader[Upcall] = UpcallReader(plane, reactor, self._upcall)
        self._pump: Pump[NodeEvent, Transmit] = Pump(
            node, clock, outputs=node.transmits, send=self._transmit, on_event=self._event
        )
        self._sides = SideSockets(reactor, self._side_datagram)
        self._traffic = LoopingCall(self._tell_traffic)
        self._traffic.clock = clock

    @property
    def plane_name(self) -> str:
        """`reference` or `native`."""
        return self._plane.name

    def start(self) -> None:
        """Begin to read what the plane passes up."""
        self._reader.start()
        self._traffic.start(TRAFFIC_SECONDS, now=False)

    def stop(self) -> None:
        """Tell the peers, and close the plane."""
        if self._traffic.running:
            self._traffic.stop()
        self._pump.call(self._node.shutdown)
        self._pump.stop()
        self._reader.stop()
        self._sides.close_all()
        self._plane.close()

    def use_map(self, network_map: NetworkMap, endpoints: Endpoints, filters: NodeFilters) -> None:
        """Take over who the members are, and what they are held against."""
        self.filters.use(filters)
        if network_map.flow_log != self.logs_decisions:
            self.logs_decisions = network_map.flow_log
            self._plane.set_decision_log(self.logs_decisions)
        specs = [peer_spec(record, endpoints) for record in network_map.members]
        self._pump.call(self._node.update_peers, specs)

    def use_hosts(self, addresses: Iterable[SocketAddress]) -> None:
        """Take over the machine's own addresses, with the ports of the data sockets."""
        self._pump.call(self._node.set_host_addresses, list(addresses))

    def use_stun_servers(self, servers: Sequence[SocketAddress]) -> None:
        """Take over where to ask for our outer addresses."""
        self._pump.call(self._node.set_stun_servers, servers)

    def use_port_mapped(self, outer: SocketAddress | None) -> None:
        """Take over what the gateway maps to our data socket; None where it maps nothing."""
        self._pump.call(self._node.set_port_mapped, outer)

    def use_streams(self, streams: Sequence[Candidate]) -> None:
        """Take over where this machine takes TCP connections of members."""
        self._pump.call(self._node.set_streams, streams)

    def stream_key(self, fragment: bytes) -> StreamKey | None:
        """What proves a connection that says it is for the pair of this fragment."""
        return self._node.stream_key(fragment)

    def peer_stream_opened(self, peer: int, stream: PeerStream) -> None:
        """There is a proven connection to that peer."""
        self._pump.call(self._node.peer_stream_opened, peer, stream)

    def peer_stream_closed(self, peer: int, address: SocketAddress) -> None:
        """There is none any more at that address."""
        self._pump.call(self._node.peer_stream_closed, peer, address)

    def use_relays(self, relays: Sequence[RelaySpec]) -> None:
        """Take over the network's relays and where they are."""
        self._pump.call(self._node.use_relays, relays)

    def use_relay_credentials(self, credentials: Mapping[str, TurnCredential]) -> None:
        """Take over how the relays, by name, may be used."""
        self._pump.call(self._node.use_relay_credentials, credentials)

    def relay_stream_opened(self, relay: str, address: SocketAddress) -> None:
        """There is a stream to that relay; `address` stands for it."""
        self._pump.call(self._node.relay_stream_opened, relay, address)

    def relay_stream_closed(self, relay: str, address: SocketAddress) -> None:
        """There is none any more."""
        self._pump.call(self._node.relay_stream_closed, relay, address)

    def use_unix_offset(self, offset: float) -> None:
        """Take over the difference of the wall clock to the reactor's."""
        self._node.set_unix_offset(offset)

    def controller_connected(self) -> None:
        """What went to the controller before was perhaps lost."""
        self._pump.call(self._node.controller_connected)

    def receive_signal(self, sender: NodeId, blob: bytes) -> None:
        """A signal of a member, passed on by the controller."""
        _log.debug("A signal of {node} came in, {size} bytes", node=str(sender), size=len(blob))
        self._pump.call(self._node.receive_signal, sender, blob)

    def punch(self, peer: NodeId, delay: float) -> None:
        """Begin checks with `peer` in `delay` seconds, as it does."""
        _log.debug("Checks with {node} begin in {delay:.3f} s", node=str(peer), delay=delay)
        self._pump.call(self._node.punch, peer, delay)

    def test_relay(self, peer: NodeId, seconds: float) -> None:
        """For so long, reach `peer` by relay servers only, as long as one carries; 0 ends it."""
        _log.info("The relay to {node} is tested for {seconds:.0f} s", node=str(peer), seconds=seconds)
        self._pump.call(self._node.test_relay, peer, seconds)

    def peers(self) -> list[PeerStatus]:
        """All peers as they are at this moment."""
        return self._node.peer_status(self._clock.seconds())

    def known_for(self) -> dict[int, float]:
        """For how many seconds each peer, by number, has been a member here."""
        now = self._clock.seconds()
        return {peer: now - since for peer, since in self._known_since.items()}

    def offer(self) -> Offer:
        """What all peers are told of where this machine may be reached."""
        return self._node.offer()

    def refusals(self) -> NodeCounters:
        """What the core refused."""
        return self._node.counters()

    def counters(self) -> PlaneCounters:
        """What the plane counted."""
        return self._plane.counters()

    def take_decisions(self) -> list[tuple[NodeId, Decided]]:
        """What filters decided since this was called last, of peers that are members."""
        return [
            (node_id, decided)
            for decided in self._plane.take_decisions()
            if (node_id := self.filters.node_of(decided.peer)) is not None
        ]

    def ciphers(self) -> Mapping[int, str]:
        """What seals the datagrams of each peer, by number, as Noise calls it."""
        return self._ciphers

    def _tell_traffic(self) -> None:
        totals = {peer: counters.bytes_out for peer, counters in self._plane.counters().peers.items()}
        self._pump.call(self._node.note_sent, totals)

    def _transmit(self, transmit: Transmit) -> None:
        destination = transmit.destination
        if isinstance(destination, SideAddress) and self._sides.has(destination.socket):
            self._sides.send(destination, transmit.payload)
        else:
            self._plane.send_datagram(destination, transmit.payload)

    def _event(self, event: NodeEvent) -> None:
        match event:
            case PeerAdded(peer, spec) | PeerChanged(peer, spec):
                self._names[peer] = spec.name
                self._known_since.setdefault(peer, self._clock.seconds())
                self._plane.set_peer(
                    PeerEntry(
                        peer=peer,
                        node_id=spec.node_id,
                        mac=spec.mac,
                        addresses=spec.addresses,
                        subnets=spec.subnets,
                        is_bridge=spec.is_bridge,
                    )
                )
                self.filters.peer_set(peer, spec.node_id)
            case PeerRemoved(peer):
                self._known_since.pop(peer, None)
                self._ciphers.pop(peer, None)
                _log.info("{name} is no member any more", name=self._names.pop(peer, "a peer"))
                self._owner.streams.forget(peer)
                self._plane.remove_peer(peer)
                self.filters.peer_removed(peer)
            case SessionReady(peer, keys):
                self._ciphers[peer] = keys.suite.name
                self._plane.add_session(peer, keys)
            case SessionRetired(local_index):
                self._plane.retire_session(local_index)
            case PathSelected(peer=peer):
                self._plane.set_path(peer, path_plan(event))
                self._owner.peers_changed()
                if event.destination is not None:
                    self._log_path(event)
            case ControlToSend(peer, payload, destination):
                self._plane.send_control(peer, payload, destination)
            case DatagramToSend(destination, payload):
                self._transmit(Transmit(destination, payload))
            case SignalToSend(to, blob):
                _log.debug("A signal goes to {node}, {size} bytes", node=str(to), size=len(blob))
                self._signalling.signal(to, blob)
            case PunchWanted(to):
                _log.debug("The controller is asked for a common moment with {node}", node=str(to))
                self._signalling.request_punch(to)
            case HandshakeMarkChanged(mark):
                self._owner.keep_mark(mark)
            case RelayStreamWanted(relay):
                self._owner.relay_stream_wanted(relay)
            case RelayStreamUnwanted(relay):
                self._owner.relay_stream_unwanted(relay)
            case PeerStreamWanted(key, places):
                self._owner.streams.dial(key, places)
            case PeerStreamUnwanted(peer):
                self._owner.streams.undial(peer)
            case SurroundingsDoubted():
                self._signalling.look()
            case SideSocketsWanted() | SideSocketKept() | SideSocketsDropped():
                self._side_event(event)
            case PeerStateChanged():
                self._owner.peers_changed()
                self._log_state(event)

    def _side_event(self, event: SideSocketsWanted | SideSocketKept | SideSocketsDropped) -> None:
        match event:
            case SideSocketsWanted(peer, count):
                numbers = self._sides.open(count)
                _log.debug("{name}: {count} side sockets", name=self._names.get(peer, peer), count=len(numbers))
                self._pump.call(self._node.side_sockets_opened, peer, numbers)
            case SideSocketKept(number):
                descriptor = self._sides.give_away(number)
                if descriptor is not None:
                    self._plane.add_side_socket(number, descriptor)
            case SideSocketsDropped(numbers):
                for number in numbers:
                    if not self._sides.close(number):
                        self._plane.remove_side_socket(number)

    def _side_datagram(self, data: bytes, source: SideAddress) -> None:
        self._pump.call(self._node.receive_datagram, data, source)

    def _log_path(self, event: PathSelected) -> None:
        _log.info(
            "{name}: {kind} path{relay} to {destination} ({local} to {remote}), datagrams of up to {mtu} bytes",
            name=self._names.get(event.peer, event.peer),
            kind=event.kind.value,
            relay=f" by {event.relay}" if event.relay else "",
            destination=str(event.destination),
            local=event.local_candidate,
            remote=event.remote_candidate,
            mtu=event.mtu,
        )

    def _log_state(self, event: PeerStateChanged) -> None:
        emit = _log.info if event.state in (PeerState.CONNECTED, PeerState.UNREACHABLE) else _log.debug
        emit("{sentence}", sentence=event.sentence)

    def _upcall(self, upcall: Upcall) -> None:
        call, node = self._pump.call, self._node
        match upcall:
            case DatagramReceived(source, payload):
                call(node.receive_datagram, payload, source)
            case ControlReceived(peer, source, payload):
                call(node.receive_control, peer, payload, source)
            case SessionConfirmed(peer, local_index):
                call(node.session_confirmed, peer, local_index)
            case RekeyDue(peer):
                call(node.rekey_due, peer)
            case PeerRoamed(peer, source):
                call(node.peer_roamed, peer, source)
            case PathRefused(peer, errno):
                call(node.path_refused, peer, errno)
            case PlaneFault(reason):
                self._owner.plane_failed(reason)
