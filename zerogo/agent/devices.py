# -*- test-case-name: zerogo.test.agent.test_devices -*-
"""What an agent takes of the machine: the TAP and the data sockets, opened while we are root, given to the plane later.

Opening needs CAP_NET_ADMIN. The interface goes when its descriptor is closed, so nothing is left behind by a crash.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Protocol

import attrs
from attrs import define, field, frozen

from zerogo.config.agent import AgentConfig
from zerogo.dataplane.interface import Offloads, PlaneSettings
from zerogo.dataplane.sockets import open_data_sockets
from zerogo.dataplane.tap import OpenedTap, TapSettings, configure_tap, open_tap
from zerogo.ids import MacAddress, NodeId, SocketAddress


@frozen(kw_only=True)
class Place:
    """What this machine is in its network; another one needs the devices to be set up anew."""

    node_id: NodeId
    mac1_key: bytes = field(repr=False)
    """Of handshakes that are meant for us."""
    mac: MacAddress
    mtu: int
    addresses: tuple[str, ...]
    """With prefix lengths."""
    is_bridge: bool = False


class Devices(Protocol):
    """The machine's side of a segment."""

    name: str

    def local_addresses(self, hosts: Sequence[str]) -> list[SocketAddress]: ...

    def ports(self) -> list[int]: ...

    def settle(self, place: Place) -> PlaneSettings: ...

    def close(self) -> None: ...


@define(eq=False)
class OpenedDevices:
    """A TAP and the data sockets. `settle` sets the interface up and gives the descriptors away, once."""

    name: str
    _tap: OpenedTap | None
    _sockets: list[socket.socket]
    _offloads: Offloads
    _ports: dict[int, int]
    """By address family."""

    @classmethod
    def open(cls, config: AgentConfig) -> OpenedDevices:
        """Open both; raises `EnvironmentFault` with one sentence."""
        tap = open_tap(config.tap_device)
        try:
            sockets = open_data_sockets(config.routing.p2p_port or config.port)
        except BaseException:
            os.close(tap.fd)
            raise
        ports = {int(sock.family): sock.getsockname()[1] for sock in sockets}
        return cls(tap.name, tap, sockets, Offloads(**attrs.asdict(config.offloads)), ports)

    def local_addresses(self, hosts: Sequence[str]) -> list[SocketAddress]:
        """The machine's addresses (text) with the port of the data socket of their family."""
        found = [(host, self._ports.get(socket.AF_INET6 if ":" in host else socket.AF_INET)) for host in hosts]
        return [SocketAddress.of(host, port) for host, port in found if port is not None]

    def ports(self) -> list[int]:
        """The UDP ports, each once."""
        return sorted({*self._ports.values()})

    def settle(self, place: Place) -> PlaneSettings:
        """Give the interface its addresses, bring it up, and hand the descriptors over; raises `EnvironmentFault`."""
        assert self._tap is not None
        configure_tap(self.name, TapSettings(mac=place.mac, mtu=place.mtu, addresses=place.addresses))
        tap, self._tap = self._tap, None
        descriptors = [sock.detach() for sock in self._sockets]
        self._sockets = []
        return PlaneSettings(
            tap_fd=tap.fd,
            udp_fds=descriptors,
            node_id=place.node_id,
            mac1_key=place.mac1_key,
            mac=place.mac,
            addresses=[address.partition("/")[0] for address in place.addresses],
            mtu=place.mtu,
            is_bridge=place.is_bridge,
            offloads=self._offloads,
        )

    def close(self) -> None:
        """Close what was not given away."""
        if self._tap is not None:
            os.close(self._tap.fd)
            self._tap = None
        for sock in self._sockets:
            sock.close()
        self._sockets = []
