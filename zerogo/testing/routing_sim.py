# -*- test-case-name: zerogo.test.testing.test_routing_sim -*-
"""Random networks that change, held against a model: who is connected in the graph must get a working route in time.

One seed is one network: 3 to 8 members mostly, now and then more, each link with its latency and a little loss, some
members unwilling to carry, in one of four networks a member that lies and in one of four a member that drops what it
promised to carry. In bursts, links are cut and restored, flap, or a partition cuts all links between two halves. After
each burst every pair with a path of at most three links over willing, honest members must, within `CONVERGE_SECONDS`
and at both ends, come to use a route that works; no route that is ever used may visit a member twice, have more than
three hops, or lead through a member that does not carry; and one frame that is sent by one way, and by two, arrives
once. The same seed gives the same run, to the bit.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import sys

from attrs import define, field, frozen

from zerogo.ids import NodeId
from zerogo.noise.replay import ReplayWindow
from zerogo.routing.links import LinkState
from zerogo.testing.routing_world import Edge, PairEnd, RoutingWorld, SimNode

CONVERGE_SECONDS = 3.0
MOST_HOPS = 3
Pair = tuple[int, int]


@frozen
class Outcome:
    """What one seed gave."""

    seed: int
    failures: tuple[str, ...]
    convergences: tuple[float, ...]
    """Seconds from the end of a burst until each connected pair's end that had no working route had one."""
    bytes_per_second: float
    """What the routers of all members sent, per member."""
    digest: str
    """Of all choices with their moments."""


@define(eq=False)
class Simulation:
    """One seed's run."""

    seed: int
    members: int | None = None
    degree: float | None = None
    """Links per member at first; None draws them."""
    bursts: int = 2
    world: RoutingWorld = field(init=False)
    _rng: random.Random = field(init=False)
    _failures: list[str] = field(factory=list, init=False)
    _convergences: list[float] = field(factory=list, init=False)
    _waiting: dict[Pair, None] = field(factory=dict, init=False)
    _burst_at: float = field(default=0.0, init=False)
    _digest: hashlib._Hash = field(factory=hashlib.sha256, init=False)

    def __attrs_post_init__(self) -> None:
        """Draw the network."""
        self._rng = random.Random(self.seed)  # noqa: S311 not for keys
        self.world = RoutingWorld(self._rng, on_chosen=self._chosen)
        rng = self._rng
        count = self.members or (rng.randint(3, 7) if rng.random() < 0.97 else rng.randint(8, 14))
        for number in range(count):
            self.world.nodes.append(
                SimNode(self.world, number, carries=rng.random() < 0.85, carriers_limit=MOST_HOPS - 1)
            )
        if count > 3 and self.members is None:
            rng.choice(self.world.nodes).drops = rng.random() < 0.25
            rng.choice(self.world.nodes).lies = rng.random() < 0.25
        self._draw_edges(count)

    def run(self) -> Outcome:
        """Let it happen."""
        clock = self.world.clock
        for node in self.world.nodes:
            node.start()
        for pair in self.world.edges:
            self.world.set_edge(pair, is_up=True)
        for one, other in itertools.permutations(self.world.nodes, 2):
            if self.world.edge(one.id, other.id) is None:
                one.router.set_wanted(other.id, clock.now, is_wanted=True)
        began = clock.now
        self._converge()
        for _ in range(self.bursts):
            self._burst()
            self._converge()
        sent = sum(node.router.bytes_sent for node in self.world.nodes)
        return Outcome(
            seed=self.seed,
            failures=tuple(self._failures),
            convergences=tuple(self._convergences),
            bytes_per_second=sent / len(self.world.nodes) / (clock.now - began),
            digest=self._digest.hexdigest(),
        )

    def connected(self, a: int, b: int) -> bool:
        """Whether the graph has a way of at most three links over members that carry."""
        reached, border = {a: None}, [a]
        for _ in range(MOST_HOPS):
            border = [
                each
                for number in border
                if number == a or self._is_honest(number)
                for each in self.world.neighbours(number)
                if each not in reached and reached.setdefault(each, None) is None
            ]
            if b in reached:
                return True
        return False

    def _is_honest(self, number: int) -> bool:
        node = self.world.nodes[number]
        return node.carries and not node.drops and not node.lies

    def _draw_edges(self, count: int) -> None:
        density = self._rng.uniform(0.25, 0.9) if self.degree is None else self.degree / (count - 1)
        for pair in itertools.combinations(range(count), 2):
            if self._rng.random() < density:
                loss = self._rng.choice((0.0, 0.0, 0.01, 0.03)) if self.members is None else 0.0
                self.world.edges[pair] = Edge(self._rng.uniform(0.001, 0.08), loss)

    def _burst(self) -> None:
        rng, clock = self._rng, self.world.clock
        pairs = list(self.world.edges)
        kind = rng.random()
        if not pairs:
            return
        if kind < 0.15:
            side = {node.number: rng.random() < 0.5 for node in self.world.nodes}
            is_up = rng.random() < 0.3
            for a, b in pairs:
                if side[a] != side[b]:
                    self.world.set_edge((a, b), is_up=is_up)
        elif kind < 0.3:
            pair = rng.choice(pairs)
            for turn in range(rng.randint(2, 9)):
                self.world.set_edge(pair, is_up=turn % 2 == 1)
                clock.run_for(rng.uniform(0.05, 0.7))
        else:
            for _ in range(rng.randint(1, 3)):
                pair = rng.choice(pairs)
                self.world.set_edge(pair, is_up=not self.world.edges[pair].is_up)
                clock.run_for(rng.uniform(0.0, 0.4))

    def _converge(self) -> None:
        """Wait until every connected pair uses a route that works, and check what they then use."""
        clock = self.world.clock
        self._burst_at = clock.now
        wanted = [pair for pair in itertools.combinations(range(len(self.world.nodes)), 2) if self.connected(*pair)]
        ends = [end for pair in wanted for end in (pair, pair[::-1])]
        self._waiting = {pair: None for pair in ends if not self._works(*pair)}
        clock.run_until(self._burst_at + CONVERGE_SECONDS)
        for a, b in self._waiting:
            self._failures.append(f"seed {self.seed}: at {clock.now:.2f} member {a} has no working route to {b}")
        for a, b in ends[:8]:
            self._send_frame(a, b)

    def _works(self, a: int, b: int) -> bool:
        node, to = self.world.nodes[a], self.world.nodes[b].id
        hops = node.ends[to].preference.active
        return hops is not None and self.world.travel(node.id, hops) is not None

    def _chosen(self, node: SimNode, end: PairEnd) -> None:
        hops = end.preference.active
        now = self.world.clock.now
        self._digest.update(f"{now!r} {node.number} {end.node} {hops}".encode())
        if hops is None:
            return
        all_nodes = (node.id, *hops)
        if len({*all_nodes}) != len(all_nodes) or len(hops) > MOST_HOPS or hops[-1] != end.node:
            self._failures.append(f"seed {self.seed}: {node.number} uses a bad route {hops}")
        if not all(self.world.node(hop).carries for hop in hops[:-1]):
            self._failures.append(f"seed {self.seed}: {node.number} uses a carrier that does not carry {hops}")
        pair = (node.number, int.from_bytes(end.node.raw, "big"))
        if pair in self._waiting and self._works(*pair):
            del self._waiting[pair]
            self._convergences.append(now - self._burst_at)

    def _send_frame(self, a: int, b: int) -> None:
        """Send one frame by the path in use and by all others at once: the window of the receiver lets one through."""
        node, to = self.world.nodes[a], self.world.nodes[b].id
        window, delivered = ReplayWindow(), 0
        active = node.ends[to].preference.active
        if active is None or self.world.travel(node.id, active) is None:
            return
        ways: list[tuple[NodeId, ...]] = [active, *(hops for hops in node.ends[to].paths if hops != active)]
        for hops in ways:
            if self.world.travel(node.id, hops) is not None and window.commit(1):
                delivered += 1
        if delivered != 1:
            self._failures.append(f"seed {self.seed}: a frame of {a} arrived {delivered} times at {b}")


def measure_large(members: int, hard: int, seconds: float) -> str:
    """What routing costs where `hard` members reach all but each other directly, and look for all of those.

    A spare way, or one that is needed: it makes no difference to the router.
    """
    world = RoutingWorld(random.Random(1))  # noqa: S311
    world.nodes.extend(SimNode(world, number, carries=True, carriers_limit=MOST_HOPS - 1) for number in range(members))
    for node in world.nodes:
        for other in world.nodes:
            node.router.set_willing(other.id, is_willing=other is not node)
    for a, b in itertools.combinations(range(members), 2):
        if a < members - hard:
            edge = world.edges[(a, b)] = Edge(world.rng.uniform(0.001, 0.08), 0.0)
            for here, there in ((a, b), (b, a)):
                world.nodes[here].router.set_link(world.nodes[there].id, LinkState(2 * edge.latency), world.clock.now)
    seekers = world.nodes[members - hard :]
    for one, other in itertools.permutations(seekers, 2):
        one.ends[other.id] = PairEnd(other.id)
    for one, other in itertools.permutations(seekers, 2):
        one.router.set_wanted(other.id, world.clock.now, is_wanted=True)
        one.settle()
    lines = []
    for phase, length in (("first 3 seconds", 3.0), ("after that", seconds)):
        before = [node.router.bytes_sent for node in world.nodes]
        world.clock.run_for(length)
        rates = [(node.router.bytes_sent - old) / length for node, old in zip(world.nodes, before, strict=True)]
        found = sum(end.preference.active is not None for node in seekers for end in node.ends.values())
        lines.append(
            f"{phase}: {sum(rates) / members:.0f} bytes/s a member on average, {max(rates):.0f} at most; "
            f"{found} of {hard * (hard - 1)} ways found"
        )
    return "\n".join(lines)


def run_seeds(first: int, count: int) -> list[Outcome]:
    """Run so many seeds, one after the other."""
    return [Simulation(seed).run() for seed in range(first, first + count)]


def main(first: int, count: int) -> int:
    """Run seeds and say what came of them; 1 where a rule was broken."""
    failures, slowest, total = 0, 0.0, 0
    for seed in range(first, first + count):
        outcome = Simulation(seed).run()
        for failure in outcome.failures:
            print(failure)  # noqa: T201 a program's result
        failures += bool(outcome.failures)
        total += len(outcome.convergences)
        slowest = max(slowest, *outcome.convergences, 0.0)
    print(f"{count} networks, {failures} failed; {total} routes found, the slowest after {slowest:.2f} s")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__" and sys.argv[1] == "large":
    print(measure_large(int(sys.argv[2]), int(sys.argv[3]), 60.0))  # noqa: T201
elif __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
