# -*- test-case-name: zerogo.test.dataplane.test_sockets -*-
"""The data sockets: one UDP socket per address family, on one port number where that can be had.

The don't-fragment bit is always set (IP_PMTUDISC_PROBE): the plane knows each path's MTU and cuts to it, and a path
that was believed larger than it is must show, not hide in fragments. Buffers are as large as root may make them.
"""

from __future__ import annotations

import contextlib
import errno
import socket

from zerogo.dataplane.errors import SocketNotOpened
from zerogo.routing.subnets import UNDERLAY_MARK

RECEIVE_BUFFER_BYTES = 16 * 1024 * 1024
"""10 ms at 10 Gbit/s, with the kernel's bookkeeping."""
SEND_BUFFER_BYTES = 2 * 1024 * 1024
"""1 ms at 10 Gbit/s; more would be a queue that nothing drains fairly."""
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_IP_MTU_DISCOVER = 10
_IPV6_MTU_DISCOVER = 23
_PMTUDISC_PROBE = 3
_RANDOM_PORT_ATTEMPTS = 16


def open_data_sockets(port: int) -> list[socket.socket]:
    """Bound, non-blocking UDP sockets for IPv4 and IPv6, those that this machine has; `port` 0 chooses one.

    Raises `SocketNotOpened`.
    """
    attempts = 1 if port else _RANDOM_PORT_ATTEMPTS
    for attempt in range(attempts):
        sockets: list[socket.socket] = []
        chosen = port
        try:
            for family in (socket.AF_INET, socket.AF_INET6):
                sock = _open(family, chosen)
                if sock is not None:
                    sockets.append(sock)
                    chosen = sock.getsockname()[1]
        except OSError as error:
            for sock in sockets:
                sock.close()
            # A port that is free for IPv4 may be taken for IPv6; with a port of our choice another one will do.
            if error.errno == errno.EADDRINUSE and attempt + 1 < attempts:
                continue
            raise SocketNotOpened(f"UDP port {chosen}: {error.strerror}") from error
        if sockets:
            return sockets
    raise SocketNotOpened("this machine has neither IPv4 nor IPv6")


def _open(family: int, port: int) -> socket.socket | None:
    """A socket of one family; None where the machine does not have that family."""
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
            return None
        raise
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
        _mark(sock)
        _enlarge(sock, _SO_RCVBUFFORCE, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        _enlarge(sock, _SO_SNDBUFFORCE, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        sock.bind(("::" if family == socket.AF_INET6 else "", port))
    except OSError as error:
        sock.close()
        if family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL:
            return None
        raise
    return sock


def _mark(sock: socket.socket) -> None:
    """Keep what is sealed out of the mesh; without the right to, routes into the mesh cannot be made either."""
    with contextlib.suppress(PermissionError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, UNDERLAY_MARK)


def _enlarge(sock: socket.socket, forced: int, asked: int, size: int) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, forced, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, asked, size)
