"""A gateway's and an edge's tunnel driver, connected in memory, for tests."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from zerogo.exit.budget import TUNNEL_BYTES, Budget
from zerogo.exit.frames import Datagram, Open, Opened
from zerogo.exit.mux import Mux
from zerogo.exit.notes import Note
from zerogo.exit.reason import Reason
from zerogo.exit.tunnel import Tunnel
from zerogo.ids import SocketAddress
from zerogo.net.exit_tunnel import TunnelDriver

BOUND = SocketAddress("192.0.2.1", 4000)


class Carrier:
    """Delivers to the other end at once."""

    is_writable = True

    def __init__(self) -> None:
        self.other: TunnelDriver | None = None
        self.dropped = ""

    def send(self, message: bytes) -> None:
        if self.other is not None:
            self.other.receive(message)

    def drop(self, reason: str, is_over: bool = False) -> None:
        self.dropped, self.other = reason, None

    def abort(self, reason: str) -> None:
        self.drop(reason)


class Owner:
    """Of a tunnel: takes notes, and confirms what is opened."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, Open]] = []
        self.losses: list[str] = []
        self.notes: list[Note] = []
        self.is_away = False

    def open_requested(self, number: int, request: Open) -> None:
        self.requests.append((number, request))

    def silence_changed(self, is_silent: bool) -> None:
        """Not looked at."""

    def going_away(self, reason: Reason) -> None:
        self.is_away = True

    def rtt_measured(self, seconds: float) -> None:
        pass

    def told(self, note: Note) -> None:
        self.notes.append(note)

    def lost(self, reason: str) -> None:
        self.losses.append(reason)


class Stream:
    """Of a stream: takes notes."""

    def __init__(self) -> None:
        self.happened: list[Any] = []

    def opened(self, opened: Opened) -> None:
        self.happened.append("opened")

    def accepted(self, address: SocketAddress) -> None:
        self.happened.append(address)

    def received(self, data: bytes) -> None:
        self.happened.append(data)

    def finished(self) -> None:
        self.happened.append("finished")

    def datagram(self, datagram: Datagram) -> None:
        self.happened.append(datagram)

    def writable(self) -> None:
        self.happened.append("writable")

    def reset(self, reason: Reason, sentence: str) -> None:
        self.happened.append(reason)

    @property
    def data(self) -> bytes:
        return b"".join(each for each in self.happened if isinstance(each, bytes))


class Link:
    """Both ends."""

    def __init__(self, clock: Clock | None = None, streams_limit: int = 100) -> None:
        self.clock = clock or Clock()
        self.gateway_owner, self.edge_owner = Owner(), Owner()
        self.gateway = self._end(True, self.gateway_owner, streams_limit)
        self.edge = self._end(False, self.edge_owner, streams_limit)
        self.connect()

    def _end(self, is_opener: bool, owner: Owner, streams_limit: int) -> TunnelDriver:
        mux = Mux(is_opener=is_opener, budget=Budget(TUNNEL_BYTES), streams_limit=streams_limit)
        return TunnelDriver(Tunnel(mux), self.clock, owner)

    def connect(self) -> None:
        self.carriers = (Carrier(), Carrier())
        self.carriers[0].other, self.carriers[1].other = self.edge, self.gateway
        positions = self.gateway.tunnel.received, self.edge.tunnel.received
        self.gateway.attach(self.carriers[0], positions[1])
        self.edge.attach(self.carriers[1], positions[0])

    def cut(self) -> None:
        for carrier in self.carriers:
            carrier.other = None
        self.gateway.detach(self.carriers[0])
        self.edge.detach(self.carriers[1])

    def settle(self) -> None:
        for _ in range(200):
            self.clock.advance(0)

    def confirm(self) -> int:
        """The edge has the stream that was asked for last."""
        number, _ = self.edge_owner.requests[-1]
        self.edge.call(self.edge.tunnel.mux.confirm, number, BOUND, 1000)
        self.settle()
        return number


class Transport(StringTransport):
    """A TCP connection that notes what becomes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_write_closed = False
        self.is_aborted = False

    def loseWriteConnection(self) -> None:
        self.is_write_closed = True

    def abortConnection(self) -> None:
        self.is_aborted = True
