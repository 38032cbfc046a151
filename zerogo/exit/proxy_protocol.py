# -*- test-case-name: zerogo.test.exit.test_proxy_protocol -*-
"""The PROXY protocol, version 2 (haproxy's proxy-protocol.txt): a balancer before the gateway says who the user is.

    signature 12 | version and command 1 | family 1 | length 2 | addresses | TLVs

It is asked for only from listed sources, and then it must be there: a user must not write it, a balancer must not leave
it out. TLVs are skipped.
"""

from __future__ import annotations

import ipaddress
import struct

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LENGTH_LIMIT = 1024
_HEAD = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_FAMILIES = {0x11: struct.Struct("!4s4sHH"), 0x21: struct.Struct("!16s16sHH")}


@frozen
class ProxyHeader:
    """Who connected; None where the balancer speaks for itself (a health check). It took `length` bytes."""

    source: SocketAddress | None
    length: int


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """Read the header at the start of `data`; None where more is needed. Raises `ParseError`."""
    if not data.startswith(SIGNATURE[: len(data)]):
        raise ParseError("a balancer that does not speak PROXY protocol 2")
    if len(data) < _HEAD.size:
        return None
    _, command, family, length = _HEAD.unpack_from(data)
    if length > LENGTH_LIMIT:
        raise ParseError(f"a PROXY header of {length} bytes")
    if command not in (_LOCAL, _PROXY):
        raise ParseError("a PROXY header of an unknown version or command")
    end = _HEAD.size + length
    if len(data) < end:
        return None
    if command == _LOCAL:
        return ProxyHeader(None, end)
    addresses = _FAMILIES.get(family)
    if addresses is None or length < addresses.size:
        raise ParseError("a PROXY header that is not about TCP")
    source, _, port, _ = addresses.unpack_from(data, _HEAD.size)
    return ProxyHeader(SocketAddress.of(str(ipaddress.ip_address(source)), port), end)
