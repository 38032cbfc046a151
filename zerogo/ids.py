# -*- test-case-name: zerogo.test.test_ids -*-
"""Names of things: nodes, networks, Ethernet and socket addresses, ends of paths; frozen values that parse and format.

A value of one of these types is well-formed by construction: text and bytes from outside become one of them once, at
the edge (`parse`, `from_bytes`), or raise `ParseError`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
from functools import lru_cache

from attrs import field, frozen

from zerogo.errors import LocalError, ParseError

NODE_ID_BYTES = 10
NETWORK_ID_BYTES = 5
MAC_BYTES = 6
KEY_BYTES = 32
TEXTS_KEPT = 8192
"""Ids whose text, and texts whose id, is not made anew: the same ones are read and shown all the time. What is no id is
not kept, so what is kept is short."""


@lru_cache(TEXTS_KEPT)
def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").lower()


@lru_cache(TEXTS_KEPT)
def _parse_base32(text: str, length: int, what: str) -> bytes:
    try:
        data = base64.b32decode(text.encode("ascii").upper())
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ParseError(f"{text[:40]!r} is not a {what}: it must be base32 text") from error
    if len(data) != length:
        raise ParseError(f"{text[:40]!r} is not a {what}: it must have {length * 8 // 5} characters")
    return data


def _check_length(length: int):  # type: ignore[no-untyped-def]
    def check(instance: object, attribute: object, value: bytes) -> None:
        if len(value) != length:
            raise LocalError(f"{type(instance).__name__} takes {length} bytes, not {len(value)}")

    return check


@frozen(order=True)
class NodeId:
    """The short name of a node: 80 bits of BLAKE2s over its X25519 public key, 16 base32 characters as text."""

    raw: bytes = field(validator=_check_length(NODE_ID_BYTES))

    @classmethod
    def from_key(cls, static_public: bytes) -> NodeId:
        """The id of the node that owns `static_public` (32 bytes)."""
        return cls(hashlib.blake2s(static_public, digest_size=NODE_ID_BYTES, person=b"zg-node").digest())

    @classmethod
    def parse(cls, text: str) -> NodeId:
        """Read the 16 characters; raises `ParseError`."""
        return cls(_parse_base32(text, NODE_ID_BYTES, "node id"))

    def __str__(self) -> str:
        return _base32(self.raw)


@frozen(order=True)
class NetworkId:
    """The name of a network: 40 random bits, 8 base32 characters as text."""

    raw: bytes = field(validator=_check_length(NETWORK_ID_BYTES))

    @classmethod
    def parse(cls, text: str) -> NetworkId:
        """Read the 8 characters; raises `ParseError`."""
        return cls(_parse_base32(text, NETWORK_ID_BYTES, "network id"))

    def __str__(self) -> str:
        return _base32(self.raw)


@frozen(order=True)
class MacAddress:
    """An Ethernet address, 6 bytes."""

    raw: bytes = field(validator=_check_length(MAC_BYTES))

    @classmethod
    def for_node(cls, network: NetworkId, static_public: bytes) -> MacAddress:
        """The address of a node in a network: 46 bits of BLAKE2s(network id, key), locally administered, unicast."""
        digest = hashlib.blake2s(network.raw + static_public, digest_size=MAC_BYTES, person=b"zg-mac").digest()
        return cls(bytes([digest[0] & 0xFC | 0x02]) + digest[1:])

    def __str__(self) -> str:
        return self.raw.hex(":")


@lru_cache(4096)
def _canonical_address(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise ParseError(f"{host[:60]!r} is not an IP address") from error
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ParseError(f"{host[:60]!r} has a zone id")
        address = address.ipv4_mapped or address
    return str(address)


@frozen(order=True)
class SocketAddress:
    """An IP address in its canonical text form and a UDP or TCP port.

    IPv4-mapped IPv6 addresses become IPv4, so one place has one spelling; zone ids are refused.
    """

    host: str
    port: int

    @classmethod
    def of(cls, host: str, port: int) -> SocketAddress:
        """Canonical form of an address in text and a port; raises `ParseError`."""
        canonical = _canonical_address(host)
        if not 0 <= port <= 65535:
            raise ParseError(f"{port} is not a port")
        return cls(canonical, port)

    @classmethod
    def parse(cls, text: str) -> SocketAddress:
        """Read `192.0.2.1:9993` or `[2001:db8::1]:9993`; raises `ParseError`."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or len(port) > 5:
            raise ParseError(f"{text[:60]!r} is not an address and a port")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ParseError(f"{text[:60]!r}: write an IPv6 address in brackets")
        return cls.of(host, int(port))

    @property
    def is_ipv6(self) -> bool:
        """True where the address is an IPv6 one."""
        return ":" in self.host

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"


@frozen(order=True)
class SideAddress:
    """A place reached from another of our data sockets than the main one of its family."""

    socket: int
    """The number under which the data plane was given that socket, from 1."""
    remote: SocketAddress

    def __str__(self) -> str:
        return f"{self.remote} by socket {self.socket}"


@frozen(order=True)
class ChannelAddress:
    """A place behind a TURN relay: what goes into this channel of our allocation there (RFC 8656 section 12)."""

    relay: SocketAddress
    channel: int

    def __str__(self) -> str:
        return f"{self.relay} channel {self.channel:#x}"


@frozen(order=True)
class RouteAddress:
    """A member reached through other members: who carries the datagram, in order, the member itself last."""

    hops: tuple[NodeId, ...]

    def __str__(self) -> str:
        return " > ".join(str(hop) for hop in self.hops)


Endpoint = SocketAddress | SideAddress | ChannelAddress | RouteAddress
"""Where a datagram of ours goes, or one that came in is from; answers to it go the same way back."""
