# -*- test-case-name: zerogo.test.testing.test_matrix -*-
"""All kinds of NATs against all, many seeds each, in virtual time: what kind of path is reached, and how soon.

    python -m zerogo.testing.matrix --seeds 2000 --jobs 2

Links take 10 ms, so that it is 20 ms one way between two hosts, and 40 ms through the controller; they jitter by 3 ms,
lose 0.5 %, hold back 1 % and duplicate 1 %. There are two STUN servers and one relay. Times run from the moment at
which the controller has both ends begin (so signalling is not in them) to frames flowing at both ends.

A *cell* is a pair of places, what must become of it, and its goals (`Goal`). A seed fails where a pair that can be
direct is not, where one that cannot be is not connected by the relay, or without a reason, and where more than 2,048
probes were sent. Percentiles are judged over all seeds of a cell, and stand in the table beside what is wanted: share,
median, seconds of all but one in a hundred; and probes, where a pair is to be found by many of them.
"""

from __future__ import annotations

import argparse
import enum
import gc
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import combinations_with_replacement

from attrs import evolve, frozen

from zerogo.testing.internet import CARRIER_BASE, LinkQuality, Site
from zerogo.testing.mesh import Member, VirtualMesh
from zerogo.testing.nat import (
    ADDRESS_RESTRICTED,
    FULL_CONE,
    PORT_BLOCK,
    PORT_RESTRICTED,
    SYMMETRIC_RANDOM,
    SYMMETRIC_SEQUENTIAL,
    UDP_BLOCKED,
    NatBehaviour,
)

QUALITY = LinkQuality(delay=0.010, jitter=0.003, loss=0.005, reorder=0.01, duplicate=0.01)
LIMIT_SECONDS = 6.0
"""Given to a pair that can be direct."""
RELAYED_LIMIT_SECONDS = 3.0
"""So long a pair that is connected by the relay may become direct, unless one end lets no UDP out at all."""
REASON_STEP_SECONDS = 0.25
"""How often it is looked whether a pair that cannot connect says why."""
PROBES_LIMIT = 2048
_COLLECT_AFTER_OBJECTS = 50_000


class Goal(enum.Enum):
    """What must become of a pair: share of seeds, seconds of the median, seconds of that share."""

    PLAIN = ("direct", 1.0, 0.150, 1.0)
    PREDICTION = ("predicted", 0.99, 1.0, 1.0)
    BIRTHDAY = ("birthday", 0.99, 3.5, 3.5)
    RELAY = ("relay", 1.0, 1.0, 1.0)
    NONE = ("none", 1.0, math.inf, math.inf)
    """The relay of this internet has IPv4 only, so nothing connects the two; the peers must say why."""

    def __init__(self, word: str, share: float, median: float, most: float) -> None:
        self.word = word
        self.share = share
        self.median = median
        self.most = most

    @property
    def wanted(self) -> str:
        """For people: the share, then the seconds of the median and of all but one in a hundred."""
        if math.isinf(self.most):
            return "a reason"
        probes = f" {PROBES_LIMIT}" if self is Goal.BIRTHDAY else ""
        return f"{self.share:.0%} {self.median:.2f} {self.most:.2f}{probes}"


@frozen
class Place:
    """Where an end is; `carrier` is a second NAT in front of the first."""

    name: str
    nat: NatBehaviour | None = None
    carrier: NatBehaviour | None = None
    ipv4: bool = True
    ipv6: bool = False


BUSY_SEQUENTIAL = evolve(SYMMETRIC_SEQUENTIAL, foreign_per_second=20.0)
PLACES = (
    Place("open"),
    Place("full-cone", FULL_CONE),
    Place("addr-restricted", ADDRESS_RESTRICTED),
    Place("port-restricted", PORT_RESTRICTED),
    Place("double-nat", PORT_RESTRICTED, carrier=PORT_RESTRICTED),
    Place("sym-sequential", BUSY_SEQUENTIAL),
    Place("sym-random", SYMMETRIC_RANDOM),
    Place("port-block", PORT_BLOCK),
    Place("udp-blocked", UDP_BLOCKED),
    Place("ipv6-only", ipv4=False, ipv6=True),
    Place("both-families", PORT_RESTRICTED, ipv6=True),
)
_STRICT = ("port-restricted", "double-nat", "both-families")
_HARD = ("sym-sequential", "sym-random", "port-block")


@frozen
class Cell:
    """One pair of places. `same_site` puts both behind the first one's NAT, or behind the same carrier."""

    one: Place
    other: Place
    goal: Goal
    same_site: str = ""

    @property
    def name(self) -> str:
        """For people."""
        return self.same_site or f"{self.one.name} x {self.other.name}"


@frozen(kw_only=True)
class Outcome:
    """One seed of a cell."""

    seed: int
    seconds: float
    """Until direct, or until connected at all where that is the goal; infinite if never."""
    probes: int
    reason: str = ""
    """What is wrong; empty where nothing is."""


def cells() -> Iterator[Cell]:
    """The whole matrix."""
    for one, other in combinations_with_replacement(PLACES, 2):
        yield Cell(one, other, _goal(one, other))
    home = Place("home", PORT_RESTRICTED)
    yield Cell(home, home, Goal.PLAIN, "one home")
    for hairpin, goal in ((True, Goal.PLAIN), (False, Goal.RELAY)):
        carrier = evolve(PORT_RESTRICTED, hairpin=hairpin)
        place = Place("home", PORT_RESTRICTED, carrier=carrier)
        yield Cell(place, place, goal, f"one carrier, {'hairpin' if hairpin else 'no hairpin'}")


def _goal(one: Place, other: Place) -> Goal:
    if not ((one.ipv4 and other.ipv4) or (one.ipv6 and other.ipv6)):
        return Goal.NONE
    if "udp-blocked" in (one.name, other.name):
        return Goal.RELAY
    hard = [place for place in (one, other) if place.name in _HARD]
    if len(hard) == 2:
        return Goal.PREDICTION if all(place.name == "sym-sequential" for place in hard) else Goal.RELAY
    easy = other if hard == [one] else one
    if not hard or easy.name not in _STRICT:
        return Goal.PLAIN
    return Goal.PREDICTION if hard[0].name == "sym-sequential" else Goal.BIRTHDAY


def build(cell: Cell, seed: int) -> tuple[VirtualMesh, Member, Member]:
    """The mesh of one seed, not started."""
    mesh = VirtualMesh(f"{cell.name} {seed}", QUALITY)
    mesh.add_relay("relay")
    if not cell.same_site:
        return mesh, _settle(mesh, "ann", cell.one, None), _settle(mesh, "bob", cell.other, None)
    if cell.one.carrier is None:
        home = mesh.internet.add_site("home", cell.one.nat)
        return mesh, mesh.add_member("ann", site=home), mesh.add_member("bob", site=home)
    carrier = _carrier(mesh, "carrier", cell.one.carrier)
    return mesh, _settle(mesh, "ann", cell.one, carrier), _settle(mesh, "bob", cell.other, carrier)


def _settle(mesh: VirtualMesh, name: str, place: Place, carrier: Site | None) -> Member:
    if carrier is None and place.carrier is not None:
        carrier = _carrier(mesh, f"carrier of {name}", place.carrier)
    site = mesh.internet.add_site(f"site of {name}", place.nat, upstream=carrier)
    return mesh.add_member(name, site=site, ipv4=place.ipv4, ipv6=place.ipv6)


def _carrier(mesh: VirtualMesh, name: str, behaviour: NatBehaviour) -> Site:
    carrier = mesh.internet.add_site(name, behaviour)
    carrier.base = CARRIER_BASE
    return carrier


def run_seed(cell: Cell, seed: int) -> Outcome:
    """One pair from its start to its path."""
    mesh, ann, bob = build(cell, seed)
    mesh.start()
    begun = mesh.clock.now
    if cell.goal is Goal.NONE:
        return Outcome(seed=seed, seconds=0.0, probes=0, reason=_wait_for_reasons(mesh, ann, bob))
    if cell.goal is Goal.RELAY:
        mesh.clock.run_while(lambda: not (ann.is_connected_to(bob) and bob.is_connected_to(ann)), begun + LIMIT_SECONDS)
        is_there, at = mesh.is_connected(), mesh.clock.now
        if not any(place.nat is not None and place.nat.blocks_udp for place in (cell.one, cell.other)):
            mesh.run_for(RELAYED_LIMIT_SECONDS)
        wrong = "" if is_there else "not connected"
        if ann.is_direct_to(bob):
            wrong = "direct, which was thought impossible"
    else:
        mesh.clock.run_while(lambda: not (ann.is_direct_to(bob) and bob.is_direct_to(ann)), begun + LIMIT_SECONDS)
        is_there, at = ann.is_direct_to(bob) and bob.is_direct_to(ann), mesh.clock.now
        wrong = "" if is_there else "not direct"
    probes = ann.node.probes_sent + bob.node.probes_sent
    if probes > PROBES_LIMIT:
        wrong = f"{probes} probes"
    start = mesh.switchboard.punched_at or begun
    seconds = max(0.0, at - start) if is_there else math.inf
    return Outcome(seed=seed, seconds=seconds, probes=probes, reason=wrong)


def _wait_for_reasons(mesh: VirtualMesh, ann: Member, bob: Member) -> str:
    """Let time pass until both ends say why they are not connected; what is wrong, empty where nothing is."""
    end = mesh.clock.now + LIMIT_SECONDS
    while mesh.clock.now < end:
        mesh.run_for(REASON_STEP_SECONDS)
        if ann.status(bob).reason and bob.status(ann).reason:
            return "connected, which was thought impossible" if mesh.is_connected() else ""
    return "no reason is said"


@frozen
class Verdict:
    """All seeds of a cell."""

    cell: Cell
    outcomes: Sequence[Outcome]

    def percentile(self, share: float) -> float:
        """Seconds that this share of the seeds needed at most."""
        times = sorted(outcome.seconds for outcome in self.outcomes)
        return times[min(len(times) - 1, math.ceil(share * len(times)) - 1)]

    @property
    def share(self) -> float:
        """Of seeds that ended as they should."""
        return sum(not outcome.reason for outcome in self.outcomes) / len(self.outcomes)

    @property
    def most_probes(self) -> int:
        """Of any seed."""
        return max(outcome.probes for outcome in self.outcomes)

    @property
    def complaint(self) -> str:
        """What goal is missed; empty where none is."""
        median, wanted = self.percentile(0.5), self.cell.goal.median
        return self.failure or (f"the median is {median:.3f} s instead of {wanted:g} s" if median > wanted else "")

    @property
    def failure(self) -> str:
        """What is wrong with single seeds; empty where nothing is."""
        goal, failed = self.cell.goal, [outcome for outcome in self.outcomes if outcome.reason]
        if len(failed) > self.allowed(1 - goal.share):
            shown = ", ".join(f"seed {outcome.seed}: {outcome.reason}" for outcome in failed[:3])
            return f"{self.share:.1%} instead of {goal.share:.0%}; {shown}"
        late = [outcome for outcome in self.outcomes if outcome.seconds > goal.most]
        if len(late) > self.allowed(0.01):
            return f"{len(late)} seeds took more than {goal.most:g} s, among them {late[0].seed}"
        return ""

    def allowed(self, share: float) -> float:
        """How many seeds out of all that may be: of few seeds, one is no evidence against one in a hundred."""
        return max(share * len(self.outcomes), 1.0 if share else 0.0)

    def row(self) -> str:
        """A line of the table."""
        times = " ".join(f"{self.percentile(share):7.3f}" for share in (0.5, 0.99, 1.0))
        goal = self.cell.goal
        figures = f"{self.share:7.2%} {times} {self.most_probes:6}"
        return f"{self.cell.name:36} {goal.word:10} {figures}  {goal.wanted:26} {self.complaint}".rstrip()


HEADING = f"{'pair':36} {'path':10} {'as such':>7} {'p50 s':>7} {'p99 s':>7} {'max s':>7} {'probes':>6}  wanted"


def judge(cell: Cell, seeds: Iterable[int]) -> Verdict:
    """Run a cell."""
    return Verdict(cell, [run_seed(cell, seed) for seed in seeds])


def _spare_collector() -> None:
    """Have a process of its own look for cycles of garbage rarely: a seed makes few objects that live on, and a tenth
    of its time went into looking at them."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS, 10, 10)


def main(arguments: Sequence[str] | None = None, write: Callable[[str], object] = print) -> int:
    """Print the table; the exit status is 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description="all kinds of NATs against all, in virtual time")
    parser.add_argument("--seeds", type=int, default=20, help="per cell")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", default="", help="only cells whose name contains this")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    wanted = parser.parse_args(arguments)
    chosen = [cell for cell in cells() if wanted.only in cell.name]
    seeds = range(wanted.first, wanted.first + wanted.seeds)
    write(HEADING)
    failed = 0
    with ProcessPoolExecutor(wanted.jobs, initializer=_spare_collector) as pool:
        for verdict in pool.map(partial(judge, seeds=seeds), chosen):
            write(verdict.row())
            failed += bool(verdict.complaint)
    write(f"{len(chosen)} cells, {wanted.seeds} seeds each, {failed} cells missed their goal")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
