"""An edge on another WebSocket implementation (`websockets`), and what a gateway makes of edges that misbehave."""

from __future__ import annotations

import os
import select
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import TestCase
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from integration.exits import HOST, Exits
from zerogo.control.channel import EXIT, ChannelInitiator
from zerogo.control.edge_token import EdgeToken
from zerogo.exit.budget import TUNNEL_BYTES, Budget
from zerogo.exit.events import DataReceived, OpenRequested
from zerogo.exit.frames import (
    Datagram,
    Kind,
    Opened,
    Reset,
    emit_credit,
    emit_datagram,
    emit_opened,
    frame,
    parse_reset,
    split_frames,
)
from zerogo.exit.greeting import Join, Welcome, emit_greeting, parse_answer
from zerogo.exit.mux import Mux
from zerogo.exit.reason import Reason
from zerogo.exit.stream import INITIAL_CREDIT
from zerogo.exit.target import Target
from zerogo.exit.tunnel import ACK, PACKET, PING, PONG, Tunnel
from zerogo.gateway.tokens import TOKEN_FILE
from zerogo.ids import SocketAddress
from zerogo.net.exit_places import EDGE_PATH
from zerogo.noise.identity import Identity

reactor: Any = installed
BODY = b"x" * 700_000
ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


class ForeignEdge:
    """Blocking; for a thread."""

    def __init__(self, port: int, token: EdgeToken) -> None:
        self.socket: ClientConnection = connect(
            f"ws://{HOST}:{port}{EDGE_PATH}",
            subprotocols=["zerogo.1"],
            compression=None,
            max_size=EXIT.frame_limit,
            proxy=None,  # type: ignore[list-item]
        )
        self.token = token
        self.channel = ChannelInitiator(Identity.generate(os.urandom), token.key_hash, os.urandom, EXIT)
        self.tunnel = Tunnel(Mux(is_opener=False, budget=Budget(TUNNEL_BYTES)))
        self.stopping = threading.Event()

    def join(self) -> Welcome:
        while not self.channel.is_open:
            self.channel.receive(self.receive(10))
            for out in self.channel.outgoing():
                self.socket.send(out)
        self.send(emit_greeting(Join(secret=self.token.secret)))
        answer = None
        while answer is None:
            for message in self.channel.receive(self.receive(10)):
                answer = parse_answer(message)
        assert isinstance(answer, Welcome)
        self.tunnel.attach(0, time.monotonic())
        return answer

    def receive(self, seconds: float) -> bytes:
        message = self.socket.recv(timeout=seconds)
        assert isinstance(message, bytes)
        return message

    def send(self, message: bytes) -> None:
        self.channel.send(message)
        for out in self.channel.outgoing():
            self.socket.send(out)

    def serve(self) -> None:
        """Answer every stream with a page, until told to stop."""
        while not self.stopping.is_set():
            now = time.monotonic()
            try:
                for message in self.channel.receive(self.receive(0.02)):
                    self.tunnel.receive(message, now)
            except TimeoutError:
                self.tunnel.handle_timer(now)
            for event in self.tunnel.events():
                if isinstance(event, OpenRequested):
                    self.tunnel.mux.confirm(event.stream, SocketAddress("192.0.2.1", 1), 1000, now)
                    self.tunnel.mux.write(event.stream, ANSWER, now)
                    self.tunnel.mux.finish(event.stream, now)
                elif isinstance(event, DataReceived):
                    self.tunnel.mux.consume(event.stream, len(event.data), now)
            while out := self.tunnel.next_message(now):
                self.send(out)
        self.socket.close()


PIECES_LIMIT = 300
"""So many pieces are more than both kernels and the gateway keep for a user who does not read."""
Misdeed = Callable[[int], bytes]
"""What an edge says on a stream that it has just confirmed."""


class CheatingEdge(ForeignEdge):
    """Confirms each stream, says what is next in the list on it, and notes how the gateway resets it. Where that is
    `beyond_credit`, it sends and sends."""

    def __init__(self, port: int, token: EdgeToken, misdeeds: list[Misdeed]) -> None:
        super().__init__(port, token)
        self.misdeeds = misdeeds
        self.resets: list[Reset] = []
        self._received = 0
        self._flooded = 0
        self._pieces = 0

    def serve(self) -> None:
        while not self.stopping.is_set():
            self._flood()
            try:
                messages = list(self.channel.receive(self.receive(0.001 if self._flooded else 0.02)))
            except TimeoutError:
                continue
            for message in messages:
                self._take(message)
        self.socket.close()

    def _flood(self) -> None:
        if self._flooded and self._pieces < PIECES_LIMIT:
            self._pieces += 1
            self.send(PACKET + b"".join(frame(Kind.DATA, self._flooded, bytes(60_000)) for _ in range(4)))

    def _take(self, message: bytes) -> None:
        if message[:1] == PING:
            self.send(PONG + message[1:])
        elif message[:1] == PACKET:
            self._received += 1
            self.send(ACK + struct.pack("!Q", self._received))
            for kind, number, payload in split_frames(memoryview(message)[1:]):
                if kind == Kind.OPEN:
                    self._misbehave(number)
                elif kind == Kind.RESET:
                    self._flooded = 0
                    self.resets.append(parse_reset(bytes(payload)))

    def _misbehave(self, number: int) -> None:
        # It says that it goes out at an address of somebody else.
        opened = emit_opened(Opened(INITIAL_CREDIT, 100, SocketAddress("192.0.2.1", 5555)))
        misdeed = self.misdeeds.pop(0)
        if misdeed is beyond_credit:
            self._flooded = number
        self.send(PACKET + frame(Kind.OPENED, number, opened) + misdeed(number))


def beyond_credit(number: int) -> bytes:
    """More than the credit."""
    return b""


MISDEEDS: tuple[tuple[Misdeed, str], ...] = (
    (beyond_credit, "data beyond the credit or the end"),
    (lambda number: frame(Kind.CREDIT, number, emit_credit(2**32 - 1)), "credit without bounds"),
    (lambda number: frame(Kind.FIN, number) + frame(Kind.FIN, number), "two ends of one stream"),
    (lambda number: frame(Kind.FIN, number) + frame(Kind.DATA, number, b"x"), "data beyond the credit or the end"),
    (
        lambda number: frame(Kind.DATAGRAM, number, emit_datagram(Datagram(Target("192.0.2.9", 1), b"x"))),
        "a datagram on a stream of bytes",
    ),
)


class ForeignEdgeTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.exits = Exits(reactor, Path(directory.name))
        self.exits.start()
        self.token = EdgeToken.parse((Path(directory.name) / "gateway" / TOKEN_FILE).read_text())

    def tearDown(self) -> Any:
        return self.exits.stop()

    def lines(self, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """What the log will say of that kind."""
        found: list[dict[str, Any]] = []

        def observe(event: dict[str, Any]) -> None:
            if wanted(event):
                found.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return found

    def edge(self) -> ForeignEdge:
        return ForeignEdge(self.exits.edge_port, self.token)

    @inlineCallbacks
    def test_a_page_comes_through_an_edge_on_another_implementation(self) -> Any:
        edge = yield deferToThread(self.edge)
        welcome = yield deferToThread(edge.join)
        self.assertEqual(welcome.seen, HOST)
        serving = deferToThread(edge.serve)
        closed = self.lines(lambda event: event.get("event") == "stream-closed")
        for fetched in (self.exits.socks("http://anything.test/"), self.exits.http("http://anything.test/")):
            body, complaint, status = yield fetched
            self.assertEqual((status, complaint, body == BODY), (0, "", True))
        # It says that it goes out at 192.0.2.1; what counts is where it is seen.
        while len(closed) < 2:
            yield deferLater(reactor, 0.02, lambda: None)
        self.assertEqual([line["exit_address"] for line in closed], [HOST, HOST])
        edge.stopping.set()
        yield serving

    @inlineCallbacks
    def test_an_edge_that_breaks_the_protocol_is_dropped_and_the_gateway_goes_on(self) -> Any:
        def misbehave(sealed: bytes | None, clear: bytes | str | None) -> bool:
            edge = self.edge()
            edge.join()
            if sealed is not None:
                edge.send(sealed)
            if clear is not None:
                edge.socket.send(clear)
            try:
                while True:
                    edge.receive(10)
            except ConnectionClosed:
                return True

        said = self.lines(lambda event: event["log_level"] >= LogLevel.warn and "exit" in event["log_namespace"])
        misbehaviours = (
            (b"\x09unknown kind", None),
            (PACKET + b"\x03\x00", None),
            (PACKET + frame(Kind.DATA, 99, b"never opened"), None),
            (PACKET + frame(Kind.OPEN, 1, b"\x01\x00\x00\x00\x01\x00\x50host"), None),
            (b"\x02" + b"\xff" * 8, None),
            (None, b"not sealed"),
            (None, "text"),
        )
        for sealed, clear in misbehaviours:
            is_dropped = yield deferToThread(misbehave, sealed, clear)
            self.assertTrue(is_dropped, (sealed, clear))
        while len(said) < len(misbehaviours):
            yield deferLater(reactor, 0.02, lambda: None)
        self.assertEqual(
            [line.get("event") for line in said],
            ["tunnel-protocol"] * 5 + ["edge-carrier-lost"] * 2,
        )
        self.exits.add_edge()
        yield self.exits.edges_are_here(1)
        _, complaint, status = yield self.exits.socks(f"http://target.test:{self.exits.page_port}/page")
        self.assertEqual((status, complaint), (0, ""))

    def lost(self, port: int) -> bool:
        """A user who reads nothing until the connection is broken off; whether it was."""
        with socket.socket() as stream:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stream.settimeout(30)
            stream.connect((HOST, port))
            stream.sendall(b"\x05\x01\x00" + b"\x05\x01\x00\x01" + socket.inet_aton("192.0.2.9") + b"\x01\xbb")
            waiting = select.poll()
            # An end alone is neither: both halves are gone.
            waiting.register(stream, select.POLLERR | select.POLLHUP)
            return bool(waiting.poll(30_000))

    @inlineCallbacks
    def test_an_edge_that_cheats_on_a_stream_loses_that_stream_alone(self) -> Any:
        page = b"HTTP/1.0 200 OK\r\n\r\nhello"
        honest: Misdeed = lambda number: frame(Kind.DATA, number, page) + frame(Kind.FIN, number)  # noqa: E731
        misdeeds = [*(misdeed for misdeed, _ in MISDEEDS), honest]
        edge = yield deferToThread(CheatingEdge, self.exits.edge_port, self.token, misdeeds)
        self.addCleanup(edge.stopping.set)
        yield deferToThread(edge.join)
        closed = self.lines(lambda event: event.get("event") == "stream-closed")
        loud = self.lines(lambda event: event["log_level"] >= LogLevel.warn and "exit" in event["log_namespace"])
        serving = deferToThread(edge.serve)
        for _, sentence in MISDEEDS:
            is_lost = yield deferToThread(self.lost, self.exits.user_port)
            self.assertTrue(is_lost, sentence)
        body, complaint, status = yield self.exits.socks("http://anything.test/")
        self.assertEqual((body, complaint, status), (b"hello", "", 0))
        edge.stopping.set()
        yield serving
        self.assertEqual(edge.resets[: len(MISDEEDS)], [Reset(Reason.PROTOCOL, sentence) for _, sentence in MISDEEDS])
        told = [(line["reason"], line["exit_address"]) for line in closed]
        self.assertEqual(told, [("protocol", HOST)] * len(MISDEEDS) + [("closed", HOST)])
        self.assertEqual([line for line in loud if line.get("event") != "edge-carrier-lost"], [])
        self.assertEqual(self.exits.gateway.hub.backlog, 0)

    @inlineCallbacks
    def test_browsers_and_wrong_paths_are_turned_away(self) -> Any:
        def dial(path: str, origin: str | None) -> int:
            try:
                connect(f"ws://{HOST}:{self.exits.edge_port}{path}", origin=origin, proxy=None).close()  # type: ignore[arg-type]
            except InvalidStatus as error:
                return error.response.status_code
            return 0

        for path, origin, status in ((EDGE_PATH, "http://evil.example", 400), ("/", None, 404), (EDGE_PATH, None, 0)):
            got = yield deferToThread(dial, path, origin)
            self.assertEqual(got, status, (path, origin))
