from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.fellow_words import MemberGone, MemberHere, MemberReported, Word
from zerogo.control.messages import LinkReport, LinkSample, LinksReport, Pong, emit_message
from zerogo.controller.fellow_view import LEASE_SECONDS, RENEW_SECONDS, FellowView
from zerogo.controller.link_book import LinkBook, main_end, pair_of
from zerogo.errors import ParseError
from zerogo.ids import NetworkId, NodeId

NETWORK = NetworkId(b"netwk")
ANN, BOB = NodeId(bytes([1]) * 10), NodeId(bytes([2]) * 10)
REPORT = LinksReport(links=[LinkReport(BOB.raw, "direct", age=5.0)], samples=[LinkSample(BOB.raw, 7.0)])


class Controller:
    """A controller's view, and what it made of what it heard."""

    def __init__(self, clock: Clock, say: Callable[["Controller", Word], None]) -> None:
        self.said: list[Word] = []
        self.moves: list[tuple[str, NodeId]] = []
        self.looking_changes = 0
        self.book = LinkBook()
        self.view = FellowView(
            self.book,
            clock,
            lambda: 1000.0 + clock.seconds(),
            came=lambda network, node_id: self.moves.append(("came", node_id)),
            went=lambda network, node_id: self.moves.append(("went", node_id)),
            looking_changed=self.looking_changed,
        )
        self.view.tell = lambda word: say(self, word)

    def looking_changed(self) -> None:
        self.looking_changes += 1

    def hear(self, word: Word) -> None:
        report = self.view.heard(word)
        if report is not None and isinstance(word, MemberReported):
            self.book.reported(word.network, word.node_id, report, 1000.0)


class FellowViewTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.is_cut = False
        self.here, self.there = (Controller(self.clock, self.say) for _ in range(2))
        for each in (self.here, self.there):
            each.view.start()
            self.addCleanup(each.view.stop)

    def say(self, speaker: Controller, word: Word) -> None:
        speaker.said.append(word)
        if not self.is_cut:
            (self.there if speaker is self.here else self.here).hear(word)

    def connect(self, at: Controller, node_id: NodeId) -> None:
        """As the membership does."""
        at.view.tell(MemberHere(NETWORK.raw, node_id.raw))
        at.view.connected(NETWORK, node_id)

    def report(self, at: Controller) -> None:
        at.book.reported(NETWORK, ANN, REPORT, 1000.0)
        at.view.reported(NETWORK, ANN, REPORT)

    def test_a_member_elsewhere_is_present_until_it_goes(self) -> None:
        self.connect(self.there, ANN)
        self.assertEqual(list(self.here.view.presence(NETWORK)), [ANN])
        self.assertEqual(self.here.view.presence(NetworkId(b"other")), {})
        self.there.view.disconnected(NETWORK, ANN)
        self.assertEqual(self.here.moves, [("came", ANN), ("went", ANN)])
        self.assertEqual(self.here.view.presence(NETWORK), {})

    def test_one_that_moves_is_not_gone(self) -> None:
        self.connect(self.there, ANN)
        self.connect(self.here, ANN)
        self.there.view.disconnected(NETWORK, ANN)
        self.assertNotIn(MemberGone(NETWORK.raw, ANN.raw), self.there.said)
        self.assertTrue(self.there.view.is_elsewhere(NETWORK, ANN))
        self.assertFalse(self.here.view.is_elsewhere(NETWORK, ANN))

    def test_a_word_that_was_lost_is_said_again(self) -> None:
        self.is_cut = True
        self.connect(self.there, ANN)
        self.is_cut = False
        self.clock.advance(RENEW_SECONDS)
        self.assertEqual(self.here.moves, [("came", ANN)])

    def test_members_of_a_controller_that_died_are_gone(self) -> None:
        self.connect(self.there, ANN)
        self.there.view.stop()
        self.clock.pump([RENEW_SECONDS] * 5)
        self.assertEqual(self.here.moves, [("came", ANN), ("went", ANN)])

    def test_reports_are_passed_on_only_while_somebody_looks_elsewhere(self) -> None:
        self.connect(self.there, ANN)
        self.report(self.there)
        self.assertEqual(self.here.book.links(NETWORK), [])
        self.here.view.look(True)
        self.assertEqual(self.there.looking_changes, 1)
        (link,) = self.here.book.links(NETWORK)
        self.assertEqual((link.pair, main_end(link)[1].since), (pair_of(ANN, BOB), 995.0))
        self.clock.pump([RENEW_SECONDS] * 10)
        self.assertTrue(self.there.view.do_others_look)
        self.here.view.look(False)
        self.assertEqual((self.there.view.do_others_look, self.there.looking_changes), (False, 2))
        before = len(self.there.said)
        self.report(self.there)
        self.assertEqual(len(self.there.said), before)

    def test_a_dashboard_at_a_controller_that_died_is_closed(self) -> None:
        self.here.view.look(True)
        self.here.view.stop()
        self.clock.pump([RENEW_SECONDS] * 5)
        self.assertEqual((self.there.view.do_others_look, self.there.looking_changes), (False, 2))
        self.assertLess(LEASE_SECONDS, 5 * RENEW_SECONDS)

    def test_who_is_not_there_reports_nothing(self) -> None:
        self.assertRaises(ParseError, self.here.view.heard, MemberReported(NETWORK.raw, ANN.raw, b"garbage"))
        for message in (emit_message(REPORT), emit_message(Pong(1))):
            self.assertIsNone(self.here.view.heard(MemberReported(NETWORK.raw, ANN.raw, message)))
