# -*- test-case-name: zerogo.test.stun.test_message -*-
"""STUN messages: 20 bytes of header, then attributes (RFC 8489 sections 5, 6 and 14).

    0 0 | class and method 14 | length 16 | magic cookie 32 | transaction id 96
    then per attribute: type 16 | length 16 | value | padding to a multiple of 4

`parse` takes exactly one datagram. What it returns keeps the order of the attributes; of equal types only the first
counts (`get`). Attributes after MESSAGE-INTEGRITY that it does not protect are dropped, as section 14.5 says, so
nothing unprotected can pass for protected. A wrong FINGERPRINT is a `ParseError`; whether the integrity holds is
asked separately, by `check_integrity`, when the key is known.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from typing import TypeVar

from attrs import frozen

from zerogo.core import RandomBytes
from zerogo.errors import LocalError, ParseError
from zerogo.stun.attributes import (
    COMPREHENSION_OPTIONAL,
    MAGIC_COOKIE,
    Attribute,
    Fingerprint,
    MessageIntegrity,
    MessageIntegritySha256,
    UnknownAttribute,
    parse_attribute,
)
from zerogo.stun.integrity import (
    HEADER_BYTES,
    Integrity,
    digest_sha1,
    digest_sha256,
    digests_match,
    fingerprint,
)

TRANSACTION_ID_BYTES = 12
ATTRIBUTES_LIMIT = 64
"""A message with more attributes is refused; no usage comes near."""

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_METHOD_LIMIT = 0xFFF
_COMPUTED = (MessageIntegrity.type, MessageIntegritySha256.type, Fingerprint.type)
_MAY_FOLLOW = {
    MessageIntegrity.type: (MessageIntegritySha256.type, Fingerprint.type),
    MessageIntegritySha256.type: (Fingerprint.type,),
}

AttributeType = TypeVar("AttributeType")


class Method(enum.IntEnum):
    """Methods by name; a message may hold any other number of 12 bits."""

    BINDING = 0x001


class MessageClass(enum.IntEnum):
    """The four classes of a message."""

    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


@frozen
class Message:
    """One STUN message; `transaction_id` is 12 bytes."""

    method: int
    message_class: MessageClass
    transaction_id: bytes
    attributes: tuple[Attribute, ...] = ()

    def get(self, attribute_class: type[AttributeType]) -> AttributeType | None:
        """The first attribute of that class."""
        for attribute in self.attributes:
            if isinstance(attribute, attribute_class):
                return attribute
        return None

    @property
    def unknown_required(self) -> tuple[int, ...]:
        """Types of the attributes that must be understood and are not known here."""
        unknown = (each.type for each in self.attributes if isinstance(each, UnknownAttribute))
        return tuple(each for each in unknown if each < COMPREHENSION_OPTIONAL)


def new_transaction_id(rng: RandomBytes) -> bytes:
    """12 random bytes: nobody off the path can guess them."""
    return rng(TRANSACTION_ID_BYTES)


def is_stun(data: bytes) -> bool:
    """Whether a datagram has the outer form of a STUN message: first bits, cookie, length."""
    if len(data) < HEADER_BYTES or data[0] > 0x3F:
        return False
    _, length, cookie, _ = _HEADER.unpack_from(data)
    return bool(cookie == MAGIC_COOKIE and length == len(data) - HEADER_BYTES and length % 4 == 0)


def parse(data: bytes) -> Message:
    """Read one datagram; raises `ParseError`."""
    if not is_stun(data):
        raise ParseError("not a STUN message")
    message_type, _, _, transaction_id = _HEADER.unpack_from(data)
    attributes: list[Attribute] = []
    protector = 0
    for offset, attribute_type, value in _walk(data):
        if len(attributes) == ATTRIBUTES_LIMIT:
            raise ParseError(f"more than {ATTRIBUTES_LIMIT} attributes")
        if protector and attribute_type not in _MAY_FOLLOW[protector]:
            continue
        attribute = parse_attribute(attribute_type, value, transaction_id)
        if isinstance(attribute, Fingerprint):
            _check_fingerprint(data, offset, attribute.value)
        elif attribute_type in _MAY_FOLLOW:
            protector = attribute_type
        attributes.append(attribute)
    method, message_class = _split_type(message_type)
    return Message(method, message_class, transaction_id, tuple(attributes))


def emit(
    message: Message,
    integrity_key: bytes | None = None,
    fingerprint: bool = True,
    integrity: Integrity = Integrity.SHA1,
) -> bytes:
    """The datagram; HMACs with `integrity_key` and the fingerprint are computed, whatever `message` holds of them."""
    body = b"".join(
        _emit_attribute(each.type, each.emit_value(message.transaction_id))
        for each in message.attributes
        if each.type not in _COMPUTED
    )
    data = _emit_header(message, len(body)) + body
    if integrity_key is not None and integrity is not Integrity.SHA256:
        data += _emit_attribute(MessageIntegrity.type, digest_sha1(data, len(data), integrity_key))
    if integrity_key is not None and integrity is not Integrity.SHA1:
        data += _emit_attribute(MessageIntegritySha256.type, digest_sha256(data, len(data), integrity_key))
    if fingerprint:
        data += _emit_attribute(Fingerprint.type, _fingerprint_value(data))
    return _emit_header(message, len(data) - HEADER_BYTES) + data[HEADER_BYTES:]


def check_integrity(data: bytes, key: bytes) -> bool:
    """Whether a parsed datagram carries an HMAC made with `key`; where it carries both kinds, both must hold."""
    found = False
    protector = 0
    for offset, attribute_type, value in _walk(data):
        if protector and attribute_type not in _MAY_FOLLOW[protector]:
            continue
        if attribute_type not in _MAY_FOLLOW:
            continue
        digest = digest_sha1 if attribute_type == MessageIntegrity.type else digest_sha256
        if not digests_match(digest(data, offset, key), value):
            return False
        protector = attribute_type
        found = True
    return found


def integrity_of(message: Message) -> Integrity | None:
    """Which HMACs a message carries, checked or not."""
    has_sha1 = message.get(MessageIntegrity) is not None
    if message.get(MessageIntegritySha256) is not None:
        return Integrity.BOTH if has_sha1 else Integrity.SHA256
    return Integrity.SHA1 if has_sha1 else None


def _walk(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Offset, type and value of each attribute; FINGERPRINT must be the last."""
    offset, end = HEADER_BYTES, len(data)
    while offset < end:
        attribute_type, length = _ATTRIBUTE.unpack_from(data, offset)
        start = offset + _ATTRIBUTE.size
        following = start + (length + 3 & ~3)
        if following > end:
            raise ParseError(f"an attribute of {length} bytes where {end - start} are left")
        if attribute_type == Fingerprint.type and following != end:
            raise ParseError("attributes after the fingerprint")
        yield offset, attribute_type, data[start : start + length]
        offset = following


def _check_fingerprint(data: bytes, offset: int, found: int) -> None:
    if fingerprint(data, offset) != found:
        raise ParseError("the fingerprint is wrong")


def _fingerprint_value(data: bytes) -> bytes:
    return fingerprint(data, len(data)).to_bytes(4, "big")


def _emit_attribute(attribute_type: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(attribute_type, len(value)) + value + bytes(-len(value) % 4)


def _emit_header(message: Message, length: int) -> bytes:
    if len(message.transaction_id) != TRANSACTION_ID_BYTES or not 0 <= message.method <= _METHOD_LIMIT:
        raise LocalError("a STUN message has 12 bytes of transaction id and a method of 12 bits")
    return _HEADER.pack(_join_type(message.method, message.message_class), length, MAGIC_COOKIE, message.transaction_id)


def _join_type(method: int, message_class: int) -> int:
    """Interleave: M11..M7 C1 M6..M4 C0 M3..M0."""
    return (
        (method & 0xF80) << 2
        | (method & 0x070) << 1
        | method & 0x00F
        | (message_class & 2) << 7
        | (message_class & 1) << 4
    )


def _split_type(message_type: int) -> tuple[int, MessageClass]:
    method = (message_type & 0x3E00) >> 2 | (message_type & 0x00E0) >> 1 | message_type & 0x000F
    return method, MessageClass((message_type & 0x0100) >> 7 | (message_type & 0x0010) >> 4)
