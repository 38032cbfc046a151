# -*- test-case-name: zerogo.test.net.test_exit_association -*-
"""The gateway's end of a SOCKS5 UDP association (RFC 1928 sections 6 and 7).

One UDP port for one association, at the address that the user connected to. Only datagrams from the user's own address
are taken, and after the first one only from that port. Fragments are dropped, as the RFC allows. Names go to the edge
as they are. The association lives as long as the user's TCP connection; its socket counts as one more connection of the
user's address.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol

from zerogo.errors import ParseError
from zerogo.exit.frames import DATAGRAM_LIMIT, Datagram, Opened
from zerogo.exit.reason import Reason
from zerogo.exit.socks5 import emit_udp, parse_udp
from zerogo.ids import SocketAddress
from zerogo.net.exit_opening import OpenStream
from zerogo.net.exit_user import UserProtocol


class _Socket(DatagramProtocol):
    noisy = False

    def __init__(self, association: Association) -> None:
        self._association = association

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self._association.came_in(datagram, addr[0], addr[1])

    def connectionRefused(self) -> None:
        """An ICMP error: UDP has no way to tell."""


class Association:
    """One association."""

    def __init__(self, user: UserProtocol, stream: OpenStream, counted: Any, host: str) -> None:
        self._user = user
        self._driver = stream.edge.driver
        self._number = stream.number
        self._counted = counted
        self._host = host
        self._port: Any = None
        self._is_counted = False
        self._client: tuple[str, int] | None = None
        self._is_over = False
        self.is_held = False
        """Whether datagrams are dropped, either way."""
        self.dropped = 0
        self._driver.own(self._number, self)

    def listen(self) -> SocketAddress | None:
        """Open the port; gives what to tell the user, or None where there is no room for it."""
        desk = self._user.desk
        self._is_counted = self._user.crowd.add_socket(self._user.source)
        if not self._is_counted:
            return None
        try:
            self._port = desk.reactor.listenUDP(0, _Socket(self), self._host, maxPacketSize=65535)
            return SocketAddress.of(desk.advertised or self._host, self._port.getHost().port)
        except (CannotListenError, OSError, ParseError):
            return None

    def came_in(self, payload: bytes, host: str, port: int) -> None:
        """From the user, or from somebody who wants to be."""
        is_users = host == self._user.source and self._client in (None, (host, port))
        if self._is_over or self.is_held or not is_users or len(payload) > DATAGRAM_LIMIT:
            self.dropped += 1
            return
        try:
            target, data = parse_udp(payload)
        except ParseError:
            self.dropped += 1
            return
        self._client = (host, port)
        self._counted.sent(len(data))
        if not self._is_over:
            self._driver.call(self._driver.tunnel.mux.send_datagram, self._number, Datagram(target, data))

    def close(self, reason: Reason | None = None) -> None:
        """The user's connection is gone, or has to go for that reason."""
        if not self._is_over:
            self._driver.reset(self._number, Reason.CANCELLED if reason is None else reason)
            self._end(reason)

    def _end(self, reason: Reason | None) -> None:
        self._is_over = True
        if self._port is not None:
            self._port.stopListening()
        if self._is_counted:
            self._user.crowd.remove_socket(self._user.source)
        self._counted.closed(reason)

    # ----- the stream

    def datagram(self, datagram: Datagram) -> None:
        """From the edge."""
        if self._is_over or self.is_held or self._client is None:
            return
        self._counted.received(len(datagram.payload))
        try:
            self._port.write(emit_udp(datagram.target, datagram.payload), self._client)
        except OSError:
            self.dropped += 1

    def reset(self, reason: Reason, sentence: str) -> None:
        """The edge ended it: so does the user's connection."""
        if not self._is_over:
            self._end(reason)
            self._user.close()

    def finished(self) -> None:
        """The edge sends no more."""
        self.close()
        self._user.close()

    def opened(self, opened: Opened) -> None:
        """Was told before."""

    def accepted(self, address: SocketAddress) -> None:
        """Nothing is accepted here."""

    def received(self, data: bytes) -> None:
        """An association carries no bytes."""

    def writable(self) -> None:
        """Datagrams have a bound of their own."""
