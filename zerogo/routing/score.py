# -*- test-case-name: zerogo.test.routing.test_score -*-
"""What a path is worth: the founding formula to the letter, and named terms beside it that are off until chosen.

    100 - 5 per 10 ms of latency - 10 per 1 % of loss + 20 if direct - 30 if through a server, clamped to 0..100

The division is a real one: 1 ms costs half a point. Latency is the round-trip time. Equal scores are ordered by type
(direct, in a TCP connection, through peers, through a server), then by latency. A path that was never measured counts
with one second.

Half a point being a millisecond, a score before the clamp can be read as a cost in time (`Score.cost`): what the path
lacks of a direct one that takes no time and loses nothing. The clamp makes every direct path below 40 ms worth 100;
cost still tells them apart.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from functools import lru_cache

from attrs import frozen

BASE_POINTS = 100.0
POINTS_PER_MILLISECOND = 0.5
POINTS_PER_LOSS = 1000.0
"""10 per 1 %."""
DIRECT_POINTS = 20.0
SERVER_POINTS = -30.0
UNMEASURED_LATENCY_SECONDS = 1.0
SCORES_KEPT = 1024
"""A path is judged many times between two answers to its probes."""
_LAN_POINTS = 30.0
_IPV6_POINTS = 1.5
_CARRIER_POINTS = -15.0


class PathType(enum.IntEnum):
    """What lies between two members; lower comes first where scores are equal."""

    DIRECT = 0
    STREAM = 1
    """Straight, in a TCP connection, where what is lost holds up all that comes after it."""
    PEER = 2
    """Through other members."""
    SERVER = 3
    """Through a relay."""


@frozen(kw_only=True)
class Facts:
    """What is known of a path."""

    type: PathType
    latency: float | None
    """Round trip, seconds; None where it was never measured."""
    loss: float = 0.0
    """0 to 1."""
    jitter: float = 0.0
    """Seconds."""
    carriers: int = 0
    """Members that carry it on."""
    is_lan: bool = False
    is_ipv6: bool = False


@frozen
class Term:
    """One part of a score."""

    name: str
    points: float


@frozen
class Score:
    """A score and what it is made of."""

    points: float
    """0 to 100."""
    terms: tuple[Term, ...]
    """They add up to `raw`; those of no points are left out but for the base."""
    raw: float
    """Before the clamp."""

    @property
    def cost(self) -> float:
        """What the path lacks of a perfect direct one, as milliseconds of latency."""
        return (BASE_POINTS + DIRECT_POINTS - self.raw) / POINTS_PER_MILLISECOND

    def __str__(self) -> str:
        """`89.5 = base 100 - latency 10.5 ...`, for people."""
        parts = [f"{'+' if term.points >= 0 else '-'} {term.name} {abs(term.points):.4g}" for term in self.terms]
        return f"{self.points:.4g} = {' '.join(parts).removeprefix('+ ')}"


Extension = Callable[[Facts], float]
"""Points that one more term adds, negative ones for what is bad."""

EXTENSIONS: Mapping[str, Extension] = {
    "lan": lambda facts: _LAN_POINTS if facts.is_lan else 0.0,
    "ipv6": lambda facts: _IPV6_POINTS if facts.is_ipv6 else 0.0,
    "jitter": lambda facts: -facts.jitter * 1000 * POINTS_PER_MILLISECOND,
    "carriers": lambda facts: _CARRIER_POINTS * facts.carriers,
}
"""Terms beside the founding formula, by the name under which `score-terms` switches them on."""


def founding_terms(facts: Facts) -> tuple[Term, ...]:
    """The terms of the founding formula."""
    latency = UNMEASURED_LATENCY_SECONDS if facts.latency is None else facts.latency
    return (
        Term("base", BASE_POINTS),
        Term("latency", -latency * 1000 * POINTS_PER_MILLISECOND),
        Term("loss", -facts.loss * POINTS_PER_LOSS),
        Term("direct", DIRECT_POINTS if facts.type is PathType.DIRECT else 0.0),
        Term("server", SERVER_POINTS if facts.type is PathType.SERVER else 0.0),
    )


@frozen
class Scorer:
    """The founding formula, with the extensions of these names; an unknown name is a `KeyError`."""

    extensions: tuple[str, ...] = ()

    def score(self, facts: Facts) -> Score:
        """What the path is worth, with its terms."""
        return _score(self.extensions, facts)


@lru_cache(SCORES_KEPT)
def _score(extensions: tuple[str, ...], facts: Facts) -> Score:
    terms = founding_terms(facts)
    if extensions:
        terms += tuple(Term(name, EXTENSIONS[name](facts)) for name in extensions)
    raw = math.fsum([term.points for term in terms])
    shown = tuple([term for term in terms if term.points or term.name == "base"])
    return Score(min(max(raw, 0.0), BASE_POINTS), shown, raw)


Rank = tuple[float, int, float]


def rank(facts: Facts, score: Score) -> Rank:
    """What paths are ordered by, the best one first: points, type, latency."""
    latency = UNMEASURED_LATENCY_SECONDS if facts.latency is None else facts.latency
    return (-score.points, facts.type, latency)
