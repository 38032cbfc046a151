"""Tests for zerogo.net.websocket. The other end is Autobahn wherever a sound server is wanted."""

import os
import struct

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.net.websocket import (
    HEAD_LIMIT,
    PROTOCOL,
    Closed,
    MessageReceived,
    Opened,
    PongReceived,
    ServerBusy,
    UpgradeRefused,
    WebSocketClient,
    accept_key,
)

LIMIT = 70_000


def client() -> WebSocketClient:
    return WebSocketClient(host="192.0.2.1:9394", path="/api/v1/agent", rng=os.urandom, message_limit=LIMIT)


class ServerTransport(StringTransport):
    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def abortConnection(self) -> None:
        self.disconnecting = True

    def unregisterProducer(self) -> None:
        pass


class EchoServer(WebSocketServerProtocol):
    def onConnect(self, request):  # type: ignore[no-untyped-def]
        self.request = request
        return PROTOCOL if PROTOCOL in request.protocols else None

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.sendMessage(payload, isBinary)


class AutobahnTests(SynchronousTestCase):
    def setUp(self) -> None:
        factory = WebSocketServerFactory(protocols=[PROTOCOL], reactor=Clock())
        factory.protocol = EchoServer
        self.server = factory.buildProtocol(None)
        self.transport = ServerTransport()
        self.server.makeConnection(self.transport)
        self.client = client()
        self.pump()

    def pump(self) -> None:
        while True:
            sent = b"".join(self.client.outgoing())
            if sent:
                self.server.dataReceived(sent)
            answer = self.transport.value()
            self.transport.clear()
            if answer:
                self.client.receive(answer)
            if not sent and not answer:
                return

    def test_the_upgrade_opens_with_our_subprotocol(self) -> None:
        self.assertEqual(list(self.client.events()), [Opened()])
        self.assertEqual((self.server.request.path, self.server.request.protocols), ("/api/v1/agent", [PROTOCOL]))

    def test_messages_of_every_length_class_come_back(self) -> None:
        list(self.client.events())
        for size in (0, 1, 125, 126, 65535, 65536, LIMIT):
            message = os.urandom(size)
            self.client.send(message)
            self.pump()
            self.assertEqual(list(self.client.events()), [MessageReceived(message)])

    def test_fragments_are_put_together(self) -> None:
        list(self.client.events())
        self.server.sendMessage(b"x" * 1000, isBinary=True, fragmentSize=300)
        self.pump()
        self.assertEqual(list(self.client.events()), [MessageReceived(b"x" * 1000)])

    def test_pings_are_answered_both_ways(self) -> None:
        list(self.client.events())
        self.client.ping()
        self.pump()
        self.assertEqual(list(self.client.events()), [PongReceived()])
        pongs: list[bytes] = []
        self.server.onPong = pongs.append
        self.server.sendPing(b"are you there")
        self.pump()
        self.assertEqual(pongs, [b"are you there"])

    def test_the_server_closes(self) -> None:
        list(self.client.events())
        self.server.sendClose(3000, "maintenance")
        self.pump()
        self.assertEqual(list(self.client.events()), [Closed(3000, "maintenance")])

    def test_we_close_and_send_no_more(self) -> None:
        closes: list[tuple[bool, int]] = []
        self.server.onClose = lambda clean, code, reason: closes.append((clean, code))
        self.client.close(1001)
        self.client.send(b"late")
        self.pump()
        self.server.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(closes, [(True, 1001)])


class HostileServerTests(SynchronousTestCase):
    def opened(self) -> WebSocketClient:
        subject = client()
        request = b"".join(subject.outgoing()).decode()
        key = next(line.split(": ")[1] for line in request.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
        subject.receive(
            f"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode()
        )
        list(subject.events())
        return subject

    def test_the_accept_key_of_the_rfc(self) -> None:
        self.assertEqual(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")

    def test_answers_that_are_no_upgrade_are_refused_with_a_sentence(self) -> None:
        for answer, sentence in (
            (b"HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"),
            (b"SSH-2.0-OpenSSH\r\n\r\n", "not a web server"),
            (b"HTTP/1.1 101 X\r\nSec-WebSocket-Accept: wrong\r\n\r\n", "not that of a WebSocket"),
            (b"x" * HEAD_LIMIT, "longer than"),
        ):
            error = self.assertRaises(UpgradeRefused, client().receive, answer)
            self.assertIn(sentence, str(error))

    def test_a_server_without_time_says_when_to_come_again(self) -> None:
        head = b"HTTP/1.1 503 Service Unavailable\r\n"
        error = self.assertRaises(ServerBusy, client().receive, head + b"retry-after: 17\r\n\r\n")
        self.assertEqual(error.seconds, 17)
        for value in (b"", b"Retry-After: Fri, 31 Dec 2027 23:59:59 GMT", b"Retry-After: -1", b"Retry-After: 123456"):
            error = self.assertRaises(UpgradeRefused, client().receive, head + value + b"\r\n\r\n")
            self.assertNotIsInstance(error, ServerBusy)

    def test_an_endless_head_is_cut_off(self) -> None:
        subject = client()
        with self.assertRaises(UpgradeRefused):
            for _ in range(100):
                subject.receive(b"X-Filler: " + b"y" * 200 + b"\r\n")

    def test_frames_against_the_rfc_are_refused(self) -> None:
        for frame in (
            b"\xc2\x00",  # reserved bit
            b"\x82\x80",  # masked by a server
            b"\x83\x00",  # unknown opcode
            b"\x81\x00",  # text
            b"\x80\x00",  # continuation of nothing
            b"\x09\x00",  # ping that goes on
            b"\x89\x7e\x00\x7e",  # ping of 126 bytes
            b"\x88\x01\x03",  # close of one byte
            b"\x02\x00\x82\x00",  # message inside a message
        ):
            self.assertRaises(ParseError, self.opened().receive, frame)

    def test_a_message_that_is_too_long_is_refused_by_its_head(self) -> None:
        head = struct.pack("!BBQ", 0x82, 127, 2**40)
        self.assertRaises(ParseError, self.opened().receive, head)

    def test_endless_fragments_are_refused(self) -> None:
        subject = self.opened()
        subject.receive(b"\x02\x00")
        with self.assertRaises(ParseError):
            for _ in range(LIMIT + 1):
                subject.receive(b"\x00\x00")

    def test_a_message_arrives_byte_by_byte(self) -> None:
        subject = self.opened()
        for byte in b"\x82\x7e\x00\x80" + b"z" * 128:
            subject.receive(bytes([byte]))
        self.assertEqual(list(subject.events()), [MessageReceived(b"z" * 128)])

    def test_nothing_is_sent_before_the_upgrade(self) -> None:
        subject = client()
        list(subject.outgoing())
        subject.send(b"early")
        subject.ping()
        self.assertEqual(list(subject.outgoing()), [])

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
    def test_garbage_raises_only_parse_errors(self, chunks: list[bytes], is_open: bool) -> None:
        subject = self.opened() if is_open else client()
        try:
            for chunk in chunks:
                subject.receive(chunk)
        except ParseError:
            pass
