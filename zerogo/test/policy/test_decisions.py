"""Decisions are counted once, and in bounded memory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.policy.decisions import REST, ROWS_LIMIT, ROWS_OF_PEER, Decided, DecisionTable

TCP = 6


class DecisionTableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = DecisionTable()

    def test_equal_ones_are_one_row_and_are_taken_once(self) -> None:
        for row in (Decided(2, True, TCP, 80, 1, 0), Decided(2, True, TCP, 80, 0, 3), Decided(1, False, TCP, 80, 0, 1)):
            self.table.add(row)
        self.assertEqual([Decided(1, False, TCP, 80, 0, 1), Decided(2, True, TCP, 80, 1, 3)], self.table.take())
        self.assertEqual([], self.table.take())

    def test_a_peer_that_tries_all_ports_has_few_rows_and_nothing_is_lost(self) -> None:
        for port in range(1000):
            self.table.add(Decided(1, False, TCP, port, 0, 1))
        self.table.add(Decided(2, False, TCP, 7, 1, 0))
        *rows, last = self.table.take()
        self.assertEqual(Decided(2, False, TCP, 7, 1, 0), last)
        self.assertEqual(ROWS_OF_PEER + 1, len(rows))
        self.assertEqual(Decided(1, False, REST, 0, 0, 1000 - ROWS_OF_PEER), rows[-1])
        self.assertEqual(1000, sum(row.refused for row in rows))

    def test_many_peers_fill_no_memory(self) -> None:
        peers = ROWS_LIMIT // ROWS_OF_PEER + 10
        for peer in range(peers):
            for port in range(ROWS_OF_PEER):
                self.table.add(Decided(peer, True, TCP, port, 1, 0))
        rows = self.table.take()
        self.assertEqual(ROWS_LIMIT + 10, len(rows))
        self.assertEqual(peers * ROWS_OF_PEER, sum(row.opened for row in rows))
        self.table.add(Decided(1, True, TCP, 1, 1, 0))
        self.assertEqual(TCP, self.table.take()[0].protocol)
