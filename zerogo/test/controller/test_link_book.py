from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.messages import LinkReport, LinkSample, LinksReport
from zerogo.controller import link_book
from zerogo.controller.link_book import CHANGES_KEPT, OFFLINE, SILENT_SECONDS, LinkBook, Pair, PathChange, pair_of
from zerogo.ids import NetworkId, NodeId

NETWORK = NetworkId(b"netwk")
ANN, BOB, EVE = (NodeId(bytes([number]) * 10) for number in (1, 2, 3))
PAIR = pair_of(ANN, BOB)


class Notes:
    def __init__(self) -> None:
        self.touched: list[Pair] = []
        self.changes: list[PathChange] = []

    def link_touched(self, network: NetworkId, pair: Pair) -> None:
        self.touched.append(pair)

    def path_changed(self, network: NetworkId, pair: Pair, change: PathChange) -> None:
        self.changes.append(change)


class LinkBookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.notes = Notes()
        self.book = LinkBook()
        self.book.observers.append(self.notes)
        for node_id in (ANN, BOB):
            self.book.connected(NETWORK, node_id)

    def says(self, who: NodeId, other: NodeId, path: str = "direct", received: float = 0.0, **more: object) -> None:
        link = LinkReport(other.raw, path, **more)  # type: ignore[arg-type]
        sample = LinkSample(other.raw, 5.0, received=received)
        self.book.reported(NETWORK, who, LinksReport(links=[link], samples=[sample]), self.now)

    def path(self) -> str | None:
        link = self.book.find(NETWORK, PAIR)
        return None if link is None or link.shown is None else link.shown[0]

    def test_a_pair_is_one_link_whoever_speaks(self) -> None:
        self.says(ANN, BOB)
        self.says(BOB, ANN)
        (link,) = self.book.links(NETWORK)
        self.assertEqual((link.pair, pair_of(BOB, ANN)), (PAIR, PAIR))
        self.assertTrue(all(end is not None for end in link.ends))

    def test_the_end_that_says_the_worse_is_believed(self) -> None:
        self.says(ANN, BOB, "direct")
        self.says(BOB, ANN, "none", reason="no answer")
        self.assertEqual(self.path(), "none")
        self.assertEqual(self.notes.changes[-1].reason, "no answer")

    def test_times_are_kept_as_moments(self) -> None:
        self.says(ANN, BOB, age=10.0, handshake_age=3.0)
        link = self.book.find(NETWORK, PAIR)
        assert link is not None
        end = link.ends[PAIR.index(ANN)]
        assert end is not None
        self.assertEqual((end.since, end.handshake_at, end.reported_at), (990.0, 997.0, 1000.0))

    def test_figures_alone_leave_the_words_as_they_were(self) -> None:
        self.says(ANN, BOB, why="bob is near")
        self.book.reported(NETWORK, ANN, LinksReport(samples=[LinkSample(BOB.raw, 9.0)]), self.now)
        link = self.book.find(NETWORK, PAIR)
        assert link is not None
        end = link.ends[PAIR.index(ANN)]
        assert end is not None
        self.assertEqual((end.link.why, end.sample.rtt_ms), ("bob is near", 9.0))
        self.assertEqual(len(self.notes.changes), 1)

    def test_figures_of_a_link_nobody_told_of_are_left_out(self) -> None:
        self.book.reported(NETWORK, ANN, LinksReport(samples=[LinkSample(BOB.raw, 9.0)]), self.now)
        self.assertEqual(self.book.links(NETWORK), [])

    def test_another_path_is_a_change_with_its_reason(self) -> None:
        self.says(ANN, BOB, "relay", relay="fra", reason="first path")
        self.now += 5.0
        self.says(ANN, BOB, "direct", reason="a direct path was proven")
        newest, first = self.book.changes(NETWORK, PAIR)
        self.assertEqual((first.path, first.via, first.before), ("relay", ("fra",), "none"))
        self.assertEqual((newest.path, newest.before, newest.at), ("direct", "relay", 1005.0))
        self.assertEqual((newest.reason, newest.reported_by), ("a direct path was proven", ANN))

    def test_a_link_that_never_was_is_no_change(self) -> None:
        self.says(ANN, BOB, "none")
        self.assertEqual((self.notes.changes, self.path()), ([], "none"))

    def test_a_member_that_went_takes_its_links_along_at_once(self) -> None:
        self.says(ANN, BOB)
        self.says(BOB, ANN)
        self.book.disconnected(NETWORK, BOB, self.now)
        self.assertIsNone(self.path())
        self.assertEqual((self.notes.changes[-1].path, self.notes.changes[-1].reason), ("none", OFFLINE))

    def test_what_the_other_end_still_counted_before_does_not_bring_it_back(self) -> None:
        self.says(ANN, BOB, received=100.0)
        self.book.disconnected(NETWORK, BOB, self.now)
        self.now += 1.0
        self.says(ANN, BOB, received=100.0)
        self.assertIsNone(self.path())
        self.now += SILENT_SECONDS
        self.says(ANN, BOB, received=0.0)
        self.assertIsNone(self.path())

    def test_a_member_that_only_lost_its_controller_comes_back(self) -> None:
        self.says(ANN, BOB)
        self.book.disconnected(NETWORK, BOB, self.now)
        self.now += SILENT_SECONDS + 1.0
        self.says(ANN, BOB, received=100.0)
        self.assertEqual(self.path(), "direct")

    def test_a_member_that_is_back_is_shown_by_its_own_words(self) -> None:
        self.says(ANN, BOB)
        self.book.disconnected(NETWORK, BOB, self.now)
        self.book.connected(NETWORK, BOB)
        self.says(BOB, ANN)
        self.assertEqual(self.path(), "direct")

    def test_a_whole_report_forgets_what_was_told_before(self) -> None:
        self.says(ANN, BOB)
        self.says(ANN, EVE)
        whole = LinksReport(is_whole=True, links=[LinkReport(EVE.raw, "relay")])
        self.book.reported(NETWORK, ANN, whole, self.now)
        self.assertEqual([link.pair for link in self.book.links(NETWORK)], [pair_of(ANN, EVE)])

    def test_what_is_gone_leaves_nothing_behind(self) -> None:
        self.says(ANN, BOB)
        self.says(BOB, ANN)
        self.book.reported(NETWORK, ANN, LinksReport(gone=[BOB.raw, EVE.raw]), self.now)
        self.assertEqual(self.path(), "direct")
        self.book.reported(NETWORK, BOB, LinksReport(gone=[ANN.raw]), self.now)
        self.assertIsNone(self.path())
        self.assertEqual((self.book._of_member, self.book._ends, self.book._links[NETWORK]), ({}, 0, {}))

    def test_a_network_that_is_gone_leaves_nothing_behind(self) -> None:
        self.says(ANN, BOB)
        self.book.disconnected(NETWORK, EVE, self.now)
        self.book.network_removed(NETWORK)
        self.assertEqual((self.book._of_member, self.book._ends, self.book._left_at), ({}, 0, {}))
        self.assertEqual(list(self.book.all_links()), [])

    def test_a_link_to_oneself_is_none(self) -> None:
        self.says(ANN, ANN)
        self.assertEqual(list(self.book.all_links()), [])

    def test_there_is_a_bound(self) -> None:
        self.patch(link_book, "ENDS_LIMIT", 2)
        for number in range(5):
            self.says(ANN, NodeId(bytes([9, number]) * 5))
        self.assertEqual(len(self.book.links(NETWORK)), 2)
        for _ in range(CHANGES_KEPT):
            first = self.book.links(NETWORK)[0]
            other = first.pair[1 - first.pair.index(ANN)]
            self.says(ANN, other, "relay")
            self.says(ANN, other, "direct")
        self.assertEqual(len(self.book.changes(NETWORK, first.pair)), CHANGES_KEPT)
