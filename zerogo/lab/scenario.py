# -*- test-case-name: zerogo.test.lab.test_loader -*-
"""A scenario: sites behind NATs, hosts with roles, links, actions on a time line, and the checks that must hold.

Values only, frozen and complete: defaults are filled in by `zerogo.lab.loader`, which reads them from YAML. Units are
seconds, fractions (0..1), bits per second and bytes everywhere. `docs/LAB.md` is the specification of the file.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterator, Mapping

from attrs import Factory, field, frozen


class Family(enum.Enum):
    """The address families of the internet under the mesh."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    BOTH = "both"

    @property
    def has_ipv4(self) -> bool:
        """Whether sites have IPv4."""
        return self is not Family.IPV6

    @property
    def has_ipv6(self) -> bool:
        """Whether sites have IPv6."""
        return self is not Family.IPV4


class NatKind(enum.Enum):
    """What a site's router does to IPv4 (RFC 4787 terms in brackets: mapping, filtering)."""

    OPEN = "open"
    """No translation: hosts have public addresses."""
    FULL_CONE = "full-cone"
    """Endpoint-independent, endpoint-independent."""
    ADDRESS_RESTRICTED = "address-restricted"
    """Endpoint-independent, address-dependent."""
    PORT_RESTRICTED = "port-restricted"
    """Endpoint-independent, address- and port-dependent: the usual home router."""
    SYMMETRIC_SEQUENTIAL = "symmetric-sequential"
    """Address- and port-dependent, next port up for each new flow; same filtering."""
    SYMMETRIC_RANDOM = "symmetric-random"
    """Address- and port-dependent, random port for each new flow; same filtering."""
    SYMMETRIC_PORT_BLOCK = "symmetric-port-block"
    """As symmetric-random, inside a block of 1,024 ports per inside host: carrier-grade NATs."""
    UDP_BLOCKED = "udp-blocked"
    """Port-restricted for TCP; UDP is dropped in both directions, IPv6 too."""

    @property
    def maps_by_source(self) -> bool:
        """Whether the mapping is endpoint-independent."""
        return self in (NatKind.FULL_CONE, NatKind.ADDRESS_RESTRICTED, NatKind.PORT_RESTRICTED)


class Role(enum.Enum):
    """A process that a host runs."""

    CONTROLLER = "controller"
    RELAY = "relay"
    AGENT = "agent"


@frozen(kw_only=True)
class Link:
    """One direction of a line, as the emulator imitates it."""

    delay: float = 0.0
    """Seconds from end to end."""
    jitter: float = 0.0
    """The delay varies by so much up and down, uniformly; packets keep their order."""
    loss: float = 0.0
    burst: float = 1.0
    """Mean number of packets lost in a row (Gilbert model); 1 is independent loss."""
    reorder: float = 0.0
    """Fraction of packets that are held back, so that later ones overtake them."""
    duplicate: float = 0.0
    rate: float = 0.0
    """Bits per second; 0 is without limit."""
    queue: float = 0.1
    """Seconds of traffic that wait where `rate` is set; what comes beyond is dropped."""
    mtu: int = 1500
    mtu_signals: bool = True
    """Whether a packet that is too big is answered by ICMP, as it should be, or vanishes."""


@frozen(kw_only=True)
class Host:
    """A machine in a site."""

    name: str
    roles: tuple[Role, ...] = ()
    settings: Mapping[str, object] = Factory(dict)
    """Additional keys for the agent's configuration file."""


@frozen(kw_only=True)
class Site:
    """A local network behind one router."""

    name: str
    nat: NatKind = NatKind.OPEN
    behind: str | None = None
    """The site whose local network is this one's way out (a carrier's NAT, a double NAT)."""
    hairpin: bool = False
    udp_timeout: float = 30.0
    """Seconds that a mapping lives without traffic; four times that once it was answered."""
    ipv6_firewall: bool = True
    """Whether only answers come in by IPv6."""
    lan: ipaddress.IPv4Network | None = None
    up: Link = Factory(Link)
    down: Link = Factory(Link)
    hosts: tuple[Host, ...] = ()


@frozen(kw_only=True)
class Path:
    """What lies between two sites in the middle of the internet, in addition to their own links."""

    between: tuple[str, str]
    link: Link


class ActionKind(enum.Enum):
    """What an action does to its target."""

    KILL = "kill"
    STOP = "stop"
    START = "start"
    RESTART = "restart"
    CUT = "cut"
    HEAL = "heal"
    CHANGE_ADDRESS = "change-address"
    REBIND = "rebind"
    MOVE = "move"
    LINK = "link"


@frozen(kw_only=True)
class Action:
    """Something that happens on the time line."""

    at: float
    """Seconds after the mesh was up."""
    kind: ActionKind
    targets: tuple[str, ...]
    """One host or site; two sites for a cut, a heal or a link between them."""
    role: Role | None = None
    """Which of the host's processes; None is all of them."""
    to: str | None = None
    """Where a host moves."""
    link: Link | None = None

    def __str__(self) -> str:
        what = f"{self.kind.value} {' - '.join(self.targets)}"
        return what + (f" {self.role.value}" if self.role else "") + (f" to {self.to}" if self.to else "")


Pair = tuple[str, str]


class CheckKind(enum.Enum):
    """What a check looks at."""

    PING = "ping"
    PATH = "path"
    LOSS = "loss"
    RTT = "rtt"
    OUTAGE = "outage"
    DIRECT = "direct"
    THROUGHPUT = "throughput"
    SEALED = "sealed"
    NAT = "nat"
    JOINS = "joins"


@frozen(kw_only=True)
class Check:
    """A statement about the run that decides over success."""

    kind: CheckKind
    pairs: tuple[Pair, ...] = ()
    limit: float = 0.0
    """`within`, `below`, `above` or `p50`, by kind: seconds, a fraction or bits per second."""
    p99: float = 0.0
    expected: tuple[str, ...] = ()
    """Accepted path types, or a NAT's mapping and filtering."""
    may_fail: tuple[Pair, ...] = ()
    """Pairs that may stay without an answer if their agents say why."""
    host: str | None = None

    def __str__(self) -> str:
        expected = " or ".join(self.expected) if self.kind is CheckKind.PATH else ", ".join(self.expected)
        excused = ", ".join(f"{one} - {other}" for one, other in self.may_fail)
        words = [self.kind.value, self.host or "", expected, _limit_text(self.kind, self.limit)]
        words.append(f"({excused} may fail)" if excused else "")
        return " ".join(word for word in words if word)


def _limit_text(kind: CheckKind, limit: float) -> str:
    if not limit:
        return ""
    match kind:
        case CheckKind.PING | CheckKind.DIRECT:
            return f"within {limit:g} s"
        case CheckKind.LOSS:
            return f"below {limit * 100:g} %"
        case CheckKind.RTT:
            return f"below {limit * 1000:g} ms"
        case CheckKind.THROUGHPUT:
            return f"above {limit / 1e6:g} Mbit/s"
        case _:
            return f"below {limit:g} s"


@frozen(kw_only=True)
class Scenario:
    """A whole run."""

    name: str
    title: str = ""
    family: Family = Family.IPV4
    seed: int = 1
    sites: tuple[Site, ...] = field(factory=tuple)
    paths: tuple[Path, ...] = ()
    actions: tuple[Action, ...] = ()
    checks: tuple[Check, ...] = ()
    connect_limit: float = 30.0
    """Seconds that the mesh may take to come up before the time line starts all the same."""
    settle: float = 3.0
    """Seconds of measuring after the last action."""
    time_limit: float = 120.0
    """Seconds after which the run is given up."""
    repeat: int = 1
    """How many times the agents join anew, for figures about joining."""
    log_level: str = "info"

    def hosts(self) -> Iterator[Host]:
        """All hosts, in the order of the file."""
        for site in self.sites:
            yield from site.hosts

    def with_role(self, role: Role) -> tuple[str, ...]:
        """Names of the hosts that run `role`."""
        return tuple(host.name for host in self.hosts() if role in host.roles)

    @property
    def has_mesh(self) -> bool:
        """Whether any host runs anything."""
        return any(host.roles for host in self.hosts())

    def pairs(self) -> tuple[Pair, ...]:
        """Each pair of agents, and those that checks name of an agent and a host behind the mesh; of all hosts where
        there is no mesh."""
        names = self.with_role(Role.AGENT) if self.has_mesh else tuple(host.name for host in self.hosts())
        inside = [(a, b) for index, a in enumerate(names) for b in names[index + 1 :]]
        named = [pair for check in self.checks for pair in check.pairs]
        return tuple(dict.fromkeys([*inside, *(pair for pair in named if pair[0] in names and pair[1] not in names)]))
