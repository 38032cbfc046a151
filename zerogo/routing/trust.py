# -*- test-case-name: zerogo.test.routing.test_trust -*-
"""Which members kept what they promised, judged by this node's own probes from end to end.

A *strike* is a route that never or no longer answered while its carriers still told of their links, or one that took
much longer than they said. Where there were two carriers each gets half. Strikes fade, half of them in ten minutes; a
route that answers as was told takes one away. A member with three or more is *distrusted*: routes through it are
charged so much that they come after all others, and are still tried where there are no others. A route that did not
answer rests, for longer each time.
"""

from __future__ import annotations

from attrs import define, field

from zerogo.ids import NodeId

DISTRUSTED_AT = 3.0
STRIKES_LIMIT = 12.0
FADE_SECONDS = 600.0
"""For half of the strikes."""
HANDICAP_MILLISECONDS = 100_000.0
REST_SECONDS = 1.0
"""After the first failure of a route; doubles with each further one."""
LONGEST_REST_SECONDS = 60.0
MEMBERS_LIMIT = 1024
ROUTES_LIMIT = 2048
EXAGGERATED_BY_SHARE = 2.0
EXAGGERATED_BY_SECONDS = 0.020


@define
class _Standing:
    strikes: float
    at: float
    complaint: str

    def faded(self, now: float) -> float:
        return float(self.strikes * 0.5 ** (max(now - self.at, 0.0) / FADE_SECONDS))


@define
class _Rest:
    until: float
    failures: int
    is_over: bool = False
    """Whether its end was noticed."""


Hops = tuple[NodeId, ...]


@define(eq=False)
class TrustBook:
    """What this node thinks of carriers and routes. Bounded: who was judged longest ago is forgotten first."""

    _standings: dict[NodeId, _Standing] = field(factory=dict, init=False)
    _rests: dict[Hops, _Rest] = field(factory=dict, init=False)

    def kept(self, hops: Hops, claimed: float, measured: float, now: float) -> None:
        """A route answered, after `measured` seconds where `claimed` had been told."""
        self._rests.pop(hops, None)
        if measured > EXAGGERATED_BY_SHARE * claimed + EXAGGERATED_BY_SECONDS:
            complaint = f"told of {claimed * 1000:.0f} ms where {measured * 1000:.0f} were measured"
            self._strike(hops[:-1], complaint, now)
            return
        for carrier in hops[:-1]:
            self._add(carrier, -1.0, "", now)

    def broke(self, hops: Hops, now: float, *, is_still_claimed: bool) -> None:
        """A route did not answer, or no longer; it rests."""
        before = self._rests.pop(hops, None)
        failures = 0 if before is None else before.failures
        self._rests[hops] = _Rest(now + min(REST_SECONDS * 2.0**failures, LONGEST_REST_SECONDS), min(failures + 1, 8))
        while len(self._rests) > ROUTES_LIMIT:
            del self._rests[next(iter(self._rests))]
        if is_still_claimed:
            self._strike(hops[:-1], "carries nothing of what it promised to carry", now)

    def rest_is_over(self, node: NodeId) -> None:
        """Something changed at this node: routes over it are worth a new try."""
        for hops in [each for each in self._rests if node in each]:
            self._rests[hops].until = 0.0

    def take_rested(self, node: NodeId, now: float) -> bool:
        """Whether the rest of a route to `node` has ended since this was asked last."""
        ended = [r for hops, r in self._rests.items() if hops[-1] == node and r.until <= now and not r.is_over]
        for rest in ended:
            rest.is_over = True
        return bool(ended)

    def is_resting(self, hops: Hops, now: float) -> bool:
        """Whether a route failed a short while ago."""
        rest = self._rests.get(hops)
        return rest is not None and now < rest.until

    def next_rest_end(self, node: NodeId, now: float) -> float | None:
        """When the next route to `node` that rests may be tried again."""
        return min((r.until for hops, r in self._rests.items() if hops[-1] == node and r.until > now), default=None)

    def is_distrusted(self, carrier: NodeId, now: float) -> bool:
        """Whether routes through it come last."""
        standing = self._standings.get(carrier)
        return standing is not None and standing.faded(now) >= DISTRUSTED_AT

    def complaint(self, carrier: NodeId, now: float) -> str:
        """What is held against a distrusted member; empty for others."""
        return self._standings[carrier].complaint if self.is_distrusted(carrier, now) else ""

    def complaints(self, now: float) -> dict[NodeId, str]:
        """All distrusted members and what is held against them."""
        return {each: text for each in self._standings if (text := self.complaint(each, now))}

    def handicap(self, carriers: Hops, now: float) -> float:
        """Milliseconds that a route through these is charged with."""
        return sum(HANDICAP_MILLISECONDS for carrier in carriers if self.is_distrusted(carrier, now))

    def _strike(self, carriers: Hops, complaint: str, now: float) -> None:
        for carrier in carriers:
            self._add(carrier, 1.0 / len(carriers), complaint, now)

    def _add(self, carrier: NodeId, strikes: float, complaint: str, now: float) -> None:
        before = self._standings.pop(carrier, None)
        total = min(max(0.0, (before.faded(now) if before else 0.0) + strikes), STRIKES_LIMIT)
        if not total:
            return
        self._standings[carrier] = _Standing(total, now, complaint or (before.complaint if before else ""))
        while len(self._standings) > MEMBERS_LIMIT:
            del self._standings[next(iter(self._standings))]
