"""What is told from the ports that servers saw, and which recipe fits two ends."""

from __future__ import annotations

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.nature import NatBehaviour, NatMapping, PortPattern, Recipe, judge_ports, recipe_for

EASY = NatBehaviour(mapping=NatMapping.STABLE)
COUNTING = NatBehaviour(mapping=NatMapping.PER_DESTINATION, ports=PortPattern.SEQUENTIAL, step=1)
RANDOM = NatBehaviour(mapping=NatMapping.PER_DESTINATION, ports=PortPattern.RANDOM)


class PortsTests(SynchronousTestCase):
    """RFC 4787 section 4.2."""

    def test_one_sample_shows_nothing(self) -> None:
        self.assertEqual(judge_ports([40000], 40000), (PortPattern.UNKNOWN, 0))

    def test_patterns(self) -> None:
        for ports, expected in (
            ([9993, 9993], (PortPattern.PRESERVED, 0)),
            ([40000, 40000], (PortPattern.UNKNOWN, 0)),
            ([40000, 40001, 40002], (PortPattern.SEQUENTIAL, 1)),
            ([40010, 40008], (PortPattern.SEQUENTIAL, -2)),
            ([40000, 40007, 40008], (PortPattern.SEQUENTIAL, 1)),
            ([20100, 20900, 20300], (PortPattern.BLOCK, 0)),
            ([1500, 60000], (PortPattern.RANDOM, 0)),
        ):
            self.assertEqual(judge_ports(ports, 9993), expected, ports)


class RecipeTests(SynchronousTestCase):
    """Both ends come to the same."""

    def test_recipes(self) -> None:
        for ours, theirs, expected in (
            (EASY, EASY, Recipe.PLAIN),
            (EASY, NatBehaviour(), Recipe.PLAIN),
            (EASY, COUNTING, Recipe.PREDICTION),
            (EASY, RANDOM, Recipe.BIRTHDAY),
            (COUNTING, COUNTING, Recipe.PREDICTION),
            (COUNTING, RANDOM, Recipe.HOPELESS),
            (RANDOM, RANDOM, Recipe.HOPELESS),
        ):
            self.assertIs(recipe_for(ours, theirs), expected)

    def test_either_end_comes_to_the_same(self) -> None:
        for ours, theirs in product((EASY, COUNTING, RANDOM, NatBehaviour()), repeat=2):
            self.assertIs(recipe_for(ours, theirs), recipe_for(theirs, ours))
