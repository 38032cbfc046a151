# -*- test-case-name: zerogo.test.exit.test_assign -*-
"""Which gateways an edge should have tunnels to.

An edge has tunnels to `WANTED` gateways, all of them where there are no more, so that a user who comes to any gateway
has every edge at hand, and a gateway that ends costs no edge. Gateways that drain or are full are left out. Those of
the edge's own region come first; among equals the less busy one of two that a hash of edge and gateway picks (power of
two choices, the same whoever computes it). An edge that already has tunnels to gateways of the list keeps them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from attrs import frozen

from zerogo.exit.notes import PLACES_LIMIT

WANTED = 4


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


def assign(edge: str, region: str, candidates: Sequence[Candidate]) -> list[str]:
    """Gateways for an edge, best first."""
    usable = [one for one in candidates if not one.is_draining and one.edges < one.edges_limit]
    near = [one for one in usable if region and one.region == region]
    far = [one for one in usable if not region or one.region != region]
    return [one.gateway for one in _by_two_choices(edge, near) + _by_two_choices(edge, far)][:PLACES_LIMIT]


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
