# -*- test-case-name: zerogo.test.net.test_datagram -*-
"""UDP sockets that the reactor reads: a relay's, those of a survey.

Not for an agent's data socket, which a data plane reads. A socket is opened by itself and then adopted by the reactor,
so that it can be opened while the process still has its privileges, and so that an IPv6 socket takes IPv6 only, which
`listenUDP` leaves to the system's default.
"""

from __future__ import annotations

import errno
import socket

from attrs import define

from zerogo.errors import EnvironmentFault
from zerogo.ids import SocketAddress

RECEIVE_BUFFER_BYTES = 1 << 20
DATAGRAM_BYTES_LIMIT = 2048
"""Longer datagrams are cut by the kernel; no STUN message is as long."""


class AddressRefused(EnvironmentFault):
    """A socket cannot be opened at an address."""

    code = "E-UDP-LISTEN"

    def __init__(self, address: SocketAddress, error: OSError, protocol: str = "UDP") -> None:
        self.address = address
        self.is_unsupported = error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
        """Whether this machine has no such family or address, as opposed to not being allowed to use it."""
        super().__init__(f"cannot listen on {protocol} {address}: {error.strerror}")


@define
class DatagramCounters:
    """Of one socket, what the core does not see."""

    unreadable_sources: int = 0
    """From an address that no answer could be sent to, such as a link-local one with its zone."""
    unsendable: int = 0
    """The kernel refused to send."""


def open_udp_socket(address: SocketAddress) -> socket.socket:
    """A bound, non-blocking socket; port 0 takes a free one. Raises `AddressRefused`."""
    try:
        opened = socket.socket(socket.AF_INET6 if address.is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    except OSError as error:
        raise AddressRefused(address, error) from error
    try:
        opened.setblocking(False)
        if address.is_ipv6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        opened.bind((address.host, address.port))
    except OSError as error:
        opened.close()
        raise AddressRefused(address, error) from error
    return opened
