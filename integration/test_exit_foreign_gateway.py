"""A gateway on another WebSocket implementation (`websockets`), and what an edge makes of one that misbehaves."""

from __future__ import annotations

import os
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
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from integration.exits import HOST, Exits
from zerogo.control.channel import EXIT, EXIT_FRAME_LIMIT, ChannelResponder
from zerogo.control.edge_token import EdgeToken
from zerogo.control.token import controller_key_hash
from zerogo.exit.budget import TUNNEL_BYTES, Budget
from zerogo.exit.events import DataReceived, FinReceived, StreamReset
from zerogo.exit.frames import Command, Kind, Open, Reset, emit_open, frame, parse_reset, split_frames
from zerogo.exit.greeting import Join, Welcome, emit_greeting, parse_join
from zerogo.exit.mux import Mux
from zerogo.exit.notes import NOTE_LIMIT
from zerogo.exit.reason import Reason
from zerogo.exit.stream import INITIAL_CREDIT
from zerogo.exit.target import Target
from zerogo.exit.tunnel import ACK, NOTE, PACKET, Tunnel
from zerogo.noise.identity import Identity

reactor: Any = installed
SENT = os.urandom(300_000)
PIECES_LIMIT = 300
"""Of 240,000 bytes: more than both kernels and the edge keep for a target that does not read."""


class Carrier:
    """The gateway's end of one connection, blocking."""

    def __init__(self, socket: ServerConnection, identity: Identity) -> None:
        self.socket = socket
        self.channel = ChannelResponder(identity, os.urandom, EXIT)
        self._flush()

    def join(self) -> Join:
        """What the edge says."""
        while True:
            for message in self.channel.receive(self.receive(20)):
                return parse_join(message)
            self._flush()

    def receive(self, seconds: float) -> bytes:
        message = self.socket.recv(timeout=seconds)
        assert isinstance(message, bytes)
        return message

    def send(self, message: bytes) -> None:
        self.channel.send(message)
        self._flush()

    def welcome(self) -> None:
        self.send(emit_greeting(Welcome(os.urandom(16), seen="203.0.113.9")))

    def _flush(self) -> None:
        for out in self.channel.outgoing():
            self.socket.send(out)


Behaviour = Callable[[Carrier], None]


def says(message: bytes) -> Behaviour:
    """A welcome, and then that, sealed."""

    def behave(carrier: Carrier) -> None:
        carrier.welcome()
        carrier.send(message)

    return behave


def says_unsealed(message: bytes | str) -> Behaviour:
    """A welcome, and then that, as it is."""

    def behave(carrier: Carrier) -> None:
        carrier.welcome()
        carrier.socket.send(message)

    return behave


MISBEHAVIOURS: tuple[Behaviour, ...] = (
    lambda carrier: carrier.send(b"\xc1 no greeting"),
    lambda carrier: carrier.send(b"\x81\xa1t\xa7welcome"),
    says(b"\x09unknown kind"),
    says(PACKET + b"\x03\x00"),
    says(PACKET + frame(Kind.DATA, 99, b"never opened")),
    says(PACKET + frame(Kind.OPEN, 1, b"\x01\x00\x04\x00\x00\x00\x50" + b"h" * 300)),
    says(PACKET + frame(Kind.OPEN, 1, b"\x01\x00\x04\x00\x00\x00\x50host\x00evil")),
    says(ACK + b"\xff" * 8),
    says(NOTE + bytes(NOTE_LIMIT + 1)),
    says_unsealed(b"not sealed"),
    says_unsealed("text"),
)


class ForeignGateway:
    """Takes one connection of the edge after the other; with each it does what is next in the list."""

    def __init__(self, behaviours: list[Behaviour]) -> None:
        self.identity = Identity.generate(os.urandom)
        self.secret = os.urandom(20)
        self.behaviours = behaviours
        self.left: list[str] = []
        """How the edge left each."""
        self.is_done = threading.Event()
        self._server = serve(
            self._take,
            HOST,
            0,
            subprotocols=[Subprotocol("zerogo.1")],
            compression=None,
            max_size=EXIT_FRAME_LIMIT,
        )
        self.port = int(self._server.socket.getsockname()[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def token(self) -> str:
        key_hash = controller_key_hash(self.identity.static_public, self.identity.signing_public)
        return EdgeToken((f"{HOST}:{self.port}",), key_hash, self.secret).format()

    def close(self) -> None:
        self._server.shutdown()

    def _take(self, socket: ServerConnection) -> None:
        carrier = Carrier(socket, self.identity)
        try:
            join = carrier.join()
            assert join.secret == self.secret
            if not self.behaviours:
                return
            self.behaviours.pop(0)(carrier)
            while True:
                carrier.receive(20)
        except ConnectionClosed:
            self.left.append("closed")
        finally:
            if not self.behaviours:
                self.is_done.set()


def sends_beyond_its_credit(port: int, resets: list[Reset]) -> Behaviour:
    """A stream to a target that reads nothing, and data until the edge has had enough."""

    def behave(carrier: Carrier) -> None:
        carrier.welcome()
        asked = Open(Command.CONNECT, INITIAL_CREDIT, Target("target.test", port))
        carrier.send(PACKET + frame(Kind.OPEN, 1, emit_open(asked)))
        pieces, received = 0, 0
        while not resets:
            if pieces < PIECES_LIMIT:
                pieces += 1
                carrier.send(PACKET + b"".join(frame(Kind.DATA, 1, bytes(60_000)) for _ in range(4)))
            try:
                messages = list(carrier.channel.receive(carrier.receive(0.001 if pieces < PIECES_LIMIT else 20)))
            except TimeoutError:
                continue
            for message in (memoryview(each) for each in messages if each[:1] == PACKET):
                received += 1
                carrier.send(ACK + struct.pack("!Q", received))
                frames = split_frames(message[1:])
                resets.extend(parse_reset(bytes(payload)) for kind, _, payload in frames if kind == Kind.RESET)
        carrier.socket.close()

    return behave


def echo_through(port: int, got: bytearray) -> Behaviour:
    """A stream to the echo at that port, both ways to the end."""

    def behave(carrier: Carrier) -> None:
        tunnel = Tunnel(Mux(is_opener=True, budget=Budget(TUNNEL_BYTES)))
        carrier.welcome()
        tunnel.attach(0, time.monotonic())
        number = tunnel.mux.open(Command.CONNECT, Target("target.test", port), time.monotonic())
        tunnel.mux.write(number, SENT, time.monotonic())
        tunnel.mux.finish(number, time.monotonic())
        is_over = False
        while not is_over:
            now = time.monotonic()
            while out := tunnel.next_message(now):
                carrier.send(out)
            for message in carrier.channel.receive(carrier.receive(20)):
                tunnel.receive(message, now)
            for event in tunnel.events():
                if isinstance(event, DataReceived):
                    got.extend(event.data)
                    tunnel.mux.consume(number, len(event.data), now)
                is_over = is_over or isinstance(event, FinReceived | StreamReset)
        carrier.socket.close()

    return behave


class ForeignGatewayTests(TestCase):
    timeout = 120

    @inlineCallbacks
    def test_an_edge_leaves_a_gateway_that_breaks_the_protocol_and_serves_it_when_it_does_not(self) -> Any:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        exits = Exits(reactor, Path(directory.name))
        exits.start()
        self.addCleanup(exits.stop)
        got, resets = bytearray(), list[Reset]()
        deaf = socket.create_server((HOST, 0))
        self.addCleanup(deaf.close)
        greedy = sends_beyond_its_credit(deaf.getsockname()[1], resets)
        gateway = ForeignGateway([*MISBEHAVIOURS, greedy, echo_through(exits.echo_port, got)])
        self.addCleanup(gateway.close)
        exits.edge_port = gateway.port
        exits.add_edge(token=gateway.token())
        yield deferToThread(gateway.is_done.wait, 100)
        self.assertEqual(len(gateway.left), len(MISBEHAVIOURS) + 2)
        self.assertEqual(resets, [Reset(Reason.PROTOCOL, "data beyond the credit or the end")])
        self.assertEqual(bytes(got), SENT)
