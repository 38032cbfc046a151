# -*- test-case-name: zerogo.test.turn.test_framing -*-
"""Cuts a TCP or TLS stream into STUN messages and ChannelData (RFC 8489 section 6.2.2, RFC 8656 section 12.5).

Both formats hold their own length; ChannelData is padded to a multiple of 4 in a stream. What begins as neither is no
TURN stream: there is no way to find the next message in it, so it is to be closed. The buffer never holds more than one
unfinished message, whose length is bounded before its bytes are waited for.
"""

from __future__ import annotations

from zerogo.errors import ParseError
from zerogo.stun.attributes import MAGIC_COOKIE
from zerogo.stun.integrity import HEADER_BYTES
from zerogo.turn.message import CHANNEL_HEADER_BYTES

FRAME_LIMIT = 16 * 1024
"""Bytes of one message; UDP datagrams of this size are rare on any path."""
_COOKIE = MAGIC_COOKIE.to_bytes(4, "big")


def is_message(data: bytes) -> bool:
    """Whether these bytes are one message, no more and no less, but for padding: what may go into a stream."""
    if len(data) < CHANNEL_HEADER_BYTES:
        return False
    length = int.from_bytes(data[2:4], "big")
    if data[0] >> 6 == 1:
        size = CHANNEL_HEADER_BYTES + length
        return len(data) in (size, size + -size % 4)
    return data[0] >> 6 == 0 and data[4:8] == _COOKIE and length % 4 == 0 and len(data) == HEADER_BYTES + length


class StreamFramer:
    """The receiving end of one stream."""

    def __init__(self, frame_limit: int = FRAME_LIMIT) -> None:
        self._frame_limit = frame_limit
        self._buffer = bytearray()
        self._is_broken = False

    def receive(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes, without padding.

        Raises `ParseError` where the stream holds something else; it takes nothing more then, and the messages before
        that place are lost with it.
        """
        if self._is_broken:
            raise ParseError("the stream is broken")
        self._buffer += data
        frames = []
        try:
            while (size := self._frame_size()) is not None and len(self._buffer) >= size + -size % 4:
                frames.append(bytes(self._buffer[:size]))
                del self._buffer[: size + -size % 4]
        except ParseError:
            self._is_broken = True
            self._buffer.clear()
            raise
        return frames

    @property
    def buffered(self) -> int:
        """Bytes of the message that is not complete."""
        return len(self._buffer)

    def _frame_size(self) -> int | None:
        """Bytes of the message at the front, without padding; None where its header is not there yet."""
        if len(self._buffer) < CHANNEL_HEADER_BYTES:
            self._check_first_bits()
            return None
        length = int.from_bytes(self._buffer[2:4], "big")
        if self._buffer[0] >> 6 == 1:
            size = CHANNEL_HEADER_BYTES + length
        else:
            self._check_stun(length)
            size = HEADER_BYTES + length
        if size > self._frame_limit:
            raise ParseError(f"a message of {size} bytes in a stream")
        return size

    def _check_first_bits(self) -> None:
        if self._buffer and self._buffer[0] >> 6 > 1:
            raise ParseError("neither STUN nor ChannelData in a stream")

    def _check_stun(self, length: int) -> None:
        self._check_first_bits()
        found = self._buffer[4:8]
        if length % 4 or not _COOKIE.startswith(found):
            raise ParseError("neither STUN nor ChannelData in a stream")
