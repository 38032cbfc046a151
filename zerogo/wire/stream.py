# -*- test-case-name: zerogo.test.wire.test_stream -*-
"""Datagrams in a TCP or TLS connection between two members, and the three messages that open one.

    frame      length 2 | datagram (length bytes)                                     RFC 4571, section 2
    hello      0x95 | version 1 | fragment 9 | nonce 16 | tag 16      from the end that dials
    answer     0x96 | nonce 16 | tag 16                               from the end that listens
    confirm    0x97 | tag 16                                          from the end that dials

A reader holds one unfinished frame, whose length is judged before its bytes are waited for: while nothing is proven,
only that of the message which is due may come. Bytes to values and back; what proves what is in
`zerogo.mesh.stream_proof`.
"""

from __future__ import annotations

from attrs import frozen

from zerogo.errors import ParseError

LENGTH_BYTES = 2
FRAME_LIMIT = 2048
"""Bytes of a datagram; none that a data plane sends is as long."""
STREAM_VERSION = 1
FRAGMENT_BYTES = 9
NONCE_BYTES = 16
TAG_BYTES = 16
HELLO_BYTES = 2 + FRAGMENT_BYTES + NONCE_BYTES + TAG_BYTES
ANSWER_BYTES = 1 + NONCE_BYTES + TAG_BYTES
CONFIRM_BYTES = 1 + TAG_BYTES
_HELLO, _ANSWER, _CONFIRM = 0x95, 0x96, 0x97


def emit_frame(datagram: bytes) -> bytes:
    """A datagram as it goes into a stream; it has at least 1 and at most `FRAME_LIMIT` bytes."""
    return len(datagram).to_bytes(LENGTH_BYTES, "big") + datagram


class FrameReader:
    """The receiving end of one stream. Between frames, `limit` may be set anew."""

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._taken = 0

    def receive(self, data: bytes) -> None:
        """More bytes; `next` has to be called until it gives None before there are further ones."""
        del self._buffer[: self._taken]
        self._taken = 0
        self._buffer += data

    def next(self) -> bytes | None:
        """The next whole frame; None where it is not there yet. Raises `ParseError` for an empty or a long one."""
        begin = self._taken + LENGTH_BYTES
        if len(self._buffer) < begin:
            return None
        length = int.from_bytes(self._buffer[self._taken : begin], "big")
        if not 0 < length <= self.limit:
            raise ParseError(f"a frame of {length} bytes in a stream")
        end = begin + length
        if len(self._buffer) < end:
            return None
        self._taken = end
        return bytes(self._buffer[begin:end])


@frozen
class Hello:
    """`fragment` is the ICE user name fragment of the end that listens, in bytes: it says whose pair this is."""

    fragment: bytes
    nonce: bytes
    tag: bytes = b""

    @property
    def covered(self) -> bytes:
        """All but the tag."""
        return bytes([_HELLO, STREAM_VERSION]) + self.fragment + self.nonce


@frozen
class Answer:
    """The listener's."""

    nonce: bytes
    tag: bytes = b""

    @property
    def covered(self) -> bytes:
        """All but the tag."""
        return bytes([_ANSWER]) + self.nonce


@frozen
class Confirm:
    """The last of the three."""

    tag: bytes = b""

    @property
    def covered(self) -> bytes:
        """All but the tag."""
        return bytes([_CONFIRM])


def emit_opening(message: Hello | Answer | Confirm) -> bytes:
    """The bytes of a message, without its frame."""
    return message.covered + message.tag


def parse_hello(data: bytes) -> Hello:
    """Read what must be a hello of this version; raises `ParseError`."""
    rest = _body(data, _HELLO, HELLO_BYTES)
    if rest[0] != STREAM_VERSION:
        raise ParseError(f"stream version {rest[0]}; this release speaks {STREAM_VERSION}")
    nonce_at = 1 + FRAGMENT_BYTES
    tag_at = nonce_at + NONCE_BYTES
    return Hello(rest[1:nonce_at], rest[nonce_at:tag_at], rest[tag_at:])


def parse_answer(data: bytes) -> Answer:
    """Read what must be an answer; raises `ParseError`."""
    rest = _body(data, _ANSWER, ANSWER_BYTES)
    return Answer(rest[:NONCE_BYTES], rest[NONCE_BYTES:])


def parse_confirm(data: bytes) -> Confirm:
    """Read what must be a confirmation; raises `ParseError`."""
    return Confirm(_body(data, _CONFIRM, CONFIRM_BYTES))


def _body(data: bytes, first: int, size: int) -> bytes:
    if len(data) != size or data[0] != first:
        raise ParseError("not the message that opens a stream here")
    return data[1:]
