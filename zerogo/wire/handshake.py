# -*- test-case-name: zerogo.test.wire.test_handshake -*-
"""The three handshake datagrams (docs/PROTOCOL.md, "Handshake").

    initiation    type 0x90 | version | suite | 0 | sender index 4 | Noise message 1 (e 32, s 48, payload + 16)
                  | mac1 16 | mac2 16
    response      type 0x91 | version | suite | 0 | sender index 4 | receiver index 4 | Noise message 2 (e 32,
                  payload + 16) | mac1 16 | mac2 16
    cookie reply  type 0x92 | version | 0 0 | receiver index 4 | nonce 24 | sealed cookie 16 + 16

mac1 covers all bytes before it, mac2 all bytes before it (mac1 included). The Noise messages are opaque here. Unlike
the other families these have no room for trailing bytes: what is new goes into the encrypted payload.
"""

from __future__ import annotations

import enum
import struct

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.wire.datagram import TYPE_COOKIE_REPLY, TYPE_INITIATION, TYPE_RESPONSE, WIRE_VERSION

MAC_BYTES = 16
COOKIE_BYTES = 16
COOKIE_NONCE_BYTES = 24
_EPHEMERAL = 32
_SEALED_STATIC = 48
_TAG = 16
PAYLOAD_LIMIT = 512
"""Bytes of encrypted payload in a handshake message, at most; it keeps both datagrams under 1,100 bytes."""

_INITIATION_HEAD = struct.Struct("!BBBxI")
_RESPONSE_HEAD = struct.Struct("!BBBxII")
_COOKIE_REPLY = struct.Struct("!BBxxI24s32s")
_MACS = 2 * MAC_BYTES


class Suite(enum.IntEnum):
    """The AEAD of a session; both are with 25519 and BLAKE2s."""

    CHACHAPOLY = 1
    AESGCM = 2


@frozen
class Initiation:
    """Handshake message 1 as it is on the wire."""

    suite: Suite
    sender_index: int
    noise: bytes
    mac1: bytes
    mac2: bytes


@frozen
class Response:
    """Handshake message 2 as it is on the wire."""

    suite: Suite
    sender_index: int
    receiver_index: int
    noise: bytes
    mac1: bytes
    mac2: bytes


@frozen
class CookieReply:
    """The answer of a responder under load: prove your address with the cookie sealed here."""

    receiver_index: int
    nonce: bytes
    sealed_cookie: bytes


def initiation_body(suite: Suite, sender_index: int, noise: bytes) -> bytes:
    """The bytes of an initiation that mac1 covers."""
    return _INITIATION_HEAD.pack(TYPE_INITIATION, WIRE_VERSION, suite, sender_index) + noise


def response_body(suite: Suite, sender_index: int, receiver_index: int, noise: bytes) -> bytes:
    """The bytes of a response that mac1 covers."""
    return _RESPONSE_HEAD.pack(TYPE_RESPONSE, WIRE_VERSION, suite, sender_index, receiver_index) + noise


def _suite(value: int) -> Suite:
    try:
        return Suite(value)
    except ValueError as error:
        raise ParseError(f"unknown suite {value}") from error


def _check_version(version: int) -> None:
    if version != WIRE_VERSION:
        raise ParseError(f"wire version {version}; this release speaks {WIRE_VERSION}")


def _check_noise(noise: bytes, overhead: int) -> None:
    if not overhead <= len(noise) <= overhead + PAYLOAD_LIMIT:
        raise ParseError(f"a Noise message of {len(noise)} bytes")


def parse_initiation(data: bytes) -> Initiation:
    """Read message 1; raises `ParseError`."""
    if len(data) < _INITIATION_HEAD.size + _MACS:
        raise ParseError(f"an initiation of {len(data)} bytes")
    kind, version, suite, sender_index = _INITIATION_HEAD.unpack_from(data)
    if kind != TYPE_INITIATION:
        raise ParseError(f"type {kind:#x} is not an initiation")
    _check_version(version)
    noise = data[_INITIATION_HEAD.size : -_MACS]
    _check_noise(noise, _EPHEMERAL + _SEALED_STATIC + _TAG)
    return Initiation(_suite(suite), sender_index, noise, data[-_MACS:-MAC_BYTES], data[-MAC_BYTES:])


def parse_response(data: bytes) -> Response:
    """Read message 2; raises `ParseError`."""
    if len(data) < _RESPONSE_HEAD.size + _MACS:
        raise ParseError(f"a response of {len(data)} bytes")
    kind, version, suite, sender_index, receiver_index = _RESPONSE_HEAD.unpack_from(data)
    if kind != TYPE_RESPONSE:
        raise ParseError(f"type {kind:#x} is not a response")
    _check_version(version)
    noise = data[_RESPONSE_HEAD.size : -_MACS]
    _check_noise(noise, _EPHEMERAL + _TAG)
    return Response(_suite(suite), sender_index, receiver_index, noise, data[-_MACS:-MAC_BYTES], data[-MAC_BYTES:])


def emit_cookie_reply(reply: CookieReply) -> bytes:
    """The 64 bytes of a cookie reply."""
    return _COOKIE_REPLY.pack(TYPE_COOKIE_REPLY, WIRE_VERSION, reply.receiver_index, reply.nonce, reply.sealed_cookie)


def parse_cookie_reply(data: bytes) -> CookieReply:
    """Read a cookie reply; raises `ParseError`."""
    if len(data) != _COOKIE_REPLY.size:
        raise ParseError(f"a cookie reply of {len(data)} bytes")
    kind, version, receiver_index, nonce, sealed_cookie = _COOKIE_REPLY.unpack(data)
    if kind != TYPE_COOKIE_REPLY:
        raise ParseError(f"type {kind:#x} is not a cookie reply")
    _check_version(version)
    return CookieReply(receiver_index, nonce, sealed_cookie)
