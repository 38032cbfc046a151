"""Filters on their way from the map to the plane."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.filters import Filters, node_filters
from zerogo.control.netmap import NetworkMap
from zerogo.control.policy_sheet import FilterSheet, emit_content
from zerogo.ids import NodeId
from zerogo.noise.identity import Identity
from zerogo.policy.compile import CLOSED, ClassFilters
from zerogo.policy.filter import OPEN_RULE, PeerFilter
from zerogo.test.control.pair import CONTROLLER, NETWORK, record_of, seeded

ANN, BOB, EVE = NodeId(b"a" * 10), NodeId(b"b" * 10), NodeId(b"e" * 10)
ONE_WAY = PeerFilter((OPEN_RULE,), ())


class Plane:
    def __init__(self) -> None:
        self.told: list[tuple[int, PeerFilter | None]] = []

    def set_filter(self, peer: int, peer_filter: PeerFilter | None) -> None:
        self.told.append((peer, peer_filter))


class FiltersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.plane = Plane()
        self.filters = Filters(self.plane)

    def told(self) -> list[tuple[int, PeerFilter | None]]:
        told, self.plane.told = self.plane.told, []
        return told

    def test_a_peer_has_its_filter_as_soon_as_it_is_known(self) -> None:
        self.filters.use({ANN: ONE_WAY, BOB: None})
        self.assertEqual([], self.told())
        self.filters.peer_set(1, ANN)
        self.filters.peer_set(2, BOB)
        self.assertEqual([(1, ONE_WAY)], self.told(), "a peer begins without a filter")

    def test_only_changes_are_told(self) -> None:
        self.filters.use({ANN: ONE_WAY, BOB: None})
        self.filters.peer_set(1, ANN)
        self.filters.peer_set(2, BOB)
        self.told()
        self.filters.use({ANN: ONE_WAY, BOB: CLOSED})
        self.filters.peer_set(1, ANN)
        self.assertEqual([(2, CLOSED)], self.told())
        self.filters.use({ANN: None, BOB: None})
        self.assertEqual([(1, None), (2, None)], self.told())

    def test_who_comes_again_is_told_again(self) -> None:
        self.filters.use({ANN: ONE_WAY})
        self.filters.peer_set(1, ANN)
        self.filters.peer_removed(1)
        self.filters.peer_set(2, ANN)
        self.assertEqual([(1, ONE_WAY), (2, ONE_WAY)], self.told())

    def test_who_is_in_no_map_is_closed(self) -> None:
        self.filters.peer_set(1, EVE)
        self.assertEqual([(1, CLOSED)], self.told())
        self.assertEqual(CLOSED, self.filters.of(EVE))

    def test_filters_follow_from_map_and_sheet(self) -> None:
        identities = [Identity.generate(seeded(name)) for name in ("ann", "bob")]
        records = tuple(
            record_of(each, name, at) for at, (each, name) in enumerate(zip(identities, ("ann", "bob"), strict=True), 1)
        )
        us, bob = (record.node_id for record in records)
        plain = NetworkMap(network=NETWORK, name="home", revision=1, members=records)
        closed = NetworkMap(network=NETWORK, name="home", revision=1, members=records, policy=1)
        sheet = FilterSheet.sign(NETWORK, 1, emit_content(b"", ClassFilters({b"": ONE_WAY})), CONTROLLER)
        self.assertIsNone(node_filters(plain, None, us)[bob])
        self.assertEqual(CLOSED, node_filters(closed, None, us)[bob])
        self.assertEqual(ONE_WAY, node_filters(closed, sheet, us)[bob])
