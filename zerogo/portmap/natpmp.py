# -*- test-case-name: zerogo.test.portmap.test_natpmp -*-
"""NAT-PMP (RFC 6886): the outer address of a gateway, and mappings of a UDP or TCP port. Bytes to values and back.

    request    0 | opcode 1                                                                  outer address: opcode 0
               0 | opcode 1 | 0 2 | inner port 2 | wanted outer port 2 | lifetime 4          map: UDP 1, TCP 2
    response   0 | 128 + opcode | result 2 | epoch 4 | outer address 4
               0 | 128 + opcode | result 2 | epoch 4 | inner port 2 | outer port 2 | lifetime 4

A lifetime of 0 removes the mapping. The gateway's own address changes are multicast as unasked responses of opcode 0.
"""

from __future__ import annotations

import ipaddress
import struct

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.portmap.lease import Transport

PORT = 5351
"""Of the gateway, for PCP as well."""
ANNOUNCEMENT_GROUP = "224.0.0.1"
ANNOUNCEMENT_PORT = 5350
VERSION = 0
_ADDRESS_OPCODE, _RESPONSE = 0, 0x80
_MAP_OPCODES = {Transport.UDP: 1, Transport.TCP: 2}
_MAP_ANSWERS = {_RESPONSE | opcode: transport for transport, opcode in _MAP_OPCODES.items()}
_HEAD = struct.Struct("!BBHI")
_MAP_REQUEST = struct.Struct("!BBxxHHI")
_MAP_BODY = struct.Struct("!HHI")
_RESULTS = {
    1: "it speaks another version",
    2: "its owner does not allow it",
    3: "it has no outer address itself",
    4: "it is out of resources",
    5: "it does not know what was asked",
}


@frozen(kw_only=True)
class OuterAddressResponse:
    """The gateway's outer address; None where the result is not 0."""

    result: int
    epoch: int
    host: str | None


@frozen(kw_only=True)
class MapResponse:
    """A port mapping; ports and lifetime (seconds) mean nothing where the result is not 0."""

    result: int
    epoch: int
    inner_port: int
    outer_port: int
    lifetime: int
    transport: Transport = Transport.UDP


def emit_outer_address_request() -> bytes:
    """Ask for the outer address."""
    return bytes((VERSION, _ADDRESS_OPCODE))


def emit_map_request(inner_port: int, outer_port: int, lifetime: int, transport: Transport = Transport.UDP) -> bytes:
    """Ask for a mapping of `lifetime` seconds; 0 for both of the last two removes it."""
    return _MAP_REQUEST.pack(VERSION, _MAP_OPCODES[transport], inner_port, outer_port, lifetime)


def parse_response(data: bytes) -> OuterAddressResponse | MapResponse:
    """Read a response; raises `ParseError`. One that carries an error may be cut short after the epoch."""
    if len(data) < 4 or data[0] != VERSION:
        raise ParseError("not a NAT-PMP response")
    # A gateway that speaks only another version answers with the result alone.
    _, opcode, result, epoch = _HEAD.unpack(data[: _HEAD.size].ljust(_HEAD.size, b"\0"))
    body = data[_HEAD.size :]
    if opcode == _RESPONSE | _ADDRESS_OPCODE:
        if result == 0 and len(body) != 4:
            raise ParseError(f"a NAT-PMP response of {len(data)} bytes")
        return OuterAddressResponse(
            result=result, epoch=epoch, host=str(ipaddress.IPv4Address(body)) if result == 0 else None
        )
    transport = _MAP_ANSWERS.get(opcode)
    if transport is None:
        raise ParseError(f"a NAT-PMP response to opcode {opcode}")
    if result == 0 and len(body) != _MAP_BODY.size:
        raise ParseError(f"a NAT-PMP response of {len(data)} bytes")
    inner, outer, lifetime = _MAP_BODY.unpack(body[: _MAP_BODY.size].ljust(_MAP_BODY.size, b"\0"))
    return MapResponse(
        result=result, epoch=epoch, inner_port=inner, outer_port=outer, lifetime=lifetime, transport=transport
    )


def result_reason(result: int) -> str:
    """Why a gateway declined, for people."""
    return _RESULTS.get(result, f"it said {result}")
