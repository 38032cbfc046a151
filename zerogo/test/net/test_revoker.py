"""Relays are told on real sockets of loopback; names and times are the test's."""

from __future__ import annotations

import os
import time
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from zerogo.net.revoker import LOOK_UP_SECONDS, RelayTeller, ToldRelay
from zerogo.secret import Secret
from zerogo.test.net.test_resolve import Resolver
from zerogo.turn.message import parse
from zerogo.turn.revocation import Revocation, Revocations
from zerogo.turn.revoker import SILENT_SECONDS

reactor: Any = installed
SECRET = Secret("7f3d0c9be1a24586a1b2c3d4e5f60718")
HOST = "127.0.0.1"


class SmallRelay(DatagramProtocol):
    """Knows nothing but revocations."""

    def __init__(self, is_mute: bool = False) -> None:
        self.is_mute = is_mute
        self.revocations = Revocations([SECRET], os.urandom(8))
        self.asked: Deferred[None] = Deferred()

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        received = self.revocations.receive(parse(datagram), datagram, time.time())
        assert received is not None
        if not self.is_mute:
            self.transport.write(received[0], addr)
        if not self.asked.called:
            self.asked.callback(None)


class ClockedReactor(Clock):
    """Sockets and names are real, time is not."""

    def __init__(self, resolver: Any = None) -> None:
        super().__init__()
        self.nameResolver = resolver or reactor.nameResolver
        self.adoptDatagramPort = reactor.adoptDatagramPort


class RelayTellerTests(TestCase):
    timeout = 30

    def relay(self, is_mute: bool = False) -> tuple[SmallRelay, int]:
        relay = SmallRelay(is_mute)
        port = reactor.listenUDP(0, relay, HOST)
        self.addCleanup(port.stopListening)
        return relay, port.getHost().port

    def teller(self, port: int, clock: ClockedReactor, host: str = HOST) -> RelayTeller:
        teller = RelayTeller(ToldRelay("near", host, port, SECRET), clock, os.urandom, lambda: self.unix_now)
        self.addCleanup(teller.stop)
        return teller

    def setUp(self) -> None:
        self.unix_now = time.time()
        self.warnings: list[str] = []

        def note(event: Any) -> None:
            if "sentence" in event and "cannot be told" in event["sentence"]:
                self.warnings.append(event["sentence"])

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)

    def revocation(self, user: str = "ann") -> Revocation:
        return Revocation(user, int(self.unix_now) + 3600)

    @inlineCallbacks
    def test_each_address_of_a_name_is_told(self) -> Any:
        relay, port = self.relay()
        clock = ClockedReactor(Resolver(relays=[IPv4Address("UDP", HOST, 0)]))
        self.teller(port, clock, "relays").revoke([self.revocation()])
        yield relay.asked
        self.assertTrue(relay.revocations.is_void("ann", self.unix_now + 3000))

    @inlineCallbacks
    def test_a_name_that_moves_is_followed_and_the_new_address_is_told_everything(self) -> Any:
        relay, port = self.relay()
        resolver = Resolver()
        clock = ClockedReactor(resolver)
        self.teller(port, clock, "relays").revoke([self.revocation()])
        self.assertIn("has no address", self.warnings[0])
        resolver.names["relays"] = [IPv4Address("UDP", HOST, 0)]
        clock.advance(LOOK_UP_SECONDS)
        yield relay.asked
        self.assertTrue(relay.revocations.is_void("ann", self.unix_now + 3000))

    @inlineCallbacks
    def test_a_relay_that_does_not_answer_is_named_in_the_log_once(self) -> Any:
        relay, port = self.relay(is_mute=True)
        clock = ClockedReactor()
        self.teller(port, clock).revoke([self.revocation()])
        yield relay.asked
        clock.pump([0.25] * int(8 * SILENT_SECONDS))
        self.assertEqual(len(self.warnings), 1)
        self.assertIn("relay near", self.warnings[0])

    @inlineCallbacks
    def test_a_name_without_an_address_is_named_once_each_time_that_it_has_none(self) -> Any:
        relay, port = self.relay()
        resolver = Resolver()
        clock = ClockedReactor(resolver)
        teller = self.teller(port, clock, "relays")
        teller.revoke([self.revocation()])
        clock.pump([LOOK_UP_SECONDS] * 5)
        self.assertEqual(len(self.warnings), 1)
        resolver.names["relays"] = [IPv4Address("UDP", HOST, 0)]
        clock.advance(LOOK_UP_SECONDS)
        yield relay.asked
        self.unix_now += 3700
        clock.advance(LOOK_UP_SECONDS)
        del resolver.names["relays"]
        teller.revoke([self.revocation()])
        clock.pump([LOOK_UP_SECONDS] * 5)
        self.assertEqual(len(self.warnings), 2)

    @inlineCallbacks
    def test_when_all_is_over_nothing_is_open_and_it_begins_again_when_there_is_news(self) -> Any:
        relay, port = self.relay()
        clock = ClockedReactor()
        teller = self.teller(port, clock)
        teller.revoke([self.revocation()])
        yield relay.asked
        self.unix_now += 3700
        clock.advance(LOOK_UP_SECONDS)
        self.assertEqual(clock.getDelayedCalls(), [])
        relay.asked = Deferred()
        teller.revoke([self.revocation("bob")])
        yield relay.asked
        self.assertTrue(relay.revocations.is_void("bob", self.unix_now + 3000))
