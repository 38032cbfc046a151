# -*- test-case-name: zerogo.test.stun.test_attributes -*-
"""STUN attributes as frozen values: RFC 8489 section 14, RFC 8445 section 16.1 (ICE), RFC 5780 section 7 (NAT tests).

Each class knows its type number, writes its value (without the header of type and length, without padding) and reads
it back. Types that are not known here are kept as `UnknownAttribute`; those below 0x8000 are comprehension-required.
Parsers raise `ParseError` and nothing else. Text that no decision hangs on (SOFTWARE, the reason phrase of an error)
is read leniently, all else strictly.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import ClassVar, Self

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress

MAGIC_COOKIE = 0x2112A442
COMPREHENSION_OPTIONAL = 0x8000
"""Types from here up may be ignored by who does not know them."""
TEXT_BYTES_LIMIT = 763
"""Of SOFTWARE, REALM, NONCE and a reason phrase: 127 characters of up to 6 bytes, RFC 8489 section 14."""
USERNAME_BYTES_LIMIT = 508

_ADDRESS = struct.Struct("!xBH")
_FAMILY_IPV4 = 1
_FAMILY_IPV6 = 2
_COOKIE = MAGIC_COOKIE.to_bytes(4, "big")


def _xor(value: bytes, mask: bytes) -> bytes:
    size = len(value)
    return (int.from_bytes(value, "big") ^ int.from_bytes(mask[:size], "big")).to_bytes(size, "big")


def _emit_address(address: SocketAddress) -> tuple[int, bytes]:
    packed = ipaddress.ip_address(address.host).packed
    return (_FAMILY_IPV4 if len(packed) == 4 else _FAMILY_IPV6), packed


def _split_address(value: bytes) -> tuple[int, bytes]:
    """Port and packed address of an address attribute."""
    if len(value) < _ADDRESS.size:
        raise ParseError(f"an address attribute of {len(value)} bytes")
    family, port = _ADDRESS.unpack_from(value)
    packed = value[_ADDRESS.size :]
    if (family, len(packed)) not in ((_FAMILY_IPV4, 4), (_FAMILY_IPV6, 16)):
        raise ParseError(f"an address attribute of family {family} and {len(packed)} address bytes")
    return port, packed


def _decode(value: bytes, limit: int, what: str) -> str:
    if len(value) > limit:
        raise ParseError(f"a {what} of {len(value)} bytes")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(f"a {what} that is not UTF-8") from error


def _check_length(value: bytes, length: int, what: str) -> bytes:
    if len(value) != length:
        raise ParseError(f"a {what} of {len(value)} bytes")
    return value


@frozen
class PlainAddressAttribute:
    """Base of attributes that hold an address in clear."""

    type: ClassVar[int]
    address: SocketAddress

    def emit_value(self, transaction_id: bytes) -> bytes:
        """Family, port and address."""
        family, packed = _emit_address(self.address)
        return _ADDRESS.pack(family, self.address.port) + packed

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read family, port and address; raises `ParseError`."""
        port, packed = _split_address(value)
        return cls(SocketAddress.of(str(ipaddress.ip_address(packed)), port))


@frozen
class XorAddressAttribute:
    """Base of attributes that hold an address masked with the cookie and transaction id, so that no NAT rewrites it."""

    type: ClassVar[int]
    address: SocketAddress

    def emit_value(self, transaction_id: bytes) -> bytes:
        """Family, masked port and masked address."""
        family, packed = _emit_address(self.address)
        return _ADDRESS.pack(family, self.address.port ^ MAGIC_COOKIE >> 16) + _xor(packed, _COOKIE + transaction_id)

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read and unmask; raises `ParseError`."""
        port, masked = _split_address(value)
        packed = _xor(masked, _COOKIE + transaction_id)
        return cls(SocketAddress.of(str(ipaddress.ip_address(packed)), port ^ MAGIC_COOKIE >> 16))


@frozen
class TextAttribute:
    """Base of attributes that hold UTF-8 text."""

    type: ClassVar[int]
    limit: ClassVar[int] = TEXT_BYTES_LIMIT
    text: str

    def emit_value(self, transaction_id: bytes) -> bytes:
        """The text as UTF-8."""
        return self.text.encode("utf-8")

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the text; raises `ParseError`."""
        return cls(_decode(value, cls.limit, cls.__name__))


@frozen
class NumberAttribute:
    """Base of attributes that hold one unsigned number of a fixed width."""

    type: ClassVar[int]
    width: ClassVar[int]
    value: int

    def emit_value(self, transaction_id: bytes) -> bytes:
        """The number, big-endian."""
        return self.value.to_bytes(self.width, "big")

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the number; raises `ParseError`."""
        return cls(int.from_bytes(_check_length(value, cls.width, cls.__name__), "big"))


@frozen
class DigestAttribute:
    """Base of the two message integrity attributes; `digest` is as it stood in the message, checked or not."""

    type: ClassVar[int]
    width: ClassVar[int]
    digest: bytes

    def emit_value(self, transaction_id: bytes) -> bytes:
        """The digest."""
        return self.digest

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the digest; raises `ParseError`. A truncated SHA-256 is refused: no usage here defines one."""
        return cls(_check_length(value, cls.width, cls.__name__))


@frozen
class OpaqueAttribute:
    """Base of attributes whose bytes mean nothing to STUN itself, such as relayed data."""

    type: ClassVar[int]
    width: ClassVar[int | None] = None
    """Bytes that the value must have; None: any."""
    data: bytes = b""

    def emit_value(self, transaction_id: bytes) -> bytes:
        """The bytes as they are."""
        return self.data

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the bytes; raises `ParseError`."""
        return cls(value if cls.width is None else _check_length(value, cls.width, cls.__name__))


class MappedAddress(PlainAddressAttribute):
    """The source address of a request as its receiver saw it, in clear."""

    type = 0x0001


class AlternateServer(PlainAddressAttribute):
    """Where to ask, with error 300."""

    type = 0x8023


class ResponseOrigin(PlainAddressAttribute):
    """Where an answer was sent from (RFC 5780)."""

    type = 0x802B


class OtherAddress(PlainAddressAttribute):
    """The other address and port of a server with two of each (RFC 5780)."""

    type = 0x802C


class Padding(OpaqueAttribute):
    """Makes a request of RFC 5780 long; its bytes mean nothing."""

    type = 0x0026


class XorMappedAddress(XorAddressAttribute):
    """The source address of a request as its receiver saw it."""

    type = 0x0020


class Username(TextAttribute):
    """Whose credentials a message is protected with; in ICE `receiver ufrag:sender ufrag`."""

    type = 0x0006
    limit = USERNAME_BYTES_LIMIT


class Realm(TextAttribute):
    """The realm of long-term credentials."""

    type = 0x0014


class Software(TextAttribute):
    """What program sent this; for people only."""

    type = 0x8022

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the text, cut to the limit, undecodable bytes replaced."""
        return cls(value[: cls.limit].decode("utf-8", "replace"))


@frozen
class Nonce:
    """The server's nonce of long-term credentials; opaque to clients."""

    type: ClassVar[int] = 0x0015
    nonce: bytes

    def emit_value(self, transaction_id: bytes) -> bytes:
        """The nonce as it is."""
        return self.nonce

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the nonce; raises `ParseError`."""
        if len(value) > TEXT_BYTES_LIMIT:
            raise ParseError(f"a nonce of {len(value)} bytes")
        return cls(value)


class MessageIntegrity(DigestAttribute):
    """HMAC-SHA1 over the message up to here."""

    type = 0x0008
    width = 20


class MessageIntegritySha256(DigestAttribute):
    """HMAC-SHA256 over the message up to here."""

    type = 0x001C
    width = 32


class Fingerprint(NumberAttribute):
    """CRC-32 over the message up to here, XOR 0x5354554e."""

    type = 0x8028
    width = 4


class Priority(NumberAttribute):
    """The priority that a candidate would have if this check discovered it (RFC 8445)."""

    type = 0x0024
    width = 4


class IceControlled(NumberAttribute):
    """The sender believes it is the controlled agent; holds its tie-breaker."""

    type = 0x8029
    width = 8


class IceControlling(NumberAttribute):
    """The sender believes it is the controlling agent; holds its tie-breaker."""

    type = 0x802A
    width = 8


@frozen
class UseCandidate:
    """The controlling agent nominates this pair."""

    type: ClassVar[int] = 0x0025

    def emit_value(self, transaction_id: bytes) -> bytes:
        """Nothing: the attribute is a flag."""
        return b""

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the flag; raises `ParseError` where it has a value."""
        _check_length(value, 0, "UseCandidate")
        return cls()


@frozen
class ChangeRequest:
    """Asks to be answered from another address or port (RFC 5780)."""

    type: ClassVar[int] = 0x0003
    change_address: bool = False
    change_port: bool = False

    def emit_value(self, transaction_id: bytes) -> bytes:
        """The two flags in a word of 32 bits."""
        return (4 * self.change_address + 2 * self.change_port).to_bytes(4, "big")

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the flags, ignoring the reserved bits; raises `ParseError`."""
        flags = _check_length(value, 4, "ChangeRequest")[3]
        return cls(bool(flags & 4), bool(flags & 2))


@frozen
class ErrorCode:
    """Why a request was refused: 300 to 699, and a phrase for people."""

    type: ClassVar[int] = 0x0009
    code: int
    reason: str = ""

    def emit_value(self, transaction_id: bytes) -> bytes:
        """Class, number and phrase."""
        return struct.pack("!HBB", 0, self.code // 100, self.code % 100) + self.reason.encode("utf-8")

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read class, number and phrase; raises `ParseError`."""
        if len(value) < 4:
            raise ParseError(f"an error code of {len(value)} bytes")
        hundreds, number = value[2] & 0x07, value[3]
        if not 3 <= hundreds <= 6 or number > 99:
            raise ParseError(f"error class {hundreds}, number {number}")
        return cls(hundreds * 100 + number, value[4 : 4 + TEXT_BYTES_LIMIT].decode("utf-8", "replace"))


@frozen
class UnknownAttributes:
    """The comprehension-required types that a server did not know (with error 420)."""

    type: ClassVar[int] = 0x000A
    types: tuple[int, ...]

    def emit_value(self, transaction_id: bytes) -> bytes:
        """Two bytes for each type."""
        return struct.pack(f"!{len(self.types)}H", *self.types)

    @classmethod
    def parse_value(cls, value: bytes, transaction_id: bytes) -> Self:
        """Read the types; raises `ParseError`."""
        if len(value) % 2:
            raise ParseError(f"a list of unknown attributes of {len(value)} bytes")
        return cls(struct.unpack(f"!{len(value) // 2}H", value))


@frozen
class UnknownAttribute:
    """An attribute of a type that is not known here, kept as it was."""

    type: int
    value: bytes

    def emit_value(self, transaction_id: bytes) -> bytes:
        """The value as it was."""
        return self.value


KnownAttribute = (
    PlainAddressAttribute
    | XorAddressAttribute
    | TextAttribute
    | NumberAttribute
    | DigestAttribute
    | OpaqueAttribute
    | Nonce
    | UseCandidate
    | ChangeRequest
    | ErrorCode
    | UnknownAttributes
)
Attribute = KnownAttribute | UnknownAttribute

_KNOWN: tuple[type[KnownAttribute], ...] = (
    MappedAddress,
    AlternateServer,
    ResponseOrigin,
    OtherAddress,
    Padding,
    XorMappedAddress,
    Username,
    Realm,
    Software,
    Nonce,
    MessageIntegrity,
    MessageIntegritySha256,
    Fingerprint,
    Priority,
    IceControlled,
    IceControlling,
    UseCandidate,
    ChangeRequest,
    ErrorCode,
    UnknownAttributes,
)
_BY_TYPE: dict[int, type[KnownAttribute]] = {known.type: known for known in _KNOWN}


def parse_attribute(attribute_type: int, value: bytes, transaction_id: bytes) -> Attribute:
    """Read one attribute's value; raises `ParseError` where a known type is malformed."""
    known = _BY_TYPE.get(attribute_type)
    if known is None:
        return UnknownAttribute(attribute_type, value)
    return known.parse_value(value, transaction_id)
