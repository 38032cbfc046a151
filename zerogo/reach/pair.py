# -*- test-case-name: zerogo.test.reach.test_pair -*-
"""Why two members are connected the way they are: one sentence, what the person could change, what was tried.

Facts go in as they are known at one end, sentences come out. The cause is found in a fixed order, the most certain
first: what an end is not (up, told, of a common family), what its NAT was seen to do, and only then that checks failed,
which is left when nothing else explains it.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from attrs import field, frozen

from zerogo.ice.candidate import CandidateKind
from zerogo.ice.nature import NatBehaviour, NatMapping, PortPattern

OUTER_KINDS = (CandidateKind.MAPPED, CandidateKind.SRFLX)
"""Addresses that somebody outside knows us by."""
SILENT_SECONDS = 10.0
"""Nothing is said of what was not heard for less."""


@frozen
class Place:
    """One candidate of an end."""

    kind: CandidateKind
    is_ipv6: bool


@frozen(kw_only=True)
class End:
    """What is known of one end."""

    places: tuple[Place, ...] = ()
    nat: NatBehaviour = field(factory=NatBehaviour)
    ports: tuple[str, ...] = ()
    """Where it takes TCP connections of members."""
    is_port_mapped: bool = False
    """Whether one of these leads there through a router."""

    def has(self, *kinds: CandidateKind, is_ipv6: bool | None = None) -> bool:
        """Whether there is a candidate of one of these kinds, and of that family where one is given."""
        return any(each.kind in kinds and is_ipv6 in (None, each.is_ipv6) for each in self.places)

    @property
    def direct_places(self) -> tuple[Place, ...]:
        """All candidates but those at relays."""
        return tuple(each for each in self.places if each.kind is not CandidateKind.RELAY)


class Way(enum.StrEnum):
    """What a path in use leads through."""

    DIRECT = "direct"
    TCP = "tcp"
    """A connection from end to end."""
    RELAY = "relay"
    MEMBERS = "members"


@frozen(kw_only=True)
class PathFacts:
    """The path in use."""

    way: Way
    address: str = ""
    local_kind: str = ""
    remote_kind: str = ""
    is_ipv6: bool = False
    via: tuple[str, ...] = ()
    """Names: of the relay, or of the members in between."""


@frozen(kw_only=True)
class PairFacts:
    """A pair, seen from this end."""

    name: str
    state: str
    """A value of `zerogo.mesh.events.PeerState`."""
    reason: str = ""
    """The core's own word on why there is no direct path; empty where there is none."""
    heard_age: float | None = None
    """Seconds since something of it came that only it can have sent; None where nothing ever did."""
    path: PathFacts | None = None
    has_direct: bool = False
    """Whether there is a direct path that answers, in use or not."""
    ours: End = field(factory=End)
    theirs: End = field(factory=End)
    port: int = 0
    """Our UDP port."""
    servers: int = 0
    """STUN servers that members ask where they are seen from, by UDP."""
    wants_mapping: bool = True
    """Whether this agent asks its gateway for a mapping."""
    has_gateway: bool = True
    tcp_refusal: str = ""
    """Why our gateway does not map our TCP port; empty where it does, or was not asked."""


class Cause(enum.Enum):
    """Why there is no direct path."""

    NOTHING_HERE = enum.auto()
    SHUT_DOWN = enum.auto()
    FELL_SILENT = enum.auto()
    NOT_HEARD = enum.auto()
    NO_COMMON_FAMILY = enum.auto()
    UDP_BLOCKED_HERE = enum.auto()
    UDP_BLOCKED_THERE = enum.auto()
    BOTH_HARD = enum.auto()
    WE_HARD = enum.auto()
    THEY_HARD = enum.auto()
    CHECKS_FAILED = enum.auto()


@frozen
class Explanation:
    """For a person."""

    sentence: str
    advice: tuple[str, ...] = ()
    """What the person could change, the most promising first."""
    details: tuple[str, ...] = ()


def explain(pair: PairFacts) -> Explanation:
    """Why this pair is connected as it is."""
    details = tuple(_details(pair))
    path = pair.path
    if pair.state == "connected" and path is not None:
        if path.way is Way.DIRECT:
            return Explanation(f"{pair.name} is reached directly, {_direct(pair, path)}.", (), details)
        if pair.has_direct:
            better = "which does better than the direct path at present"
            return Explanation(f"{pair.name} is reached through {_via(path)}, {better}.", (), details)
        if not pair.reason:
            trying = "while a direct path is being looked for"
            return Explanation(f"{pair.name} is reached through {_via(path)}, {trying}.", (), details)
        cause = find_cause(pair)
        sentence = f"{pair.name} is reached through {_via(path)}, because {_because(cause, pair)}."
        return Explanation(sentence, tuple(_advice(cause, pair)), details)
    if pair.state in ("connecting", "handshaking", "waiting") and not pair.reason:
        return Explanation(f"{pair.name} is not reached yet: {_PROGRESS[pair.state]}.", (), details)
    cause = find_cause(pair)
    sentence = f"{pair.name} is not reached, because {_because(cause, pair)}."
    return Explanation(sentence, tuple(_advice(cause, pair)), details)


_PROGRESS = {
    "waiting": "it is its turn in a moment",
    "connecting": "addresses of both ends are being tried",
    "handshaking": "there is a path, and keys are being agreed on it",
}


def find_cause(pair: PairFacts) -> Cause:
    """Why there is no direct path between the ends."""
    ours, theirs = pair.ours, pair.theirs
    if not ours.direct_places:
        return Cause.NOTHING_HERE
    if "shut down" in pair.reason:
        return Cause.SHUT_DOWN
    if _is_silent(pair):
        # It was reached, and not even a relay leads to it any more: that is no matter of NATs. But where nothing at
        # all leads out of here by UDP, it is not the other end that has to be looked at.
        is_cut_off = _is_blocked(ours, pair.servers) and not ours.has(CandidateKind.RELAY)
        return Cause.UDP_BLOCKED_HERE if is_cut_off else Cause.FELL_SILENT
    if not theirs.places:
        return Cause.NOT_HEARD
    families = {each.is_ipv6 for each in ours.direct_places} & {each.is_ipv6 for each in theirs.direct_places}
    if not families:
        return Cause.NO_COMMON_FAMILY
    if _is_blocked(ours, pair.servers):
        return Cause.UDP_BLOCKED_HERE
    if _is_blocked(theirs, pair.servers):
        return Cause.UDP_BLOCKED_THERE
    if ours.nat.is_hard and theirs.nat.is_hard:
        return Cause.BOTH_HARD
    if ours.nat.is_hard:
        return Cause.WE_HARD
    if theirs.nat.is_hard:
        return Cause.THEY_HARD
    return Cause.CHECKS_FAILED


def _is_silent(pair: PairFacts) -> bool:
    """Whether it was heard, and for longer than a lost path takes to be replaced is not."""
    return pair.state != "connected" and pair.heard_age is not None and pair.heard_age >= SILENT_SECONDS


def _is_blocked(end: End, servers: int) -> bool:
    """Whether no server was ever heard by UDP, although a relay is, by another protocol then, or some were asked."""
    is_seen = end.has(*OUTER_KINDS) or end.nat.mapping is not NatMapping.UNKNOWN
    return not is_seen and (servers > 0 or end.has(CandidateKind.RELAY))


def _direct(pair: PairFacts, path: PathFacts) -> str:
    at = f" at {path.address}" if path.address else ""
    if (path.local_kind, path.remote_kind) == ("host", "host"):
        where = "by IPv6, where no NAT is in the way" if path.is_ipv6 else "without a NAT in between"
        return f"{where},{at}" if at else where
    if path.remote_kind == "mapped":
        return f"through a port that its gateway maps to it,{at}".rstrip(",")
    if path.local_kind == "mapped":
        return f"through a port that this machine's gateway maps,{at}".rstrip(",")
    if pair.ours.nat.is_hard or pair.theirs.nat.is_hard:
        whose = "this machine's" if pair.ours.nat.is_hard else "its"
        return f"although {whose} NAT uses another port for each destination: the right port was found,{at}".rstrip(",")
    nats = [("its", path.remote_kind), ("this machine's", path.local_kind)]
    behind = " and ".join(f"{whose} NAT" for whose, kind in nats if kind in ("srflx", "prflx"))
    return f"through {behind or 'the network in between'},{at}".rstrip(",")


def _via(path: PathFacts) -> str:
    names = ", ".join(path.via)
    if path.way is Way.TCP:
        return f"its TCP port {path.address}" if path.local_kind == "active" else "this machine's TCP port"
    if path.way is Way.RELAY:
        return f"the relay {names}" if names else "a relay"
    if not names:
        return "other members"
    return f"the member{'s' if len(path.via) > 1 else ''} {names}"


def _because(cause: Cause, pair: PairFacts) -> str:
    match cause:
        case Cause.NOTHING_HERE:
            return "this machine has no address in any network"
        case Cause.SHUT_DOWN:
            return "it has shut down"
        case Cause.FELL_SILENT:
            return f"nothing has come from it for {_span(pair.heard_age or 0.0)}, by any way: it is off, or cut off"
        case Cause.NOT_HEARD:
            who = "one of the two is" if pair.state == "connected" else "it is offline, or"
            return f"it has not told its addresses: {who} out of the controller's reach"
        case Cause.NO_COMMON_FAMILY:
            ours, theirs = _family(pair.ours), _family(pair.theirs)
            return f"this machine has {ours} only and {pair.name} has {theirs} only"
        case Cause.UDP_BLOCKED_HERE:
            return _blocked(pair.ours, "this machine")
        case Cause.UDP_BLOCKED_THERE:
            return _blocked(pair.theirs, pair.name)
        case Cause.BOTH_HARD:
            return (
                "the NATs of both ends use another port for each destination, so neither can be told where to send to"
            )
        case Cause.WE_HARD:
            return (
                f"{_nat(pair.ours.nat, 'this machine')}, and the NAT of {pair.name} lets in only ports it has sent to"
            )
        case Cause.THEY_HARD:
            return f"{_nat(pair.theirs.nat, pair.name)}, and this machine's NAT lets in only ports it has sent to"
        case Cause.CHECKS_FAILED:
            return f"checks found no way: {pair.reason or 'no pair of addresses carried datagrams both ways'}"


def _span(seconds: float) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _blocked(end: End, whose: str) -> str:
    """The servers may as well be down, where nothing is reached by another protocol."""
    if end.has(CandidateKind.RELAY):
        return f"the network of {whose} lets no UDP out"
    return f"no server answers {whose} by UDP, so its network seems to let no UDP out"


def _family(end: End) -> str:
    return "IPv6" if any(each.is_ipv6 for each in end.direct_places) else "IPv4"


def _nat(nat: NatBehaviour, whose: str) -> str:
    ports = {
        PortPattern.SEQUENTIAL: ", counted up",
        PortPattern.RANDOM: ", drawn at random",
        PortPattern.BLOCK: ", drawn from a block",
    }.get(nat.ports, "")
    return f"the NAT of {whose} uses another port for each destination{ports}"


def _advice(cause: Cause, pair: PairFacts) -> list[str]:
    match cause:
        case Cause.NOTHING_HERE:
            return ["Check that this machine's network is up."]
        case Cause.SHUT_DOWN:
            return [f"Start ZeroGo on {pair.name}."]
        case Cause.FELL_SILENT:
            return _look_there(pair)
        case Cause.NOT_HEARD:
            return [f"Look at `zerogo status` on {pair.name}, and at this machine's connection to the controller."]
        case Cause.NO_COMMON_FAMILY:
            return ["Give one of the two the other address family, or run a relay that has both."]
        case Cause.UDP_BLOCKED_HERE:
            allow = f"Have the firewall let UDP out, from port {pair.port}."
            return [allow, *_tcp_there(pair), *_relay(pair, pair.ours, "this machine"), *_look_there(pair)]
        case Cause.UDP_BLOCKED_THERE:
            allow = f"Have the firewall of {pair.name} let UDP out."
            return [allow, *_tcp_here(pair), *_relay(pair, pair.theirs, pair.name)]
        case Cause.WE_HARD | Cause.THEY_HARD | Cause.BOTH_HARD | Cause.CHECKS_FAILED:
            return [*_open_here(pair), *_open_there(pair), *_ipv6(pair)]


def _look_there(pair: PairFacts) -> list[str]:
    if not _is_silent(pair):
        return []
    return [f"See whether {pair.name} is on and has a network; `zerogo doctor` there says what is wrong."]


def _open_here(pair: PairFacts) -> list[str]:
    """One end that everybody can send to is enough, whatever the other's NAT does."""
    if pair.ours.has(CandidateKind.MAPPED) or not pair.has_gateway:
        return []
    if pair.ours.nat.mapping is NatMapping.NONE:
        return [f"Have the firewall here let UDP in to port {pair.port}."]
    if not pair.wants_mapping:
        return ["Set `port-mapping: true` in this machine's configuration."]
    # Only where the NAT keeps our port do others learn of one that was forwarded by hand.
    by_hand = f", or forward UDP port {pair.port} to it" if pair.ours.nat.ports is PortPattern.PRESERVED else ""
    return [f"Switch on UPnP, NAT-PMP or PCP in the router of this machine{by_hand}."]


def _open_there(pair: PairFacts) -> list[str]:
    if pair.theirs.has(CandidateKind.MAPPED):
        return []
    return [f"Do the same at {pair.name}: `zerogo netcheck` there says what its router does."]


def _is_by_tcp(pair: PairFacts) -> bool:
    return pair.path is not None and pair.path.way is Way.TCP


def _tcp_there(pair: PairFacts) -> list[str]:
    """Without UDP, a port of the other end that can be reached spares the relay."""
    if _is_by_tcp(pair):
        return []
    is_behind_nat = pair.theirs.nat.mapping in (NatMapping.STABLE, NatMapping.PER_DESTINATION)
    if pair.theirs.ports and is_behind_nat and not pair.theirs.is_port_mapped:
        return [f"The router of {pair.name} does not map its TCP port: `zerogo netcheck` there says why."]
    if pair.theirs.ports:
        return [f"Have the firewall of {pair.name} let TCP in to {pair.theirs.ports[0]}: nothing was reached there."]
    return [_open_port(pair.name)]


def _tcp_here(pair: PairFacts) -> list[str]:
    if _is_by_tcp(pair):
        return []
    if pair.ours.ports and pair.tcp_refusal:
        by_hand = "allow it there, or forward the port by hand and name the place in `tcp-addresses`"
        return [f"The router of this machine does not map its TCP port ({pair.tcp_refusal}): {by_hand}."]
    if pair.ours.ports:
        return [f"Have the firewall here let TCP in to {pair.ours.ports[0]}: {pair.name} has not come by it."]
    return [_open_port("this machine")]


def _open_port(whose: str) -> str:
    return (
        f"Where {whose} can be reached from outside, set `listen-tcp: 443` in its configuration; "
        "behind a router that maps ports, a port from 1024 on."
    )


def _relay(pair: PairFacts, end: End, whose: str) -> list[str]:
    if _is_by_tcp(pair) or end.has(CandidateKind.RELAY):
        return []
    return [f"Run a relay for the network that {whose} reaches by TCP or TLS, at port 443 for example."]


def _ipv6(pair: PairFacts) -> list[str]:
    lacking = [
        whose
        for whose, end in (("this machine", pair.ours), (pair.name, pair.theirs))
        if not any(each.is_ipv6 for each in end.direct_places)
    ]
    return [f"Give {' and '.join(lacking)} IPv6, where no NAT is in the way."] if lacking else []


def _details(pair: PairFacts) -> list[str]:
    ours, theirs = pair.ours, pair.theirs
    lines = [
        f"this machine offers {_offered(ours)}; NAT: {describe_nat(ours.nat)}",
        f"{pair.name} offers {_offered(theirs)}; NAT: {describe_nat(theirs.nat)}",
    ]
    if pair.reason:
        lines.append(f"last failure: {pair.reason}")
    return lines


def _offered(end: End) -> str:
    ports = f", TCP at {', '.join(end.ports)}" if end.ports else ""
    return _places(end.places) + ports


def _places(places: Sequence[Place]) -> str:
    counts: dict[str, int] = {}
    for place in places:
        word = f"{place.kind.value} IPv{6 if place.is_ipv6 else 4}"
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(word if count == 1 else f"{count} {word}" for word, count in counts.items()) or "nothing"


_MAPPINGS = {
    NatMapping.UNKNOWN: "not known",
    NatMapping.NONE: "none",
    NatMapping.STABLE: "one outer port for all destinations",
    NatMapping.PER_DESTINATION: "another outer port for each destination",
}
_PATTERNS = {
    PortPattern.UNKNOWN: "",
    PortPattern.PRESERVED: ", the same as inside",
    PortPattern.SEQUENTIAL: ", counted up",
    PortPattern.BLOCK: ", out of a block",
    PortPattern.RANDOM: ", drawn at random",
}


def describe_nat(nat: NatBehaviour) -> str:
    """What a NAT does, in a few words."""
    is_translating = nat.mapping in (NatMapping.STABLE, NatMapping.PER_DESTINATION)
    return _MAPPINGS[nat.mapping] + (_PATTERNS[nat.ports] if is_translating else "")
