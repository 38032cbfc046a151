# -*- test-case-name: zerogo.test.portmap.test_pcp -*-
"""PCP (RFC 6887): ANNOUNCE and MAP of a UDP or TCP port, for IPv4 NATs and IPv6 firewalls. Bytes to values and back.

    request    2 | opcode 1 | 0 2 | lifetime 4 | client address 16 | opcode's data          (ANNOUNCE: opcode 0)
    response   2 | 128 + opcode | 0 1 | result 1 | lifetime 4 | epoch 4 | 0 12 | opcode's data
    MAP (1)    nonce 12 | protocol 1 | 0 3 | inner port 2 | outer port 2 | outer address 16

IPv4 addresses are written as IPv4-mapped IPv6 ones. Options, which we send none of, are skipped.
"""

from __future__ import annotations

import ipaddress
import struct

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.portmap.lease import Transport

VERSION = 2
NONCE_BYTES = 12
DATAGRAM_LIMIT = 1100
"""RFC 6887 section 7."""
_ANNOUNCE, _MAP, _RESPONSE = 0, 1, 0x80
_PROTOCOLS = {Transport.UDP: 17, Transport.TCP: 6}
_TRANSPORTS = {protocol: transport for transport, protocol in _PROTOCOLS.items()}
_REQUEST = struct.Struct("!BBxxI16s")
_RESPONSE_HEAD = struct.Struct("!BBxBII12x")
_MAP_BODY = struct.Struct("!12sB3xHH16s")
UNSUPPORTED_VERSION = 1
"""Also in NAT-PMP: the answer is in the newest version that the gateway speaks."""
_RESULTS = {
    1: "it speaks another version",
    2: "its owner does not allow it",
    3: "it did not understand us",
    4: "it does not know what was asked",
    5: "it does not know an option",
    6: "it did not understand an option",
    7: "it has no outer address itself",
    8: "it is out of resources",
    9: "it does not map ports of this protocol",
    10: "this machine has as many mappings as it may have",
    11: "the outer port is taken",
    12: "another router is between it and this machine",
    13: "too many were asked for",
}


@frozen(kw_only=True)
class AnnounceResponse:
    """The gateway speaks PCP, whatever the result."""

    result: int
    epoch: int


@frozen(kw_only=True)
class MapResponse:
    """A mapping; where the result is not 0, the rest is as it was asked for and means nothing."""

    result: int
    epoch: int
    lifetime: int
    """Seconds; of an error: so long the same answer would come again."""
    nonce: bytes
    inner_port: int
    outer: SocketAddress
    transport: Transport = Transport.UDP


def _packed(host: str) -> bytes:
    address = ipaddress.ip_address(host)
    return address.packed if address.version == 6 else b"\0" * 10 + b"\xff\xff" + address.packed


def emit_announce_request(client: str) -> bytes:
    """Ask whether the gateway is there and since when; `client` is our own address."""
    return _REQUEST.pack(VERSION, _ANNOUNCE, 0, _packed(client))


def emit_map_request(
    inner: SocketAddress, outer: SocketAddress, nonce: bytes, lifetime: int, transport: Transport = Transport.UDP
) -> bytes:
    """Ask for a mapping of `lifetime` seconds, `outer` if it can be had; a lifetime of 0 removes it."""
    head = _REQUEST.pack(VERSION, _MAP, lifetime, _packed(inner.host))
    return head + _MAP_BODY.pack(nonce, _PROTOCOLS[transport], inner.port, outer.port, _packed(outer.host))


def parse_response(data: bytes) -> AnnounceResponse | MapResponse:
    """Read a response; raises `ParseError`."""
    if not _RESPONSE_HEAD.size <= len(data) <= DATAGRAM_LIMIT or len(data) % 4 or data[0] != VERSION:
        raise ParseError(f"{len(data)} bytes that are no PCP response")
    _, opcode, result, lifetime, epoch = _RESPONSE_HEAD.unpack_from(data)
    if opcode == _RESPONSE | _ANNOUNCE:
        return AnnounceResponse(result=result, epoch=epoch)
    if opcode != _RESPONSE | _MAP or len(data) < _RESPONSE_HEAD.size + _MAP_BODY.size:
        raise ParseError(f"a PCP response to opcode {opcode} of {len(data)} bytes")
    nonce, protocol, inner_port, outer_port, packed = _MAP_BODY.unpack_from(data, _RESPONSE_HEAD.size)
    transport = _TRANSPORTS.get(protocol)
    if transport is None:
        raise ParseError(f"a PCP mapping of protocol {protocol}")
    return MapResponse(
        result=result,
        epoch=epoch,
        lifetime=lifetime,
        nonce=nonce,
        inner_port=inner_port,
        outer=SocketAddress.of(str(ipaddress.IPv6Address(packed)), outer_port),
        transport=transport,
    )


def result_reason(result: int) -> str:
    """Why a gateway declined, for people."""
    return _RESULTS.get(result, f"it said {result}")
