# -*- test-case-name: zerogo.test.net.test_peer_stream -*-
"""A TCP or TLS connection between two members, at either end, behind a UDP socket on the loopback interface.

    data socket  <- UDP, loopback ->  stream  <- TCP | TLS | through an HTTP proxy ->  stream  <- UDP ->  data socket

First both ends show each other who they are (`zerogo.mesh.stream_proof`); until then a connection holds the message
that is due and nothing else, and it has `PROOF_SECONDS` for it. Then a loopback socket is opened for it, and to plane
and mesh core the peer is at that address as well.

What is carried is datagrams: while the connection is full they are dropped, and little may wait in it, because what
waits is late. One whose far end acknowledges nothing for `DEAF_SECONDS` is closed by the kernel.
"""

from __future__ import annotations

from typing import Any
from typing import Protocol as Seam

from attrs import Factory as Default
from attrs import define, frozen
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.core import RandomBytes
from zerogo.errors import ParseError
from zerogo.mesh.stream_proof import DiallingProof, Proof
from zerogo.mesh.streaming import PeerStream
from zerogo.net.loopback import DataPorts, LoopbackPort
from zerogo.net.tcp import end_when_deaf, keep_queue_short, repeat_soon
from zerogo.noise.errors import NotAuthentic
from zerogo.wire.stream import FRAME_LIMIT, FrameReader, emit_frame

PROOF_SECONDS = 5.0
WAITING_BYTES = 32 * 1024
"""In a connection, before datagrams are dropped, and as many in the kernel's hands: 100 ms at 5 Mbit/s."""
DEAF_SECONDS = 8.0


@define
class StreamCounters:
    """Of all connections of members and of those who are none."""

    refused: int = 0
    """Connections over a limit."""
    unproven: int = 0
    """Connections that were closed because the other end did not show who it is, or not in time."""
    malformed: int = 0
    """Proven connections that were closed because they held something else than datagrams."""
    foreign: int = 0
    """Datagrams from other sockets of this machine than ours."""
    dropped: int = 0
    """Datagrams for which there was no room."""


@frozen(kw_only=True)
class StreamTools:
    """What all connections share."""

    reactor: Any
    data_ports: DataPorts
    rng: RandomBytes
    counters: StreamCounters = Default(StreamCounters)


class StreamOwner(Seam):
    """Who is told of a connection's fate."""

    def stream_proven(self, stream: MemberStream) -> None: ...

    def stream_ended(self, stream: MemberStream) -> None: ...


@implementer(IPushProducer)
class MemberStream(Protocol):
    """One connection.

    :param place: where it was dialled; empty for one that was accepted.
    :param seconds: what it has left to prove itself.
    """

    transport: Any

    def __init__(
        self, proof: Proof, owner: StreamOwner, tools: StreamTools, *, place: str = "", seconds: float = PROOF_SECONDS
    ) -> None:
        self.is_proven = False
        self._proof = proof
        self._owner = owner
        self._tools = tools
        self._place = place
        self._seconds = seconds
        self._reader = FrameReader(proof.due)
        self._loopback = LoopbackPort(tools.data_ports, self._send, self._count_foreign)
        self._deadline: IDelayedCall | None = None
        self._is_full = False
        self._is_over = False

    @property
    def peer(self) -> int:
        """The peer's number; only of a proven one."""
        assert self._proof.peer is not None
        return self._proof.peer

    def described(self) -> PeerStream:
        """What the mesh core is told of it; only of a proven one."""
        far = self.transport.getPeer()
        place = f"[{far.host}]:{far.port}" if ":" in far.host else f"{far.host}:{far.port}"
        return PeerStream(
            address=self._loopback.address, far=self._place or place, is_dialled=isinstance(self._proof, DiallingProof)
        )

    def close(self) -> None:
        """Close at once."""
        self._is_over = True
        if self.transport is not None:
            self.transport.abortConnection()

    def connectionMade(self) -> None:
        """TCP is connected; what is written waits for TLS by itself."""
        inner: Any = getattr(self.transport, "transport", None) or self.transport
        inner.bufferSize = WAITING_BYTES
        self.transport.setTcpNoDelay(True)
        repeat_soon(inner)
        keep_queue_short(inner, WAITING_BYTES)
        end_when_deaf(inner, DEAF_SECONDS)
        self.transport.registerProducer(self, True)
        self._deadline = self._tools.reactor.callLater(self._seconds, self._too_late)
        if self._is_over:
            self.close()
        elif self._proof.greeting:
            self.transport.write(emit_frame(self._proof.greeting))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is closed."""
        self._is_over = True
        self._call_off()
        self._owner.stream_ended(self)
        self._loopback.close()

    def dataReceived(self, data: bytes) -> None:
        """Part of the stream."""
        if self._is_over:
            return
        try:
            self._reader.receive(data)
            while not self._is_over and (frame := self._reader.next()) is not None:
                if self.is_proven:
                    self._loopback.deliver(frame)
                else:
                    self._prove(frame)
        except (ParseError, NotAuthentic):
            if self.is_proven:
                self._tools.counters.malformed += 1
            else:
                self._tools.counters.unproven += 1
            self.close()

    def pauseProducing(self) -> None:
        """There is no room."""
        self._is_full = True

    def resumeProducing(self) -> None:
        """There is room again."""
        self._is_full = False

    def stopProducing(self) -> None:
        """The connection is closing."""
        self._is_full = True

    def _prove(self, frame: bytes) -> None:
        reply = self._proof.receive(frame)
        if reply is not None:
            self.transport.write(emit_frame(reply))
        if self._proof.peer is None:
            self._reader.limit = self._proof.due
            return
        self._call_off()
        try:
            self._loopback.open(self._tools.reactor)
        except CannotListenError:
            # No descriptor is left; nothing is lost that UDP or a relay would not do.
            self._tools.counters.refused += 1
            self.close()
            return
        self._reader.limit = FRAME_LIMIT
        self.is_proven = True
        self._owner.stream_proven(self)

    def _send(self, datagram: bytes) -> None:
        if self._is_full or self._is_over or not 0 < len(datagram) <= FRAME_LIMIT:
            self._tools.counters.dropped += 1
        else:
            self.transport.write(emit_frame(datagram))

    def _count_foreign(self) -> None:
        self._tools.counters.foreign += 1

    def _too_late(self) -> None:
        self._tools.counters.unproven += 1
        self.close()

    def _call_off(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
