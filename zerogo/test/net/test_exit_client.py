"""When an edge dials its gateway again; the rest of its connection is in `integration.test_exits`."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from zerogo.exit.admission import TICKET_LEAST_SECONDS, TICKET_SECONDS
from zerogo.net.dial import ControllerAddress
from zerogo.net.exit_client import BACKOFF_SECONDS, GatewayClient, GatewayPlace
from zerogo.net.exit_places import EDGE_PATH
from zerogo.noise.identity import Identity

PLACE = GatewayPlace(addresses=[ControllerAddress("192.0.2.1", 9396, path=EDGE_PATH)], key_hash=b"k" * 20)
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\n\r\n"


class Transport(StringTransport):
    """Lost as soon as it is broken off."""

    def __init__(self) -> None:
        super().__init__()
        self.far: Any = None

    def setTcpNoDelay(self, enabled: bool) -> None:
        """What it is for is not of interest here."""

    def abortConnection(self) -> None:
        self.far.connectionLost(Failure(ConnectionDone()))


class Role:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def disconnected(self, reason: str) -> None:
        self.reasons.append(reason)


@implementer(IStreamClientEndpoint)
class Net:
    """Every dial is answered at once."""

    def __init__(self) -> None:
        self.dialled: list[Any] = []

    def connect(self, factory: Any) -> Any:
        protocol, transport = factory.buildProtocol(None), Transport()
        transport.far = protocol
        protocol.makeConnection(transport)
        self.dialled.append(protocol)
        return succeed(protocol)


class RedialTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.net, self.role = Clock(), Net(), Role()
        self.chance = b"\x80\x00\x00\x00"
        role: Any = self.role
        self.client = GatewayClient(
            role,
            PLACE,
            Identity.generate(os.urandom),
            clock=self.clock,
            endpoint_of=lambda address: self.net,
            rng=lambda count: self.chance if count == 4 else os.urandom(count),
        )
        self.client.start()

    def tearDown(self) -> None:
        self.client.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def told(self, seconds: int) -> float:
        """The seconds after which it dials again when the gateway says so."""
        count = len(self.net.dialled)
        self.net.dialled[-1].dataReceived(BUSY % seconds)
        self.assertIn(f"come again in {seconds} s", self.role.reasons[-1])
        (call,) = self.clock.getDelayedCalls()
        delay = call.getTime() - self.clock.seconds()
        self.clock.advance(delay)
        self.assertEqual(len(self.net.dialled), count + 1)
        return delay

    def test_it_comes_again_when_the_gateway_says_and_a_part_of_a_second_later(self) -> None:
        self.assertEqual(self.told(17), 17.5)
        self.assertEqual(self.told(1), 1.5)

    def test_nobody_keeps_it_away_for_longer_than_a_gateway_would(self) -> None:
        self.assertEqual(self.told(99999), TICKET_SECONDS + 0.5)

    def test_nobody_has_it_dial_at_once_time_and_again(self) -> None:
        self.assertEqual([self.told(0) for _ in range(3)], [TICKET_LEAST_SECONDS + 0.5] * 3)

    def test_being_told_is_no_failure_and_a_failure_after_it_waits_as_ever(self) -> None:
        for _ in range(5):
            self.told(1)
        self.net.dialled[-1].dataReceived(b"HTTP/1.1 500 X\r\n\r\n")
        (call,) = self.clock.getDelayedCalls()
        self.assertEqual(call.getTime() - self.clock.seconds(), BACKOFF_SECONDS / 2)
