# -*- test-case-name: zerogo.test.exit.test_ring -*-
"""Which edge belongs to some words, the same whoever asks: a gateway needs no other one to agree with it.

*Multi-probe consistent hashing* (Appleton and O'Reilly, 2015): each edge has one place on a ring, the words have
`PROBES`, and the edge that follows one of those most closely is theirs. So edges share words nearly evenly, with one
entry each; whoever comes or goes changes what belongs to it and nothing else; and of two that ask, each of whom knows
some edges that the other one does not, most words find the same.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterable

from zerogo.exit.edges import EdgeState

PROBES = 8
WALK = 256
"""Edges looked at behind a probe; where none of them fits, few do, and the caller's list of all is gone through."""
_PLACE_BYTES = 8
_ROUND = 1 << 8 * _PLACE_BYTES


class Ring:
    """Edges in the order of their places."""

    def __init__(self) -> None:
        self._places: list[int] = []
        self._states: list[EdgeState] = []

    def add(self, state: EdgeState) -> None:
        """One more, which is not here yet."""
        place = _place(state)
        at = bisect_left(self._places, place)
        self._places.insert(at, place)
        self._states.insert(at, state)

    def remove(self, state: EdgeState) -> None:
        """One that is here."""
        at = bisect_left(self._places, _place(state))
        while self._states[at] is not state:
            at += 1
        del self._places[at], self._states[at]

    def owner(
        self,
        words: Iterable[str],
        fits: Callable[[EdgeState], bool],
        everybody: Callable[[], Iterable[EdgeState]],
    ) -> EdgeState | None:
        """The edge that `words` belong to, of those that fit; None where none does.

        :param everybody: all that may fit, for words where a walk would be long.
        """
        probes = _probes(words)
        found, least = None, _ROUND
        for probe in probes:
            at = bisect_left(self._places, probe)
            for step in range(min(WALK, len(self._places))):
                index = (at + step) % len(self._places)
                distance = (self._places[index] - probe) % _ROUND
                if distance >= least:
                    break
                if fits(self._states[index]):
                    found, least = self._states[index], distance
                    break
            else:
                return self._searched(probes, [state for state in everybody() if fits(state)])
        return found

    @staticmethod
    def _searched(probes: list[int], fitting: list[EdgeState]) -> EdgeState | None:
        def distance(state: EdgeState) -> int:
            place = _place(state)
            return min((place - probe) % _ROUND for probe in probes)

        return min(fitting, key=distance, default=None)


def _place(state: EdgeState) -> int:
    return int.from_bytes(hashlib.blake2b(state.profile.edge.encode(), digest_size=_PLACE_BYTES).digest(), "big")


def _probes(words: Iterable[str]) -> list[int]:
    digest = hashlib.blake2b("\0".join(words).encode(), digest_size=PROBES * _PLACE_BYTES).digest()
    return [int.from_bytes(digest[at : at + _PLACE_BYTES], "big") for at in range(0, len(digest), _PLACE_BYTES)]
