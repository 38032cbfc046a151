import base64
import struct

from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.control_server import CONTINUATIONS_LIMIT, PINGS_BURST, ControlServer, frame_head

CONTINUATION, BINARY, CLOSE, PING, PONG = 0, 2, 8, 9, 10
UPGRADE = (
    b"GET /api/v1/agent HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(bytes(16)) + b"\r\n"
)


def frame(opcode: int, payload: bytes = b"", is_last: bool = True) -> bytes:
    """A frame of a client, masked with zeros."""
    head = bytes([opcode | (0x80 if is_last else 0)])
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    return head + size + bytes(4) + payload


class Notes:
    """What the coordinator would have been told."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []

    def connection_opened(self, number: int, source: str) -> None:
        self.said.append(("opened", number, source))

    def message_received(self, number: int, data: bytes) -> None:
        self.said.append(("message", number, data))

    def connection_closed(self, number: int) -> None:
        self.said.append(("closed", number))

    def congestion_changed(self, number: int, is_congested: bool) -> None:
        self.said.append(("congested", number, is_congested))


class ClockTimer(Clock):
    """In place of Autobahn's timer, which is on the global reactor."""

    call_later = Clock.callLater


class Transport(StringTransport):
    """As real ones, does not mind where there is no producer."""

    def unregisterProducer(self) -> None:
        self.producer = None


class FrameHeadTests(SynchronousTestCase):
    def test_lengths_are_written_as_the_library_writes_them(self) -> None:
        server = ControlServer(Notes(), ClockTimer())
        for length in (0, 1, 125, 126, 127, 65535, 65536, 70_000):
            message = bytes(length)
            prepared = server.prepareMessage(message, isBinary=True, doNotCompress=True)
            self.assertEqual(frame_head(length) + message, prepared.payloadHybi, str(length))


class ControlServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.notes = Notes()
        clock = ClockTimer()
        self.server = ControlServer(self.notes, clock)
        self.server._batched_timer = clock
        self.transport = Transport(peerAddress=IPv4Address("TCP", "192.0.2.1", 1))
        self.protocol = self.server.buildProtocol(None)  # type: ignore[no-untyped-call]
        self.protocol.makeConnection(self.transport)
        self.events: list[LogLevel] = []
        observer = lambda event: self.events.append(event["log_level"])  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def open(self, headers: bytes = b"") -> None:
        self.protocol.dataReceived(UPGRADE + headers + b"\r\n")
        self.transport.clear()

    @property
    def is_open(self) -> bool:
        return bool(self.protocol.state == WebSocketProtocol.STATE_OPEN)

    def test_messages_arrive_also_in_several_frames(self) -> None:
        self.open()
        self.protocol.dataReceived(frame(BINARY, b"one"))
        self.protocol.dataReceived(frame(BINARY, b"tw", False) + frame(CONTINUATION, b"o"))
        self.assertEqual(self.notes.said, [("opened", 1, "192.0.2.1"), ("message", 1, b"one"), ("message", 1, b"two")])

    def test_a_message_in_endlessly_many_frames_ends_the_connection(self) -> None:
        self.open()
        self.protocol.dataReceived(
            frame(BINARY, b"", False) + frame(CONTINUATION, b"", False) * (CONTINUATIONS_LIMIT - 1)
        )
        self.assertTrue(self.is_open)
        self.protocol.dataReceived(frame(CONTINUATION, b"", False))
        self.assertFalse(self.is_open)

    def test_a_few_pings_are_answered_and_a_flood_ends_the_connection(self) -> None:
        self.open()
        self.protocol.dataReceived(frame(PING, b"p") * int(PINGS_BURST))
        self.assertEqual(self.transport.value().count(b"\x8a\x01p"), PINGS_BURST)
        self.protocol.dataReceived(frame(PING, b"p"))
        self.assertFalse(self.is_open)

    def test_a_flood_of_pongs_ends_the_connection(self) -> None:
        self.open()
        self.protocol.dataReceived(frame(PONG, b"p") * (int(PINGS_BURST) + 1))
        self.assertFalse(self.is_open)

    def test_whoever_does_not_read_is_not_read_from(self) -> None:
        self.open()
        self.protocol.pauseProducing()
        self.assertEqual(self.transport.producerState, "paused")
        self.protocol.resumeProducing()
        self.assertEqual(self.transport.producerState, "producing")
        self.assertEqual(self.notes.said[1:], [("congested", 1, True), ("congested", 1, False)])

    def test_one_of_too_many_is_dropped_without_waiting_for_it(self) -> None:
        self.open()
        self.server.close(1, "one of too many", is_abrupt=True)
        self.assertFalse(self.is_open)
        self.assertEqual(self.transport.value(), b"")

    def test_one_that_said_goodbye_and_does_not_read_can_be_dropped_too(self) -> None:
        self.open()
        self.server.send(1, b"held")
        self.protocol.dataReceived(frame(CLOSE))
        self.server.close(1, "it fell silent", is_abrupt=False)
        self.assertFalse(self.transport.disconnected, "what it asked for may still be written")
        self.server.close(1, "it fell silent", is_abrupt=True)
        self.assertTrue(self.transport.disconnected)

    def test_what_strangers_do_wrong_is_logged_at_debug_only(self) -> None:
        self.open(b"Origin: http://evil.example\r\n")
        for wrong in (b"\x82\x01x", b"\x82\xff" + b"\x7f" * 12, frame(PONG) * 100):
            self.protocol = self.server.buildProtocol(None)  # type: ignore[no-untyped-call]
            self.protocol.makeConnection(self.transport)
            self.open()
            self.protocol.dataReceived(wrong)
            self.assertFalse(self.is_open)
        self.assertTrue(self.events)
        self.assertEqual([level for level in self.events if level is not LogLevel.debug], [])
