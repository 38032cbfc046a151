"""Streams to relays behind a loopback socket, in a fake reactor: which way is kept, what is dropped and redone."""

from __future__ import annotations

import hashlib
from pathlib import Path

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL.crypto import X509
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.relays import RelayPlace
from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.net.loopback import LOOPBACK
from zerogo.net.proxy import CONNECT_SECONDS, ProxiedEndpoint, Proxy, ProxyRefused, proxy_of
from zerogo.net.race import StreamWay
from zerogo.net.relay_bridge import FIRST_BYTES, REDIAL_SECONDS, REQUEST_BYTES, RelayBridge
from zerogo.net.relay_dial import stream_ways, trusts_pin
from zerogo.stun.server import binding_request
from zerogo.test.net.certificates import write_certificate
from zerogo.turn.message import emit_channel_data

DATA_PORT = 9993
BRIDGE = SocketAddress(LOOPBACK, 40001)
QUESTION = emit_channel_data(0x4000, b"question")
ANSWER = emit_channel_data(0x4000, b"answer")
REQUEST = binding_request(bytes)


class Transport(StringTransport):
    def setTcpNoDelay(self, enabled: bool) -> None:
        self.has_no_delay = enabled

    def abortConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self.protocol.connectionLost(Failure(ConnectionDone()))


@define(eq=False)
class Endpoint:
    """Connects when it is told to."""

    dialled: list[tuple[IProtocolFactory, Deferred]] = field(factory=list)  # type: ignore[type-arg]

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred:  # type: ignore[type-arg]
        self.dialled.append((protocolFactory, Deferred()))
        return self.dialled[-1][1]

    def accept(self) -> Transport:
        factory, done = self.dialled[-1]
        protocol = factory.buildProtocol(None)
        transport = Transport()
        transport.protocol = protocol
        protocol.makeConnection(transport)
        done.callback(protocol)
        return transport

    def refuse(self) -> None:
        self.dialled[-1][1].errback(ConnectionRefusedError())


class Reactor(Clock):
    def listenUDP(self, port: int, protocol: object, interface: str, maxPacketSize: int) -> Reactor:
        self.loopback = protocol
        protocol.transport = self  # type: ignore[attr-defined]
        self.interface = interface
        self.written: list[tuple[bytes, tuple[str, int]]] = []
        return self

    def getHost(self) -> SocketAddress:
        return BRIDGE

    def stopListening(self) -> None:
        self.interface = ""

    def write(self, data: bytes, address: tuple[str, int]) -> None:
        self.written.append((data, address))


class RelayBridgeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.tcp, self.later = Endpoint(), Endpoint()
        self.told: list[tuple[str, SocketAddress]] = []
        ways = [StreamWay("TCP", self.tcp), StreamWay("late TCP", self.later, delay=0.25)]  # type: ignore[arg-type]
        self.bridge = RelayBridge(
            self.reactor,
            ways,
            lambda: [DATA_PORT],
            opened=lambda address: self.told.append(("opened", address)),
            closed=lambda address: self.told.append(("closed", address)),
        )
        self.bridge.start()

    def send(self, datagram: bytes, port: int = DATA_PORT) -> None:
        self.reactor.loopback.datagramReceived(datagram, (LOOPBACK, port))  # type: ignore[attr-defined]

    def test_datagrams_go_into_the_stream_padded_and_messages_come_out_whole(self) -> None:
        transport = self.tcp.accept()
        self.assertEqual(self.told, [("opened", BRIDGE)])
        self.send(emit_channel_data(0x4000, b"abc"))
        self.assertEqual(transport.value(), emit_channel_data(0x4000, b"abc", is_padded=True))
        transport.protocol.dataReceived(ANSWER[:5])
        transport.protocol.dataReceived(ANSWER[5:] + bytes(-len(ANSWER) % 4))
        self.assertEqual(self.reactor.written, [(ANSWER, (LOOPBACK, DATA_PORT))])

    def test_only_our_own_data_socket_is_served(self) -> None:
        transport = self.tcp.accept()
        self.send(QUESTION, port=DATA_PORT + 1)
        self.assertEqual((transport.value(), self.bridge.counters.foreign), (b"", 1))

    def test_first_to_answer_is_kept_and_the_others_are_closed(self) -> None:
        first = self.tcp.accept()
        self.send(QUESTION)
        self.reactor.advance(0.25)
        second = self.later.accept()
        self.assertEqual(second.value(), QUESTION)
        second.protocol.dataReceived(ANSWER + bytes(-len(ANSWER) % 4))
        self.assertEqual((first.disconnecting, second.disconnecting), (True, False))
        self.send(QUESTION)
        self.assertEqual(second.value(), 2 * QUESTION)
        self.assertEqual(self.told, [("opened", BRIDGE)])

    def test_later_way_is_not_dialled_when_the_first_was_answered(self) -> None:
        transport = self.tcp.accept()
        transport.protocol.dataReceived(ANSWER + bytes(-len(ANSWER) % 4))
        self.reactor.advance(1.0)
        self.assertEqual(self.later.dialled, [])

    def test_what_is_sent_before_an_answer_is_bounded(self) -> None:
        transport = self.tcp.accept()
        room = FIRST_BYTES // len(QUESTION)
        for _ in range(room + 3):
            self.send(QUESTION)
        self.assertEqual(len(transport.value()), room * len(QUESTION))
        self.assertEqual(self.bridge.counters.dropped, 3)

    def test_there_is_room_again_before_the_next_answer_when_a_stream_was_lost(self) -> None:
        transport = self.tcp.accept()
        for _ in range(FIRST_BYTES // len(QUESTION)):
            self.send(QUESTION)
        transport.protocol.dataReceived(ANSWER + bytes(-len(ANSWER) % 4))
        transport.abortConnection()
        self.reactor.advance(REDIAL_SECONDS[0])
        transport = self.tcp.accept()
        self.send(QUESTION)
        self.assertEqual((transport.value(), self.bridge.counters.dropped), (QUESTION, 0))

    def test_full_stream_drops_datagrams(self) -> None:
        transport = self.tcp.accept()
        transport.protocol.dataReceived(ANSWER + bytes(-len(ANSWER) % 4))
        transport.protocol.pauseProducing()
        self.send(QUESTION)
        self.assertEqual((transport.value(), self.bridge.counters.dropped), (b"", 1))
        transport.protocol.resumeProducing()
        self.send(QUESTION)
        self.assertEqual(transport.value(), QUESTION)

    def test_full_stream_still_takes_requests_for_they_are_what_the_rest_needs(self) -> None:
        transport = self.tcp.accept()
        transport.protocol.dataReceived(ANSWER + bytes(-len(ANSWER) % 4))
        transport.protocol.pauseProducing()
        self.send(REQUEST)
        self.assertEqual(transport.value(), REQUEST)
        for _ in range(REQUEST_BYTES // len(REQUEST)):
            self.send(REQUEST)
        self.assertLessEqual(len(transport.value()), REQUEST_BYTES)
        self.assertEqual(self.bridge.counters.dropped, 1)
        transport.protocol.resumeProducing()
        transport.protocol.pauseProducing()
        self.send(REQUEST)
        self.assertEqual(self.bridge.counters.dropped, 1)

    def test_what_would_break_the_stream_never_goes_into_it(self) -> None:
        transport = self.tcp.accept()
        for datagram in (QUESTION[:-1], QUESTION + bytes(8), REQUEST[:-4], b"\x93" + bytes(40), b""):
            self.send(datagram)
        self.assertEqual((transport.value(), self.bridge.counters.unfit), (b"", 5))

    def test_lost_stream_is_told_and_dialled_again(self) -> None:
        transport = self.tcp.accept()
        transport.protocol.dataReceived(ANSWER + bytes(-len(ANSWER) % 4))
        transport.abortConnection()
        self.assertEqual(self.told[-1], ("closed", BRIDGE))
        self.reactor.advance(REDIAL_SECONDS[0])
        self.tcp.accept()
        self.assertEqual(self.told[-1], ("opened", BRIDGE))

    def test_refused_ways_are_dialled_again_later_and_later(self) -> None:
        self.reactor.advance(0.25)
        self.tcp.refuse()
        self.later.refuse()
        self.reactor.advance(REDIAL_SECONDS[0])
        self.assertEqual(len(self.tcp.dialled), 2)
        self.reactor.advance(0.25)
        self.tcp.refuse()
        self.later.refuse()
        self.reactor.advance(REDIAL_SECONDS[1] - 0.01)
        self.assertEqual(len(self.tcp.dialled), 2)
        self.reactor.advance(0.02)
        self.assertEqual(len(self.tcp.dialled), 3)

    def test_what_is_no_turn_stream_is_closed(self) -> None:
        transport = self.tcp.accept()
        transport.protocol.dataReceived(b"HTTP/1.1 400 Bad Request\r\n")
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.bridge.counters.malformed, 1)

    def test_stopped_bridge_leaves_nothing_open(self) -> None:
        transport = self.tcp.accept()
        self.bridge.stop()
        self.assertTrue(transport.disconnecting)
        self.assertEqual((self.reactor.interface, self.reactor.getDelayedCalls()), ("", []))


class ProxyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.inner = Endpoint()
        proxy = Proxy.parse("http://ann:p%40ss@198.51.100.9:3128")
        self.clock = Clock()
        self.endpoint = ProxiedEndpoint(self.clock, self.inner, proxy, "relay.example", 443)  # type: ignore[arg-type]
        self.target = Endpoint()

    def connect(self) -> tuple[Deferred, Transport]:  # type: ignore[type-arg]
        from twisted.internet.protocol import Factory, Protocol

        class Kept(Protocol):
            received = b""

            def dataReceived(self, data: bytes) -> None:
                self.received += data

        done = self.endpoint.connect(Factory.forProtocol(Kept))
        return done, self.inner.accept()

    def test_connection_is_handed_over_with_what_came_after_the_answer(self) -> None:
        done, transport = self.connect()
        head = transport.value().decode("ascii")
        self.assertTrue(head.startswith("CONNECT relay.example:443 HTTP/1.1\r\nHost: relay.example:443\r\n"))
        self.assertIn("Proxy-Authorization: Basic YW5uOnBAc3M=\r\n", head)
        transport.protocol.dataReceived(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nfirst")
        protocol = self.successResultOf(done)
        self.assertEqual(protocol.received, b"first")
        self.assertIs(transport.protocol, protocol)

    def test_refusal_is_one_sentence(self) -> None:
        done, transport = self.connect()
        transport.protocol.dataReceived(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        failure = self.failureResultOf(done, ProxyRefused)
        self.assertIn("407 Proxy Authentication Required", failure.getErrorMessage())

    def test_proxy_that_says_nothing_is_given_up(self) -> None:
        done, transport = self.connect()
        self.clock.advance(CONNECT_SECONDS)
        self.failureResultOf(done)
        self.assertTrue(transport.disconnecting)

    def test_proxy_that_hangs_up_or_never_ends_is_a_failure(self) -> None:
        done, transport = self.connect()
        transport.abortConnection()
        self.failureResultOf(done, ProxyRefused)
        done, transport = self.connect()
        transport.protocol.dataReceived(b"x" * 10_000)
        self.failureResultOf(done, ProxyRefused)

    @given(st.binary(max_size=200))
    @settings(deadline=None, max_examples=100)
    def test_garbage_is_a_refusal_or_waits_for_more(self, data: bytes) -> None:
        done, transport = self.connect()
        transport.protocol.dataReceived(data)
        outcomes: list[object] = []
        done.addErrback(lambda failure: outcomes.append(failure.type))
        self.assertIn(outcomes, ([], [ProxyRefused]))

    def test_environment_names_the_proxy(self) -> None:
        self.assertEqual(proxy_of({"https_proxy": "http://proxy.example:8080"}), Proxy("proxy.example", 8080))
        self.assertEqual(proxy_of({"HTTPS_PROXY": "proxy.example:8080"}), Proxy("proxy.example", 8080))
        self.assertIsNone(proxy_of({"https_proxy": "socks5://proxy.example"}))
        self.assertIsNone(proxy_of({}))

    def test_no_proxy_names_what_the_proxy_is_not_asked_for(self) -> None:
        names = (
            "localhost, .corp.example,relay.example:443 10.0.0.0/8,192.0.2.7,[2001:db8::7]:443,2001:db8:1::/48,*.lan"
        )
        proxy = proxy_of({"https_proxy": "proxy.example:8080", "no_proxy": names})
        assert proxy is not None
        straight = (
            *(("localhost", 1), ("corp.example", 1), ("a.CORP.example", 1), ("relay.example", 443), ("x.lan", 9)),
            *(("10.2.3.4", 1), ("192.0.2.7", 1), ("2001:db8::7", 443), ("2001:db8:1::9", 1)),
        )
        for host, port in straight:
            self.assertFalse(proxy.leads_to(host, port), host)
        proxied = (("relay.example", 80), ("evilcorp.example", 1), ("192.0.2.8", 1), ("2001:db8::7", 1), ("lank", 1))
        for host, port in proxied:
            self.assertTrue(proxy.leads_to(host, port), host)
        everything = proxy_of({"https_proxy": "proxy.example", "NO_PROXY": "*"})
        assert everything is not None
        self.assertFalse(everything.leads_to("relay.example", 443))
        self.assertFalse(everything.leads_to("192.0.2.8", 443))

    @given(st.text(max_size=40), st.text(max_size=20), st.integers(0, 65535))
    @settings(deadline=None, max_examples=100)
    def test_any_text_is_an_entry_of_no_proxy(self, entry: str, host: str, port: int) -> None:
        self.assertIsInstance(Proxy("proxy.example", 80, bypasses=(entry,)).leads_to(host, port), bool)

    def test_password_of_a_proxy_does_not_show(self) -> None:
        self.assertNotIn("YW5u", repr(Proxy.parse("http://ann:secret@proxy.example")))

    @given(st.text(max_size=60))
    @settings(deadline=None, max_examples=100)
    def test_any_text_is_a_proxy_or_a_parse_error(self, text: str) -> None:
        try:
            self.assertTrue(Proxy.parse(text).host)
        except ParseError:
            return


class StreamWayTests(SynchronousTestCase):
    def test_tcp_goes_first_and_tls_a_moment_later(self) -> None:
        place = RelayPlace(name="near", host="198.51.100.1", udp=3478, tcp=3478, tls=443, tls_pin=bytes(32))
        ways = stream_ways(Clock(), (place,), None)
        self.assertEqual(
            [(way.what, way.is_tls, way.delay > 0) for way in ways], [("TCP", False, False), ("TLS", True, True)]
        )

    def test_proxy_is_one_more_way_each(self) -> None:
        place = RelayPlace(name="near", host="relay.example", tcp=3478)
        ways = stream_ways(Clock(), (place,), Proxy("proxy.example", 8080))
        self.assertEqual([way.what for way in ways], ["TCP", "TCP"])

    def test_pin_is_of_the_key(self) -> None:
        path, _ = write_certificate(Path(self.mktemp()))
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        shown = X509.from_cryptography(certificate)
        self.assertTrue(trusts_pin(hashlib.sha256(key).digest())(shown))
        self.assertFalse(trusts_pin(bytes(32))(shown))
        self.assertFalse(trusts_pin(bytes(32))(None))
