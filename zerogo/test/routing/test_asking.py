"""Whom to ask, how many at once, in what order."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import NodeId
from zerogo.routing.asking import GAP_SECONDS, NEIGHBOURS_AT_ONCE, Asking
from zerogo.test.routing.parts import ANN, BOB, CAT, DAN
from zerogo.wire.links import NODES_LIMIT, LinkRequest


class AskingTests(SynchronousTestCase):
    """Rounds of questions."""

    def setUp(self) -> None:
        self.asking = Asking()

    def test_questions_to_one_neighbour_go_together(self) -> None:
        self.asking.ask([ANN, BOB], CAT, ask_on=True)
        self.asking.ask([ANN], DAN, ask_on=True)
        self.asking.ask([ANN], BOB, ask_on=False)
        asked = dict(self.asking.first([BOB, ANN], 1.0))
        self.assertEqual(list(asked), [BOB, ANN])
        self.assertEqual(asked[BOB], [LinkRequest((CAT,), ask_on=True)])
        self.assertEqual(asked[ANN], [LinkRequest((CAT, DAN), ask_on=True), LinkRequest((BOB,))])
        self.assertEqual(len(self.asking), 0)
        self.assertIsNone(self.asking.next_at())

    def test_nobody_is_asked_about_itself(self) -> None:
        self.asking.ask([ANN], ANN, ask_on=True)
        self.assertEqual(len(self.asking), 0)

    def test_the_wider_question_wins(self) -> None:
        for ask_on in (True, False):
            self.asking.ask([ANN], CAT, ask_on=ask_on)
        self.assertEqual(dict(self.asking.first([ANN], 0.0)), {ANN: [LinkRequest((CAT,), ask_on=True)]})

    def test_a_round_is_bounded_and_the_next_one_waits(self) -> None:
        many = [NodeId(number.to_bytes(10, "big")) for number in range(NEIGHBOURS_AT_ONCE + 3)]
        self.asking.ask(many, CAT, ask_on=False)
        self.assertEqual([each for each, _ in self.asking.first(many, 1.0)], many[:NEIGHBOURS_AT_ONCE])
        self.assertEqual(list(self.asking.first(many, 1.0)), [])
        self.assertEqual(self.asking.next_at(), 1.0 + GAP_SECONDS)
        self.assertEqual([each for each, _ in self.asking.first(many, 1.25)], many[NEIGHBOURS_AT_ONCE:])

    def test_one_request_names_so_many_nodes(self) -> None:
        for number in range(NODES_LIMIT + 1):
            self.asking.ask([ANN], NodeId(number.to_bytes(10, "big")), ask_on=False)
        ((_, requests),) = self.asking.first([ANN], 0.0)
        self.assertEqual([len(request.nodes) for request in requests], [NODES_LIMIT, 1])

    def test_what_is_known_by_then_is_not_asked(self) -> None:
        self.asking.ask([ANN, BOB], CAT, ask_on=False)
        self.asking.ask([BOB], DAN, ask_on=False)
        self.assertEqual(list(self.asking.nodes()), [CAT, DAN])
        self.asking.answered([CAT])
        self.assertEqual(dict(self.asking.first([ANN, BOB], 0.0)), {BOB: [LinkRequest((DAN,))]})

    def test_a_lost_neighbour_is_not_asked(self) -> None:
        self.asking.ask([ANN], CAT, ask_on=False)
        self.asking.neighbour_lost(ANN)
        self.assertEqual(list(self.asking.first([ANN], 0.0)), [])
