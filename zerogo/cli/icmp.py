# -*- test-case-name: zerogo.test.cli.test_icmp -*-
"""ICMP echo for IPv4 and IPv6 (RFC 792, RFC 4443): a ping that goes through both kernels, both devices and the tunnel.

    request   type 1 | code 0 | checksum 2 | identifier 2 | sequence 2 | data

The kernel computes the checksum of ICMPv6 and gives us IPv4 packets with their header.
"""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import struct
import time
from types import TracebackType

from zerogo.errors import EnvironmentFault

_ECHO = struct.Struct("!BBHHH")
_REQUEST = {4: 8, 6: 128}
_REPLY = {4: 0, 6: 129}
DATA = b"zerogo ping, 56 bytes of data as ping has always sent..."


class PingImpossible(EnvironmentFault):
    """This machine does not let us send ICMP."""

    code = "E-PING"


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(version: int, identifier: int, sequence: int) -> bytes:
    """The bytes of a request."""
    head = _ECHO.pack(_REQUEST[version], 0, 0, identifier, sequence)
    return _ECHO.pack(_REQUEST[version], 0, checksum(head + DATA), identifier, sequence) + DATA


def parse_reply(version: int, packet: bytes, identifier: int) -> int | None:
    """The sequence number of a reply to us, None for anything else; `packet` is as a raw socket gives it."""
    offset = (packet[0] & 0x0F) * 4 if version == 4 and packet else 0
    if len(packet) < offset + _ECHO.size:
        return None
    kind, _, _, found, sequence = _ECHO.unpack_from(packet, offset)
    return sequence if kind == _REPLY[version] and found == identifier else None


class Pinger:
    """Pings one address. Use it in a `with` statement; raises `PingImpossible`."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._version = ipaddress.ip_address(host).version
        family = socket.AF_INET6 if self._version == 6 else socket.AF_INET
        protocol = socket.getprotobyname("icmp") if self._version == 4 else socket.IPPROTO_ICMPV6
        self._identifier = int.from_bytes(os.urandom(2), "big")
        try:
            self._socket = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        except PermissionError as error:
            raise PingImpossible("no permission to send ICMP: run as root") from error
        except OSError as error:
            raise PingImpossible(f"this machine cannot send ICMP: {error.strerror}") from error

    def __enter__(self) -> Pinger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ping(self, sequence: int, seconds: float) -> float | None:
        """The round trip in seconds; None where no reply came in time."""
        begun = time.monotonic()
        try:
            self._socket.sendto(echo_request(self._version, self._identifier, sequence), (self._host, 0))
        except OSError:
            # No route, or the neighbour was not found: no reply comes.
            time.sleep(seconds)
            return None
        while (left := begun + seconds - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                packet = self._socket.recv(2048)
                if parse_reply(self._version, packet, self._identifier) == sequence:
                    return time.monotonic() - begun
        return None
