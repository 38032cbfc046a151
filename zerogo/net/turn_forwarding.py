# -*- test-case-name: zerogo.test.net.test_turn_forwarding -*-
"""Forwarding in the native core: a thread reads all UDP sockets of the relay, and Python sees what it has not decided.

    datagram -> RelayForwarder (Rust) --there is a flow---> sent on, the interpreter is not asked
                                      --else, by a queue--> TurnServer, which answers, relays it itself, and may
                                                            permit a flow for what follows

Python stays the one that decides: a flow ends after some seconds, is decided again before that while it is used, and
goes at once with its allocation. A user's bandwidth is one bucket, in Rust, that both draw from.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from attrs import fields, frozen
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.events import ClientEnd, FlowPermitted, PeerEnd

FETCH_LIMIT = 256
"""Datagrams that are looked at before the reactor does something else."""
FIRST_RELAYED = 1 << 16
"""Sockets are numbers to the forwarder: listeners have those of the driver, relayed ones those from here up."""

FromClient = Callable[[bytes, ClientAddress], object]
FromPeer = Callable[[bytes, SocketAddress, SocketAddress], object]
Renew = Callable[[ClientEnd | PeerEnd], object]


EndRow = tuple[int, str, int, int]
"""Socket, host, port, channel (0: the payload alone)."""


class Forwarder(Protocol):
    """What is wanted of `zerogo._native.RelayForwarder`, which says what each does."""

    def wakeup_fd(self) -> int: ...

    def add_socket(self, number: int, fd: int, is_relayed: bool) -> None: ...

    def remove_socket(self, number: int) -> None: ...

    def add_flow(self, source: EndRow, destination: EndRow, buckets: tuple[int, int], seconds: float) -> None: ...

    def forget_client(self, socket: int, host: str, port: int) -> None: ...

    def add_bucket(self, number: int, rate: float) -> None: ...

    def remove_bucket(self, number: int) -> None: ...

    def take(self, number: int, amount: int) -> bool: ...

    def fetch(self, limit: int) -> list[tuple[int, str, int, bytes, int | None]]: ...

    def tally(self) -> list[int]: ...

    def close(self) -> None: ...


@frozen
class Tally:
    """What the forwarder did by itself, in total."""

    to_peers: int = 0
    bytes_to_peers: int = 0
    to_clients: int = 0
    bytes_to_clients: int = 0
    over_bandwidth: int = 0
    overflowed: int = 0
    """Datagrams that Python should have looked at, but too many waited."""
    unsendable: int = 0


TALLY = tuple(field.name for field in fields(Tally))


class NativeBucket:
    """The bandwidth of one user (`turn.quota.Bandwidth`)."""

    def __init__(self, forwarder: Forwarder, number: int, rate: float) -> None:
        self.number = number
        self._forwarder = forwarder
        forwarder.add_bucket(number, rate)

    def takes(self, amount: float, now: float) -> bool:
        """Take so many bytes; False where there are not as many. The time is the forwarder's own."""
        return self._forwarder.take(self.number, int(amount))

    def release(self) -> None:
        """The user is struck off the books."""
        self._forwarder.remove_bucket(self.number)


@lru_cache(4096)
def _address(host: str, port: int) -> SocketAddress:
    """Raises `ParseError`; remembered, since datagrams come in rows from the same source."""
    return SocketAddress.of(host, port)


@implementer(IReadDescriptor)
class NativeForwarding:
    """One forwarder and its sockets."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._reactor: IReactorFDSet | None = None
        self._relayed: dict[SocketAddress, int] = {}
        self._relayed_of: dict[int, SocketAddress] = {}
        self._next_relayed = FIRST_RELAYED
        self._next_bucket = 1

    def start(self, reactor: IReactorFDSet, from_client: FromClient, from_peer: FromPeer, renew: Renew) -> None:
        """Have what it does not decide looked at, and flows that are in use decided again before they end."""
        self._from_client, self._from_peer, self._renew = from_client, from_peer, renew
        self._reactor = reactor
        reactor.addReader(self)

    def close(self) -> None:
        """End the thread."""
        if self._reactor is not None:
            self._reactor.removeReader(self)
            self._reactor = None
        self._forwarder.close()

    def bucket(self, rate: float, now: float) -> NativeBucket:
        """The bandwidth of a new user, bytes a second."""
        self._next_bucket += 1
        return NativeBucket(self._forwarder, self._next_bucket - 1, rate)

    def listen(self, number: int, opened: socket.socket) -> None:
        """Read a socket that clients send to; the caller keeps its own descriptor, to send by."""
        self._forwarder.add_socket(number, os.dup(opened.fileno()), False)

    def lend(self, relayed: SocketAddress, opened: socket.socket) -> None:
        """Read the socket of a relayed address; as above."""
        number, self._next_relayed = self._next_relayed, self._next_relayed + 1
        self._relayed[relayed] = number
        self._relayed_of[number] = relayed
        self._forwarder.add_socket(number, os.dup(opened.fileno()), True)

    def release(self, relayed: SocketAddress) -> None:
        """A relayed address is taken back."""
        number = self._relayed.pop(relayed, None)
        if number is not None:
            del self._relayed_of[number]
            self._forwarder.remove_socket(number)

    def permit(self, flow: FlowPermitted, now: float) -> None:
        """Send on what comes from one end to the other, until it expires."""
        source, destination = self._row(flow.source), self._row(flow.destination)
        if source is None or destination is None:
            return
        numbers = [payer.number for payer in flow.payers if isinstance(payer, NativeBucket)]
        first, second = [*numbers, 0, 0][:2]
        self._forwarder.add_flow(source, destination, (first, second), max(0.0, flow.expires_at - now))

    def ended(self, client: ClientAddress) -> None:
        """A client has no allocation any more."""
        if not client.is_stream:
            self._forwarder.forget_client(client.listener, client.address.host, client.address.port)

    @property
    def tally(self) -> Tally:
        """What it did so far."""
        return Tally(*self._forwarder.tally())

    def _row(self, end: ClientEnd | PeerEnd) -> EndRow | None:
        if isinstance(end, ClientEnd):
            return end.client.listener, end.client.address.host, end.client.address.port, end.channel
        number = self._relayed.get(end.relayed)
        return None if number is None else (number, end.peer.host, end.peer.port, 0)

    def _receive(self, number: int, host: str, port: int, data: bytes, renews: int | None) -> None:
        try:
            source = _address(host, port)
        except ParseError:
            return
        if number < FIRST_RELAYED:
            client = ClientAddress(number, ClientTransport.UDP, source)
            if renews is None:
                self._from_client(data, client)
            else:
                self._renew(ClientEnd(client, renews))
        elif number in self._relayed_of:
            relayed = self._relayed_of[number]
            if renews is None:
                self._from_peer(data, source, relayed)
            else:
                self._renew(PeerEnd(relayed, source))

    def fileno(self) -> int:
        return self._forwarder.wakeup_fd()

    def logPrefix(self) -> str:
        return "relay forwarder"

    def doRead(self) -> None:
        """Some datagrams wait."""
        for row in self._forwarder.fetch(FETCH_LIMIT):
            self._receive(*row)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops."""
