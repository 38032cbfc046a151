# -*- test-case-name: zerogo.test.routing.test_policy -*-
"""What the owner of a node allows of its paths: hard constraints, and the sentence where nothing is left.

The names are those of earlier configurations, and so are the defaults. Two keys sound alike and are not:
`relay_fallback` is about relay servers, `disable_relay` about everything that is not direct.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from attrs import frozen

from zerogo.routing.score import Facts, PathType

MOST_HOPS = 3


class Multipath(enum.StrEnum):
    """How a class of traffic uses the paths of a peer."""

    FAILOVER = "failover"
    """The best path; another one when it dies."""
    DUPLICATE = "duplicate"
    """The two best paths at once; the receiver takes what comes first."""
    BALANCE = "balance"
    """Flows are spread over paths that are nearly as good as the best."""


class Constraint(enum.StrEnum):
    """What a path broke; the values end the sentence `unreachable: ...`."""

    P2P_DISABLED = "p2p disabled"
    RELAY_DISABLED = "relay disabled"
    NO_RELAY_FALLBACK = "relay fallback is off"
    MESH_ROUTING_DISABLED = "mesh routing disabled"
    TOO_MANY_HOPS = "every route has more hops than max-hops allows"
    TOO_MANY_CARRIERS = "every route has more carriers than max-relay-hops allows"
    TOO_SLOW = "every path is slower than max-latency"


@frozen(kw_only=True)
class RoutingPolicy:
    """The keys of `routing:`."""

    p2p_enabled: bool = True
    """Whether datagrams may go straight to other members at all."""
    p2p_port: int = 0
    """UDP port of the data sockets; 0: the one of the agent's `port`."""
    enable_mesh_routing: bool = True
    """Whether other members may carry what this node sends."""
    max_hops: int = MOST_HOPS
    """Links of a route, 1 to 3."""
    route_update_interval: float = 30.0
    """Seconds between renewals of what is known of routes; changes are told at once."""
    p2p_timeout: float = 5.0
    """While a relay carries: seconds that direct paths are looked for before ways through other members are, too."""
    prefer_direct: bool = False
    """Whether a living direct path wins over any other, whatever it is worth."""
    max_relay_hops: int = MOST_HOPS - 1
    """Members that may carry a datagram on its way, 0 to 2."""
    relay_fallback: bool = True
    """Whether relay servers may be used."""
    disable_relay: bool = False
    """Use direct paths only: neither relay servers nor other members."""
    max_latency: float | None = None
    """Round trip beyond which a path is not used, seconds; None for no limit."""
    forward_rate: int = 12_500_000
    """Bytes a second that this node carries for others; 0 carries none."""
    realtime: Multipath = Multipath.FAILOVER
    """Failover or duplicate."""
    late_copies: bool = True
    """Whether, with duplicate, datagrams go a third time while so much is lost that two do not suffice."""
    bulk: Multipath = Multipath.FAILOVER
    """Failover or balance."""
    score_terms: tuple[str, ...] = ()
    """Names of `zerogo.routing.score.EXTENSIONS`."""

    @property
    def carriers_limit(self) -> int:
        """Members that a route may go through."""
        if not self.enable_mesh_routing or self.disable_relay or not self.p2p_enabled:
            return 0
        return max(0, min(self.max_hops - 1, self.max_relay_hops, MOST_HOPS - 1))

    @property
    def uses_relays(self) -> bool:
        """Whether relay servers may be used at all."""
        return self.broken_by_type(PathType.SERVER) is None

    def broken_by(self, facts: Facts) -> Constraint | None:
        """The hard constraint that a path breaks, or None."""
        broken = self.broken_by_type(facts.type)
        if broken is not None:
            return broken
        if facts.carriers > self.max_hops - 1:
            return Constraint.TOO_MANY_HOPS
        if facts.carriers > self.max_relay_hops:
            return Constraint.TOO_MANY_CARRIERS
        if self.max_latency is not None and facts.latency is not None and facts.latency > self.max_latency:
            return Constraint.TOO_SLOW
        return None

    def broken_by_type(self, path_type: PathType) -> Constraint | None:
        """The same for what all paths of a type have in common."""
        if path_type is PathType.SERVER:
            if self.disable_relay:
                return Constraint.RELAY_DISABLED
            return None if self.relay_fallback else Constraint.NO_RELAY_FALLBACK
        if not self.p2p_enabled:
            return Constraint.P2P_DISABLED
        if path_type is PathType.PEER:
            if self.disable_relay:
                return Constraint.RELAY_DISABLED
            return None if self.enable_mesh_routing else Constraint.MESH_ROUTING_DISABLED
        return None


def verdict(broken: Iterable[Constraint]) -> str:
    """Why a peer is out of reach though there are ways to it: `unreachable: relay disabled`; empty where none broke."""
    reasons = dict.fromkeys(broken)
    return f"unreachable: {'; '.join(reasons)}" if reasons else ""
