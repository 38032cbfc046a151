"""The parts of a machine that need no kernel, for `zerogo.test.agent.world`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred, succeed

from zerogo.agent.devices import Place
from zerogo.agent.host import MappingWish
from zerogo.agent.streams import StreamsWish
from zerogo.dataplane.interface import PlaneSettings
from zerogo.ids import SocketAddress
from zerogo.mesh.stream_proof import StreamKey
from zerogo.portmap.lease import MappingProtocol
from zerogo.portmap.mapper import MapperStatus, ProtocolStatus, Standing


@define(eq=False)
class MemoryBridge:
    """A stream to a relay that never opens."""

    places: object
    is_running: bool = False

    def start(self) -> None:
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False


@define(eq=False)
class MemoryStreams:
    """A port and dialled peers, of which nothing comes about by itself."""

    wish: StreamsWish
    port: int | None = None
    dialled: dict[int, tuple[StreamKey, list[SocketAddress]]] = field(factory=dict)
    said: list[object] = field(factory=list)

    def open(self, port: int) -> None:
        self.port = port

    def start(self) -> None:
        self.said.append("start")

    def dial(self, key: StreamKey, places: Sequence[SocketAddress]) -> None:
        self.dialled[key.peer] = (key, list(places))

    def undial(self, peer: int) -> None:
        self.dialled.pop(peer, None)

    def forget(self, peer: int) -> None:
        self.undial(peer)
        self.said.append(("forget", peer))

    def close_streams(self) -> None:
        self.dialled.clear()
        self.said.append("close")

    def stop(self) -> None:
        self.close_streams()
        self.port = None


@define(eq=False)
class MemoryDevices:
    """Devices that need no kernel."""

    name: str
    host: str
    opened: list[Place] = field(factory=list)
    is_closed: bool = False

    def local_addresses(self, hosts: Sequence[str]) -> list[SocketAddress]:
        return [SocketAddress.of(host, 9993) for host in hosts]

    def ports(self) -> list[int]:
        return [9993]

    def settle(self, place: Place) -> PlaneSettings:
        self.opened.append(place)
        addresses = [address.partition("/")[0] for address in place.addresses]
        return PlaneSettings(
            tap_fd=-1,
            udp_fds=(),
            node_id=place.node_id,
            mac1_key=place.mac1_key,
            mac=place.mac,
            addresses=addresses,
            mtu=place.mtu,
        )

    def close(self) -> None:
        self.is_closed = True


@define(eq=False)
class MemoryWatch:
    """Tells the addresses that the test sets."""

    on_change: Callable[[list[str]], object]
    hosts: list[str]

    def start(self) -> None:
        self.on_change(self.hosts)

    def stop(self) -> None:
        """Nothing is watched."""


@define(eq=False)
class MemoryMapping:
    """A gateway that maps what the test says."""

    wish: MappingWish
    looks: list[bool] = field(factory=list)
    is_stopped: bool = False

    def look(self, *, is_doubtful: bool = False) -> None:
        self.looks.append(is_doubtful)

    def status(self) -> MapperStatus:
        standing = {MappingProtocol.PCP: ProtocolStatus(Standing.DECLINED, "its owner does not allow it")}
        return MapperStatus(gateway="192.0.2.254", protocols=standing, used=None, outer=None, seconds_left=None)

    def stop(self) -> Deferred:
        self.is_stopped = True
        return succeed(None)
