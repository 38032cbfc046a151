"""The loop around a tunnel: owners are told, carriers come and go, and a broken protocol ends it."""

from __future__ import annotations

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.frames import Command
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.exit.tunnel import GRACE_SECONDS, PONG_MOST_SECONDS
from zerogo.test.net.exit_link import Link, Stream

TARGET = Target("example.net", 443)


class TunnelDriverTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.link = Link()
        self.stream, self.far = Stream(), Stream()
        self.number = self.link.gateway.open(Command.CONNECT, TARGET, self.stream)
        self.link.settle()
        self.link.edge.own(self.number, self.far)

    def test_a_stream_is_asked_for_confirmed_and_carries(self) -> None:
        self.link.confirm()
        self.link.gateway.write(self.number, b"there")
        self.link.edge.write(self.number, b"back")
        self.link.settle()
        self.assertEqual((self.stream.happened, self.far.happened), (["opened", b"back"], [b"there"]))

    def test_a_carrier_that_takes_nothing_is_given_nothing(self) -> None:
        self.link.carriers[0].is_writable = False
        self.link.gateway.write(self.number, b"waits")
        self.link.settle()
        self.assertEqual(self.far.data, b"")
        self.link.carriers[0].is_writable = True
        self.link.gateway.flush_soon()
        self.link.settle()
        self.assertEqual(self.far.data, b"waits")

    def test_streams_go_on_over_another_carrier_and_end_without_one(self) -> None:
        self.link.cut()
        self.link.gateway.write(self.number, b"during the break")
        self.link.clock.advance(GRACE_SECONDS - 1)
        self.link.connect()
        self.link.settle()
        self.assertEqual(self.far.data, b"during the break")
        self.link.cut()
        self.link.clock.advance(GRACE_SECONDS + 1)
        self.assertEqual((self.stream.happened, self.far.happened[-1]), ([Reason.CARRIER_LOST], Reason.CARRIER_LOST))
        self.assertEqual((len(self.link.gateway_owner.losses), len(self.link.edge_owner.losses)), (1, 1))
        self.assertEqual(self.link.clock.getDelayedCalls(), [])

    def test_an_end_that_breaks_the_protocol_ends_the_tunnel(self) -> None:
        with capturedLogs() as lines:
            self.link.edge.receive(b"\x09nonsense")
        self.assertEqual([line["event"] for line in lines if "[DIAG]" in line["log_format"]], ["tunnel-protocol"])
        self.assertEqual(self.far.happened, [Reason.CARRIER_LOST])
        self.assertIn("broke the protocol", self.link.edge_owner.losses[0])
        self.assertTrue(self.link.carriers[1].dropped)
        self.link.edge.receive(b"\x01")

    def test_a_carrier_that_is_silent_is_dropped(self) -> None:
        self.link.carriers[1].other = None
        for _ in range(round(2 * PONG_MOST_SECONDS / 0.25)):
            self.link.clock.advance(0.25)
        self.assertIn("does not answer", self.link.carriers[0].dropped)
