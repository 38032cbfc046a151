"""The founding formula to the letter, and what may stand beside it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.routing.score import EXTENSIONS, Facts, PathType, Scorer, rank

TYPES = st.sampled_from(PathType)
FACTS = st.builds(
    Facts,
    type=TYPES,
    latency=st.none() | st.floats(0, 10),
    loss=st.floats(0, 1),
    jitter=st.floats(0, 1),
    carriers=st.integers(0, 2),
    is_lan=st.booleans(),
    is_ipv6=st.booleans(),
)


def points(type_: PathType, latency_ms: float, loss: float = 0.0) -> float:
    """By the founding scorer."""
    return Scorer().score(Facts(type=type_, latency=latency_ms / 1000, loss=loss)).points


class FoundingFormulaTests(SynchronousTestCase):
    """Values computed by hand: 100 - latency_ms/10*5 - loss*1000 + 20 direct - 30 server, clamped."""

    def test_table(self) -> None:
        for type_, latency, loss, expected in (
            (PathType.DIRECT, 0, 0.0, 100),
            (PathType.DIRECT, 40, 0.0, 100),
            (PathType.DIRECT, 41, 0.0, 99.5),
            (PathType.DIRECT, 50, 0.0, 95),
            (PathType.DIRECT, 100, 0.02, 50),
            (PathType.DIRECT, 3, 0.05, 68.5),
            (PathType.DIRECT, 250, 0.0, 0),
            (PathType.PEER, 0, 0.0, 100),
            (PathType.PEER, 7, 0.0, 96.5),
            (PathType.PEER, 60, 0.01, 60),
            (PathType.SERVER, 0, 0.0, 70),
            (PathType.SERVER, 20, 0.0, 60),
            (PathType.SERVER, 20, 0.055, 5),
            (PathType.SERVER, 140, 0.0, 0),
            (PathType.SERVER, 500, 1.0, 0),
        ):
            self.assertAlmostEqual(points(type_, latency, loss), expected, msg=f"{type_} {latency} ms {loss}")

    def test_a_path_that_was_never_measured_counts_with_a_second(self) -> None:
        self.assertEqual(Scorer().score(Facts(type=PathType.DIRECT, latency=None)).raw, 100 - 500 + 20)

    def test_equal_scores_go_by_type_and_then_by_latency(self) -> None:
        facts = [
            Facts(type=PathType.SERVER, latency=0.5),
            Facts(type=PathType.PEER, latency=0.9),
            Facts(type=PathType.DIRECT, latency=2.0),
            Facts(type=PathType.DIRECT, latency=1.5),
        ]
        scorer = Scorer()
        self.assertEqual([scorer.score(each).points for each in facts], [0, 0, 0, 0])
        self.assertEqual(sorted(facts, key=lambda each: rank(each, scorer.score(each))), facts[::-1])

    def test_terms_are_told(self) -> None:
        score = Scorer().score(Facts(type=PathType.SERVER, latency=0.020, loss=0.01))
        self.assertEqual(str(score), "50 = base 100 - latency 10 - loss 10 - server 30")

    def test_cost_is_milliseconds_behind_a_perfect_direct_path(self) -> None:
        scorer = Scorer()
        self.assertAlmostEqual(scorer.score(Facts(type=PathType.DIRECT, latency=0.012)).cost, 12)
        self.assertAlmostEqual(scorer.score(Facts(type=PathType.PEER, latency=0.012)).cost, 52)
        self.assertAlmostEqual(scorer.score(Facts(type=PathType.SERVER, latency=0.012, loss=0.01)).cost, 132)

    @given(FACTS)
    @settings(deadline=None, max_examples=200)
    def test_the_clamp_and_the_sum_hold(self, facts: Facts) -> None:
        for extensions in ((), tuple(EXTENSIONS)):
            score = Scorer(extensions).score(facts)
            self.assertTrue(0 <= score.points <= 100)
            self.assertAlmostEqual(sum(term.points for term in score.terms), score.raw)
            self.assertEqual(score.points, min(max(score.raw, 0), 100))


class ExtensionTests(SynchronousTestCase):
    """Off until chosen, each by its name."""

    def test_none_is_on_by_default(self) -> None:
        plain = Facts(type=PathType.PEER, latency=0.1)
        rich = Facts(type=PathType.PEER, latency=0.1, jitter=0.05, carriers=2, is_lan=True, is_ipv6=True)
        self.assertEqual(Scorer().score(plain).raw, Scorer().score(rich).raw)

    def test_each_adds_a_term_of_its_name(self) -> None:
        rich = Facts(type=PathType.PEER, latency=0.1, jitter=0.01, carriers=2, is_lan=True, is_ipv6=True)
        for name, expected in (("lan", 30), ("ipv6", 1.5), ("jitter", -5), ("carriers", -30)):
            score = Scorer((name,)).score(rich)
            self.assertEqual(score.raw, 50 + expected)
            self.assertEqual(score.terms[-1].name, name)

    def test_an_unknown_one_is_refused(self) -> None:
        with self.assertRaises(KeyError):
            Scorer(("luck",)).score(Facts(type=PathType.PEER, latency=0.1))
