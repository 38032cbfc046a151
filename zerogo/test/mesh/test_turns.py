"""Whose turn it is to be searched."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.mesh.events import PeerState
from zerogo.mesh.turns import SEARCHES_LIMIT, SearchTurns


class SearchTurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.turns = SearchTurns()
        for peer in range(1, SEARCHES_LIMIT + 3):
            self.turns.add(peer)
        self.taken = [self.turns.take() for _ in range(SEARCHES_LIMIT)]

    def test_so_many_are_searched_for_at_once_in_order(self) -> None:
        self.assertEqual(self.taken, list(range(1, SEARCHES_LIMIT + 1)))
        self.assertIsNone(self.turns.take())

    def test_one_that_is_found_or_out_of_reach_makes_room(self) -> None:
        self.assertFalse(self.turns.note(1, PeerState.CONNECTED))
        self.assertFalse(self.turns.note(2, PeerState.UNREACHABLE))
        self.assertEqual([self.turns.take(), self.turns.take()], [SEARCHES_LIMIT + 1, SEARCHES_LIMIT + 2])

    def test_one_that_knocks_needs_no_turn(self) -> None:
        self.turns.note(SEARCHES_LIMIT + 1, PeerState.HANDSHAKING)
        self.turns.remove(1)
        self.assertEqual(self.turns.take(), SEARCHES_LIMIT + 2)

    def test_loss_is_told_once(self) -> None:
        self.turns.note(1, PeerState.CONNECTED)
        self.assertEqual(self.turns.connected, 1)
        self.assertTrue(self.turns.note(1, PeerState.CONNECTING))
        self.assertFalse(self.turns.note(1, PeerState.CONNECTING))
        self.assertEqual(self.turns.connected, 0)
