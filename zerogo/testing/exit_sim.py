# -*- test-case-name: zerogo.test.testing.test_exit_sim -*-
"""Policies for choosing an edge, compared in virtual time: the real `Pool`, edges that are slow, dead and flapping.

    python -m zerogo.testing.exit_sim [SEED]

1,000 edges: carriers' round trips are log-normal (median 60 ms), dials to the target add a log-normal time of their
own (median 40 ms). 3 % are dead: a dial fails after 3 s. 5 % are slow: dials take 2 s more. 1 % flap: dead in turns of
20 s. Beyond `ROOM` streams an edge's dials take longer. Two gateways each see only what came of their own streams.
Each stream asks up to three edges, as in `zerogo.exit.retry`. What is counted per stream is the time until it is
open; streams live for a while, so that load matters. Nothing here knows which edges are bad: policies have to find out.
"""

from __future__ import annotations

import heapq
import random
import sys
from collections.abc import Sequence

from attrs import define, frozen

from zerogo.exit.choose import Demand, Policy, Pool
from zerogo.exit.edges import EdgeProfile, EdgeState
from zerogo.exit.frames import Command
from zerogo.exit.retry import LIMIT_SECONDS, TRIES
from zerogo.exit.target import Target

EDGES = 1000
GATEWAYS = 2
DEAD, SLOW, FLAPPING = 0.03, 0.05, 0.01
DEAD_SECONDS = 3.0
SLOW_SECONDS = 2.0
FLAP_SECONDS = 20.0
STREAM_SECONDS = 20.0
"""Mean life of a stream."""
ROOM = 8
"""Streams that an edge carries at full speed; each further one adds a share of its dial time."""
RATE = 300.0
"""New streams per second."""
TARGET = Target("example.net", 443)


@define
class _Edge:
    """What is true of an edge."""

    rtt: float
    dial: float
    is_dead: bool = False
    is_flapping: bool = False
    streams: int = 0
    served: int = 0

    def time(self, chance: random.Random, now: float) -> float | None:
        """Until a stream is open; None where it fails after `DEAD_SECONDS`."""
        if self.is_dead or (self.is_flapping and int(now / FLAP_SECONDS) % 2):
            return None
        crowding = 1 + max(0, self.streams - ROOM) / ROOM
        return self.rtt + self.dial * crowding * chance.uniform(0.8, 1.4)


@frozen
class Outcome:
    """Of one policy."""

    policy: Policy
    p50: float
    p99: float
    success: float
    """Share of streams that were opened."""
    retried: float
    """Share that needed more than one edge."""
    gini: float
    """Of the load of the edges that live: 0 is even, 1 is all on one."""


class _Run:
    def __init__(self, policy: Policy, seed: int, edges: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a simulation is to be repeatable
        self._edges = [self._edge() for _ in range(edges)]
        chances = [random.Random(seed + gateway + 1) for gateway in range(GATEWAYS)]  # noqa: S311 - likewise
        self._pools = [Pool(policy, chance.random) for chance in chances]
        for pool in self._pools:
            for number, edge in enumerate(self._edges):
                state = pool.add(EdgeProfile(edge=str(number)))
                state.note_rtt(edge.rtt)
        self._events: list[tuple[float, int, _Edge, EdgeState, float | None]] = []
        self._number = 0
        self.times: list[float] = []
        self.failed = 0
        self.retried = 0

    def _edge(self) -> _Edge:
        kind = self._chance.random()
        edge = _Edge(0.06 * self._chance.lognormvariate(0, 0.7), 0.04 * self._chance.lognormvariate(0, 0.7))
        edge.is_dead = kind < DEAD
        edge.is_flapping = DEAD <= kind < DEAD + FLAPPING
        edge.dial += SLOW_SECONDS if DEAD + FLAPPING <= kind < DEAD + FLAPPING + SLOW else 0.0
        return edge

    def play(self, streams: int) -> None:
        now = 0.0
        for _ in range(streams):
            now += self._chance.expovariate(RATE)
            self._settle(now)
            self._open(self._pools[self._chance.randrange(GATEWAYS)], now)

    def _settle(self, now: float) -> None:
        """What was decided earlier becomes known to the gateways when it happens, not before."""
        while self._events and self._events[0][0] <= now:
            at, _, edge, state, taken = heapq.heappop(self._events)
            if taken is None:
                state.dial_failed(True, DEAD_SECONDS, at)
            elif taken >= 0:
                state.dial_succeeded(taken, at)
            else:
                state.stream_ended()
                edge.streams -= 1

    def _later(self, at: float, edge: _Edge, state: EdgeState, taken: float | None) -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, edge, state, taken))

    def _open(self, pool: Pool, now: float) -> None:
        spent = 0.0
        tried: tuple[str, ...] = ()
        while len(tried) < TRIES and spent < LIMIT_SECONDS:
            demand = Demand(command=Command.CONNECT, target=TARGET, excluded=tried)
            state = pool.choose(demand, now + spent)
            if state is None:
                break
            edge = self._edges[int(state.profile.edge)]
            tried = (*tried, state.profile.edge)
            state.dial_began()
            taken = edge.time(self._chance, now + spent)
            if taken is not None:
                self._opened(edge, state, now + spent, taken)
                self.times.append(spent + taken)
                self.retried += len(tried) > 1
                return
            spent += DEAD_SECONDS
            self._later(now + spent, edge, state, None)
        self.failed += 1

    def _opened(self, edge: _Edge, state: EdgeState, began: float, taken: float) -> None:
        edge.streams += 1
        edge.served += 1
        self._later(began + taken, edge, state, taken)
        life = self._chance.expovariate(1 / STREAM_SECONDS)
        self._later(began + taken + life, edge, state, -1.0)

    def outcome(self, policy: Policy) -> Outcome:
        times = sorted(self.times)
        total = len(times) + self.failed
        return Outcome(
            policy,
            times[len(times) // 2],
            times[int(len(times) * 0.99)],
            len(times) / total,
            self.retried / total,
            gini([edge.served for edge in self._edges if not edge.is_dead]),
        )


def gini(loads: Sequence[int]) -> float:
    """How uneven: 0 is all the same, 1 is all on one."""
    ordered = sorted(loads)
    total, count = sum(ordered), len(ordered)
    if not total:
        return 0.0
    weighted = sum(rank * load for rank, load in enumerate(ordered, 1))
    return (2 * weighted) / (count * total) - (count + 1) / count


def simulate(policy: Policy, seed: int, *, edges: int = EDGES, streams: int = 10_000) -> Outcome:
    """One policy against one internet; the same seed gives the same internet to every policy."""
    run = _Run(policy, seed, edges)
    run.play(streams)
    return run.outcome(policy)


def main() -> None:
    """All policies, as a table."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    sys.stdout.write(f"{'policy':<16}{'p50 ms':>9}{'p99 ms':>9}{'success':>10}{'retried':>10}{'Gini':>7}\n")
    for policy in Policy:
        found = simulate(policy, seed)
        sys.stdout.write(
            f"{policy:<16}{found.p50 * 1000:>9.0f}{found.p99 * 1000:>9.0f}{found.success:>10.4%}{found.retried:>10.2%}"
            f"{found.gini:>7.2f}\n"
        )


if __name__ == "__main__":
    main()
