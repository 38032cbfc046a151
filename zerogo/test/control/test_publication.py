from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.messages import MapUnchanged, WholeMap, parse_controller_message
from zerogo.control.netmap import MapDelta, SignedMap
from zerogo.control.publication import MapView, Publication
from zerogo.test.control.pair import CONTROLLER, KEY_HASH, NETWORK
from zerogo.test.control.test_netmap import RECORDS, make_map


def view(revision: int, changed_at: dict[int, int], removed_at: dict[int, int], complete_since: int = 1) -> MapView:
    return MapView(
        network_map=make_map(revision, [RECORDS[index] for index in changed_at]),
        changed_at={RECORDS[index].node_id: at for index, at in changed_at.items()},
        removed_at={RECORDS[index].node_id: at for index, at in removed_at.items()},
        complete_since=complete_since,
    )


class PublicationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.publication = Publication(view(10, {0: 2, 1: 4, 2: 9, 3: 6}, {4: 8}, 3), CONTROLLER)

    def test_whoever_holds_nothing_or_too_old_a_map_gets_the_whole(self) -> None:
        for base in (0, 2, 11, 10_000):
            message = parse_controller_message(self.publication.message_for(base))
            assert isinstance(message, WholeMap)
            SignedMap.decode(message.signed).verify(KEY_HASH, NETWORK)

    def test_whoever_holds_the_newest_is_told_so(self) -> None:
        self.assertEqual(parse_controller_message(self.publication.message_for(10)), MapUnchanged(10))

    def test_a_delta_holds_what_changed_since_and_nothing_else(self) -> None:
        message = parse_controller_message(self.publication.message_for(7))
        assert isinstance(message, MapDelta)
        self.assertEqual((len(message.changed), message.removed), (1, [RECORDS[4].node_id.raw]))
        message = parse_controller_message(self.publication.message_for(8))
        assert isinstance(message, MapDelta)
        self.assertEqual((len(message.changed), message.removed), (1, []))

    def test_a_message_is_encoded_once(self) -> None:
        self.assertIs(self.publication.message_for(7), self.publication.message_for(7))

    def test_an_older_view_is_not_published(self) -> None:
        self.assertFalse(self.publication.replace(view(9, {0: 2}, {})))
        self.assertEqual(self.publication.revision, 10)

    def test_a_newer_view_brings_new_messages(self) -> None:
        old = self.publication.message_for(7)
        changed = view(11, {0: 2, 1: 4, 2: 9, 3: 6}, {4: 8}, 3)
        newer = evolve(changed, network_map=evolve(changed.network_map, mtu=1300))
        self.assertTrue(self.publication.replace(newer))
        self.assertNotEqual(self.publication.message_for(7), old)
        message = parse_controller_message(self.publication.message_for(10))
        assert isinstance(message, MapDelta)
        self.assertEqual((message.changed, message.removed), ([], []))
