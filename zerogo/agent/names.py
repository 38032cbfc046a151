# -*- test-case-name: zerogo.test.agent.test_names -*-
"""The names of the network's members, as this machine's programs may look them up (`zerogo.names`).

The answers follow from the map; the server listens at our own addresses as soon as the device has them, and is tried
again now and then where it could not: another server may have had the port.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import frozen
from twisted.logger import Logger

from zerogo.control.netmap import NetworkMap
from zerogo.errors import EnvironmentFault
from zerogo.names.zone import Named, Zone, make_zone

_log = Logger(namespace="zerogo.agent.names")


class Server(Protocol):
    """Answers at addresses of this machine (`zerogo.net.name_server`)."""

    @property
    def hosts(self) -> list[str]: ...

    def listen(self, hosts: list[str]) -> None: ...

    def stop(self) -> None: ...


class Link(Protocol):
    """Has this machine's resolver ask the server (`zerogo.net.resolver_setup`)."""

    def use(self, device: str, origin: str, servers: Sequence[str]) -> object: ...

    def clear(self) -> None: ...


class Hosts(Protocol):
    """Holds the names themselves."""

    def use(self, zone: Zone, device: str) -> str: ...

    def clear(self) -> None: ...


@frozen(kw_only=True)
class NameServices:
    """What names need of the machine."""

    make_server: Callable[[Callable[[], Zone]], Server]
    link: Link | None = None
    """None where no resolver can be told of one domain."""
    hosts: Hosts | None = None
    """None where the hosts file is to be left alone."""


class Names:
    """Those of one agent; with no services it only knows them."""

    def __init__(self, services: NameServices | None) -> None:
        self._services = services
        self._zone = Zone("")
        self._server = None if services is None else services.make_server(lambda: self._zone)
        self._held: tuple[NetworkMap, str, tuple[str, ...]] | None = None
        self.complaint = ""
        """Why names are not answered; empty where they are, or are not to be."""

    @property
    def origin(self) -> str:
        """Of the zone, such as `home.zg`; empty before the first map and where names are off."""
        return self._zone.origin if self._services is not None else ""

    @property
    def servers(self) -> list[str]:
        """The addresses at which names are answered."""
        return [] if self._server is None else self._server.hosts

    def use_map(self, network_map: NetworkMap, device: str, own: Sequence[str]) -> None:
        """Take over who is called what; `own` are our addresses in the segment, on `device`."""
        members = (Named(record.name, record.addresses) for record in network_map.members)
        others = (Named(one.label, one.addresses) for one in network_map.names)
        self._zone = make_zone(network_map.name, members, others)
        self._held = (network_map, device, tuple(own))
        self.look()

    def look(self) -> None:
        """Answer where we can."""
        if self._held is None or self._services is None or self._server is None:
            return
        _, device, own = self._held
        complaints = [self._listen(own)]
        if self._services.link is not None and self._server.hosts:
            self._services.link.use(device, self._zone.origin, self._server.hosts)
        if self._services.hosts is not None:
            complaints.append(self._services.hosts.use(self._zone, device))
        complaint = "; ".join(one for one in complaints if one)
        if complaint != self.complaint and complaint:
            _log.warn("Names: {complaint}", complaint=complaint)
        self.complaint = complaint

    def close(self) -> None:
        """Answer no more, and take out what was written."""
        if self._services is None:
            return
        if self._server is not None:
            self._server.stop()
        for part in (self._services.link, self._services.hosts):
            if part is not None:
                part.clear()
        self._held = None

    def _listen(self, own: Sequence[str]) -> str:
        assert self._server is not None
        try:
            self._server.listen(list(own))
        except EnvironmentFault as error:
            return str(error)
        return ""
