"""Bytes through many parallel streams while tunnels are cut and edges are killed: every byte arrives, in order.

    python -m integration.exit_soak [--megabytes 1000] [--streams 100]        `make soak-exits`

A tunnel that is cut comes back, and its streams must not notice. The streams of an edge that is killed end; their users
must be told so by a connection that breaks, and go on at the byte they have by a new stream, which another edge takes.
A new edge comes in the place of each that was killed. The exit status is 0 only where the hash of what each user got is
right, no stream ended early as if it were complete, and both kinds of trouble happened.
"""

from __future__ import annotations

import argparse
import hashlib
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.internet.task import react
from twisted.python.failure import Failure
from zope.interface import implementer

from integration.exits import HOST, Exits
from zerogo.edge.service import EdgeService

BLOCK = hashlib.shake_128(b"soak").digest(1 << 20)
PIECE_BYTES = 1 << 16
EDGES = 5
CUTS = 40
"""In the course of a run; each of the fourth ones is a kill."""
CUTS_BEFORE_KILL = 4
_ASK = struct.Struct("!IQ")


def piece_of(number: int, offset: int, count: int) -> bytes:
    """What user `number` should get at that offset; another place of the block for each user."""
    start = (number * 10_007 + offset) % len(BLOCK)
    found = BLOCK[start : start + count]
    return found + piece_of(number, offset + len(found), count - len(found)) if len(found) < count else found


def right_digest(number: int, size: int) -> bytes:
    """Of all that user `number` should get."""
    right = hashlib.sha256()
    for offset in range(0, size, PIECE_BYTES):
        right.update(piece_of(number, offset, min(PIECE_BYTES, size - offset)))
    return right.digest()


@implementer(IPushProducer)
class Source(Protocol):
    """The target: told a user and an offset, it sends what follows up to `size`, and closes."""

    size = 0
    transport: Any

    def __init__(self) -> None:
        self._asked = b""
        self._number = self._offset = 0
        self._is_paused = True

    def dataReceived(self, data: bytes) -> None:
        self._asked += data
        if self._is_paused and len(self._asked) == _ASK.size:
            self._number, self._offset = _ASK.unpack(self._asked)
            self.transport.registerProducer(self, True)
            self.resumeProducing()

    def pauseProducing(self) -> None:
        self._is_paused = True

    def stopProducing(self) -> None:
        self._is_paused = True

    def resumeProducing(self) -> None:
        self._is_paused = False
        while not self._is_paused:
            count = min(PIECE_BYTES, self.size - self._offset)
            self.transport.write(piece_of(self._number, self._offset, count))
            self._offset += count
            if self._offset >= self.size:
                self.transport.unregisterProducer()
                self.transport.loseConnection()
                return


class User(Protocol):
    """One stream of a user: asks for what is missing."""

    transport: Any

    def __init__(self, download: Download) -> None:
        self._download = download
        self._head = b""

    def connectionMade(self) -> None:
        name = b"target.test"
        port = struct.pack("!H", self._download.soak.port)
        self.transport.write(b"\x05\x01\x00\x05\x01\x00\x03" + bytes([len(name)]) + name + port)

    def dataReceived(self, data: bytes) -> None:
        if len(self._head) < 12:
            self._head += data
            if len(self._head) < 12:
                return
            data, self._head = self._head[12:], self._head[:12]
            if self._head[3]:
                self.transport.loseConnection()
                return
            self.transport.write(_ASK.pack(self._download.number, self._download.got))
        self._download.take(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        is_open = len(self._head) == 12 and not self._head[3]
        self._download.ended(is_open, reason.check(ConnectionDone) is not None)


class Users(ClientFactory):
    noisy = False

    def __init__(self, download: Download) -> None:
        self._download = download

    def buildProtocol(self, addr: object) -> User:
        return User(self._download)

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self._download.ended(False, False)


class Download:
    """All that one user fetches, by as many streams as it takes."""

    def __init__(self, soak: Soak, number: int) -> None:
        self.soak = soak
        self.number = number
        self.got = 0
        self.done: Deferred[bytes] = Deferred()
        self._hash = hashlib.sha256()
        self.again()

    def again(self) -> None:
        """A stream for the rest."""
        self.soak.reactor.connectTCP(HOST, self.soak.exits.user_port, Users(self))

    def take(self, data: bytes) -> None:
        """Some more of it."""
        self.got += len(data)
        self._hash.update(data)
        self.soak.passed(len(data))

    def ended(self, was_open: bool, is_clean: bool) -> None:
        """A stream is over."""
        if self.got >= self.soak.size:
            self.done.callback(self._hash.digest())
            return
        self.soak.again += 1
        self.soak.false_ends += was_open and is_clean
        self.soak.reactor.callLater(0.1, self.again)


class Soak:
    """The run. `exits` is started, with edges. Where `is_hasty`, the gateway is told which edges are dead; otherwise it
    waits for them to come back, as for any edge."""

    def __init__(self, reactor: Any, exits: Exits, streams: int, size: int, *, is_hasty: bool = False) -> None:
        self.reactor = reactor
        self._is_hasty = is_hasty
        self.exits = exits
        self.size = size
        self.cuts = self.kills = self.again = self.false_ends = 0
        Source.size = size
        factory = Factory.forProtocol(Source)
        factory.noisy = False
        listening = reactor.listenTCP(0, factory, interface=HOST)
        exits.ports.append(listening)
        self.port = int(listening.getHost().port)
        self._streams = streams
        self._passed = 0
        self._living = list(exits.edges)

    async def run(self) -> list[int]:
        """The users who did not get what they should."""
        downloads = [Download(self, number) for number in range(self._streams)]
        found = await gatherResults([download.done for download in downloads])
        return [number for number, digest in enumerate(found) if digest != right_digest(number, self.size)]

    def passed(self, count: int) -> None:
        """A user got so much; trouble comes by what has passed, so that there is as much of it on any machine."""
        self._passed += count
        if self._passed * CUTS >= (self.cuts + 1) * self._streams * self.size:
            self.cuts += 1
            self.reactor.callLater(0, self._trouble, self.cuts)

    def _trouble(self, number: int) -> None:
        if number % CUTS_BEFORE_KILL:
            self.exits.cut(self._living[number % len(self._living)])
        elif number < CUTS:
            self._kill(self._living.pop(0))
            self._living.append(self.exits.add_edge())

    def _kill(self, edge: EdgeService) -> None:
        self.exits.kill(edge)
        self.kills += 1
        hub, name = self.exits.gateway.hub, f"e{self.exits.edges.index(edge)}"
        if self._is_hasty and hub is not None:
            for tunnel in list(hub.tunnels):
                if tunnel.state.profile.name == name:
                    hub.kick(tunnel.state.profile.edge, "it is dead")


async def soak(reactor: Any, streams: int, size: int) -> int:
    """The whole of it; the exit status."""
    with tempfile.TemporaryDirectory() as directory:
        exits = Exits(reactor, Path(directory))
        exits.start()
        for _ in range(EDGES):
            exits.add_edge()
        await exits.edges_are_here(EDGES)
        run = Soak(reactor, exits, streams, size)
        began = time.monotonic()
        wrong = await run.run()
        seconds = time.monotonic() - began
        await exits.stop()
    print(f"{streams} users got {streams * size / 1e6:,.0f} MB in {seconds:.0f} s.")
    print(f"Tunnels were cut {run.cuts - run.kills} times, {run.kills} edges killed, {run.again} streams begun anew.")
    print(f"{run.false_ends} streams ended early as if complete, {len(wrong)} hashes are wrong.")
    return 1 if wrong or run.false_ends or not run.cuts or not run.kills else 0


def main() -> None:
    """By the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=100)
    options = parser.parse_args()
    size = options.megabytes * 1_000_000 // options.streams

    async def whole(reactor: Any) -> None:
        if await soak(reactor, options.streams, size):
            raise SystemExit(1)

    react(lambda reactor: ensureDeferred(whole(reactor)))


if __name__ == "__main__":
    sys.exit(main())
