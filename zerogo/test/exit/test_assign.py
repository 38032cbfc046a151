from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.assign import WANTED, Candidate, assign


class AssignTests(SynchronousTestCase):
    def test_all_gateways_are_named_where_there_are_few(self) -> None:
        found = assign("e1", "", [Candidate(gateway=name) for name in "abc"])
        self.assertEqual(sorted(found), ["a", "b", "c"])

    def test_the_own_region_comes_first(self) -> None:
        candidates = [Candidate(gateway=name, region="us" if name in "ab" else "eu") for name in "abcd"]
        self.assertEqual(sorted(assign("e1", "eu", candidates)[:2]), ["c", "d"])

    def test_full_and_draining_ones_are_left_out(self) -> None:
        candidates = [
            Candidate(gateway="a", is_draining=True),
            Candidate(gateway="b", edges=10, edges_limit=10),
            Candidate(gateway="c"),
        ]
        self.assertEqual(assign("e1", "", candidates), ["c"])

    def test_edges_spread_and_busy_gateways_get_fewer(self) -> None:
        candidates = [Candidate(gateway=name, edges=0 if name != "a" else 40_000) for name in "abcdefgh"]
        taken = Counter(name for number in range(400) for name in assign(f"e{number}", "", candidates)[:WANTED])
        self.assertLess(taken["a"], min(taken[name] for name in "bcdefgh"))
        self.assertLess(max(taken.values()), 2 * min(taken[name] for name in "bcdefgh"))

    def test_everybody_comes_to_the_same_result(self) -> None:
        candidates = [Candidate(gateway=name) for name in "abcdefgh"]
        self.assertEqual(assign("e1", "", candidates), assign("e1", "", candidates[::-1]))
