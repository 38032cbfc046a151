"""What an agent needs from outside, in one value, so that tests put a machine in memory in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint

from zerogo.agent.devices import Devices
from zerogo.agent.names import NameServices
from zerogo.agent.relays import MakeBridge
from zerogo.agent.streams import MakeStreams
from zerogo.agent.subnets import Forwarder, Routes
from zerogo.config.agent import AgentConfig
from zerogo.core import RandomBytes
from zerogo.dataplane.interface import IDataplane
from zerogo.ids import SocketAddress
from zerogo.net.dial import ControllerAddress
from zerogo.net.local_api import Command
from zerogo.portmap.lease import Transport
from zerogo.portmap.mapper import MapperStatus

Endpoints = Callable[[ControllerAddress], IStreamClientEndpoint]
Commands = dict[str, Command]
"""By name."""


class Mapping(Protocol):
    """Keeps a port mapped at the gateway (`zerogo.net.portmap`)."""

    def look(self, *, is_doubtful: bool = False) -> None: ...

    def status(self) -> MapperStatus: ...

    def stop(self) -> Deferred[None]: ...


@frozen(kw_only=True)
class MappingWish:
    """What a `Mapping` needs of the agent."""

    transport: Transport
    inner_of: Callable[[str], SocketAddress | None]
    """The port's address on one of our hosts."""
    on_change: Callable[[SocketAddress | None], object]
    """Is told the outer address, None when there is none."""
    ignored: Callable[[], Sequence[str]]
    """Interfaces that lead to no gateway."""
    nonce_key: bytes | None = field(default=None, repr=False)
    """Secret, the same at each start, 32 bytes; where None, a mapping that a crash left behind is in the way."""


class Watch(Protocol):
    """Tells of the machine's addresses."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


@frozen(kw_only=True)
class Host:
    """A machine."""

    reactor: Any
    """Clock, readers, unix sockets; in life the reactor, on a steady clock."""
    open_devices: Callable[[AgentConfig], Devices]
    make_plane: Callable[[str], IDataplane]
    """By the configured name: `auto` or `reference`."""
    endpoint_of: Endpoints
    resolve: Callable[[Sequence[tuple[str, int]]], Deferred[list[SocketAddress]]]
    watch_addresses: Callable[[Callable[[list[str]], object], Sequence[str]], Watch]
    """Takes who is told, and the interfaces to ignore."""
    make_bridge: MakeBridge
    make_streams: MakeStreams
    map_port: Callable[[MappingWish], Mapping]
    """Nothing is asked before `look`."""
    make_routes: Callable[[str], Routes]
    """Into the mesh, by the name of its device."""
    forwarder: Forwarder
    """Out of the mesh, to networks behind this machine."""
    name_services: Callable[[str], NameServices | None]
    """For the configured wish, `auto`, `hosts` or `off`."""
    capabilities: tuple[str, ...]
    """What this machine can do, as told to the controller."""
    rng: RandomBytes
    unix_time: Callable[[], float]
    end_process: Callable[[int], object]
    """End with that exit status."""
    proxy: tuple[str, int] | None = None
    """The HTTP proxy that connections may go through, host and port."""
    proxy_leads_to: Callable[[str, int], bool] = lambda host, port: False
    """Whether `endpoint_of` can go through an HTTP proxy to a host and port."""
    commands: Commands = field(factory=dict)
    """What else than `zerogo.agent.commands` the local socket takes."""
