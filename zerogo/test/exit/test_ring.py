"""Words belong to edges, the same ones whoever asks."""

from __future__ import annotations

import random
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.edges import EdgeProfile, EdgeState
from zerogo.exit.ring import WALK, Ring

STATES = [EdgeState(EdgeProfile(edge=f"e{number}")) for number in range(400)]
WORDS = [("alice", f"k{number}") for number in range(2000)]


def ring(states: list[EdgeState]) -> Ring:
    made = Ring()
    for state in states:
        made.add(state)
    return made


def owners(made: Ring, states: list[EdgeState], fitting: set[str] | None = None) -> list[str | None]:
    found = []
    for words in WORDS:
        state = made.owner(words, lambda one: fitting is None or one.profile.edge in fitting, lambda: states)
        found.append(None if state is None else state.profile.edge)
    return found


class RingTests(SynchronousTestCase):
    def test_the_order_of_coming_and_who_was_here_before_do_not_matter(self) -> None:
        shuffled = random.Random(1).sample(STATES, len(STATES))
        other = ring(shuffled)
        for state in shuffled[:100]:
            other.remove(state)
        for state in shuffled[:100]:
            other.add(state)
        self.assertEqual(owners(ring(STATES), STATES), owners(other, shuffled))

    def test_who_leaves_or_does_not_fit_gives_up_what_belonged_to_it_and_nothing_else(self) -> None:
        before = owners(ring(STATES), STATES)
        gone = {state.profile.edge for state in STATES[::3]}
        left = [state for state in STATES if state.profile.edge not in gone]
        after = owners(ring(left), left)
        for old, new in zip(before, after, strict=True):
            self.assertTrue(new not in gone and (old in gone or new == old))
        self.assertEqual(after, owners(ring(STATES), STATES, {state.profile.edge for state in left}))

    def test_words_are_shared_nearly_evenly(self) -> None:
        few = STATES[:20]
        counts = Counter(owners(ring(few), few))
        self.assertEqual(len(counts), 20)
        self.assertLess(max(counts.values()), 2 * len(WORDS) / 20)

    def test_a_walk_that_is_too_long_finds_what_a_search_finds(self) -> None:
        self.assertGreater(len(STATES), WALK)
        rare = {"e7", "e250", "e399"}
        few = [state for state in STATES if state.profile.edge in rare]
        self.assertEqual(owners(ring(STATES), STATES, rare), owners(ring(few), few))
        self.assertEqual(set(owners(ring(STATES), STATES, set())), {None})
        self.assertEqual(set(owners(ring([]), [])), {None})
