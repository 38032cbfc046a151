"""Retransmissions of one request."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.stun.server import binding_request
from zerogo.stun.transaction import CHECK_SCHEDULE, GATHER_SCHEDULE, ClientTransaction

SERVER = SocketAddress("192.0.2.1", 3478)
PAYLOAD = binding_request(lambda size: bytes(range(size)))


def send_times(transaction: ClientTransaction, start: float) -> list[float]:
    times = []
    now = start
    while not transaction.is_expired(now):
        if transaction.take_due(now) is not None:
            times.append(round(now - start, 3))
        now = transaction.next_at
    return times


class ClientTransactionTests(SynchronousTestCase):
    def test_sends_follow_the_schedule(self) -> None:
        transaction = ClientTransaction(PAYLOAD, SERVER, GATHER_SCHEDULE, 100.0)
        self.assertEqual(send_times(transaction, 100.0), [0.0, 0.1, 0.3])
        self.assertTrue(transaction.is_expired(100.7001))

    def test_checks_are_sent_six_times_in_the_first_two_seconds(self) -> None:
        transaction = ClientTransaction(PAYLOAD, SERVER, CHECK_SCHEDULE, 0.0)
        self.assertEqual(send_times(transaction, 0.0), [0.0, 0.05, 0.15, 0.35, 0.75, 1.55])

    def test_transaction_id_is_that_of_the_payload(self) -> None:
        self.assertEqual(ClientTransaction(PAYLOAD, SERVER, (1.0,), 0.0).transaction_id, bytes(range(12)))

    def test_nothing_is_due_between_the_sends(self) -> None:
        transaction = ClientTransaction(PAYLOAD, SERVER, GATHER_SCHEDULE, 0.0)
        self.assertEqual(transaction.take_due(0.0), PAYLOAD)
        self.assertIsNone(transaction.take_due(0.05))

    def test_round_trip_counts_from_the_first_send(self) -> None:
        transaction = ClientTransaction(PAYLOAD, SERVER, GATHER_SCHEDULE, 0.0)
        transaction.take_due(1.0)
        transaction.take_due(1.1)
        self.assertAlmostEqual(transaction.rtt(1.15), 0.15)

    def test_hastened_send_is_one_of_the_schedule(self) -> None:
        transaction = ClientTransaction(PAYLOAD, SERVER, (1.0, 1.0), 0.0)
        transaction.take_due(0.0)
        transaction.hasten(0.2)
        self.assertEqual(transaction.take_due(0.2), PAYLOAD)
        transaction.hasten(0.3)
        self.assertIsNone(transaction.take_due(0.3))
        self.assertEqual(transaction.next_at, 1.2)
