# -*- test-case-name: zerogo.test.agent.test_service -*-
"""This machine's presence in its network: devices, data plane and mesh core, set up anew when what we are changes.

The devices are opened early, while we are root and before the first map is known; the plane starts with the first map,
since it must know our MAC, MTU and addresses. When a later map gives us others, or another pre-shared key, everything
is closed and opened again: sessions end, and the network is back after one handshake each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger

from zerogo.agent.devices import Devices, Place
from zerogo.agent.filters import node_filters
from zerogo.agent.host import Host
from zerogo.agent.joining import own_place
from zerogo.agent.relays import Relays
from zerogo.agent.segment import Segment, SegmentOwner, Signalling
from zerogo.agent.state_dir import ENDPOINTS_LIMIT, Endpoints, LastSeen, StateDir
from zerogo.agent.streams import Streams
from zerogo.config.agent import AgentConfig
from zerogo.control.netmap import NetworkMap
from zerogo.control.policy_sheet import FilterSheet
from zerogo.errors import EnvironmentFault
from zerogo.ids import SocketAddress
from zerogo.mesh.events import PathKind
from zerogo.mesh.node import Node
from zerogo.mesh.settings import NodeSettings
from zerogo.mesh.signal import Offer
from zerogo.mesh.status import PeerStatus
from zerogo.noise.identity import Identity

NO_PSK = bytes(32)
"""What stands for the pre-shared key of a network that has none (as in WireGuard)."""

_log = Logger(namespace="zerogo.agent.presence")


class Presence:
    """One network's. `failed` is told a sentence when the machine cannot carry on."""

    def __init__(
        self,
        config: AgentConfig,
        host: Host,
        state: StateDir,
        identity: Identity,
        *,
        signalling: Signalling,
        relays: Relays,
        failed: Callable[[str], object],
    ) -> None:
        self._config = config
        self._host = host
        self._state = state
        self._identity = identity
        self._signalling = signalling
        self._relays = relays
        self._failed = failed
        self.streams = Streams(
            host.make_streams,
            host.resolve,
            lambda: self.ports,
            port=config.listen_tcp,
            places=config.tcp_addresses,
        )
        self.peers_changed: Callable[[], object] = lambda: None
        """Is called when a peer is reached another way, or not any more."""
        self._devices: Devices | None = None
        self._is_given = False
        self._held: tuple[Place, bytes] | None = None
        self._hosts: list[str] = []
        self._servers: list[SocketAddress] = []
        self._port_mapped: SocketAddress | None = None
        self._endpoints: Endpoints = {}
        self.segment: Segment | None = None
        """None before the first map."""
        self.network_map: NetworkMap | None = None

    @property
    def device_name(self) -> str:
        """Of the TAP; empty while there is none."""
        return "" if self._devices is None else self._devices.name

    @property
    def ports(self) -> list[int]:
        """Of the data sockets."""
        return [] if self._devices is None else self._devices.ports()

    @property
    def servers(self) -> int:
        """How many STUN servers are asked where we are seen from."""
        return len(self._servers)

    @property
    def place(self) -> Place | None:
        """What we are in the network."""
        return None if self._held is None else self._held[0]

    def open_devices(self) -> None:
        """Take the TAP and the data sockets; needs privileges. Raises `EnvironmentFault`."""
        self._devices, self._is_given = self._host.open_devices(self._config), False
        self._endpoints = self._state.endpoints()
        self.streams.open()

    def use_map(self, network_map: NetworkMap, psk: bytes | None, sheet: FilterSheet | None) -> None:
        """Take over a verified map, and the filters that go with it."""
        wanted = (own_place(network_map, self._identity, self._config.mtu), psk or NO_PSK)
        self.network_map = network_map
        if self.segment is not None and wanted != self._held:
            _log.info("Our addresses, MTU or key in the network changed: starting over")
            self._close_segment()
        if self.segment is None:
            try:
                self._open_segment(network_map, *wanted)
            except EnvironmentFault as error:
                self._failed(str(error))
                return
            self._held = wanted
        assert self.segment is not None
        filters = node_filters(network_map, sheet, self._identity.node_id)
        self.segment.use_map(network_map, self._endpoints, filters)

    def use_hosts(self, hosts: Sequence[str]) -> None:
        """Take over the machine's addresses, as text, best first."""
        self._hosts = list(hosts)
        # First: the segment may dial peers at once, at the places that are best from here.
        self.streams.use_hosts(self._hosts)
        if self.segment is not None and self._devices is not None:
            self.segment.use_hosts(self._devices.local_addresses(self._hosts))

    def data_address(self, host: str) -> SocketAddress | None:
        """The data socket's address on one of the machine's hosts; None where there is no such socket."""
        found = [] if self._devices is None else self._devices.local_addresses([host])
        return next(iter(found), None)

    def use_port_mapped(self, outer: SocketAddress | None) -> None:
        """Take over what the gateway maps to our data socket."""
        self._port_mapped = outer
        if self.segment is not None:
            self.segment.use_port_mapped(outer)

    def use_stun_servers(self, servers: Sequence[SocketAddress]) -> None:
        """Take over where to ask for our outer addresses."""
        self._servers = list(servers)
        if self.segment is not None:
            self.segment.use_stun_servers(self._servers)

    def keep_time(self) -> None:
        """Have the core know if the wall clock was set."""
        if self.segment is not None:
            self.segment.use_unix_offset(self._unix_offset())

    def remember_endpoints(self) -> None:
        """Write down where the peers are, for a start without a controller."""
        if self.segment is None or self.network_map is None:
            return
        members = [record.node_id for record in self.network_map.members]
        before = {one: seen for one in members if (seen := self._endpoints.get(one)) is not None}
        heard = {peer.node_id: _last_seen(peer, before.get(peer.node_id, LastSeen())) for peer in self.segment.peers()}
        kept = {one: seen for one, seen in {**before, **heard}.items() if seen != LastSeen()}
        if kept != self._endpoints:
            self._endpoints = kept
            self._state.save_endpoints(kept)

    def close(self) -> None:
        """Say good-bye to the peers and let the devices go."""
        self._close_segment()
        self.streams.stop()
        if self._devices is not None:
            self._devices.close()
            self._devices = None

    def _open_segment(self, network_map: NetworkMap, place: Place, psk: bytes) -> None:
        if self._devices is None or self._is_given:
            self.open_devices()
        assert self._devices is not None
        plane = self._host.make_plane(self._config.data_plane)
        plane.open(self._devices.settle(place))
        self._is_given = True
        record = network_map.member(self._identity.node_id)
        policy = self._config.routing.policy()
        plane.set_forwarding(policy.forward_rate)
        settings = NodeSettings(
            policy=policy,
            identity=self._identity,
            network=network_map.network,
            psk=psk,
            capabilities=frozenset(() if record is None else record.capabilities),
            handshake_mark=self._state.handshake_mark(),
        )
        node = Node(settings, self._host.rng, self._unix_offset())
        owner = SegmentOwner(
            keep_mark=self._state.save_handshake_mark,
            plane_failed=self._failed,
            relay_stream_wanted=self._relays.stream_wanted,
            relay_stream_unwanted=self._relays.stream_unwanted,
            streams=self.streams,
            peers_changed=self.peers_changed,
        )
        reactor = self._host.reactor
        self.segment = Segment(node, plane, reactor, reactor, signalling=self._signalling, owner=owner)
        self.segment.start()
        self.segment.use_hosts(self._devices.local_addresses(self._hosts))
        self.segment.use_stun_servers(self._servers)
        self.segment.use_port_mapped(self._port_mapped)
        self._relays.attach(self.segment)
        self.streams.attach(self.segment)

    def _close_segment(self) -> None:
        if self.segment is not None:
            self.remember_endpoints()
            self.segment.stop()
            self._relays.stop()
            self.streams.detach()
            self.segment = None
            self._held = None

    def _unix_offset(self) -> float:
        return self._host.unix_time() - float(self._host.reactor.seconds())


def _last_seen(peer: PeerStatus, before: LastSeen) -> LastSeen:
    """Where a peer is, and what was known `before` where nothing was heard of that since."""
    streams = tuple(each.address for each in peer.theirs.streams) if peer.theirs != Offer() else before.streams
    return LastSeen(_places(peer) or before.endpoints, streams)


def _places(peer: PeerStatus) -> tuple[SocketAddress, ...]:
    """Where a peer was reached by datagrams, the path in use first."""
    alive = sorted((path for path in peer.paths if path.is_alive), key=lambda path: not path.is_active)
    direct = [path.destination for path in alive if path.kind is PathKind.DIRECT]
    places = [place for place in direct if isinstance(place, SocketAddress)]
    return tuple(dict.fromkeys(places))[:ENDPOINTS_LIMIT]
