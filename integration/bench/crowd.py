"""Many light edges in one process: `python -m integration.bench.crowd TOKEN COUNT [--at-a-time 64] [--network 0]`.

Real handshakes over real connections, from source addresses 127.NETWORK.0.2 and on (a port range is too small for all),
each edge with a key of its own; behind the greeting only what keeps a tunnel alive: pings are answered, packets
acknowledged, streams opened and left empty. A connection that is lost is dialled again as a real edge does it
(`zerogo.net.exit_client`: at once with jitter, then full jitter up to 1, 2, 4 ... 30 seconds, or when it was told).

Says `all here` with the seconds since it began or since the first one was lost, each time that all are there; and how
many were told to come later, and how many dials failed, meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import heapq
import itertools
import os
import random
import resource
import select
import socket
import struct
import time

from zerogo.control.channel import EXIT, ChannelInitiator
from zerogo.control.edge_token import DEFAULT_PORT, EdgeToken
from zerogo.control.token import split_host_port
from zerogo.errors import RemoteError
from zerogo.exit.admission import TICKET_LEAST_SECONDS, TICKET_SECONDS
from zerogo.exit.frames import Kind, Opened, emit_opened, frame, split_frames
from zerogo.exit.greeting import Join, Welcome, emit_greeting, parse_answer
from zerogo.exit.stream import INITIAL_CREDIT
from zerogo.exit.tunnel import ACK, PACKET, PING, PONG
from zerogo.ids import SocketAddress
from zerogo.net.exit_client import (
    BACKOFF_LIMIT_SECONDS,
    BACKOFF_SECONDS,
    FIRST_SECONDS,
    HANDSHAKE_SECONDS,
    TOLD_JITTER_SECONDS,
)
from zerogo.net.exit_places import EDGE_PATH
from zerogo.net.websocket import MessageReceived, ServerBusy, WebSocketClient
from zerogo.noise.identity import Identity

PER_SOURCE = 250
"""Edges of one address: a gateway bounds what it does for those of each."""
SPARE = 2500
"""Descriptors of a process for what is no connection of an edge."""
_OPENED = emit_opened(Opened(INITIAL_CREDIT, 100, SocketAddress("192.0.2.1", 1)))


class Edge:
    """One."""

    __slots__ = ("channel", "crowd", "failures", "identity", "is_here", "number", "received", "round", "socket", "tcp")

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd = crowd
        self.number = number
        self.identity = Identity.generate(os.urandom)
        self.failures = 0
        self.round = 0
        self.is_here = False
        self.received = 0
        self.tcp: socket.socket | None = None
        self.socket: WebSocketClient | None = None
        self.channel: ChannelInitiator | None = None

    def dial(self) -> None:
        """Begin to connect."""
        crowd = self.crowd
        tcp = self.tcp = socket.socket()
        tcp.setblocking(False)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # So that the port is chosen when both addresses are known, and may be used for others as well.
        tcp.setsockopt(socket.IPPROTO_IP, 24, 1)
        tcp.bind((f"127.{crowd.network}.0.{2 + self.number // PER_SOURCE}", 0))
        code = tcp.connect_ex(crowd.place)
        if code not in (0, errno.EINPROGRESS):
            self.lost()
            return
        self.round += 1
        crowd.later(HANDSHAKE_SECONDS, self.check, self.round)
        crowd.watch(self, select.EPOLLOUT)

    def check(self, round_: int) -> None:
        """A handshake that takes too long is given up."""
        if round_ == self.round and not self.is_here and self.tcp is not None:
            self.lost()

    def ready(self, event: int) -> None:
        """The socket can be written to for the first time, or read."""
        assert self.tcp is not None
        if self.socket is None:
            if self.tcp.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.lost(is_refused=True)
                return
            self.socket = WebSocketClient(
                host="bench", path=EDGE_PATH, rng=os.urandom, message_limit=EXIT.frame_limit, is_masking=False
            )
            self.channel = ChannelInitiator(self.identity, self.crowd.token.key_hash, os.urandom, EXIT)
            self.crowd.watch(self, select.EPOLLIN, is_new=False)
        elif event:
            try:
                data = self.tcp.recv(65536)
                if not data:
                    raise OSError("closed")
                self.socket.receive(data)
                for message in self.socket.events():
                    if isinstance(message, MessageReceived):
                        self.take(message.payload)
            except ServerBusy as error:
                self.lost(error.seconds)
                return
            except (OSError, RemoteError):
                self.lost()
                return
        self.flush()

    def take(self, payload: bytes) -> None:
        """A frame of the channel."""
        channel = self.channel
        assert channel is not None
        was_open = channel.is_open
        for message in channel.receive(payload):
            if self.is_here:
                self.answer(message)
            elif isinstance(parse_answer(message), Welcome):
                self.is_here, self.failures = True, 0
                self.crowd.arrived(self)
        if channel.is_open and not was_open:
            channel.send(emit_greeting(Join(secret=self.crowd.token.secret)))

    def answer(self, message: bytes) -> None:
        """What keeps a tunnel alive."""
        assert self.channel is not None
        if message[:1] == PING:
            self.channel.send(PONG + message[1:])
        elif message[:1] == PACKET:
            self.received += 1
            opened = [number for kind, number, _ in split_frames(memoryview(message)[1:]) if kind == Kind.OPEN]
            self.channel.send(struct.pack("!cQ", ACK, self.received))
            if opened:
                self.channel.send(PACKET + b"".join(frame(Kind.OPENED, number, _OPENED) for number in opened))

    def flush(self) -> None:
        """Short messages: the kernel takes them, or the connection is as good as lost."""
        assert self.socket is not None and self.channel is not None and self.tcp is not None
        for sealed in self.channel.outgoing():
            self.socket.send(sealed)
        data = b"".join(self.socket.outgoing())
        if data:
            try:
                self.tcp.sendall(data)
            except OSError:
                self.lost()

    def lost(self, told: float | None = None, *, is_refused: bool = False) -> None:
        """Try again, as an edge does; `told` are the seconds after which the gateway wants to see it again. What is
        refused, because nobody listens, is not counted among dials that failed."""
        if self.tcp is None:
            return
        self.tcp.close()
        self.tcp = self.socket = self.channel = None
        self.received = 0
        if self.is_here:
            self.is_here = False
            self.crowd.went(self)
            delay = FIRST_SECONDS * random.random()
        elif told is not None:
            delay = max(TICKET_LEAST_SECONDS, min(told, TICKET_SECONDS)) + TOLD_JITTER_SECONDS * random.random()
            self.crowd.told += 1
        else:
            delay = max(0.05, min(BACKOFF_LIMIT_SECONDS, BACKOFF_SECONDS * 2.0**self.failures) * random.random())
            self.failures = min(self.failures + 1, 10)
            if not is_refused:
                self.crowd.failures += 1
        self.crowd.later(delay, self.redial, self.round)

    def redial(self, round_: int) -> None:
        """Unless somebody did."""
        if self.tcp is None and round_ == self.round:
            self.dial()


class Crowd:
    """All of them, and the loop."""

    def __init__(self, token: EdgeToken, count: int, at_a_time: int, network: int) -> None:
        self.network = network
        host, port = split_host_port(token.addresses[0], DEFAULT_PORT)
        self.token = token
        self.place = (host, port)
        self.edges = [Edge(self, number) for number in range(count)]
        self._waiting = iter(self.edges)
        self._here = 0
        self.failures = self.told = 0
        self._began = time.monotonic()
        self._poll = select.epoll()
        self._by_fd: dict[int, Edge] = {}
        self._calls: list[tuple[float, int, object, int]] = []
        self._numbers = itertools.count()
        for _ in range(at_a_time):
            self._next()

    def _next(self) -> None:
        edge = next(self._waiting, None)
        if edge is not None:
            edge.dial()

    def watch(self, edge: Edge, events: int, *, is_new: bool = True) -> None:
        """Have the edge told."""
        assert edge.tcp is not None
        fd = edge.tcp.fileno()
        self._by_fd[fd] = edge
        (self._poll.register if is_new else self._poll.modify)(fd, events)

    def later(self, seconds: float, call: object, number: int) -> None:
        """Call with the number."""
        heapq.heappush(self._calls, (time.monotonic() + seconds, next(self._numbers), call, number))

    def arrived(self, edge: Edge) -> None:
        """One is here."""
        self._here += 1
        self._next()
        if self._here == len(self.edges):
            seconds = round(time.monotonic() - self._began, 2)
            print("all here", seconds, "told to come later", self.told, "failed dials", self.failures, flush=True)

    def went(self, edge: Edge) -> None:
        """One is not here any more."""
        if self._here == len(self.edges):
            self._began, self.failures, self.told = time.monotonic(), 0, 0
        self._here -= 1

    def run(self) -> None:
        """Until somebody ends the process."""
        while True:
            wait = max(0.0, self._calls[0][0] - time.monotonic()) if self._calls else 1.0
            for fd, event in self._poll.poll(min(wait, 1.0), 1024):
                edge = self._by_fd.get(fd)
                if edge is not None and edge.tcp is not None and edge.tcp.fileno() == fd:
                    edge.ready(event)
            now = time.monotonic()
            while self._calls and self._calls[0][0] <= now:
                _, _, call, number = heapq.heappop(self._calls)
                call(number)  # type: ignore[operator]


def allow_connections(count: int) -> int:
    """Have this process, and those it starts, hold so many connections; gives how many the system lets them hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("token")
    parser.add_argument("count", type=int)
    parser.add_argument("--at-a-time", type=int, default=64)
    parser.add_argument("--network", type=int, default=0)
    options = parser.parse_args()
    allow_connections(options.count)
    Crowd(EdgeToken.parse(options.token), options.count, options.at_a_time, options.network).run()


if __name__ == "__main__":
    main()
