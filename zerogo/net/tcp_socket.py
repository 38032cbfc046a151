# -*- test-case-name: zerogo.test.net.test_listening -*-
"""TCP sockets that listen, opened while the process has its privileges."""

from __future__ import annotations

import socket

from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused
from zerogo.net.tcp import fit_narrow_lines

BACKLOG = 128


def open_tcp_socket(address: SocketAddress, *, is_for_narrow_lines: bool = False) -> socket.socket:
    """A listening, non-blocking socket, IPv6 ones for IPv6 only; see `fit_narrow_lines`. Raises `AddressRefused`."""
    try:
        opened = socket.socket(socket.AF_INET6 if address.is_ipv6 else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise AddressRefused(address, error, "TCP") from error
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.is_ipv6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if is_for_narrow_lines:
            fit_narrow_lines(opened)
        opened.bind((address.host, address.port))
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise AddressRefused(address, error, "TCP") from error
    return opened
