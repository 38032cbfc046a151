"""Who has left networks, seen from one map to the next."""

from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.departures import Departures
from zerogo.ids import NodeId
from zerogo.test.control.pair import NETWORK
from zerogo.test.control.test_netmap import RECORDS
from zerogo.test.control.test_publication import view


def nodes(*numbers: int) -> tuple[NodeId, ...]:
    return tuple(RECORDS[number].node_id for number in numbers)


class DeparturesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.departures = Departures()

    def test_the_first_map_names_all_that_are_remembered_and_each_removal_is_named_once(self) -> None:
        self.assertEqual(self.departures.see(view(10, {0: 2, 1: 4}, {2: 7, 3: 9})), nodes(2, 3))
        self.assertEqual(self.departures.see(view(11, {0: 11, 1: 4}, {2: 7, 3: 9})), ())
        self.assertEqual(self.departures.see(view(12, {0: 11}, {2: 7, 3: 9, 1: 12})), nodes(1))

    def test_who_comes_back_and_goes_again_is_named_again(self) -> None:
        self.departures.see(view(10, {0: 2}, {1: 10}))
        self.departures.see(view(11, {0: 2, 1: 11}, {}))
        self.assertEqual(self.departures.see(view(12, {0: 2}, {1: 12})), nodes(1))

    def test_an_older_map_that_was_read_late_says_nothing(self) -> None:
        self.departures.see(view(12, {0: 2}, {1: 12}))
        self.assertEqual(self.departures.see(view(11, {0: 2, 1: 3}, {2: 11})), ())
        self.assertEqual(self.departures.network_gone(NETWORK), nodes(0))

    def test_a_network_that_is_gone_had_these_members(self) -> None:
        self.departures.see(view(10, {0: 2, 1: 4}, {}))
        self.assertEqual(self.departures.network_gone(NETWORK), nodes(0, 1))
        self.assertEqual(self.departures.network_gone(NETWORK), ())
