# -*- test-case-name: zerogo.test.testing.test_internet -*-
"""A simulated internet in virtual time: hosts at sites, sites behind NATs, links that delay, lose, reorder, duplicate.

A *site* is a local network: public (no NAT) or behind one NAT, which may itself be at a site (double NAT). Every host
and every NAT has one link to its site's upstream with a quality per direction; the core of the internet is perfect. A
datagram from host to host crosses the links on its way and the NATs, which may drop it, as they may drop what they do
not let in. Inside a site datagrams take `LAN_SECONDS`.
"""

from __future__ import annotations

import ipaddress
import math
import random
from collections.abc import Callable

from attrs import define, field, frozen

from zerogo.errors import LocalError
from zerogo.ids import SocketAddress
from zerogo.testing.clock import VirtualClock
from zerogo.testing.conntrack import ConntrackNat
from zerogo.testing.nat import Mapping, Nat, NatBehaviour

LAN_SECONDS = 0.0003
HOPS_LIMIT = 8
PUBLIC_BASE = "198.18.0.0"
PUBLIC_LIMIT = 60_000
PRIVATE_BASE = "192.168.1.0"
CARRIER_BASE = "100.64.0.0"
"""For sites behind a carrier's NAT that hold the NATs of others."""
Receiver = Callable[[bytes, SocketAddress], object]
"""Takes a datagram and its source."""


@frozen(kw_only=True)
class LinkQuality:
    """One direction of a link. Times are seconds, chances 0 to 1, per datagram."""

    delay: float = 0.010
    jitter: float = 0.0
    """Up to so much is added to the delay, but datagrams keep their order."""
    loss: float = 0.0
    reorder: float = 0.0
    """Chance to be held back by `reorder_delay`, so that others overtake."""
    reorder_delay: float = 0.015
    duplicate: float = 0.0
    mtu: int = 1500
    """Of IP packets; larger ones vanish."""
    rate: float = math.inf
    """Bytes of IP packets a second that pass; what comes faster waits in one queue."""
    queue: float = 0.1
    """Seconds of such bytes that wait at most; what comes then is dropped."""


@define(eq=False)
class Link:
    """One direction, with its state."""

    quality: LinkQuality
    is_cut: bool = False
    _arrives_at: float = field(default=0.0, init=False)
    _free_at: float = field(default=0.0, init=False)
    """When all that waits has passed."""

    def arrivals(self, size: int, now: float, chance: random.Random) -> list[float]:
        """When the copies of a datagram of `size` payload bytes sent at `now` arrive; none where it is lost."""
        quality = self.quality
        if self.is_cut or size + 28 > quality.mtu or chance.random() < quality.loss:
            return []
        free_at = max(self._free_at, now) + (size + 28) / quality.rate
        if free_at - now > quality.queue:
            return []
        self._free_at = free_at
        at = max(self._free_at + quality.delay + quality.jitter * chance.random(), self._arrives_at)
        self._arrives_at = at
        if chance.random() < quality.reorder:
            at += quality.reorder_delay
        copies = 2 if chance.random() < quality.duplicate else 1
        return [at + copy * 0.001 for copy in range(copies)]


@define(eq=False)
class Site:
    """A local network."""

    name: str
    nat: Nat | ConntrackNat | None
    upstream: Site | None
    """Where the NAT's outside is; None for the core of the internet."""
    uplink: Link
    downlink: Link
    hosts: dict[str, Host] = field(factory=dict)
    base: str = PRIVATE_BASE
    """Network address of what is inside a NAT; many sites share it, as in life."""
    given_addresses: int = 0
    nats: dict[str, Site] = field(factory=dict)
    """Sites whose NAT's outside address is here, by that address."""


@define(eq=False)
class Host:
    """A machine; its sockets are receivers by port."""

    name: str
    site: Site
    addresses: list[str]
    sockets: dict[int, Receiver] = field(factory=dict)

    def address(self, port: int) -> SocketAddress:
        """Its first address with a port."""
        return SocketAddress(self.addresses[0], port)


@define(eq=False)
class Internet:
    """The whole; `core` is the public site."""

    clock: VirtualClock
    seed: object = 0
    quality: LinkQuality = field(factory=LinkQuality)
    """Of links that are made from now on, each direction. Two links lie between hosts of two sites."""
    core: Site = field(init=False)
    on_datagram: Callable[[SocketAddress, SocketAddress, bytes], object] | None = None
    """Sees every datagram that enters the core: source and destination there, payload. A wire tap for tests."""
    parted: dict[tuple[str, str], None] = field(factory=dict, init=False)
    """Pairs of addresses in the core between which nothing goes, from the one to the other; see `part`."""
    sent: int = field(default=0, init=False)
    dropped: int = field(default=0, init=False)
    _random: random.Random = field(init=False)
    _public_count: int = field(default=0, init=False)
    _ipv6_count: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        """Only the core exists."""
        self._random = random.Random(f"internet {self.seed}")  # noqa: S311
        perfect = LinkQuality(delay=0.0)
        self.core = Site("core", None, None, Link(perfect), Link(perfect))

    def part(self, one: str, other: str, *, is_parted: bool = True) -> None:
        """Have nothing go between two addresses of the core, either way, or all again."""
        for pair in ((one, other), (other, one)):
            if is_parted:
                self.parted[pair] = None
            else:
                self.parted.pop(pair, None)

    def add_site(self, name: str, behaviour: NatBehaviour | None = None, upstream: Site | None = None) -> Site:
        """A local network, public without `behaviour`; at an `upstream` (base `CARRIER_BASE`) it is behind two."""
        above = upstream or self.core
        nat: Nat | ConntrackNat | None = None
        site = Site(name, None, above, Link(self.quality), Link(self.quality))
        if behaviour is not None:
            kind = ConntrackNat if behaviour.mapping is Mapping.FLOW else Nat
            nat = kind(self._address_at(above), behaviour, random.Random(f"{name} {self.seed}"))  # noqa: S311
            above.nats[nat.address] = site
            site.nat = nat
        return site

    def add_host(self, name: str, site: Site, *, ipv4: bool = True, ipv6: bool = False) -> Host:
        """A machine with a fresh IPv4 address of the site's kind, and a public IPv6 one, as wanted."""
        addresses = [self._address_at(site)] if ipv4 else []
        if ipv6:
            self._ipv6_count += 1
            addresses.append(f"2001:db8::1:{self._ipv6_count:x}")
        host = Host(name, site, addresses)
        self._attach(host)
        return host

    def move_host(self, host: Host, site: Site) -> None:
        """The machine is elsewhere, with another address; its sockets stay open."""
        for address in host.addresses:
            self._directory(host.site, address).pop(address, None)
        host.site, host.addresses = site, [self._address_at(site)]
        self._attach(host)

    def change_address(self, site: Site) -> None:
        """The outside of a site's NAT gets another address, as when a provider has its customer dial in anew."""
        if site.nat is None or site.upstream is None:
            raise LocalError(f"{site.name} is behind no NAT")
        del site.upstream.nats[site.nat.address]
        site.nat.readdress(self._address_at(site.upstream))
        site.upstream.nats[site.nat.address] = site

    def send(self, host: Host, port: int, destination: SocketAddress, payload: bytes) -> None:
        """A datagram leaves a socket of `host`."""
        self.sent += 1
        own = next((each for each in host.addresses if (":" in each) == destination.is_ipv6), None)
        if own is None:
            self.dropped += 1
            return
        self._forward(host.site, SocketAddress(own, port), destination, payload, HOPS_LIMIT)

    def _forward(
        self, site: Site, source: SocketAddress, destination: SocketAddress, payload: bytes, hops: int
    ) -> None:
        """A datagram is inside `site` and looks for its way."""
        if hops == 0:
            self.dropped += 1
        elif destination.host in site.nats:
            self._enter(site.nats[destination.host], source, destination, payload, hops - 1)
        elif site is self.core:
            self._from_core(source, destination, payload)
        elif destination.host in site.hosts:
            self._deliver(site.hosts[destination.host], source, destination, payload, LAN_SECONDS)
        else:
            self._leave(site, source, destination, payload, hops)

    def _leave(self, site: Site, source: SocketAddress, destination: SocketAddress, payload: bytes, hops: int) -> None:
        assert site.upstream is not None
        above = site.upstream
        if site.nat is not None and site.nat.behaviour.blocks_udp:
            self.dropped += 1
            return
        if site.nat is not None and not destination.is_ipv6:
            source = site.nat.outbound(source, destination, self.clock.now)
            if destination.host == site.nat.address:
                self._turn_back(site, source, destination, payload)
                return
        self._cross(site.uplink, payload, lambda: self._forward(above, source, destination, payload, hops - 1))

    def _turn_back(self, site: Site, source: SocketAddress, destination: SocketAddress, payload: bytes) -> None:
        assert site.nat is not None
        if not site.nat.behaviour.hairpin:
            self.dropped += 1
            return
        self._admit(site, source, destination, payload, LAN_SECONDS, HOPS_LIMIT)

    def _from_core(self, source: SocketAddress, destination: SocketAddress, payload: bytes) -> None:
        if self.on_datagram is not None:
            self.on_datagram(source, destination, payload)
        host = self.core.hosts.get(destination.host)
        if host is None or (source.host, destination.host) in self.parted:
            self.dropped += 1
            return
        self._cross(host.site.downlink, payload, lambda: self._deliver(host, source, destination, payload, 0.0))

    def _enter(self, site: Site, source: SocketAddress, destination: SocketAddress, payload: bytes, hops: int) -> None:
        if site.upstream is self.core and self.on_datagram is not None:
            self.on_datagram(source, destination, payload)
        if (source.host, destination.host) in self.parted:
            self.dropped += 1
            return
        self._cross(site.downlink, payload, lambda: self._admit(site, source, destination, payload, 0.0, hops))

    def _admit(
        self,
        site: Site,
        source: SocketAddress,
        destination: SocketAddress,
        payload: bytes,
        delay: float,
        hops: int,
    ) -> None:
        assert site.nat is not None
        inside = site.nat.inbound(destination, source, self.clock.now)
        if inside is None:
            self.dropped += 1
        elif inside.host in site.nats:
            self._enter(site.nats[inside.host], source, inside, payload, hops - 1)
        elif inside.host in site.hosts:
            self._deliver(site.hosts[inside.host], source, inside, payload, delay)
        else:
            self.dropped += 1

    def _deliver(
        self, host: Host, source: SocketAddress, destination: SocketAddress, payload: bytes, delay: float
    ) -> None:
        def arrive() -> None:
            receiver = host.sockets.get(destination.port)
            if receiver is None or destination.host not in host.addresses:
                self.dropped += 1
            else:
                receiver(payload, source)

        self.clock.call_later(delay, arrive)

    def _cross(self, link: Link, payload: bytes, then: Callable[[], object]) -> None:
        arrivals = link.arrivals(len(payload), self.clock.now, self._random)
        if not arrivals:
            self.dropped += 1
        for at in arrivals:
            self.clock.call_at(at, then)

    def _directory(self, site: Site, address: str) -> dict[str, Host]:
        return site.hosts if site.nat is not None and ":" not in address else self.core.hosts

    def _attach(self, host: Host) -> None:
        for address in host.addresses:
            self._directory(host.site, address)[address] = host

    def _address_at(self, site: Site) -> str:
        """A fresh address: private behind a NAT, else public."""
        if site.nat is None:
            self._public_count += 1
            if self._public_count > PUBLIC_LIMIT:
                raise LocalError("the simulated internet is full")
            return str(ipaddress.IPv4Address(PUBLIC_BASE) + self._public_count)
        site.given_addresses += 1
        return str(ipaddress.IPv4Address(site.base) + 1 + site.given_addresses)
