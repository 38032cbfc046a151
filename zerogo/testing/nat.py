# -*- test-case-name: zerogo.test.testing.test_nat -*-
"""Address translators by their behaviours (RFC 4787): how they map, what they let in, whether they turn back inside.

A mapping belongs to an inside address and, depending on the behaviour, to the destination. Filtering looks at what the
mapping's owner has sent to. Inbound datagrams that no mapping fits are dropped; nothing from outside ever makes state.
"""

from __future__ import annotations

import enum
import random

from attrs import define, field, frozen

from zerogo.ids import SocketAddress

FIRST_PORT = 1024
LAST_PORT = 65535
BLOCK_PORTS = 1024
MAPPING_SECONDS = 120.0
"""RFC 4787 section 4.3 asks for at least two minutes."""


class Mapping(enum.Enum):
    """RFC 4787 section 4.1, and how ports are chosen (4.2)."""

    ENDPOINT_INDEPENDENT = "endpoint-independent, keeps the port if it is free"
    SEQUENTIAL = "address-and-port-dependent, the next port each time"
    RANDOM = "address-and-port-dependent, any free port"
    BLOCK = "address-and-port-dependent, any free port of a block of 1,024 per inside address"
    FLOW = "endpoint-independent where nobody outside was faster, as Linux does (`zerogo.testing.conntrack`)"


class Filtering(enum.Enum):
    """RFC 4787 section 5."""

    ENDPOINT_INDEPENDENT = "anyone"
    ADDRESS_DEPENDENT = "addresses that were sent to"
    ADDRESS_AND_PORT_DEPENDENT = "addresses and ports that were sent to"


@frozen
class NatBehaviour:
    """A kind of NAT."""

    mapping: Mapping
    filtering: Filtering
    hairpin: bool = False
    """Whether two hosts inside reach each other by the outside address (RFC 4787 section 6)."""
    mapping_seconds: float = MAPPING_SECONDS
    """An unused mapping lives so long; only what goes out refreshes it."""
    foreign_per_second: float = 0.0
    """Mappings that others make on a sequential NAT; each takes a port."""
    blocks_udp: bool = False
    """Nothing goes out, by IPv6 neither."""


FULL_CONE = NatBehaviour(Mapping.ENDPOINT_INDEPENDENT, Filtering.ENDPOINT_INDEPENDENT)
ADDRESS_RESTRICTED = NatBehaviour(Mapping.ENDPOINT_INDEPENDENT, Filtering.ADDRESS_DEPENDENT)
PORT_RESTRICTED = NatBehaviour(Mapping.ENDPOINT_INDEPENDENT, Filtering.ADDRESS_AND_PORT_DEPENDENT)
SYMMETRIC_SEQUENTIAL = NatBehaviour(Mapping.SEQUENTIAL, Filtering.ADDRESS_AND_PORT_DEPENDENT)
SYMMETRIC_RANDOM = NatBehaviour(Mapping.RANDOM, Filtering.ADDRESS_AND_PORT_DEPENDENT)
PORT_BLOCK = NatBehaviour(Mapping.BLOCK, Filtering.ADDRESS_AND_PORT_DEPENDENT)
OPEN_INPUT = NatBehaviour(Mapping.FLOW, Filtering.ADDRESS_AND_PORT_DEPENDENT)
"""Linux that masquerades, without a drop of what comes in for the router itself."""
UDP_BLOCKED = NatBehaviour(Mapping.ENDPOINT_INDEPENDENT, Filtering.ADDRESS_AND_PORT_DEPENDENT, blocks_udp=True)


@define
class _Entry:
    inside: SocketAddress
    outside: SocketAddress
    used_at: float
    sent_to: dict[SocketAddress, None] = field(factory=dict)


@define(eq=False)
class Nat:
    """One translator with one outside address."""

    address: str
    behaviour: NatBehaviour
    _random: random.Random
    _by_key: dict[tuple[SocketAddress, SocketAddress | None], _Entry] = field(factory=dict, init=False)
    _by_port: dict[int, _Entry] = field(factory=dict, init=False)
    _next_port: int = field(default=20000, init=False)
    _keeps_ports: bool = field(default=True, init=False)
    _mapped_at: float = field(default=0.0, init=False)
    _blocks: dict[str, int] = field(factory=dict, init=False)
    """First port of each inside address's block."""

    def outbound(self, inside: SocketAddress, destination: SocketAddress, now: float) -> SocketAddress:
        """A datagram leaves; the source address it has outside."""
        is_dependent = self.behaviour.mapping is not Mapping.ENDPOINT_INDEPENDENT
        key = (inside, destination if is_dependent else None)
        entry = self._by_key.get(key)
        if entry is None or self._is_expired(entry, now):
            entry = self._map(key, now)
        entry.used_at = now
        entry.sent_to[destination] = None
        return entry.outside

    def inbound(self, outside: SocketAddress, source: SocketAddress, now: float) -> SocketAddress | None:
        """A datagram arrives at the outside address; whose it is inside, or None where it is not let in."""
        entry = self._by_port.get(outside.port)
        if entry is None or self._is_expired(entry, now):
            return None
        match self.behaviour.filtering:
            case Filtering.ENDPOINT_INDEPENDENT:
                is_welcome = True
            case Filtering.ADDRESS_DEPENDENT:
                is_welcome = any(known.host == source.host for known in entry.sent_to)
            case Filtering.ADDRESS_AND_PORT_DEPENDENT:
                is_welcome = source in entry.sent_to
        return entry.inside if is_welcome else None

    def reboot(self) -> None:
        """Forget all mappings; the next ones get other ports, also where they would keep theirs."""
        self._keeps_ports = False
        self._by_key.clear()
        self._by_port.clear()
        self._next_port = self._random.randint(FIRST_PORT, LAST_PORT)

    def readdress(self, address: str) -> None:
        """The outside address is another one; mappings keep their ports."""
        self.address = address
        for entry in self._by_port.values():
            entry.outside = SocketAddress(address, entry.outside.port)

    @property
    def mapping_count(self) -> int:
        """Mappings remembered, live or not."""
        return len(self._by_port)

    def _is_expired(self, entry: _Entry, now: float) -> bool:
        return now - entry.used_at > self.behaviour.mapping_seconds

    def _map(self, key: tuple[SocketAddress, SocketAddress | None], now: float) -> _Entry:
        old = self._by_key.get(key)
        if old is not None:
            self._by_port.pop(old.outside.port, None)
        inside = key[0]
        entry = _Entry(inside, SocketAddress(self.address, self._choose_port(inside, now)), now)
        self._by_key[key] = self._by_port[entry.outside.port] = entry
        return entry

    def _choose_port(self, inside: SocketAddress, now: float) -> int:
        match self.behaviour.mapping:
            case Mapping.ENDPOINT_INDEPENDENT | Mapping.FLOW:
                port = inside.port if self._keeps_ports else self._random.randint(FIRST_PORT, LAST_PORT)
            case Mapping.SEQUENTIAL:
                port = self._next_port + self._foreign(now)
            case Mapping.RANDOM:
                port = self._random.randint(FIRST_PORT, LAST_PORT)
            case Mapping.BLOCK:
                blocks = (LAST_PORT - FIRST_PORT) // BLOCK_PORTS
                first = FIRST_PORT + BLOCK_PORTS * self._random.randrange(blocks)
                port = self._blocks.setdefault(inside.host, first) + self._random.randrange(BLOCK_PORTS)
        while port in self._by_port:
            port = port + 1 if port < LAST_PORT else FIRST_PORT
        self._next_port = port + 1 if port < LAST_PORT else FIRST_PORT
        return port

    def _foreign(self, now: float) -> int:
        """Mappings that others made since the last one."""
        rate = self.behaviour.foreign_per_second
        elapsed, self._mapped_at = min(now - self._mapped_at, 10.0), now
        return 0 if not rate else int(elapsed * rate * 2 * self._random.random() + self._random.random())
