from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.login_limits import FREE_ATTEMPTS
from zerogo.controller.proxies import HOPS_LIMIT, Proxies
from zerogo.controller.site import CONNECTIONS_PER_ORIGIN, ControllerSite
from zerogo.net.control_server import ControlServer
from zerogo.test.controller.stock import ApiCase
from zerogo.test.net.test_control_server import UPGRADE, ClockTimer, Notes, Transport

PROXIES = Proxies.of(["127.0.0.1", "10.0.0.0/24", "::1"])


class SourceTests(SynchronousTestCase):
    def test_a_trusted_proxy_says_where_a_request_comes_from(self) -> None:
        for host in ("127.0.0.1", "10.0.0.9", "::1", "::ffff:127.0.0.1"):
            self.assertEqual(PROXIES.source(host, ["198.51.100.7"]), "198.51.100.7", host)
        self.assertEqual(PROXIES.source("127.0.0.1", [" 2001:db8::7 "]), "2001:db8::7")

    def test_nobody_else_does(self) -> None:
        self.assertEqual(PROXIES.source("192.0.2.1", ["198.51.100.7"]), "192.0.2.1")
        self.assertEqual(Proxies().source("127.0.0.1", ["198.51.100.7"]), "127.0.0.1")

    def test_what_the_one_who_asked_wrote_itself_counts_for_nothing(self) -> None:
        self.assertEqual(PROXIES.source("127.0.0.1", ["203.0.113.9, 198.51.100.7"]), "198.51.100.7")
        self.assertEqual(PROXIES.source("127.0.0.1", ["203.0.113.9", "198.51.100.7"]), "198.51.100.7")
        self.assertEqual(PROXIES.source("127.0.0.1", ["127.0.0.1, 198.51.100.7"]), "198.51.100.7")

    def test_several_proxies_in_a_row(self) -> None:
        self.assertEqual(PROXIES.source("127.0.0.1", ["203.0.113.9, 198.51.100.7, 10.0.0.4"]), "198.51.100.7")

    def test_without_an_address_it_is_the_proxy(self) -> None:
        for forwarded in ([], [""], ["unknown"], ["198.51.100.7, unknown"], ["198.51.100.7:80"], ["198.51.100.7,"]):
            self.assertEqual(PROXIES.source("127.0.0.1", forwarded), "127.0.0.1", forwarded)
        self.assertEqual(PROXIES.source("127.0.0.1", ["x, 10.0.0.4"]), "10.0.0.4")

    def test_only_so_many_entries_are_read(self) -> None:
        self.assertEqual(PROXIES.source("127.0.0.1", ["198.51.100.7" + ", 10.0.0.4" * HOPS_LIMIT]), "10.0.0.4")

    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=40), st.lists(st.text(max_size=60), max_size=3))
    def test_garbage_is_no_error(self, host: str, forwarded: list[str]) -> None:
        self.assertEqual(PROXIES.source(host, forwarded), host)


class BehindProxyTests(ApiCase):
    proxies = PROXIES

    def guess(self, **headers: str) -> int:
        body = {"name": "ann", "password": "a wrong password"}
        return self.call("POST", "/auth/login", body, token=None, **headers).status

    def test_guesses_are_counted_by_who_is_behind_the_proxy(self) -> None:
        self.bootstrap()
        guessing, other = "198.51.100.7", "203.0.113.9"
        statuses = [self.guess(x_forwarded_for=guessing) for _ in range(FREE_ATTEMPTS + 1)]
        self.assertEqual(statuses, [401] * FREE_ATTEMPTS + [429])
        self.assertEqual(self.guess(x_forwarded_for=f"{other}, {guessing}"), 429)
        self.assertEqual(self.guess(x_forwarded_for=other), 401)


class AgentsBehindProxyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.notes, clock = Notes(), ClockTimer()
        server = ControlServer(self.notes, clock, PROXIES.source)
        server._batched_timer = clock
        self.site = ControllerSite(server.web_resource(), PROXIES.trusts, reactor=clock)

    def dial(self, host: str, headers: bytes = b"") -> StringTransport | None:
        address = IPv4Address("TCP", host, 1)
        transport, channel = Transport(peerAddress=address), self.site.buildProtocol(address)
        if channel is None:
            return None
        # As Twisted's own transports do, which know the protocol that they serve.
        transport.protocol = channel
        channel.makeConnection(transport)
        channel.dataReceived(UPGRADE + headers + b"\r\n")
        return transport

    def sources(self, host: str, headers: bytes = b"") -> list[object]:
        self.notes.said.clear()
        self.dial(host, headers)
        return [what[2] for what in self.notes.said]

    def test_an_agent_comes_from_where_a_trusted_proxy_says(self) -> None:
        forwarded = b"X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\n"
        self.assertEqual(self.sources("127.0.0.1", forwarded), ["198.51.100.7"])
        self.assertEqual(self.sources("192.0.2.1", forwarded), ["192.0.2.1"])
        self.assertEqual(self.sources("127.0.0.1"), ["127.0.0.1"])

    def test_one_that_comes_after_it_without_the_header_comes_from_the_proxy(self) -> None:
        self.sources("127.0.0.1", b"X-Forwarded-For: 198.51.100.7\r\n")
        self.assertEqual(self.sources("10.0.0.4"), ["10.0.0.4"])

    def test_no_agent_writes_a_header_within_another(self) -> None:
        forwarded = b"X-Forwarded-For: 198.51.100.7\r\n"
        for end in (b"\x0b", b"\x0c", b"\x1c", b"\x1e", "\x85".encode()):
            hidden = b"X-Other: a" + end + b"X-Forwarded-For: 203.0.113.9\r\n"
            self.assertEqual(self.sources("127.0.0.1", forwarded + hidden), ["198.51.100.7"], end)

    def test_a_trusted_proxy_has_more_connections_than_other_hosts(self) -> None:
        request = b"GET / HTTP/1.1\r\n"
        for host, is_refused in {"192.0.2.1": True, "127.0.0.1": False}.items():
            address = IPv4Address("TCP", host, 1)
            for _ in range(CONNECTIONS_PER_ORIGIN):
                channel = self.site.buildProtocol(address)
                channel.makeConnection(StringTransport(peerAddress=address))
                channel.dataReceived(request)
            self.assertIs(self.dial(host) is None, is_refused)
