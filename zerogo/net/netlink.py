# -*- test-case-name: zerogo.test.net.test_netlink -*-
"""The few rtnetlink messages that an agent reads (man 7 rtnetlink): bytes to frozen values and back, no socket.

    message    length 4 | type 2 | flags 2 | sequence 4 | port 4 | body, padded to 4      (host byte order)
    link       family 1 | 0 | device type 2 | index 4 | flags 4 | change 4 | attributes
    address    family 1 | prefix length 1 | flags 1 | scope 1 | index 4 | attributes
    route      family 1 | dst length 1 | src length 1 | tos 1 | table 1 | protocol 1 | scope 1 | type 1 | flags 4
               | attributes
    attribute  length 2 | type 2 | value, padded to 4

Own code and not pyroute2, because importing that costs an idle agent 9 MB (docs/decisions).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from socket import AF_INET, AF_INET6

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.routing.subnets import UNDERLAY_MARK

NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DEL_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DEL_ROUTE, GET_ROUTE = 24, 25, 26
ERROR, DONE = 2, 3
FLAG_REQUEST, FLAG_DUMP = 0x1, 0x300

GROUP_LINK, GROUP_IPV4_ADDRESS, GROUP_IPV6_ADDRESS = 0x1, 0x10, 0x100
GROUP_IPV4_ROUTE, GROUP_IPV6_ROUTE = 0x40, 0x400
ALL_GROUPS = GROUP_LINK | GROUP_IPV4_ADDRESS | GROUP_IPV6_ADDRESS | GROUP_IPV4_ROUTE | GROUP_IPV6_ROUTE

LINK_UP, LINK_LOOPBACK, LINK_RUNNING = 0x1, 0x8, 0x40
SCOPE_GLOBAL, SCOPE_SITE = 0, 200
ADDRESS_DAD_FAILED, ADDRESS_DEPRECATED, ADDRESS_TENTATIVE = 0x08, 0x20, 0x40

_MESSAGE = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_IFLA_NAME, _IFLA_LINKINFO, _IFLA_INFO_KIND = 3, 18, 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_RTA_DESTINATION, _RTA_OUT_INTERFACE, _RTA_GATEWAY, _RTA_PREFERRED_SOURCE, _RTA_MARK = 1, 4, 5, 7, 16
_NESTED_MASK = 0x3FFF
_FULL_LENGTH = {AF_INET: 32, AF_INET6: 128}


@frozen
class Message:
    """One message of a netlink datagram."""

    kind: int
    body: bytes


@frozen
class Link:
    """A network interface; `kind` is empty for hardware, else what the kernel calls it (`veth`, `bridge`, `tun`)."""

    index: int
    name: str
    flags: int
    kind: str = ""


@frozen
class InterfaceAddress:
    """An address of an interface."""

    index: int
    host: str
    prefix_length: int
    scope: int
    flags: int


@frozen
class Route:
    """The kernel's answer to "how would you send there": the interface, our own address, and the router, if any."""

    interface: int | None
    source: str | None
    gateway: str | None = None


def dump_request(kind: int, sequence: int) -> bytes:
    """Ask for all links (`GET_LINK`) or addresses (`GET_ADDRESS`)."""
    body = _LINK.pack(0, 0, 0, 0, 0) if kind == GET_LINK else _ADDRESS.pack(0, 0, 0, 0, 0)
    return _MESSAGE.pack(_MESSAGE.size + len(body), kind, FLAG_REQUEST | FLAG_DUMP, sequence, 0) + body


def route_request(host: str, sequence: int) -> bytes:
    """Ask how a sealed datagram to `host` would leave this machine, whatever leads into the mesh; nothing is sent."""
    address = ipaddress.ip_address(host)
    family = AF_INET6 if address.version == 6 else AF_INET
    body = _ROUTE.pack(family, _FULL_LENGTH[family], 0, 0, 0, 0, 0, 0, 0)
    body += _ATTRIBUTE.pack(_ATTRIBUTE.size + len(address.packed), _RTA_DESTINATION) + address.packed
    body += _ATTRIBUTE.pack(_ATTRIBUTE.size + 4, _RTA_MARK) + struct.pack("=I", UNDERLAY_MARK)
    return _MESSAGE.pack(_MESSAGE.size + len(body), GET_ROUTE, FLAG_REQUEST, sequence, 0) + body


def parse_messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram from the kernel; raises `ParseError`."""
    offset = 0
    while offset < len(data):
        if len(data) - offset < _MESSAGE.size:
            raise ParseError("a netlink datagram that is cut off")
        length, kind, _, _, _ = _MESSAGE.unpack_from(data, offset)
        if not _MESSAGE.size <= length <= len(data) - offset:
            raise ParseError(f"a netlink message of {length} bytes")
        yield Message(kind, data[offset + _MESSAGE.size : offset + length])
        offset += length + 3 & ~3


def _attributes(body: bytes, offset: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while len(body) - offset >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if not _ATTRIBUTE.size <= length <= len(body) - offset:
            raise ParseError(f"a netlink attribute of {length} bytes")
        found[kind & _NESTED_MASK] = body[offset + _ATTRIBUTE.size : offset + length]
        offset += length + 3 & ~3
    return found


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "replace")


def _number(value: bytes) -> int:
    return int.from_bytes(value[:4], "little" if struct.pack("=H", 1)[0] else "big")


def _host(value: bytes | None) -> str | None:
    if value is None:
        return None
    if len(value) not in (4, 16):
        raise ParseError(f"an address of {len(value)} bytes")
    return str(ipaddress.ip_address(value))


def _unpack(layout: struct.Struct, body: bytes) -> tuple[int, ...]:
    if len(body) < layout.size:
        raise ParseError(f"a netlink body of {len(body)} bytes")
    return layout.unpack_from(body)


def parse_link(body: bytes) -> Link:
    """Read the body of a `NEW_LINK`; raises `ParseError`."""
    _, _, index, flags, _ = _unpack(_LINK, body)
    attributes = _attributes(body, _LINK.size)
    kind = _attributes(attributes.get(_IFLA_LINKINFO, b""), 0).get(_IFLA_INFO_KIND, b"")
    return Link(index, _text(attributes.get(_IFLA_NAME, b"")), flags, _text(kind))


def parse_address(body: bytes) -> InterfaceAddress | None:
    """Read the body of a `NEW_ADDRESS`, None for a family other than IP; raises `ParseError`."""
    family, prefix_length, flags, scope, index = _unpack(_ADDRESS, body)
    attributes = _attributes(body, _ADDRESS.size)
    # On a point-to-point link IFA_ADDRESS is the other end's.
    host = _host(attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS)))
    if family not in _FULL_LENGTH or host is None:
        return None
    if _IFA_FLAGS in attributes:
        flags = _number(attributes[_IFA_FLAGS])
    return InterfaceAddress(index, host, prefix_length, scope, flags)


def parse_route(body: bytes) -> Route:
    """Read the body of a `NEW_ROUTE` that answers `route_request`; raises `ParseError`."""
    _unpack(_ROUTE, body)
    attributes = _attributes(body, _ROUTE.size)
    interface = attributes.get(_RTA_OUT_INTERFACE)
    source = _host(attributes.get(_RTA_PREFERRED_SOURCE))
    gateway = _host(attributes.get(_RTA_GATEWAY))
    return Route(None if interface is None else _number(interface), source, gateway)
