"""Who answers in the controller's place, against controllers and others in memory."""

from __future__ import annotations

import random

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.channel import Hello
from zerogo.control.token import controller_key_hash
from zerogo.net.dial import ControllerAddress
from zerogo.net.greeting import GREETING_SECONDS, connecting_time, greet, parse_skew
from zerogo.noise.identity import Identity
from zerogo.reach.network import ControllerFacts, Greeting
from zerogo.test.net.fakes import Attempt

ADDRESS = ControllerAddress("192.0.2.1", 9394)
NOW = 1_800_000_000.0
DATE = "Fri, 15 Jan 2027 08:00:00 GMT"


class GreetingCase(SynchronousTestCase):
    """Connections in memory."""

    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        identity = Identity.generate(random.Random(1).randbytes)
        self.hello = Hello(1, 1, identity.static_public, identity.signing_public).emit()
        self.key_hash = controller_key_hash(identity.static_public, identity.signing_public)
        self.attempts: list[Attempt] = []

    def endpoint(self, address: ControllerAddress) -> object:
        attempts = self.attempts

        class Endpoint:
            def connect(self, factory: object) -> Deferred:
                attempts.append(Attempt(address, factory, Deferred()))
                return attempts[-1].result

        return Endpoint()


class GreetingTests(GreetingCase):
    """One address, two connections: WebSocket and clock."""

    def greet(self, key_hash: bytes | None = None) -> Deferred[ControllerFacts]:
        return greet(
            self.clock,
            ADDRESS,
            self.key_hash if key_hash is None else key_hash,
            endpoint_of=self.endpoint,  # type: ignore[arg-type]
            rng=random.Random(2).randbytes,
            unix_time=lambda: NOW,
        )

    def answer(self, key_hash: bytes | None = None) -> ControllerFacts:
        """A controller answers both."""
        found = self.greet(key_hash)
        self.clock.advance(0.02)
        for attempt in self.attempts:
            attempt.accept()
        self.attempts[0].upgrade()
        self.attempts[0].deliver(b"\x82\x7e" + len(self.hello).to_bytes(2, "big") + self.hello)
        self.attempts[1].deliver(f"HTTP/1.1 200 OK\r\nDate: {DATE}\r\n\r\n{{}}".encode())
        return self.successResultOf(found)

    def test_the_controller_is_known_by_its_keys(self) -> None:
        facts = self.answer()
        self.assertEqual((facts.greeting, facts.address), (Greeting.GENUINE, "ws://192.0.2.1:9394"))
        self.assertAlmostEqual(facts.rtt or 0, 0.02)
        self.assertAlmostEqual(facts.skew or 0, 0.5)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_another_controller_is_told_apart_and_its_clock_not_believed(self) -> None:
        facts = self.answer(bytes(20))
        self.assertEqual((facts.greeting, facts.skew), (Greeting.FOREIGN, None))

    def test_a_page_in_its_place_is_a_portal(self) -> None:
        for page, detail in (
            (b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", "HTTP 302"),
            (b"SSH-2\r\n\r\n", "no HTTP"),
        ):
            self.attempts.clear()
            found = self.greet()
            for attempt in self.attempts:
                attempt.accept()
                attempt.deliver(page)
            facts = self.successResultOf(found)
            self.assertEqual((facts.greeting, facts.detail, facts.skew), (Greeting.INTERCEPTED, detail, None))

    def test_silence_ends_in_time(self) -> None:
        found = self.greet()
        self.attempts[0].accept()
        self.attempts[1].refuse()
        self.assertNoResult(found)
        self.clock.advance(GREETING_SECONDS)
        self.assertIs(self.successResultOf(found).greeting, Greeting.SILENT)

    def test_refusal_is_silence(self) -> None:
        found = self.greet()
        for attempt in self.attempts:
            attempt.refuse()
        facts = self.successResultOf(found)
        self.assertEqual((facts.greeting, facts.rtt), (Greeting.SILENT, None))


class SkewTests(SynchronousTestCase):
    """Clocks, as far as HTTP tells them."""

    def test_the_date_is_compared(self) -> None:
        for date, skew in (
            (DATE, 0.5),
            ("Fri, 15 Jan 2027 08:01:00 GMT", 60.5),
            ("Fri, 15 Jan 2027 07:59:00 GMT", -59.5),
        ):
            found = parse_skew(f"HTTP/1.1 200 OK\r\ndate: {date}\r\nX: y\r\n".encode(), NOW)
            self.assertAlmostEqual(found or 0, skew)

    def test_what_is_no_date_says_nothing(self) -> None:
        for line in ("Date: today", "Date: Fri, 99 Jan 2027 08:00:00 GMT", "Dates: x", "Date: \x80"):
            self.assertIsNone(parse_skew(f"HTTP/1.1 200 OK\r\n{line}\r\n\r\n".encode("latin-1"), NOW))


class ConnectingTests(GreetingCase):
    """How long a connection takes."""

    def test_time_of_a_connection_is_measured(self) -> None:
        took = connecting_time(self.clock, self.endpoint(ADDRESS), is_tls=False)  # type: ignore[arg-type]
        self.clock.advance(0.03)
        self.attempts[0].accept()
        self.assertAlmostEqual(self.successResultOf(took) or 0, 0.03)
        self.assertTrue(self.attempts[0].transport.disconnecting)

    def test_tls_counts_when_its_handshake_is_done(self) -> None:
        took = connecting_time(self.clock, self.endpoint(ADDRESS), is_tls=True)  # type: ignore[arg-type]
        self.attempts[0].accept()
        self.assertNoResult(took)
        self.clock.advance(0.05)
        self.attempts[0].protocol.handshakeCompleted()  # type: ignore[attr-defined]
        self.assertAlmostEqual(self.successResultOf(took) or 0, 0.05)

    def test_none_in_time_is_none(self) -> None:
        refused, silent = (
            connecting_time(self.clock, self.endpoint(ADDRESS), is_tls=False)  # type: ignore[arg-type]
            for _ in range(2)
        )
        self.attempts[0].refuse()
        self.assertIsNone(self.successResultOf(refused))
        self.clock.advance(GREETING_SECONDS)
        self.assertIsNone(self.successResultOf(silent))
