"""Tests for zerogo.net.control_client."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.control_client import (
    BACKOFF_LIMIT_SECONDS,
    BACKOFF_SECONDS,
    LOOK_SECONDS,
    OUTPUT_LIMIT,
    PING_SECONDS,
    PONG_SECONDS,
    UPGRADE_SECONDS,
    ConnectionState,
    ControlClient,
)
from zerogo.net.dial import ControllerAddress
from zerogo.test.net.fakes import Attempt, Network

FIRST = ControllerAddress("192.0.2.1", 9394)
SECOND = ControllerAddress("192.0.2.2", 9394)


class ControlClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.network = Network()
        self.happened: list[object] = []
        self.random = b"\xff" * 16
        self.client = self.make(FIRST)

    def make(self, *addresses: ControllerAddress) -> ControlClient:
        return ControlClient(
            self.clock,
            self,
            addresses,
            endpoint_of=self.network.endpoint,
            rng=lambda count: self.random[:count],
            frame_limit=1000,
        )

    def connected(self) -> None:
        self.happened.append("connected")

    def receive_message(self, data: bytes) -> None:
        self.happened.append(data)

    def disconnected(self, reason: str) -> None:
        self.happened.append(f"disconnected: {reason}")

    def open(self) -> Attempt:
        attempt = self.network.attempts[-1]
        attempt.accept()
        attempt.upgrade()
        return attempt

    def test_messages_travel_both_ways(self) -> None:
        self.client.start()
        attempt = self.open()
        attempt.deliver(b"\x82\x05hello")
        self.client.send(b"welcome")
        self.assertEqual(self.happened, ["connected", b"hello"])
        self.assertEqual(len(attempt.transport.value()), 2 + 4 + len(b"welcome"))
        self.assertEqual(self.client.status().state, ConnectionState.OPEN)

    def test_a_lost_connection_is_dialled_again_after_a_random_time_that_grows(self) -> None:
        self.client.start()
        for step in range(9):
            self.open().cut()
            wait = self.client.status().next_try_in
            self.assertAlmostEqual(wait, min(BACKOFF_LIMIT_SECONDS, BACKOFF_SECONDS * 2**step), places=3)
            self.clock.advance(wait)

    def test_while_nobody_answers_no_wait_is_longer_than_half_of_the_time_before_it(self) -> None:
        self.client.start()
        attempt = self.open()
        self.client.settled()
        self.clock.advance(1000.0)
        attempt.cut()
        self.clock.advance(self.client.status().next_try_in)
        gone = BACKOFF_SECONDS
        for _ in range(30):
            self.network.attempts[-1].refuse()
            wait = self.client.status().next_try_in
            self.assertAlmostEqual(wait, min(BACKOFF_LIMIT_SECONDS, max(BACKOFF_SECONDS, gone / 2)), places=3)
            self.clock.advance(wait)
            gone += wait
        self.assertEqual(round(wait), BACKOFF_LIMIT_SECONDS)

    def test_the_back_off_is_jittered_over_its_whole_range(self) -> None:
        self.random = b"\x40" + bytes(15)
        self.client.start()
        self.network.attempts[-1].refuse()
        self.assertAlmostEqual(self.client.status().next_try_in, BACKOFF_SECONDS / 4)

    def test_only_a_welcome_sets_the_back_off_back(self) -> None:
        self.client.start()
        for step in range(3):
            self.open().cut()
            self.assertAlmostEqual(self.client.status().next_try_in, BACKOFF_SECONDS * 2**step, places=3)
            self.clock.advance(BACKOFF_SECONDS * 2**step)
        attempt = self.open()
        self.client.settled()
        attempt.cut()
        self.assertAlmostEqual(self.client.status().next_try_in, BACKOFF_SECONDS, places=3)

    def test_the_owner_is_told_why_the_connection_went(self) -> None:
        self.client.start()
        self.open().deliver(b"\x88\x06\x0b\xb8stop")
        self.assertEqual(self.happened, ["connected", "disconnected: stop"])
        self.assertEqual(self.client.status().reason, "ws://192.0.2.1:9394: stop")

    def test_a_connection_that_was_never_upgraded_is_no_connection(self) -> None:
        self.client.start()
        self.network.attempts[0].accept()
        self.clock.advance(UPGRADE_SECONDS)
        self.assertEqual(self.happened, [])
        self.assertEqual(self.client.status().state, ConnectionState.WAITING)

    def test_a_server_that_is_no_controller_is_named(self) -> None:
        self.client.start()
        self.network.attempts[0].accept()
        self.network.attempts[0].deliver(b"HTTP/1.1 404 Not Found\r\n\r\n")
        self.assertIn("404 Not Found", self.client.status().reason)

    def test_the_address_that_worked_is_dialled_first(self) -> None:
        self.client = self.make(FIRST, SECOND)
        self.client.start()
        self.network.attempts[0].refuse()
        self.open()
        self.client.settled()
        self.network.attempts[1].cut()
        self.clock.advance(BACKOFF_SECONDS)
        dialled = [attempt.address for attempt in self.network.attempts]
        self.assertEqual(dialled, [FIRST, SECOND, SECOND])

    def test_other_addresses_are_dialled_from_the_next_time_on(self) -> None:
        self.client.start()
        attempt = self.open()
        self.client.settled()
        self.client.use_addresses([SECOND])
        self.assertEqual(self.client.status().state, ConnectionState.OPEN)
        attempt.cut()
        self.clock.advance(BACKOFF_SECONDS)
        self.assertEqual(self.network.attempts[-1].address, SECOND)
        self.client.use_addresses([FIRST, SECOND])
        self.open()
        self.client.use_addresses([FIRST, SECOND])
        self.assertEqual(self.client._addresses, [SECOND, FIRST])

    def test_the_address_that_did_not_work_is_dialled_last(self) -> None:
        self.client = self.make(FIRST, SECOND)
        self.client.start()
        self.open().cut()
        self.clock.advance(BACKOFF_SECONDS)
        self.assertEqual([attempt.address for attempt in self.network.attempts], [FIRST, SECOND])

    def test_silence_is_asked_about_and_then_ended(self) -> None:
        self.client.start()
        attempt = self.open()
        self.clock.advance(PING_SECONDS)
        self.assertEqual(attempt.transport.value()[:1], b"\x89")
        attempt.deliver(b"\x8a\x00")
        self.clock.advance(PING_SECONDS - 1)
        self.assertEqual(self.happened, ["connected"])
        self.clock.advance(1)
        self.clock.advance(PONG_SECONDS)
        self.assertEqual(self.happened, ["connected", "disconnected: the controller does not answer"])

    def test_after_a_change_of_network_a_dead_connection_is_found_soon(self) -> None:
        self.client.start()
        self.open()
        self.client.look()
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.happened[-1], "disconnected: the controller does not answer")

    def test_after_a_change_of_network_the_back_off_is_cut_short(self) -> None:
        self.client.start()
        self.network.attempts[0].refuse()
        self.client.look()
        self.assertEqual(len(self.network.attempts), 2)
        self.assertEqual(self.client.status().state, ConnectionState.DIALLING)

    def test_a_connection_from_an_address_that_is_gone_is_replaced_at_once(self) -> None:
        self.client.start()
        attempt = self.open()
        self.client.settled()
        self.client.look(gone=["192.168.9.9"])
        self.assertEqual(self.happened, ["connected"])
        self.client.look(gone=[attempt.transport.getHost().host])
        attempt.cut()
        self.assertIn("disconnected: the address that it was made from is gone", self.happened)
        self.clock.advance(0)
        self.assertEqual(len(self.network.attempts), 2)

    def test_a_connection_that_is_lost_while_in_doubt_is_replaced_at_once(self) -> None:
        self.client.start()
        attempt = self.open()
        self.client.settled()
        self.client.look()
        attempt.cut()
        self.clock.advance(0)
        self.assertEqual(len(self.network.attempts), 2)

    def test_an_answer_ends_the_doubt(self) -> None:
        self.client.start()
        attempt = self.open()
        self.client.settled()
        self.client.look()
        attempt.deliver(b"\x8a\x00")
        attempt.cut()
        self.clock.advance(0)
        self.assertEqual(len(self.network.attempts), 1)

    def test_dialling_begins_again_when_an_address_is_gone(self) -> None:
        self.client.start()
        self.client.look(gone=["192.168.9.9"])
        self.assertTrue(self.network.attempts[0].is_cancelled)
        self.assertEqual(len(self.network.attempts), 2)
        self.open()
        self.assertEqual(self.happened, ["connected"])

    def test_a_controller_that_does_not_read_loses_the_connection(self) -> None:
        self.client.start()
        attempt = self.open()
        attempt.protocol.pauseProducing()
        for _ in range(OUTPUT_LIMIT // 100_000 + 1):
            self.client.send(bytes(100_000))
        self.assertEqual(self.happened[-1], "disconnected: the controller does not read what we send")

    def test_a_message_over_the_limit_ends_the_connection(self) -> None:
        self.client.start()
        self.open().deliver(b"\x82\x7e\x10\x00")
        self.assertIn("more than 1000 bytes", str(self.happened[-1]))

    def test_stop_closes_and_dials_no_more(self) -> None:
        self.client.start()
        self.open()
        self.successResultOf(self.client.stop())
        self.clock.advance(100)
        self.assertEqual(self.happened, ["connected", "disconnected: we are stopping"])
        self.assertEqual((len(self.network.attempts), self.clock.getDelayedCalls()), (1, []))

    def test_stop_while_dialling_and_while_waiting(self) -> None:
        self.client.start()
        self.successResultOf(self.client.stop())
        self.assertTrue(self.network.attempts[0].is_cancelled)
        self.client = self.make(FIRST)
        self.client.start()
        self.network.attempts[1].refuse()
        self.successResultOf(self.client.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_once_more_is_told_too(self) -> None:
        self.successResultOf(self.client.stop())
        self.successResultOf(self.client.stop())
        self.client.start()
        connection = self.open()
        # As with a controller that does not read: the connection takes a while to close.
        self.patch(connection.transport, "loseConnection", lambda: None)
        self.patch(connection.transport, "unregisterProducer", lambda: None)
        both = [self.client.stop(), self.client.stop()]
        for stopped in both:
            self.assertNoResult(stopped)
        self.clock.advance(100)
        for stopped in both:
            self.successResultOf(stopped)

    def test_what_is_sent_without_a_connection_is_dropped(self) -> None:
        self.client.send(b"nobody hears this")
        self.client.drop("nothing")
        self.client.start()
        attempt = self.open()
        self.assertEqual(attempt.transport.value(), b"")
