"""Tests for zerogo.net.dial."""

from attrs import evolve
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.net.dial import (
    AGENT_PATH,
    REPEATS,
    STAGGER_SECONDS,
    ControllerAddress,
    Dial,
    NoControllerAnswers,
    stream_endpoint,
)
from zerogo.net.proxy import ProxiedEndpoint, Proxy
from zerogo.test.net.fakes import Network

FIRST = ControllerAddress("192.0.2.1", 9394)
SECOND = ControllerAddress("2001:db8::1", 9394)


class AddressTests(SynchronousTestCase):
    def test_http_means_ws_and_https_means_wss(self) -> None:
        for url, expected in (
            ("http://192.0.2.1:9394", ControllerAddress("192.0.2.1", 9394)),
            ("ws://192.0.2.1:9394/", ControllerAddress("192.0.2.1", 9394)),
            ("https://mesh.example.net", ControllerAddress("mesh.example.net", 443, True)),
            ("wss://mesh.example.net/zerogo", ControllerAddress("mesh.example.net", 443, True, "/zerogo" + AGENT_PATH)),
            ("http://[2001:db8::1]:80/api/v1/agent", ControllerAddress("2001:db8::1", 80)),
        ):
            self.assertEqual(ControllerAddress.parse(url), expected)

    def test_other_texts_are_refused(self) -> None:
        for url in ("", "ftp://x", "192.0.2.1:9394", "http://", "http://x:99999", "http://[x"):
            self.assertRaises(ParseError, ControllerAddress.parse, url)

    def test_ipv6_has_brackets_in_the_host_header(self) -> None:
        self.assertEqual((SECOND.netloc, str(FIRST)), ("[2001:db8::1]:9394", "ws://192.0.2.1:9394"))

    def test_an_ip_address_needs_no_resolver(self) -> None:
        reactor = MemoryReactorClock()
        self.assertIsInstance(stream_endpoint(reactor, FIRST), TCP4ClientEndpoint)
        self.assertIsInstance(stream_endpoint(reactor, SECOND), TCP6ClientEndpoint)
        proxied = evolve(FIRST, is_proxied=True)
        self.assertIsInstance(stream_endpoint(reactor, proxied, Proxy("192.0.2.9", 3128)), ProxiedEndpoint)
        self.assertEqual(str(proxied), "ws://192.0.2.1:9394 by the proxy")
        named = ControllerAddress("mesh.example.net", 80)
        self.assertIsInstance(stream_endpoint(reactor, named), HostnameEndpoint)


class DialTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.network = Network()

    def dial(self, *addresses: ControllerAddress):  # type: ignore[no-untyped-def]
        factory = Factory.forProtocol(Protocol)
        return Dial(self.clock, addresses, self.network.endpoint, lambda address: factory).begin()

    def dialled(self) -> list[ControllerAddress]:
        return [attempt.address for attempt in self.network.attempts]

    def test_the_second_address_is_dialled_soon_after_the_first(self) -> None:
        self.dial(FIRST, SECOND)
        self.assertEqual(self.dialled(), [FIRST])
        self.clock.advance(STAGGER_SECONDS)
        self.assertEqual(self.dialled(), [FIRST, SECOND])

    def test_the_second_address_is_dialled_at_once_when_the_first_refuses(self) -> None:
        self.dial(FIRST, SECOND)
        self.network.attempts[0].refuse()
        self.assertEqual(self.dialled(), [FIRST, SECOND])

    def test_the_first_connection_wins_and_the_others_are_given_up(self) -> None:
        result = self.dial(FIRST, SECOND)
        self.clock.advance(STAGGER_SECONDS)
        self.network.attempts[1].accept()
        self.assertIs(self.successResultOf(result), self.network.attempts[1].protocol)
        self.assertTrue(self.network.attempts[0].is_cancelled)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_silent_address_is_dialled_again_beside_the_first_attempt(self) -> None:
        result = self.dial(FIRST, SECOND)
        self.network.attempts[0].refuse()
        for _ in range(2 * REPEATS + 3):
            self.clock.advance(STAGGER_SECONDS)
        self.assertEqual(self.dialled(), [FIRST] + [SECOND] * (1 + REPEATS))
        self.network.attempts[1].refuse()
        self.network.attempts[3].refuse()
        self.assertNoResult(result)
        self.network.attempts[2].accept()
        self.assertIs(self.successResultOf(result), self.network.attempts[2].protocol)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_refusal_is_no_reason_to_dial_the_others_again_sooner(self) -> None:
        self.dial(FIRST, SECOND)
        self.clock.advance(STAGGER_SECONDS)
        self.network.attempts[0].refuse()
        self.assertEqual(self.dialled(), [FIRST, SECOND])
        self.clock.advance(STAGGER_SECONDS)
        self.assertEqual(self.dialled(), [FIRST, SECOND, SECOND])

    def test_the_failure_names_every_address(self) -> None:
        result = self.dial(FIRST, SECOND)
        self.network.attempts[0].refuse()
        self.network.attempts[1].refuse()
        sentence = self.failureResultOf(result, NoControllerAnswers).getErrorMessage()
        self.assertIn("ws://192.0.2.1:9394: Connection refused", sentence)
        self.assertIn("ws://[2001:db8::1]:9394: Connection refused", sentence)

    def test_cancelling_gives_up(self) -> None:
        result = self.dial(FIRST, SECOND)
        result.cancel()
        self.failureResultOf(result)
        self.assertTrue(self.network.attempts[0].is_cancelled)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_address_at_all_is_a_failure(self) -> None:
        self.failureResultOf(self.dial(), NoControllerAnswers)
