# -*- test-case-name: zerogo.test.agent.test_relays -*-
"""The relays of the network as the agent finds them: from the map and the controller to the mesh core.

The map names relays by host names or addresses; some are where the controller is. Names are resolved here, credentials
are passed on, and where the core asks for a stream to a relay, because nothing comes back by UDP, a bridge is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from zerogo.control.relays import RelayCredential, RelayPlace
from zerogo.ids import SocketAddress
from zerogo.mesh.relay import RelaySpec
from zerogo.turn.client import TurnCredential

_log = Logger(namespace="zerogo.agent.relays")


class RelayUser(Protocol):
    """What uses the relays: a segment."""

    def use_relays(self, relays: Sequence[RelaySpec]) -> None: ...

    def use_relay_credentials(self, credentials: dict[str, TurnCredential]) -> None: ...

    def relay_stream_opened(self, relay: str, address: SocketAddress) -> None: ...

    def relay_stream_closed(self, relay: str, address: SocketAddress) -> None: ...


class Bridge(Protocol):
    """`zerogo.net.relay_bridge.RelayBridge`."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


Told = Callable[[SocketAddress], object]
MakeBridge = Callable[[tuple[RelayPlace, ...], Callable[[], Sequence[int]], Told, Told], Bridge]
"""Takes one relay's places, what gives the data sockets' ports, and who is told when it is open and closed."""
Resolve = Callable[[Sequence[tuple[str, int]]], Deferred[list[SocketAddress]]]


class Relays:
    """One network's. It serves one user at a time, and tells a new one all that is known."""

    def __init__(self, resolve: Resolve, make_bridge: MakeBridge, data_ports: Callable[[], Sequence[int]]) -> None:
        self._resolve = resolve
        self._make_bridge = make_bridge
        self._data_ports = data_ports
        self._user: RelayUser | None = None
        self._places: dict[str, tuple[RelayPlace, ...]] = {}
        self._specs: list[RelaySpec] = []
        self._credentials: dict[str, TurnCredential] = {}
        self._bridges: dict[str, Bridge] = {}
        self._streams: dict[str, str] = {}
        self._round = 0

    def attach(self, user: RelayUser) -> None:
        """Serve this one from now on."""
        self.stop()
        self._user = user
        self._tell()

    def use_places(self, places: Sequence[RelayPlace]) -> None:
        """The relays of the map, their hosts filled in; those with one name are one relay."""
        by_name: dict[str, list[RelayPlace]] = {}
        for place in places:
            by_name.setdefault(place.name, []).append(place)
        self._places = {name: tuple(each) for name, each in by_name.items()}
        self._round += 1
        names = list(self._places)
        waiting = [self._resolve([(one.host, one.udp) for one in self._places[name] if one.udp]) for name in names]
        DeferredList(waiting, consumeErrors=True).addCallback(self._resolved, names, self._round)

    def use_credentials(self, credentials: Sequence[RelayCredential]) -> None:
        """How they may be used."""
        self._credentials = {each.relay: each.credential for each in credentials}
        if self._user is not None:
            self._user.use_relay_credentials(self._credentials)

    def stream_wanted(self, relay: str) -> None:
        """The relay cannot be reached by UDP."""
        places = self._places.get(relay)
        user = self._user
        if places is None or user is None or relay in self._bridges:
            return
        _log.debug("The relay {relay} is dialled by TCP and TLS as well", relay=relay)
        self._bridges[relay] = self._make_bridge(
            places,
            self._data_ports,
            lambda address: self._stream_opened(user, relay, address),
            lambda address: self._stream_closed(user, relay, address),
        )
        self._bridges[relay].start()

    def _stream_opened(self, user: RelayUser, relay: str, address: SocketAddress) -> None:
        self._streams[str(address)] = relay
        user.relay_stream_opened(relay, address)

    def _stream_closed(self, user: RelayUser, relay: str, address: SocketAddress) -> None:
        self._streams.pop(str(address), None)
        user.relay_stream_closed(relay, address)

    def is_stream(self, address: str) -> bool:
        """Whether that address stands for a relay that is reached over TCP or TLS."""
        return address in self._streams

    def stream_unwanted(self, relay: str) -> None:
        """It can, or is not needed."""
        bridge = self._bridges.pop(relay, None)
        if bridge is not None:
            bridge.stop()
        self._streams = {address: name for address, name in self._streams.items() if name != relay}

    def stop(self) -> None:
        """Close the bridges; what is known stays known."""
        self._user = None
        for relay in list(self._bridges):
            self.stream_unwanted(relay)

    def _resolved(self, results: list[tuple[bool, list[SocketAddress]]], names: list[str], number: int) -> None:
        if number != self._round:
            return
        found = {name: addresses if is_good else [] for name, (is_good, addresses) in zip(names, results, strict=True)}
        self._specs = [
            RelaySpec(
                name=name,
                addresses=tuple(found[name]),
                has_streams=any(place.tcp or place.tls for place in places),
            )
            for name, places in self._places.items()
            if name in found
        ]
        self._tell()

    def _tell(self) -> None:
        if self._user is not None:
            self._user.use_relays(self._specs)
            self._user.use_relay_credentials(self._credentials)
