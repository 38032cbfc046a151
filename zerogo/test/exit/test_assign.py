"""Which gateways an edge is sent to: all that have room, near ones first, and never fewer than enough."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.assign import LEAST, Candidate, assign
from zerogo.exit.notes import PLACES_LIMIT


class AssignTests(SynchronousTestCase):
    def test_an_edge_is_wanted_at_every_gateway_that_has_room(self) -> None:
        for count in (1, 3, 7, PLACES_LIMIT):
            names = [f"g{number}" for number in range(count)]
            found = assign("e1", "", [Candidate(gateway=name, edges=20_000) for name in names])
            self.assertEqual((sorted(found.gateways), found.wanted), (sorted(names), count))

    def test_where_gateways_are_half_full_an_edge_is_at_enough_of_them(self) -> None:
        full = [Candidate(gateway=f"full{number}", edges=30_000) for number in range(6)]
        roomy = [Candidate(gateway=f"roomy{number}") for number in range(3)]
        found = assign("e1", "", full)
        self.assertEqual((len(found.gateways), found.wanted), (6, LEAST))
        found = assign("e1", "", [*full, *roomy])
        self.assertTrue({f"roomy{number}" for number in range(3)} <= set(found.gateways[: found.wanted]))
        self.assertLess(found.wanted, 9)

    def test_a_note_has_no_room_for_more_than_its_limit(self) -> None:
        found = assign("e1", "", [Candidate(gateway=f"g{number}") for number in range(40)])
        self.assertEqual((len(found.gateways), found.wanted), (PLACES_LIMIT, PLACES_LIMIT))

    def test_the_own_region_comes_first(self) -> None:
        candidates = [Candidate(gateway=name, region="us" if name in "ab" else "eu") for name in "abcd"]
        self.assertEqual(sorted(assign("e1", "eu", candidates).gateways[:2]), ["c", "d"])

    def test_full_and_draining_ones_are_left_out(self) -> None:
        candidates = [
            Candidate(gateway="a", is_draining=True),
            Candidate(gateway="b", edges=10, edges_limit=10),
            Candidate(gateway="c"),
        ]
        self.assertEqual((assign("e1", "", candidates).gateways, assign("e1", "", []).gateways), (("c",), ()))

    def test_edges_spread_and_busy_gateways_get_fewer(self) -> None:
        candidates = [Candidate(gateway=name, edges=30_000 if name != "a" else 45_000) for name in "abcdefgh"]
        taken: Counter[str] = Counter()
        for number in range(400):
            found = assign(f"e{number}", "", candidates)
            taken.update(found.gateways[: found.wanted])
        self.assertLess(taken["a"], min(taken[name] for name in "bcdefgh"))
        self.assertLess(max(taken.values()), 2 * min(taken[name] for name in "bcdefgh"))

    def test_everybody_comes_to_the_same_result(self) -> None:
        candidates = [Candidate(gateway=name) for name in "abcdefgh"]
        self.assertEqual(assign("e1", "", candidates), assign("e1", "", candidates[::-1]))
