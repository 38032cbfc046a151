# -*- test-case-name: zerogo.test.net.test_relayed -*-
"""The sockets behind relayed addresses: opened on random ports of a range, one for each.

A port is drawn from the system's randomness, so that nobody can guess which one the next client is lent (CVE-2025-69217
was about that), and the next draw is made where it is taken.
"""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Callable, Iterator
from functools import lru_cache

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused, open_udp_socket
from zerogo.net.turn_forwarding import NativeForwarding

DRAWS = 64
"""So many ports are tried before the range counts as used up."""
DATAGRAM_BYTES = 16 * 1024
READS_AT_ONCE = 16
"""Datagrams that one socket may have read before the others have their turn."""
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_PMTUDISC_DONT, _PMTUDISC_PROBE = 0, 3
_MTU_DISCOVER: dict[int, tuple[int, int]] = {
    socket.AF_INET: (socket.IPPROTO_IP, 10),  # IP_MTU_DISCOVER
    socket.AF_INET6: (socket.IPPROTO_IPV6, 23),  # IPV6_MTU_DISCOVER
}
"""linux/in.h, linux/in6.h: the socket module does not name them."""

Receive = Callable[[bytes, SocketAddress, SocketAddress], object]


@implementer(IReadDescriptor)
class RelayedSocket:
    """One socket; `receive` is given what arrives: data, where from, and the address that was lent.

    The reactor reads it as a bare descriptor: a `udp.Port` would log two lines for each address that is lent.
    """

    def __init__(self, opened: socket.socket, relayed: SocketAddress, receive: Receive) -> None:
        self.relayed = relayed
        self._socket = opened
        self._receive = receive

    def send(self, payload: bytes, peer: SocketAddress, dont_fragment: bool) -> None:
        """Send one datagram; raises `OSError` where the kernel refuses."""
        if not dont_fragment:
            self._socket.sendto(payload, (peer.host, peer.port))
            return
        # At once back to how it was: others send by this socket too (`turn_forwarding`).
        level, option = _MTU_DISCOVER[self._socket.family]
        self._socket.setsockopt(level, option, _PMTUDISC_PROBE)
        try:
            self._socket.sendto(payload, (peer.host, peer.port))
        finally:
            self._socket.setsockopt(level, option, _PMTUDISC_DONT)

    def close(self) -> None:
        """Nothing may be sent after this."""
        self._socket.close()

    def fileno(self) -> int:
        """For the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor's errors."""
        return "relayed address"

    def doRead(self) -> None:
        """Some datagrams have come."""
        for _ in range(READS_AT_ONCE):
            if self._socket.fileno() < 0:
                return
            try:
                data, source = self._socket.recvfrom(DATAGRAM_BYTES)
            except OSError as error:
                # A peer's ICMP error is told here too; it concerns one datagram of the past.
                if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
                    return
                continue
            self._read(data, source)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops."""

    def _read(self, data: bytes, source: tuple[str, int]) -> None:
        try:
            peer = _peer_address(source[0], source[1])
        except ParseError:
            return
        self._receive(data, peer, self.relayed)


@lru_cache(4096)
def _peer_address(host: str, port: int) -> SocketAddress:
    """Raises `ParseError`; remembered, since datagrams come in rows from the same peer."""
    return SocketAddress.of(host, port)


class RelayedSockets:
    """All of them.

    :param public: the addresses that peers see, one of each family at most.
    :param first: lowest port.
    :param last: highest port.
    :param receive: see `RelayedSocket`.
    :param forwarding: reads the sockets in place of the reactor.
    """

    log = Logger()

    def __init__(
        self,
        public: tuple[str, ...],
        first: int,
        last: int,
        reactor: IReactorFDSet,
        receive: Receive,
        forwarding: NativeForwarding | None = None,
    ) -> None:
        self._forwarding = forwarding
        self._public = {":" in host: host for host in public}
        self._first = first
        self._last = last
        self._reactor = reactor
        self._receive = receive
        self._random = random.SystemRandom()
        self._open: dict[SocketAddress, RelayedSocket] = {}
        self._is_exhausted = False

    def __len__(self) -> int:
        """Open ones."""
        return len(self._open)

    def open(self, is_ipv6: bool, needs_even_port: bool, count: int) -> list[SocketAddress]:
        """Open `count` sockets on ports that follow each other; none where that cannot be had."""
        for port in self._draw(needs_even_port, count):
            try:
                opened = self._bind(is_ipv6, port, count)
            except AddressRefused as error:
                if not self._may_try_again(error):
                    return []
                continue
            return [self._adopt(each, port + place, is_ipv6) for place, each in enumerate(opened)]
        return []

    def send(self, relayed: SocketAddress, payload: bytes, peer: SocketAddress, dont_fragment: bool) -> None:
        """Send from a relayed address; raises `OSError` where the kernel refuses."""
        found = self._open.get(relayed)
        if found is not None:
            found.send(payload, peer, dont_fragment)

    def close(self, relayed: SocketAddress) -> None:
        """Close one."""
        found = self._open.pop(relayed, None)
        if found is not None:
            if self._forwarding is None:
                self._reactor.removeReader(found)
            else:
                self._forwarding.release(relayed)
            found.close()

    def close_all(self) -> None:
        """Close all."""
        for relayed in list(self._open):
            self.close(relayed)

    def _draw(self, needs_even_port: bool, count: int) -> Iterator[int]:
        highest = self._last - count + 1
        for _ in range(DRAWS):
            port = self._random.randint(self._first, max(self._first, highest))
            if needs_even_port:
                port &= ~1
            if self._first <= port <= highest:
                yield port

    def _bind(self, is_ipv6: bool, port: int, count: int) -> list[socket.socket]:
        opened: list[socket.socket] = []
        try:
            for place in range(count):
                opened.append(self._bind_one(is_ipv6, port + place))
        except AddressRefused:
            for each in opened:
                each.close()
            raise
        return opened

    def _bind_one(self, is_ipv6: bool, port: int) -> socket.socket:
        try:
            return open_udp_socket(SocketAddress(self._public[is_ipv6], port))
        except AddressRefused as error:
            if not error.is_unsupported:
                raise
        return open_udp_socket(SocketAddress("::" if is_ipv6 else "0.0.0.0", port))  # noqa: S104 - behind a NAT

    def _adopt(self, opened: socket.socket, port: int, is_ipv6: bool) -> SocketAddress:
        relayed = SocketAddress(self._public[is_ipv6], port)
        adopted = self._open[relayed] = RelayedSocket(opened, relayed, self._receive)
        if self._forwarding is None:
            self._reactor.addReader(adopted)
        else:
            self._forwarding.lend(relayed, opened)
        return relayed

    def _may_try_again(self, error: AddressRefused) -> bool:
        """Whether another port may do, as opposed to a machine that has run out of something."""
        cause = error.__cause__
        is_exhausted = isinstance(cause, OSError) and cause.errno in EXHAUSTED
        if is_exhausted and not self._is_exhausted:
            self.log.error("no further relayed addresses: {reason}", reason=str(cause))
        self._is_exhausted = is_exhausted
        return not is_exhausted


def outgoing_address(is_ipv6: bool) -> str | None:
    """The address that this machine sends to the internet from, as its routes say; no packet is sent."""
    target = ("2001:db8::1", 9) if is_ipv6 else ("192.0.2.1", 9)
    try:
        with socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(target)
            return str(SocketAddress.of(probe.getsockname()[0], 0).host)
    except (OSError, ParseError):
        return None
