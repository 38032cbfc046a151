# -*- test-case-name: zerogo.test.testing.test_routing_sim -*-
"""Members that find routes through each other, in virtual time: a graph, and one `Router` with its choices per node.

The routers, the scorer and the choice are the real ones, and messages travel as the bytes they are. What lies around
them is a model: a node notices a link of its own that came or went a little later; a probe of a route comes back if at
that moment all links on the way carry it, both ways, and all carriers are willing. Signatures are keyed hashes, which
costs a fifth of the time.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Iterator
from functools import cache

from attrs import define, field

from zerogo.ids import NetworkId, NodeId
from zerogo.noise.errors import NotAuthentic
from zerogo.routing.hysteresis import Option, Preference
from zerogo.routing.links import LinkState
from zerogo.routing.router import Router, RouterSettings
from zerogo.routing.score import Facts, PathType, Scorer
from zerogo.testing.clock import VirtualClock
from zerogo.wire.links import TYPE_LINK_REQUEST, parse_advert, parse_request

NETWORK = NetworkId(b"graph")
PROBES_UNTIL_DEAD = 4
STEADY_SECONDS = 1.5
PATHS_LIMIT = 6
_SCORER = Scorer()
Hops = tuple[NodeId, ...]


@cache
def node_id(number: int) -> NodeId:
    """The id of a simulated member."""
    return NodeId(number.to_bytes(10, "big"))


@define(eq=False)
class Edge:
    """A pair that can reach each other directly, sometimes."""

    latency: float
    """One way, seconds."""
    loss: float
    is_up: bool = True
    changes: int = 0


@define(eq=False)
class SimPath:
    """A way to a node that is probed: direct where `hops` is the node alone."""

    hops: Hops
    latency: float | None = None
    missed: int = 0
    probes: int = 0
    """The newest plan of a probe; older ones are void."""
    is_out: bool = False
    """Whether the fate of a probe is open."""
    _known: tuple[float | None, bool, Option[Hops]] | None = None
    """What it was as an option last, and for which figures: these seldom change, and a simulation asks all the time."""

    @property
    def option(self) -> Option[Hops]:
        """As the choice wants it."""
        is_proven, known = not self.missed, self._known
        if known is not None and known[0] == self.latency and known[1] is is_proven:
            return known[2]
        carriers = len(self.hops) - 1
        kind = PathType.PEER if carriers else PathType.DIRECT
        facts = Facts(type=kind, latency=self.latency, carriers=carriers)
        option = Option(key=self.hops, facts=facts, score=_SCORER.score(facts), is_proven=is_proven)
        self._known = (self.latency, is_proven, option)
        return option


@define(eq=False)
class PairEnd:
    """What a node knows of the ways to one other node."""

    node: NodeId
    paths: dict[Hops, SimPath] = field(factory=dict)
    preference: Preference[Hops] = field(factory=Preference)


@define(eq=False)
class SimNode:
    """One member."""

    world: RoutingWorld
    number: int
    carries: bool
    carriers_limit: int
    drops: bool = False
    """Promises to carry, and does not."""
    lies: bool = False
    """Tells of a perfect link to everybody."""
    id: NodeId = field(init=False)
    router: Router = field(init=False)
    ends: dict[NodeId, PairEnd] = field(factory=dict)
    _planned_at: float = math.inf

    def __attrs_post_init__(self) -> None:
        """A router with keys of its own."""
        self.id = node_id(self.number)
        settings = RouterSettings(
            node_id=self.id,
            network=NETWORK,
            sign=lambda message: _signature(self.id, message),
            verify=_verify,
            carriers_limit=self.carriers_limit,
            carries=self.carries,
            update_interval=30.0,
        )
        self.router = Router(settings, 1_800_000_000.0)

    def start(self) -> None:
        """Get to know the members."""
        for other in self.world.nodes:
            if other is not self:
                self.ends[other.id] = PairEnd(other.id)
                self.router.set_willing(other.id, is_willing=other.carries)
        now = self.world.clock.now
        for other in self.world.nodes:
            if other is not self and self.lies:
                self.router.set_link(other.id, LinkState(0.0001), now)

    def link_noticed(self, node: NodeId, edge: Edge | None) -> None:
        """This node's direct link to `node` came or went."""
        end, now = self.ends[node], self.world.clock.now
        if edge is None:
            end.paths.pop((node,), None)
            for other in self.ends.values():
                for hops in [each for each in other.paths if each[0] == node]:
                    self._forget(other, hops)
        else:
            end.paths[(node,)] = SimPath((node,), latency=2 * edge.latency)
        if not self.lies:
            state = None if edge is None else LinkState(2 * edge.latency, edge.loss)
            self.router.set_link(node, state, now)
        self.router.set_wanted(node, now, is_wanted=edge is None)
        self.choose(end)
        self.settle()

    def receive(self, sender: NodeId, payload: bytes) -> None:
        """A control message came."""
        now = self.world.clock.now
        if payload[0] == TYPE_LINK_REQUEST:
            self.router.receive_request(sender, parse_request(payload), now)
        else:
            self.router.receive_advert(sender, parse_advert(payload), now)
        self.settle()

    def settle(self) -> None:
        """Carry out what the router wants."""
        for to, payload in self.router.messages():
            self.world.send(self, to, payload)
        for event in self.router.events():
            self._propose(self.ends[event.node])
        deadline = self.router.next_timer()
        if deadline is not None and deadline.at < self._planned_at:
            self._planned_at = deadline.at
            self.world.clock.call_at(deadline.at, lambda at=deadline.at: self._timer(at))  # type: ignore[misc]

    def choose(self, end: PairEnd) -> None:
        """Decide on the path to use."""
        before = end.preference.active
        options = [path.option for path in end.paths.values() if path.latency is not None]
        now, rested = self.world.clock.now, [option for option in options if option.is_proven]
        if rested and before is not None and before in end.paths and end.paths[before].missed:
            options = rested
        active = end.preference.choose(options, now)
        if active != before:
            self.world.chosen(self, end)

    def probed_over(self, hops: Hops) -> None:
        """A probe came over a route; answers go the same way back, and so may what we send."""
        end = self.ends[hops[-1]]
        if hops not in end.paths and self.router.is_wanted(end.node):
            self._add(end, hops)

    def _timer(self, at: float) -> None:
        if at != self._planned_at:
            return
        self._planned_at = math.inf
        self.router.handle_timer(self.world.clock.now)
        self.settle()

    def _propose(self, end: PairEnd) -> None:
        for route in self.router.routes(end.node, self.world.clock.now):
            if route.hops not in end.paths:
                self._add(end, route.hops)
        for hops, path in list(end.paths.items()):
            if len(hops) > 1 and not path.is_out:
                self._plan(end, path, 0.0)

    def _add(self, end: PairEnd, hops: Hops) -> None:
        for each, path in list(end.paths.items()):
            if len(end.paths) >= PATHS_LIMIT and path.latency is None:
                del end.paths[each]
        if len(end.paths) < PATHS_LIMIT:
            path = end.paths[hops] = SimPath(hops)
            self._plan(end, path, 0.0)

    def _plan(self, end: PairEnd, path: SimPath, delay: float) -> None:
        path.probes += 1
        number = path.probes
        self.world.clock.call_later(delay, lambda: self._probe(end, path, number))

    def _probe(self, end: PairEnd, path: SimPath, number: int) -> None:
        if number != path.probes or end.paths.get(path.hops) is not path:
            return
        path.is_out = True
        latency = self.world.round_trip(self, path.hops)
        if latency is None:
            expected = 0.1 if path.latency is None else path.latency
            self.world.clock.call_later(max(0.2, 1.5 * expected), lambda: self._missed(end, path, number))
        else:
            self.world.clock.call_later(latency, lambda: self._answered(end, path, number, latency))

    def _answered(self, end: PairEnd, path: SimPath, number: int, latency: float) -> None:
        if number != path.probes or end.paths.get(path.hops) is not path:
            return
        is_first, path.is_out = path.latency is None, False
        path.latency, path.missed = latency, 0
        if is_first:
            self.router.route_answered(path.hops, latency, self.world.clock.now)
        self.choose(end)
        self._plan(end, path, STEADY_SECONDS)

    def _missed(self, end: PairEnd, path: SimPath, number: int) -> None:
        if number != path.probes or end.paths.get(path.hops) is not path:
            return
        path.missed, path.is_out = path.missed + 1, False
        self.choose(end)
        if path.missed < PROBES_UNTIL_DEAD:
            self._plan(end, path, 0.0)
            return
        self._forget(end, path.hops)
        self.router.route_failed(path.hops, self.world.clock.now)
        self.settle()

    def _forget(self, end: PairEnd, hops: Hops) -> None:
        end.paths.pop(hops, None)
        self.choose(end)


@define(eq=False)
class RoutingWorld:
    """The graph, its members and their time."""

    rng: random.Random
    clock: VirtualClock = field(factory=lambda: VirtualClock(1000.0))
    nodes: list[SimNode] = field(factory=list)
    edges: dict[tuple[int, int], Edge] = field(factory=dict)
    on_chosen: Callable[[SimNode, PairEnd], object] = lambda _node, _end: None
    """Called when a node uses another path, or none."""

    def edge(self, one: NodeId, other: NodeId) -> Edge | None:
        """The link between two members, if there can be one."""
        a, b = int.from_bytes(one.raw, "big"), int.from_bytes(other.raw, "big")
        return self.edges.get((min(a, b), max(a, b)))

    def node(self, node: NodeId) -> SimNode:
        """The member of that id."""
        return self.nodes[int.from_bytes(node.raw, "big")]

    def set_edge(self, pair: tuple[int, int], *, is_up: bool) -> None:
        """Cut or restore a link; both ends notice after a while, if it stays so."""
        edge = self.edges[pair]
        edge.is_up = is_up
        edge.changes += 1
        changes = edge.changes
        for number, other in (pair, pair[::-1]):
            delay = self.rng.uniform(0.02, 0.2) if is_up else self.rng.uniform(0.3, 0.5)
            self.clock.call_later(delay, self._notice(number, other, edge, changes))

    def send(self, sender: SimNode, to: NodeId, payload: bytes) -> None:
        """A control message goes over the direct link, if there is one."""
        edge = self.edge(sender.id, to)
        if edge is not None and edge.is_up and self.rng.random() >= edge.loss:
            receiver = self.node(to)
            self.clock.call_later(edge.latency, lambda: receiver.receive(sender.id, payload))

    def round_trip(self, sender: SimNode, hops: Hops) -> float | None:
        """How long a probe takes over these hops and back; None where it is lost."""
        there = self.travel(sender.id, hops, is_lossy=True)
        if there is None:
            return None
        back = (*hops[-2::-1], sender.id)
        self.node(hops[-1]).probed_over(back)
        again = self.travel(hops[-1], back, is_lossy=True)
        return None if again is None else there + again

    def travel(self, source: NodeId, hops: Hops, *, is_lossy: bool = False) -> float | None:
        """How long a datagram takes from hop to hop; None where it does not arrive."""
        total, here = 0.0, source
        for position, hop in enumerate(hops):
            edge = self.edge(here, hop)
            if edge is None or not edge.is_up or (is_lossy and edge.loss and self.rng.random() < edge.loss):
                return None
            if position < len(hops) - 1 and (not self.node(hop).carries or self.node(hop).drops):
                return None
            total, here = total + edge.latency, hop
        return total

    def chosen(self, node: SimNode, end: PairEnd) -> None:
        """A node uses another path."""
        self.on_chosen(node, end)

    def neighbours(self, number: int) -> Iterator[int]:
        """Whom a member reaches directly at this moment."""
        for (a, b), edge in self.edges.items():
            if edge.is_up and number in (a, b):
                yield b if number == a else a

    def _notice(self, number: int, other: int, edge: Edge, changes: int) -> Callable[[], None]:
        def notice() -> None:
            if edge.changes == changes:
                self.nodes[number].link_noticed(node_id(other), edge if edge.is_up else None)

        return notice


def _signature(origin: NodeId, message: bytes) -> bytes:
    return hashlib.blake2b(message, key=origin.raw, digest_size=64).digest()


def _verify(origin: NodeId, message: bytes, signature: bytes) -> None:
    if _signature(origin, message) != signature:
        raise NotAuthentic("a signature does not verify")
