# -*- test-case-name: zerogo.test.net.test_peer_streams -*-
"""All TCP and TLS connections between this machine and other members: those that it takes, and those that it dials.

So many peers are dialled at a time; the others wait for their turn, which comes when a connection was made or no
address of a peer leads to it.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import DeferredSemaphore

from zerogo.ids import SocketAddress
from zerogo.mesh.stream_proof import FindKey, StreamKey
from zerogo.mesh.streaming import PeerStream
from zerogo.net.datagram import AddressRefused
from zerogo.net.descriptors import ask_for_descriptors
from zerogo.net.peer_dial import PeerDialler, peer_ways
from zerogo.net.peer_listener import STREAMS_LIMIT, PeerListener
from zerogo.net.peer_stream import MemberStream, StreamTools
from zerogo.net.proxy import Proxy
from zerogo.net.tcp_socket import open_tcp_socket
from zerogo.net.tls import HidingServer
from zerogo.routing.subnets import UNDERLAY_MARK

DIALLED_AT_ONCE = 32
"""Peers."""
DESCRIPTORS = 2 * STREAMS_LIMIT + 1024
"""A connection that was taken needs two, one for itself and one for what stands for it; the rest is for all else."""
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - an open port is for everybody


def open_peer_sockets(port: int) -> list[socket.socket]:
    """Listen at that TCP port by IPv4 and IPv6, as far as this machine has them. Raises `AddressRefused`."""
    opened: list[socket.socket] = []
    for host in EVERYWHERE:
        try:
            listening = open_tcp_socket(SocketAddress(host, port), is_for_narrow_lines=True)
        except AddressRefused as error:
            if error.is_unsupported:
                continue
            for each in opened:
                each.close()
            raise
        # What is accepted has the mark too: answers never go into the mesh.
        with contextlib.suppress(PermissionError):
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, UNDERLAY_MARK)
        opened.append(listening)
    return opened


class PeerStreams:
    """One agent's. `opened` is told the peer's number and its stream, `closed` the number and what stood for it."""

    def __init__(
        self,
        tools: StreamTools,
        find: FindKey,
        proxy: Proxy | None,
        *,
        opened: Callable[[int, PeerStream], object],
        closed: Callable[[int, SocketAddress], object],
    ) -> None:
        self._tools = tools
        self._proxy = proxy
        self._opened = opened
        self._closed = closed
        self._turns = DeferredSemaphore(DIALLED_AT_ONCE)
        self._diallers: dict[int, PeerDialler] = {}
        self._ports: list[Any] = []
        self._sockets: list[socket.socket] = []
        self._listener = PeerListener(
            tools,
            find,
            make_tls=HidingServer(tools.reactor).wrap,
            opened=self._stream_opened,
            closed=self._stream_closed,
        )

    def open(self, port: int) -> None:
        """Take that TCP port; connections wait until `start`. Raises `AddressRefused`."""
        self._sockets = open_peer_sockets(port)
        ask_for_descriptors(DESCRIPTORS)

    def start(self) -> None:
        """Take connections at the port, if there is one."""
        self.listen(self._sockets)
        self._close_sockets()

    def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Take connections from these, which are duplicated."""
        for each in sockets:
            self._ports.append(self._tools.reactor.adoptStreamPort(each.fileno(), each.family, self._listener))

    def dial(self, key: StreamKey, places: Sequence[SocketAddress]) -> None:
        """Have a stream to that peer, and another one when it is lost."""
        dialler = self._diallers.get(key.peer)
        if dialler is None:
            dialler = PeerDialler(self._tools, self._turns, opened=self._stream_opened, closed=self._stream_closed)
            self._diallers[key.peer] = dialler
        dialler.dial(key, peer_ways(self._tools.reactor, places, self._proxy))

    def undial(self, peer: int) -> None:
        """No stream that we dial to that peer is needed any more."""
        dialler = self._diallers.pop(peer, None)
        if dialler is not None:
            dialler.stop()

    def forget(self, peer: int) -> None:
        """That peer is no member any more."""
        self.undial(peer)
        self._listener.forget(peer)

    def close_streams(self) -> None:
        """Close all connections; the port stays open."""
        for peer in list(self._diallers):
            self.undial(peer)
        self._listener.close_all()

    def stop(self) -> None:
        """Close everything."""
        self.close_streams()
        for port in self._ports:
            port.stopListening()
        self._ports.clear()
        self._close_sockets()

    def _close_sockets(self) -> None:
        for each in self._sockets:
            each.close()
        self._sockets = []

    def _stream_opened(self, stream: MemberStream) -> None:
        self._opened(stream.peer, stream.described())

    def _stream_closed(self, stream: MemberStream) -> None:
        self._closed(stream.peer, stream.described().address)
