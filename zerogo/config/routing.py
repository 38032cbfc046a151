# -*- test-case-name: zerogo.test.config.test_routing -*-
"""The keys of `routing:` in an agent's configuration, with the names and defaults of earlier configurations."""

from __future__ import annotations

from attrs import frozen

from zerogo.config.schema import option
from zerogo.config.values import PORT, SWITCH, integer, many, one_of
from zerogo.routing.policy import Multipath, RoutingPolicy
from zerogo.routing.score import EXTENSIONS

_BITS_PER_BYTE = 8
_MEGA = 1_000_000


@frozen(kw_only=True)
class RoutingConfig:
    """What the owner allows of paths; see docs/ROUTING.md."""

    p2p_enabled: bool = option(SWITCH, True)
    """Send straight to other members; if false, everything goes through a relay."""
    p2p_port: int = option(PORT, 0)
    """The UDP port for other members; 0 takes the one of `port`."""
    enable_mesh_routing: bool = option(SWITCH, True)
    """Let other members carry what we send, sealed from end to end, where there is no better way."""
    max_hops: int = option(integer(1, 3), 3)
    """Links of a way through others, at most."""
    route_update_interval: int = option(integer(5, 3600, "seconds"), 30)
    """How often what is known of such ways is renewed, and how often the log sums up; changes are told at once."""
    p2p_timeout: int = option(integer(1, 60, "seconds"), 5)
    """While a relay carries: how long direct paths are looked for before ways through other members are, too."""
    prefer_direct: bool = option(SWITCH, False)
    """Use a living direct path whatever it is worth; if false, the best path wins."""
    max_relay_hops: int = option(integer(0, 2), 2)
    """Members that may carry on a way, at most."""
    relay_fallback: bool = option(SWITCH, True)
    """Use the network's relays where there is no better way."""
    disable_relay: bool = option(SWITCH, False)
    """Use direct paths only: no relay, and no other members."""
    max_latency: int | None = option(integer(1, 60_000, "milliseconds"), None, "150")
    """Do not use paths whose round trip is longer; without it, any is used."""
    forwarding: bool = option(SWITCH, True)
    """Carry for other members. What we carry is sealed: we see who talks to whom and how much, and nothing else."""
    forward_limit: int = option(integer(1, 100_000, "Mbit/s"), 100)
    """How much we carry for others."""
    realtime: str = option(one_of((Multipath.FAILOVER.value, Multipath.DUPLICATE.value)), Multipath.FAILOVER.value)
    """How small, urgent datagrams use the paths: failover takes the best one, duplicate the best two at once."""
    late_copies: bool = option(SWITCH, True)
    """With duplicate: send them a third time, 10 ms later, while more than 0.1 % would be lost otherwise."""
    bulk: str = option(one_of((Multipath.FAILOVER.value, Multipath.BALANCE.value)), Multipath.FAILOVER.value)
    """How all else uses them: failover takes the best one, balance spreads flows over those that are nearly as good."""
    score_terms: tuple[str, ...] = option(many(one_of(tuple(EXTENSIONS))), (), "[jitter, lan]")
    """What the score counts besides latency, loss and kind of path: jitter, lan, ipv6, carriers."""

    def policy(self) -> RoutingPolicy:
        """The same as the mesh core wants it."""
        return RoutingPolicy(
            p2p_enabled=self.p2p_enabled,
            p2p_port=self.p2p_port,
            enable_mesh_routing=self.enable_mesh_routing,
            max_hops=self.max_hops,
            route_update_interval=float(self.route_update_interval),
            p2p_timeout=float(self.p2p_timeout),
            prefer_direct=self.prefer_direct,
            max_relay_hops=self.max_relay_hops,
            relay_fallback=self.relay_fallback,
            disable_relay=self.disable_relay,
            max_latency=None if self.max_latency is None else self.max_latency / 1000,
            forward_rate=self.forward_limit * _MEGA // _BITS_PER_BYTE if self.forwarding else 0,
            realtime=Multipath(self.realtime),
            late_copies=self.late_copies,
            bulk=Multipath(self.bulk),
            score_terms=self.score_terms,
        )
