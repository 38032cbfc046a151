"""A small world in memory for the tests of the agent: one clock, a controller with the real coordinator core, machines
with memory planes on one network where every datagram takes 5 ms. Nothing of the agent is replaced but its `Host`.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define, evolve
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from zerogo.agent.host import Host, MappingWish
from zerogo.agent.names import NameServices
from zerogo.agent.service import AgentService
from zerogo.agent.streams import StreamsWish
from zerogo.config.agent import AgentConfig
from zerogo.control.coordinator import Coordinator
from zerogo.control.coordinator_events import (
    Admission,
    CloseWanted,
    FlowsReported,
    LeaveWanted,
    LinksReported,
    MapWanted,
    RegistrationWanted,
)
from zerogo.control.messages import RefusalCode
from zerogo.control.netmap import MemberRecord, NetworkMap
from zerogo.control.publication import MapView
from zerogo.control.relay_access import RelayAccess
from zerogo.control.token import JoinToken, controller_key_hash, emit_base32
from zerogo.ids import MacAddress, NetworkId, SocketAddress
from zerogo.net.control_client import _Connection
from zerogo.net.dial import ControllerAddress
from zerogo.net.pump import Pump
from zerogo.net.websocket import accept_key
from zerogo.noise.identity import Identity
from zerogo.portmap.lease import Transport
from zerogo.test.agent.kernel import MemoryForwarder, MemoryRoutes
from zerogo.test.agent.parts import MemoryBridge, MemoryDevices, MemoryMapping, MemoryStreams, MemoryWatch
from zerogo.test.control.policed import with_policy
from zerogo.test.net.fakes import ClientTransport
from zerogo.testing.plane import MemoryPlane

NETWORK = NetworkId(b"net01")
DELAY = 0.005
STEP = 0.001


def unframe(data: bytes) -> list[bytes]:
    """The binary messages in bytes that a WebSocket client sent; its pings and closes are left out."""
    messages = []
    while data:
        first, length, start = data[0], data[1] & 0x7F, 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10], "big"), 10
        key, start = data[start : start + 4], start + 4
        payload = bytes(byte ^ key[index % 4] for index, byte in enumerate(data[start : start + length]))
        if first == 0x82:
            messages.append(payload)
        data = data[start + length :]
    return messages


def frame(message: bytes) -> bytes:
    """A binary message as a server sends it."""
    return b"\x82\x7e" + len(message).to_bytes(2, "big") + message


@define(eq=False)
class Link:
    """One agent's connection at the controller."""

    number: int
    protocol: _Connection
    transport: ClientTransport


class ControllerInMemory:
    """The coordinator core, one network, and a decision that the test may change."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.identity = Identity.generate(world.rng)
        self.is_up = True
        self.places: tuple[str, ...] = ()
        """Where it says that the network's controllers are."""
        self.silent: set[str] = set()
        """Hosts at which nobody answers."""
        self.refusal: tuple[RefusalCode, str] | None = None
        self.pending = ""
        self.members: dict[bytes, MemberRecord] = {}
        self.revision = 0
        self.mtu = 1400
        self.policy = ""
        """Text of the network's policy; empty: it has none."""
        self.flow_log = False
        self.lock: bytes | None = None
        self.lock_end: bytes | None = None
        self.psk = b"k" * 32
        self.links: dict[int, Link] = {}
        self.reports: list[LinksReported] = []
        self.flows: list[FlowsReported] = []
        self._last = 0
        self._begin()

    def _begin(self) -> None:
        self.core = Coordinator(self.identity, self.world.rng, RelayAccess((), time.time), self.places)
        self.pump: Pump = Pump(
            self.core, self.world.reactor, outputs=self.core.outgoing, send=self._send, on_event=self._event
        )

    @property
    def token(self) -> JoinToken:
        key_hash = controller_key_hash(self.identity.static_public, self.identity.signing_public)
        return JoinToken(("192.0.2.1:9394",), key_hash, NETWORK, emit_base32(b"s" * 20))

    def die(self) -> None:
        """As kill -9 does."""
        self.is_up = False
        for link in list(self.links.values()):
            link.transport.loseConnection()
        self.links.clear()
        self.pump.stop()

    def rise(self) -> None:
        """Start again, with what the database held."""
        self.is_up = True
        self._begin()

    def remove(self, record: MemberRecord) -> None:
        """A person removes a member."""
        del self.members[record.node_id.raw]
        self.refusal = (RefusalCode.REMOVED, "this machine was removed from the network")
        self.revision += 1
        self.pump.call(self.core.reconsider, NETWORK, record.node_id)
        self.pump.call(self.core.network_changed, NETWORK)

    def change(self, **changes: object) -> None:
        """A person changes the network."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.revision += 1
        self.pump.call(self.core.network_changed, NETWORK)

    def endpoint(self, address: ControllerAddress) -> object:
        controller = self

        class Endpoint:
            def connect(self, factory: object) -> Deferred:
                result: Deferred = Deferred()
                is_there = controller.is_up and address.host not in controller.silent
                controller.world.later(controller._accept if is_there else controller._decline, factory, result)
                return result

        return Endpoint()

    def _decline(self, factory: object, result: Deferred) -> None:
        if not result.called:
            result.errback(Failure(ConnectionRefusedError()))

    def _accept(self, factory, result: Deferred) -> None:  # type: ignore[no-untyped-def]
        if result.called:
            return
        self._last += 1
        link = Link(self._last, factory.buildProtocol(None), ClientTransport())
        link.transport.protocol = link.protocol
        self.links[link.number] = link
        link.protocol.makeConnection(link.transport)
        result.callback(link.protocol)
        request = link.transport.value().decode()
        link.transport.clear()
        key = next(line.split(": ")[1] for line in request.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
        link.protocol.dataReceived(f"HTTP/1.1 101 X\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode())
        self.pump.call(self.core.connection_opened, link.number, "192.0.2.9")

    def collect(self) -> None:
        """Take what agents have written."""
        for link in list(self.links.values()):
            data = link.transport.value()
            link.transport.clear()
            for message in unframe(data):
                self.pump.call(self.core.receive_message, link.number, message)
            if link.transport.disconnecting and self.links.pop(link.number, None) is not None:
                self.pump.call(self.core.connection_closed, link.number)

    def _send(self, output) -> None:  # type: ignore[no-untyped-def]
        if isinstance(output, CloseWanted):
            self.world.later(self._close, output.connection)
            return
        number, message = output
        self.world.later(self._deliver, number, message)

    def _deliver(self, number: int, message: bytes) -> None:
        link = self.links.get(number)
        if link is not None and not link.transport.disconnecting:
            link.protocol.dataReceived(frame(message))

    def _close(self, number: int) -> None:
        link = self.links.get(number)
        if link is not None:
            link.transport._end(ConnectionDone())

    def _event(self, event: object) -> None:
        match event:
            case RegistrationWanted(number, registration):
                self._register(number, registration)
            case MapWanted():
                self.pump.call(self.core.install, self._view())
                while self.core.is_telling:
                    self.pump.call(self.core.tell)
            case LinksReported():
                self.reports.append(event)
            case FlowsReported():
                self.flows.append(event)
            case LeaveWanted(_, node_id):
                self.members.pop(node_id.raw, None)
            case _:
                pass

    def _register(self, number: int, registration) -> None:  # type: ignore[no-untyped-def]
        if self.refusal is not None:
            self.pump.call(self.core.refuse, number, *self.refusal)
            return
        if self.pending:
            self.pump.call(self.core.hold, number, self.pending)
            return
        record = self.members.get(registration.node_id.raw)
        if record is None:
            self.revision += 1
            host = len(self.members) + 2
            record = MemberRecord(
                node_id=registration.node_id,
                static_public=registration.static_public,
                signing_public=registration.signing_public,
                name=registration.name,
                mac=MacAddress.for_node(NETWORK, registration.static_public),
                addresses=(f"10.1.0.{host}", f"fd00::{host}"),
                capabilities=registration.capabilities,
            )
            self.members[record.node_id.raw] = record
            self.pump.call(self.core.network_changed, NETWORK)
        admission = Admission(name=record.name, addresses=record.addresses, psk=self.psk, revision=self.revision)
        self.pump.call(self.core.admit, number, admission)

    def _view(self) -> MapView:
        network_map = NetworkMap(
            network=NETWORK,
            name="home",
            revision=self.revision,
            prefixes=("10.1.0.0/16", "fd00::/64"),
            mtu=self.mtu,
            flow_log=self.flow_log,
            lock=self.lock,
            lock_end=self.lock_end,
            members=tuple(sorted(self.members.values(), key=lambda record: record.node_id)),
        )
        changed_at = {record.node_id: self.revision for record in network_map.members}
        return with_policy(MapView(network_map=network_map, changed_at=changed_at), self.policy)


class Machine:
    """A machine with an agent."""

    def __init__(self, world: World, name: str, host: str) -> None:
        self.world = world
        self.host = host
        self.config = evolve(
            AgentConfig(), name=name, state_dir=world.directory / name, socket=world.directory / f"{name}.sock"
        )
        self.devices: list[MemoryDevices] = []
        self.planes: list[MemoryPlane] = []
        self.frames: list[tuple[int, bytes]] = []
        self.ended: list[int] = []
        self.bridges: list[MemoryBridge] = []
        self.mappings: dict[Transport, MemoryMapping] = {}
        self.proxy: tuple[str, int] | None = None
        self.agent: AgentService | None = None
        self.routes: list[MemoryRoutes] = []
        self.forwarder = MemoryForwarder()
        self.name_services: Callable[[str], NameServices | None] = lambda wish: None

    def start(self, token: JoinToken | None = None) -> AgentService:
        """Start an agent, as twistd does."""
        self.agent = AgentService(self.config, self._host(), token)
        self.agent.privilegedStartService()
        self.agent.startService()
        self.world.running.append(self)
        return self.agent

    def stop(self) -> None:
        """Stop it, as twistd does."""
        assert self.agent is not None
        self.agent.stopService()
        self.world.running.remove(self)
        self.world.pass_time(0.05)

    def change_address(self, host: str) -> None:
        """The machine moves."""
        self.host = host
        self.watch.on_change([host])

    def _map_port(self, wish: MappingWish) -> MemoryMapping:
        made = self.mappings[wish.transport] = MemoryMapping(wish)
        return made

    def _host(self) -> Host:
        return Host(
            reactor=self.world.reactor,
            open_devices=self._open_devices,
            make_plane=self._make_plane,
            endpoint_of=self.world.controller.endpoint,
            resolve=lambda places: succeed([SocketAddress.of(host, port) for host, port in places]),
            watch_addresses=self._watch,
            make_bridge=self._make_bridge,
            make_streams=self._make_streams,
            map_port=self._map_port,
            make_routes=self._make_routes,
            forwarder=self.forwarder,
            name_services=self.name_services,
            capabilities=("aesgcm",),
            rng=self.world.rng,
            unix_time=lambda: 1.8e9 + self.world.reactor.seconds(),
            end_process=self.ended.append,
            proxy=self.proxy,
        )

    def _make_routes(self, device: str) -> MemoryRoutes:
        self.routes.append(MemoryRoutes(device))
        return self.routes[-1]

    def _make_bridge(self, places: object, data_ports: object, opened: object, closed: object) -> MemoryBridge:
        self.bridges.append(MemoryBridge(places))
        return self.bridges[-1]

    def _make_streams(self, wish: StreamsWish) -> MemoryStreams:
        self.streams = MemoryStreams(wish)
        return self.streams

    def _watch(self, on_change: Callable[[list[str]], object], ignored: Sequence[str]) -> MemoryWatch:
        self.watch = MemoryWatch(on_change, [self.host])
        return self.watch

    def _open_devices(self, config: AgentConfig) -> MemoryDevices:
        self.devices.append(MemoryDevices(config.tap_device, self.host))
        return self.devices[-1]

    def _make_plane(self, name: str) -> MemoryPlane:
        plane = MemoryPlane(
            self.world.reactor.seconds,
            lambda destination, data: self.world.carry(self, destination, data),
            lambda peer, frame: self.frames.append((peer, frame)),
            lambda: self.world.wake(plane),
        )
        self.planes.append(plane)
        return plane


class World:
    """All of it. `pass_time` lets it live."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.random = random.Random(7)
        self.temporary = tempfile.TemporaryDirectory()
        self.directory = Path(self.temporary.name)
        self.running: list[Machine] = []
        self.has_udp = True
        """Whether machines' datagrams get through."""
        self.controller = ControllerInMemory(self)

    def rng(self, count: int) -> bytes:
        return self.random.randbytes(count)

    def later(self, function: Callable[..., object], *arguments: object) -> None:
        """In one delay of the network."""
        self.reactor.callLater(DELAY, function, *arguments)

    def carry(self, sender: Machine, destination: SocketAddress, data: bytes) -> None:
        """Take a datagram to whoever has the address by then."""
        if self.has_udp:
            self.later(self._arrive, SocketAddress.of(sender.host, 9993), destination, data)

    def _arrive(self, source: SocketAddress, destination: SocketAddress, data: bytes) -> None:
        for machine in self.running:
            if machine.host == destination.host and machine.planes:
                machine.planes[-1].receive_datagram(data, source)

    def wake(self, plane: MemoryPlane) -> None:
        """As epoll does."""
        self.reactor.callLater(0, self._read, plane)

    def _read(self, plane: MemoryPlane) -> None:
        for reader in self.reactor.getReaders():
            if getattr(reader, "_plane", None) is plane:
                reader.doRead()

    def pass_time(self, seconds: float, step: float = STEP) -> None:
        """Let the world live."""
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)
            self.controller.collect()

    def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> float:
        """Let the world live until `condition`, at most `seconds`; how long it took."""
        begun = self.reactor.seconds()
        while not condition() and self.reactor.seconds() - begun < seconds:
            self.pass_time(STEP)
        return float(self.reactor.seconds() - begun)

    def close(self) -> None:
        """Stop everything."""
        for machine in list(self.running):
            machine.stop()
        self.temporary.cleanup()
