# -*- test-case-name: zerogo.test.stun.test_integrity -*-
"""What protects a STUN message: HMAC-SHA1, HMAC-SHA256, CRC-32, and the keys they take (RFC 8489 sections 9 and 14).

All three cover the message from its first byte up to the attribute itself, with the length field of the header set as
if that attribute were the last one; so a checker rewrites two bytes before it computes.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import struct
import zlib

FINGERPRINT_XOR = 0x5354554E
HEADER_BYTES = 20
_ATTRIBUTE_HEADER_BYTES = 4


class Integrity(enum.Enum):
    """Which HMACs a message carries."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    BOTH = "both"
    """As a sender does who does not know what the receiver understands."""


def short_term_key(password: str) -> bytes:
    """The HMAC key of the short-term mechanism; ICE passwords are ASCII, so preparation is the identity."""
    return password.encode("utf-8")


def long_term_key(username: str, realm: str, password: str) -> bytes:
    """The HMAC key of the long-term mechanism with MD5, the one that all TURN clients know; arguments are prepared."""
    text = f"{username}:{realm}:{password}"
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).digest()


def _covered(message: bytes, offset: int, value_length: int) -> bytes:
    """The bytes before `offset`, with the length that a message ending with that attribute has."""
    length = offset + _ATTRIBUTE_HEADER_BYTES + value_length - HEADER_BYTES
    return message[:2] + struct.pack("!H", length) + message[4:offset]


def digest_sha1(message: bytes, offset: int, key: bytes) -> bytes:
    """MESSAGE-INTEGRITY's value (20 bytes) where the attribute's header begins at `offset`."""
    return hmac.digest(key, _covered(message, offset, 20), "sha1")


def digest_sha256(message: bytes, offset: int, key: bytes) -> bytes:
    """MESSAGE-INTEGRITY-SHA256's value (32 bytes) where the attribute's header begins at `offset`."""
    return hmac.digest(key, _covered(message, offset, 32), "sha256")


def fingerprint(message: bytes, offset: int) -> int:
    """FINGERPRINT's value where the attribute's header begins at `offset`."""
    return zlib.crc32(_covered(message, offset, 4)) ^ FINGERPRINT_XOR


def digests_match(expected: bytes, found: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(expected, found)
