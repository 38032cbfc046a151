# -*- test-case-name: zerogo.test.exit.test_assign -*-
"""Which gateways an edge should have tunnels to.

An edge has tunnels to all gateways that have room, so that a user who comes to any gateway has every edge at hand, and
a gateway that ends costs no edge. Room has who is less than half full. Where gateways are fuller than that, an edge has
tunnels to `LEAST` of them still; those that drain or are full are left out. So as long as all edges fit at one gateway
twice, all are at each, and beyond that gateways add to what can be carried.

Gateways of the edge's own region come first; among equals the less busy one of two that a hash of edge and gateway
picks (power of two choices, the same whoever computes it). An edge that already has tunnels to gateways of the list
keeps them, so that nothing moves when a gateway passes the half.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from attrs import frozen

from zerogo.exit.notes import PLACES_LIMIT

LEAST = 4
ROOMY = 0.5
"""Load up to which a gateway takes edges that are at enough others."""


@frozen(kw_only=True)
class Candidate:
    """A gateway."""

    gateway: str
    region: str = ""
    edges: int = 0
    edges_limit: int = 50_000
    is_draining: bool = False

    @property
    def load(self) -> float:
        """0 to 1."""
        return self.edges / max(1, self.edges_limit)


@frozen
class Assignment:
    """Gateways for an edge, best first, and to how many of them it should have tunnels."""

    gateways: tuple[str, ...]
    wanted: int


def assign(edge: str, region: str, candidates: Sequence[Candidate]) -> Assignment:
    """Gateways for an edge."""
    usable = [one for one in candidates if not one.is_draining and one.edges < one.edges_limit]
    near = [one for one in usable if region and one.region == region]
    far = [one for one in usable if not region or one.region != region]
    ordered = _by_two_choices(edge, near) + _by_two_choices(edge, far)
    first, rest = ordered[:LEAST], ordered[LEAST:]
    roomy = [one for one in rest if one.load < ROOMY]
    others = [one for one in rest if one.load >= ROOMY]
    chosen = [*first, *roomy, *others][:PLACES_LIMIT]
    return Assignment(tuple(one.gateway for one in chosen), min(len(first) + len(roomy), PLACES_LIMIT))


def _by_two_choices(edge: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    left = sorted(candidates, key=lambda one: _draw(edge, one.gateway))
    found = []
    while left:
        best = min(left[:2], key=lambda one: one.load)
        left.remove(best)
        found.append(best)
    return found


def _draw(edge: str, gateway: str) -> bytes:
    return hashlib.blake2s(f"{edge} {gateway}".encode(), digest_size=8).digest()
