# -*- test-case-name: zerogo.test.testing.test_mesh -*-
"""Whole members in the simulated internet: node, data plane in memory and host, with a stand-in for the controller.

mesh = VirtualMesh(seed=7)
ann = mesh.add_member("ann", PORT_RESTRICTED)
bob = mesh.add_member("bob", FULL_CONE)
mesh.start()
mesh.run_until_connected(10.0)
ann.send(bob, b"hello")
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import Factory, define, evolve, field

from zerogo.core import RandomBytes, Transmit
from zerogo.dataplane.interface import (
    ControlReceived,
    DatagramReceived,
    PathRefused,
    PeerEntry,
    PeerRoamed,
    PlaneSettings,
    RekeyDue,
    SessionConfirmed,
    Upcall,
)
from zerogo.dataplane.plan import path_plan
from zerogo.ice.candidate import Candidate
from zerogo.ids import MacAddress, NetworkId, NodeId, SideAddress, SocketAddress
from zerogo.mesh.events import (
    ControlToSend,
    DatagramToSend,
    HandshakeMarkChanged,
    NodeEvent,
    PathKind,
    PathSelected,
    PeerAdded,
    PeerChanged,
    PeerRemoved,
    PeerState,
    PeerStateChanged,
    PeerStreamUnwanted,
    PeerStreamWanted,
    PunchWanted,
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
from zerogo.mesh.settings import NodeSettings
from zerogo.mesh.spec import PeerSpec
from zerogo.mesh.status import PeerStatus
from zerogo.mesh.wayfinder import FORWARD_CAPABILITY
from zerogo.noise.cookie import mac1_key
from zerogo.noise.identity import Identity
from zerogo.routing.policy import RoutingPolicy
from zerogo.stun.server import BindingResponder
from zerogo.testing.clock import VirtualClock, seeded_bytes
from zerogo.testing.internet import Host, Internet, LinkQuality, Site
from zerogo.testing.nat import NatBehaviour
from zerogo.testing.pair import DrivenCore
from zerogo.testing.plane import MemoryPlane
from zerogo.testing.relay import VirtualRelay
from zerogo.testing.side import SimulatedSideSockets
from zerogo.testing.streams import VirtualStreams

DATA_PORT = 9993
STREAM_PORT = 40_000
STUN_PORT = 3478
NETWORK = NetworkId(b"virtu")
PSK = b"\x5a" * 32
ETHERTYPE = b"\x88\xb5"
"""IEEE Std 802, for local experiments."""
UNIX_START = 1_800_000_000.0
_TICK_SECONDS = 1.0
LOOK_SECONDS = 0.002
"""How finely `run_until_connected` measures."""


@define(eq=False)
class Switchboard:
    """Stands for the controller: passes signals on and has both ends of a pair begin at one moment."""

    clock: VirtualClock
    delay: float = 0.020
    """One way between a member and the controller, seconds."""
    is_down: bool = False
    on_signal: Callable[[bytes], object] | None = None
    """Sees every blob. A tap for tests."""
    members: dict[NodeId, Member] = field(factory=dict, init=False)
    away: dict[NodeId, int] = field(factory=dict, init=False)
    """Members whose connection is lost: what they send, and what is sent to them, is lost too."""
    signals: int = field(default=0, init=False)
    punches: int = field(default=0, init=False)
    punched_at: float | None = field(default=None, init=False)
    """When the word to begin reached a pair for the first time."""

    def signal(self, sender: NodeId, to: NodeId, blob: bytes) -> None:
        """Pass a blob on, unless either is away."""
        if sender in self.away:
            return
        self.signals += 1
        if self.on_signal is not None:
            self.on_signal(blob)
        self._later(2 * self.delay, to, lambda member: member.driven.call(member.node.receive_signal, sender, blob))

    def punch(self, sender: NodeId, to: NodeId) -> None:
        """Both begin when the word has reached both."""
        if sender in self.away:
            return
        self.punches += 1
        self.punched_at = self.punched_at or self.clock.now + 2 * self.delay
        for member, other in ((sender, to), (to, sender)):
            self._later(2 * self.delay, member, _punched(other))

    def lose(self, member: Member, seconds: float) -> None:
        """A member's connection is lost, and is there again after so long; both ends notice nothing before."""
        node_id = member.identity.node_id
        number = self.away[node_id] = self.away.get(node_id, 0) + 1

        def is_back() -> None:
            if self.away.get(node_id) == number:
                del self.away[node_id]
                if member.is_up:
                    member.driven.call(member.node.controller_connected)

        self.clock.call_later(seconds, is_back)

    def _later(self, delay: float, to: NodeId, act: Callable[[Member], object]) -> None:
        if self.is_down:
            return

        def arrive() -> None:
            member = self.members.get(to)
            if member is not None and member.is_up and not self.is_down and to not in self.away:
                act(member)

        self.clock.call_later(delay, arrive)


def _punched(other: NodeId) -> Callable[[Member], object]:
    return lambda member: member.driven.call(member.node.punch, other, 0.0)


@define(eq=False)
class Member:
    """One machine of the mesh. `start` makes a fresh process of it, `kill` ends that without a word."""

    name: str
    mesh: VirtualMesh
    host: Host
    identity: Identity
    rng: RandomBytes
    psk: bytes = PSK
    clock_ahead: float = 0.0
    unix_wrong_by: float = 0.0
    """Seconds by which its wall clock is wrong."""
    firewall: Callable[[SocketAddress], bool] | None = None
    """Whether what it sends by UDP to an address is dropped."""
    policy: RoutingPolicy = Factory(RoutingPolicy)
    is_open: bool = False
    """Whether it takes TCP connections of members."""
    knows: tuple[SocketAddress, ...] = ()
    """Endpoints that its disk remembers for every peer."""
    knows_streams: tuple[Candidate, ...] = ()
    """Where every peer took TCP connections, as its disk remembers."""
    keeps_mark: bool = True
    mark: bytes | None = None
    node: Node = field(init=False)
    plane: MemoryPlane = field(init=False)
    driven: DrivenCore[NodeEvent] = field(init=False)
    sides: SimulatedSideSockets = field(init=False)
    is_up: bool = field(default=False, init=False)
    streams: dict[SocketAddress, Callable[[bytes], object]] = field(factory=dict, init=False)
    """By the loopback address that stands for each."""
    inbox: list[tuple[float, str, bytes]] = field(factory=list, init=False)
    """What arrived: when, from whom, which payload."""
    log: list[tuple[float, NodeEvent]] = field(factory=list, init=False)
    numbers: dict[int, str] = field(factory=dict, init=False)
    states: dict[str, PeerState] = field(factory=dict, init=False)
    """As told last, by name."""
    paths: dict[str, PathSelected] = field(factory=dict, init=False)
    """The same."""

    @property
    def mac(self) -> MacAddress:
        """Its address in the segment."""
        return MacAddress.for_node(NETWORK, self.identity.static_public)

    @property
    def spec(self) -> PeerSpec:
        """Its record in the map."""
        return PeerSpec(
            node_id=self.identity.node_id,
            static_public=self.identity.static_public,
            signing_public=self.identity.signing_public,
            name=self.name,
            mac=self.mac,
            capabilities=frozenset({FORWARD_CAPABILITY} if self.policy.forward_rate else ()),
        )

    def start(self) -> None:
        """A fresh process: new node, new plane, same identity."""
        settings = NodeSettings(
            identity=self.identity, network=NETWORK, psk=self.psk, policy=self.policy, handshake_mark=self.mark
        )
        self.numbers, self.streams, self.states, self.paths = {}, {}, {}, {}
        self.node = Node(settings, self.rng, UNIX_START + self.unix_wrong_by - self.clock_ahead)
        internet = self.mesh.internet
        self.driven = DrivenCore(
            internet, self.host, DATA_PORT, self.node, self._on_event, self.clock_ahead, self._transmit
        )
        self.sides = SimulatedSideSockets(internet, self.host, self._on_side_datagram)
        self.plane = MemoryPlane(
            lambda: self.driven.now, self._send_out, self._on_frame, self._poll, self.sides.send_by_plane
        )
        self.plane.open(
            PlaneSettings(
                tap_fd=-1,
                udp_fds=(),
                node_id=self.identity.node_id,
                mac1_key=mac1_key(NETWORK, self.identity.static_public),
                mac=self.mac,
                mtu=1500,
            )
        )
        self.plane.set_forwarding(self.policy.forward_rate)
        self.host.sockets[DATA_PORT] = self.plane.receive_datagram
        self.is_up = True
        self.update_addresses()
        self.driven.call(self.node.set_stun_servers, self.mesh.stun_servers)
        self.use_relays()
        self.driven.call(self.node.set_streams, self.mesh.peer_streams.candidates(self))
        self.update_peers()
        self._tick(self.plane)

    def use_relays(self) -> None:
        """Tell the node the relays and how it may use them."""
        relays = self.mesh.relays.values()
        user = str(self.identity.node_id)
        self.driven.call(self.node.use_relays, [relay.spec for relay in relays])
        self.driven.call(self.node.use_relay_credentials, {relay.name: relay.credential(user) for relay in relays})

    def kill(self) -> None:
        """As kill -9 does."""
        self.is_up = False
        self.driven.stop()
        self.host.sockets.pop(DATA_PORT, None)
        self.sides.close_all()

    def shut_down(self) -> None:
        """End in good order."""
        self.driven.call(self.node.shutdown)
        self.kill()

    def move(self, site: Site) -> None:
        """Take the machine elsewhere; it notices at once."""
        self.mesh.internet.move_host(self.host, site)
        self.update_addresses()
        self.driven.call(self.node.network_changed)

    def update_addresses(self) -> None:
        """Tell the node the machine's addresses."""
        addresses = [SocketAddress(each, DATA_PORT) for each in self.host.addresses]
        self.driven.call(self.node.set_host_addresses, addresses)

    def update_peers(self) -> None:
        """Tell the node the members of the mesh."""
        self.driven.call(self.node.update_peers, [each.spec_for(self) for each in self.mesh.members.values()])

    def spec_for(self, reader: Member) -> PeerSpec:
        """This member's record with what the reader's disk remembers."""
        return evolve(self.spec, endpoints=reader.knows, streams=reader.knows_streams)

    def send(self, to: Member, payload: bytes) -> None:
        """Send a frame to another member."""
        self.plane.write_frame(to.mac.raw + self.mac.raw + ETHERTYPE + payload)

    def status(self, of: Member) -> PeerStatus:
        """What this member knows of another."""
        statuses = self.node.peer_status(self.driven.now)
        return next(status for status in statuses if status.node_id == of.identity.node_id)

    def is_connected_to(self, other: Member) -> bool:
        """Whether frames flow, as far as this end knows."""
        return self.is_up and self.states.get(other.name) is PeerState.CONNECTED

    def is_direct_to(self, other: Member) -> bool:
        """Whether frames flow, and no relay carries them."""
        path = self.paths.get(other.name)
        is_direct = path is not None and path.destination is not None and path.kind is PathKind.DIRECT
        return is_direct and self.is_connected_to(other)

    def received(self, sender: Member) -> list[bytes]:
        """Payloads of frames that came from `sender`, in order."""
        return [payload for _, name, payload in self.inbox if name == sender.name]

    def _tick(self, plane: MemoryPlane) -> None:
        if self.is_up and plane is self.plane:
            plane.tick()
            totals = {peer: counters.bytes_out for peer, counters in plane.counters().peers.items()}
            self.driven.call(self.node.note_sent, totals)
            self.mesh.clock.call_later(_TICK_SECONDS, lambda: self._tick(plane))

    def _transmit(self, transmit: Transmit) -> None:
        destination = transmit.destination
        if isinstance(destination, SideAddress) and self.sides.has(destination.socket):
            self.sides.send(destination, transmit.payload)
        else:
            self.plane.send_datagram(destination, transmit.payload)

    def _on_side_datagram(self, data: bytes, source: SideAddress) -> None:
        self.driven.call(self.node.receive_datagram, data, source)

    def _keep_side_socket(self, number: int) -> None:
        self.plane.add_side_socket(number, -1)
        self.sides.give_away(number, self.plane.receive_datagram)

    def _drop_side_sockets(self, numbers: tuple[int, ...]) -> None:
        for number in numbers:
            self.plane.remove_side_socket(number)
            self.sides.close(number)

    def _send_out(self, destination: SocketAddress, payload: bytes) -> None:
        if destination in self.streams:
            self.streams[destination](payload)
        elif self.firewall is None or not self.firewall(destination):
            self.mesh.internet.send(self.host, DATA_PORT, destination, payload)

    def _open_stream(self, name: str) -> None:
        """What a bridge does: datagrams to a loopback address go over a connection, opened in a round trip."""
        relay = self.mesh.relays[name]
        if not any((":" in each) == relay.address.is_ipv6 for each in self.host.addresses):
            return  # No route to it: the bridge tries for ever.
        bridge = SocketAddress("127.0.0.1", STREAM_PORT + len(self.streams))
        self.streams[bridge] = lambda data: None
        clock, way = self.mesh.clock, self.mesh.stream_delay
        # As its site's NAT shows it; private addresses of two sites may be the same.
        port = bridge.port + 100 * list(self.mesh.members).index(self.name)

        def to_member(data: bytes) -> None:
            clock.call_later(way, lambda: self.plane.receive_datagram(data, bridge) if self.is_up else None)

        def opened() -> None:
            take = relay.open_stream(SocketAddress(self.host.addresses[0], port), to_member)
            self.streams[bridge] = lambda data: clock.call_later(way, lambda: take(data))
            if self.is_up:
                self.driven.call(self.node.relay_stream_opened, name, bridge)

        clock.call_later(2 * way, opened)

    def _on_frame(self, peer: int, frame: bytes) -> None:
        self.inbox.append((self.mesh.clock.now, self.numbers[peer], frame[14:]))

    def _poll(self) -> None:
        for upcall in self.plane.poll_upcalls():
            self._on_upcall(upcall)

    def _on_upcall(self, upcall: Upcall) -> None:
        node, call = self.node, self.driven.call
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

    def _on_event(self, event: NodeEvent) -> None:
        match event:
            case PeerAdded(peer, spec) | PeerChanged(peer, spec):
                self.numbers[peer] = spec.name
                self.plane.set_peer(PeerEntry(peer=peer, node_id=spec.node_id, mac=spec.mac, addresses=spec.addresses))
            case PeerRemoved(peer):
                self.states.pop(self.numbers[peer], None)
                self.plane.remove_peer(peer)
            case SessionReady(peer, keys):
                self.plane.add_session(peer, keys)
            case SessionRetired(local_index):
                self.plane.retire_session(local_index)
            case PathSelected(peer=peer):
                self.paths[self.numbers[peer]] = event
                self.log.append((self.mesh.clock.now, event))
                self.plane.set_path(peer, path_plan(event))
            case ControlToSend(peer, payload, destination):
                self.plane.send_control(peer, payload, destination)
            case DatagramToSend(destination, payload):
                self._transmit(Transmit(destination, payload))
            case SignalToSend(to, blob):
                self.mesh.switchboard.signal(self.identity.node_id, to, blob)
            case PunchWanted(to):
                self.mesh.switchboard.punch(self.identity.node_id, to)
            case RelayStreamWanted(name):
                self._open_stream(name)
            case PeerStreamWanted():
                self.mesh.peer_streams.dial(self, event)
            case PeerStreamUnwanted(peer):
                self.mesh.peer_streams.undial(self, peer)
            case SideSocketsWanted(peer, count):
                self.driven.call(self.node.side_sockets_opened, peer, self.sides.open(count))
            case SideSocketKept(number):
                self._keep_side_socket(number)
            case SideSocketsDropped(numbers):
                self._drop_side_sockets(numbers)
            case HandshakeMarkChanged(mark):
                self.mark = mark if self.keeps_mark else None
            case PeerStateChanged(name=name, state=state):
                self.states[name] = state
                self.log.append((self.mesh.clock.now, event))
            case SurroundingsDoubted():
                self.log.append((self.mesh.clock.now, event))


class VirtualMesh:
    """Members, two STUN servers, a switchboard, and the internet between them; given by its seed."""

    def __init__(self, seed: object = 0, quality: LinkQuality | None = None, stun_servers: int = 2) -> None:
        self.clock = VirtualClock(1000.0)
        self.seed = seed
        self.internet = Internet(self.clock, seed, quality or LinkQuality())
        self.switchboard = Switchboard(self.clock)
        self.members: dict[str, Member] = {}
        self.relays: dict[str, VirtualRelay] = {}
        self.peer_streams = VirtualStreams(self)
        self.stream_delay = 0.020
        """One way between a member and a relay, for streams."""
        self.stun_servers = [self._add_stun_server(number) for number in range(stun_servers)]

    def add_member(
        self,
        name: str,
        behaviour: NatBehaviour | None = None,
        site: Site | None = None,
        *,
        ipv4: bool = True,
        ipv6: bool = False,
    ) -> Member:
        """A machine at a site of its own behind such a NAT, or at `site`. It is not started."""
        rng = seeded_bytes(f"{name} {self.seed}")
        place = site or self.internet.add_site(f"site of {name}", behaviour)
        host = self.internet.add_host(name, place, ipv4=ipv4, ipv6=ipv6)
        ahead = 1000.0 * len(self.members)
        member = Member(name, self, host, Identity.generate(rng), rng, clock_ahead=ahead)
        self.members[name] = member
        self.switchboard.members[member.identity.node_id] = member
        return member

    def add_relay(self, name: str) -> VirtualRelay:
        """A relay with a public address, for members that are started from now on."""
        host = self.internet.add_host(name, self.internet.add_site(f"site of {name}"))
        self.relays[name] = VirtualRelay(name, self.internet, host)
        return self.relays[name]

    def start(self) -> None:
        """Start all members."""
        for member in self.members.values():
            member.start()

    def run_for(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.run_for(seconds)

    def run_until_connected(self, limit: float) -> bool:
        """Let time pass until all pairs are connected at both ends, at most `limit` seconds; whether they are."""
        end = self.clock.now + limit
        while not self.is_connected():
            if self.clock.now >= end:
                return False
            self.clock.run_for(LOOK_SECONDS)
        return True

    def is_connected(self) -> bool:
        """Whether every member that is up is connected to every other that is up."""
        up = [member for member in self.members.values() if member.is_up]
        return all(one.is_connected_to(other) for one in up for other in up if one is not other)

    def _add_stun_server(self, number: int) -> SocketAddress:
        site = self.internet.add_site(f"stun {number}")
        host = self.internet.add_host(f"stun {number}", site)
        DrivenCore(self.internet, host, STUN_PORT, BindingResponder())
        return host.address(STUN_PORT)
