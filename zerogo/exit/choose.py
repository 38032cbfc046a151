# -*- test-case-name: zerogo.test.exit.test_choose -*-
"""Which edge takes a stream: filter, then a policy; and the reasons, for whoever asks.

Policies:

| Name | Takes |
|---|---|
| `p2c-peak-ewma` | the cheaper of two random ones; cost as in `EdgeState.cost` |
| `lowest-rtt` | the founding rule: lowest mean round trip of the carrier, 20 % of random variance, none above 800 ms |
| `random`, `round-robin`, `least-streams` | as they say; the last one of all that fit |

Two random ones need no look at the rest, so a choice among 50,000 edges costs what one among 50 does: random places of
the pool are drawn until two fit, and only where few fit (a rare country) is an index or the whole pool gone through,
once. What no edge is made for is remembered until one comes that is: a user who keeps asking for it costs no more.
What has to be the same at every gateway is left to no chance, but to a ring (`owner`).
Without chance, all users would run to the same best edge at once, as it was known a moment ago.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache

from attrs import evolve, field, frozen

from zerogo.exit.edges import EdgeProfile, EdgeState
from zerogo.exit.frames import Command
from zerogo.exit.ring import Ring
from zerogo.exit.target import Target
from zerogo.exit.username import SESSION_MINUTES, Wish

DRAWS = 12
RTT_LIMIT_SECONDS = 0.8
VARIANCE = 0.2
FEW = 64
"""So many edges are gone through each time, without a memory."""
HOPELESS_LIMIT = 128
"""Demands that are remembered."""
EXPLAINED = 20
"""Candidates named in an explanation."""

Chance = Callable[[], float]
"""A random number from 0 up to 1."""


class Policy(enum.StrEnum):
    """How one is taken of those that fit."""

    P2C_PEAK_EWMA = "p2c-peak-ewma"
    LOWEST_RTT = "lowest-rtt"
    RANDOM = "random"
    ROUND_ROBIN = "round-robin"
    LEAST_STREAMS = "least-streams"


@frozen(kw_only=True)
class Demand:
    """What a stream needs of its edge."""

    command: Command
    target: Target
    wish: Wish = field(factory=Wish)
    zones: tuple[str, ...] = ()
    """Tags of which the edge must have one; empty: any edge. Likewise the next three."""
    regions: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    """Edges tried already."""
    must_answer: bool = False
    """Whether edges that are silent do not fit either, though there is no other."""

    def allows(self, profile: EdgeProfile) -> bool:
        """Whether the edge is one of those that may be used."""
        return (
            (not self.zones or not profile.tags.isdisjoint(self.zones))
            and (not self.regions or profile.region in self.regions)
            and (not self.countries or profile.country in self.countries)
            and (not self.edges or profile.edge in self.edges)
        )

    def lasting(self) -> Demand:
        """What of it meets only what edges are, not how they do at the moment: the same for many streams."""
        return evolve(
            self,
            target=Target("::" if ":" in self.target.host else "", self.target.port),
            wish=evolve(self.wish, session="", minutes=SESSION_MINUTES, is_strict=False),
            excluded=(),
            must_answer=False,
        )


@frozen
class Candidate:
    """An edge in an explanation."""

    edge: str
    name: str
    cost: float
    rtt: float | None
    streams: int


@frozen
class Explanation:
    """Why an edge would be taken."""

    policy: Policy
    chosen: str | None
    fitting: int
    excluded: dict[str, int]
    """Reason -> how many edges."""
    candidates: tuple[Candidate, ...]
    """The cheapest first."""


class Pool:
    """All edges of a gateway."""

    def __init__(self, policy: Policy, chance: Chance) -> None:
        self.policy = policy
        self._chance = chance
        self._all: list[EdgeState] = []
        self._by_edge: dict[str, EdgeState] = {}
        self._by_trait: dict[tuple[str, str | int], dict[str, EdgeState]] = {}
        self._hopeless: dict[Demand, None] = {}
        """What no edge here is made for, the oldest first."""
        self._ring = Ring()
        self._turn = 0

    def __len__(self) -> int:
        return len(self._all)

    def add(self, profile: EdgeProfile) -> EdgeState:
        """Take an edge in; one of the same id is replaced."""
        self.remove(profile.edge)
        state = EdgeState(profile, index=len(self._all))
        self._all.append(state)
        self._by_edge[profile.edge] = state
        self._ring.add(state)
        for trait in _traits(profile):
            self._by_trait.setdefault(trait, {})[profile.edge] = state
        self._hopeless = {each: None for each in self._hopeless if _mismatch(profile, each) is not None}
        return state

    def remove(self, edge: str) -> None:
        """Forget an edge."""
        state = self._by_edge.pop(edge, None)
        if state is None:
            return
        last = self._all.pop()
        if last is not state:
            self._all[state.index] = last
            last.index = state.index
        state.index = -1
        self._ring.remove(state)
        for trait in _traits(state.profile):
            alike = self._by_trait[trait]
            del alike[edge]
            if not alike:
                del self._by_trait[trait]

    def get(self, edge: str) -> EdgeState | None:
        """An edge by its id."""
        return self._by_edge.get(edge)

    def states(self) -> Iterable[EdgeState]:
        """All of them."""
        return iter(self._all)

    def choose(self, demand: Demand, now: float) -> EdgeState | None:
        """An edge for a stream; None where none fits. Ejected and silent ones are taken where there is nothing else."""
        if self.policy is Policy.P2C_PEAK_EWMA:
            drawn = self._draw_two(demand, now)
            if drawn is not None:
                return drawn
        fitting = self._fitting(demand, self._searched(demand))
        healthy = [state for state in fitting if not state.is_avoided(now)]
        return self._pick(healthy or fitting)

    def owner(self, words: tuple[str, ...], demand: Demand, now: float) -> EdgeState | None:
        """As `choose`, but the edge that `words` belong to: every gateway with the same edges finds the same one."""

        searched = self._searched(demand)
        if not searched:
            return None

        def is_fit(state: EdgeState) -> bool:
            return misfit(state, demand) is None

        def is_well(state: EdgeState) -> bool:
            return is_fit(state) and not state.is_avoided(now)

        @cache
        def fitting() -> list[EdgeState]:
            return self._fitting(demand, searched)

        return self._ring.owner(words, is_well, fitting) or self._ring.owner(words, is_fit, fitting)

    def some(self, demand: Demand, count: int) -> list[EdgeState]:
        """So many of those that fit, by chance, or all of them where there are no more."""
        drawn = [self._all[int(self._chance() * len(self._all))] for _ in range(min(2 * count, len(self._all)))]
        found = {state.profile.edge: state for state in drawn if misfit(state, demand) is None}
        if len(found) >= count:
            return list(found.values())[:count]
        fitting = self._fitting(demand, self._searched(demand))
        for index in range(min(count, len(fitting))):
            other = index + int(self._chance() * (len(fitting) - index))
            fitting[index], fitting[other] = fitting[other], fitting[index]
        return fitting[:count]

    def explain(self, demand: Demand, now: float) -> Explanation:
        """What `choose` would weigh."""
        excluded: dict[str, int] = {}
        fitting: list[EdgeState] = []
        for state in self._all:
            reason = misfit(state, demand) or _doubt(state, now)
            if reason is None:
                fitting.append(state)
            else:
                excluded[reason] = excluded.get(reason, 0) + 1
        turn = self._turn
        chosen = self.choose(demand, now)
        self._turn = turn
        cheapest = sorted(fitting, key=EdgeState.cost)[:EXPLAINED]
        return Explanation(
            self.policy,
            None if chosen is None else chosen.profile.edge,
            len(fitting),
            excluded,
            tuple(Candidate(s.profile.edge, s.profile.name, s.cost(), s.rtt, s.streams) for s in cheapest),
        )

    def _searched(self, demand: Demand) -> Collection[EdgeState]:
        """Whoever may fit; empty where it is known that nobody does."""
        alike = [self._by_trait.get(trait, {}) for trait in _wanted(demand.wish)]
        searched = min(alike, key=len).values() if alike else self._all
        return () if len(searched) > FEW and demand.lasting() in self._hopeless else searched

    def _fitting(self, demand: Demand, searched: Collection[EdgeState]) -> list[EdgeState]:
        fitting = [state for state in searched if misfit(state, demand) is None]
        if not fitting and len(searched) > FEW and all(_mismatch(each.profile, demand) for each in searched):
            self._hopeless[demand.lasting()] = None
            if len(self._hopeless) > HOPELESS_LIMIT:
                del self._hopeless[next(iter(self._hopeless))]
        return fitting

    def _draw_two(self, demand: Demand, now: float) -> EdgeState | None:
        if not self._all or demand.wish.country:
            return None
        if len(self._all) == 1:
            only = self._all[0]
            return None if only.is_avoided(now) or misfit(only, demand) is not None else only
        found: EdgeState | None = None
        for _ in range(DRAWS):
            state = self._all[int(self._chance() * len(self._all))]
            if state is found or state.is_avoided(now) or misfit(state, demand) is not None:
                continue
            if found is not None:
                return min(found, state, key=EdgeState.cost)
            found = state
        return None

    def _pick(self, fitting: list[EdgeState]) -> EdgeState | None:
        if not fitting:
            return None
        match self.policy:
            case Policy.P2C_PEAK_EWMA:
                return min((self._any(fitting), self._any(fitting)), key=EdgeState.cost)
            case Policy.LOWEST_RTT:
                return self._lowest_rtt(fitting)
            case Policy.ROUND_ROBIN:
                self._turn += 1
                return fitting[self._turn % len(fitting)]
            case Policy.LEAST_STREAMS:
                least = min(state.streams / state.profile.weight for state in fitting)
                return self._any([state for state in fitting if state.streams / state.profile.weight == least])
            case _:
                return self._any(fitting)

    def _any(self, fitting: list[EdgeState]) -> EdgeState:
        return fitting[int(self._chance() * len(fitting))]

    def _lowest_rtt(self, fitting: list[EdgeState]) -> EdgeState:
        def varied(state: EdgeState) -> float:
            rtt = RTT_LIMIT_SECONDS if state.rtt is None else state.rtt
            return rtt * (1 - VARIANCE + 2 * VARIANCE * self._chance())

        near = [state for state in fitting if state.rtt is None or state.rtt <= RTT_LIMIT_SECONDS]
        return min(near or fitting, key=varied)


def _traits(profile: EdgeProfile) -> Iterator[tuple[str, str | int]]:
    """What of an edge may be wished for."""
    yield from (("country", profile.country), ("region", profile.region), ("city", profile.city), ("asn", profile.asn))
    for tag in profile.tags:
        yield "zone", tag


def _wanted(wish: Wish) -> list[tuple[str, str | int]]:
    """Traits that an edge must have for it."""
    named = (("country", wish.country), ("region", wish.region), ("city", wish.city), ("asn", wish.asn))
    return [(key, value) for key, value in (*named, ("zone", wish.zone)) if value]


def _doubt(state: EdgeState, now: float) -> str | None:
    """Why an edge that fits is taken only where there is nothing else."""
    return "silent" if state.is_silent else "ejected" if state.is_ejected(now) else None


def misfit(state: EdgeState, demand: Demand) -> str | None:
    """Why an edge cannot take a stream; None where it can."""
    if state.is_away or state.is_draining:
        return "away" if state.is_away else "draining"
    if state.streams >= state.profile.streams:
        return "full"
    if state.profile.edge in demand.excluded:
        return "tried"
    if demand.must_answer and state.is_silent:
        return "silent"
    return _mismatch(state.profile, demand)


def _mismatch(profile: EdgeProfile, demand: Demand) -> str | None:
    """The part of `misfit` that lasts as long as the edge is what it is."""
    if not demand.allows(profile):
        return "not-allowed"
    unmet = profile.mismatch(demand.wish)
    if unmet is not None:
        return unmet
    if demand.command is Command.DATAGRAMS:
        return None if profile.has_udp else "udp"
    if demand.command is Command.LISTEN:
        return None if profile.has_bind else "bind"
    if ":" in demand.target.host and not profile.has_ipv6:
        return "ipv6"
    return None if profile.permits(demand.target.port) else "port"
