# -*- test-case-name: zerogo.test.net.test_exit_frames -*-
"""The short way for what a tunnel's WebSocket carries all the time: whole binary frames without mask or one of zeros.

Autobahn takes forty calls for a frame and copies its payload four times, which for a gateway is half of what a byte
costs. So between its frames the bytes come here first. Whatever is not of the one kind (control frames, pieces of
messages, other masks, lengths that are too long or not minimal) is given back, and goes to Autobahn, which knows all of
RFC 6455 and which of it is an error.
"""

from __future__ import annotations

import struct

CARRIER_READ_BYTES = 640 * 1024
"""Read of a busy carrier at once: more than two of the longest frames, so that most are whole and need no copy."""
BINARY = 0x82
"""FIN and opcode 2 (RFC 6455 section 5.2)."""
_MASKED = 0x80
_ZEROS = b"\0\0\0\0"
_LONGEST_HEAD = 14


def binary_head(length: int) -> bytes:
    """The head of a whole binary frame without mask."""
    if length < 126:
        return bytes((BINARY, length))
    if length < 2**16:
        return struct.pack("!BBH", BINARY, 126, length)
    return struct.pack("!BBQ", BINARY, 127, length)


class PlainFrames:
    """Bytes in; out come payloads, and what is somebody else's. At most one frame of `limit` bytes waits. Frames of a
    client have a mask, those of a server have none (RFC 6455 section 5.1)."""

    def __init__(self, limit: int, *, is_masked: bool = True) -> None:
        self._limit = limit
        self._flag, self._mask = (_MASKED, _ZEROS) if is_masked else (0, b"")
        self._begun = bytearray()
        """A frame that is not whole."""

    def receive(self, data: bytes) -> tuple[list[memoryview], bytes]:
        """The payloads of the frames that are whole; and all bytes from the first on that are not for us, after which
        nothing is kept here."""
        if self._begun:
            self._begun += data
        found: list[memoryview] = []
        view, at = memoryview(self._begun or data), 0
        while at < len(view):
            head, length = self._head(view[at : at + _LONGEST_HEAD])
            if head < 0 or length > self._limit:
                self._begun = bytearray()
                return found, bytes(view[at:])
            if not head or len(view) - at < head + length:
                break
            found.append(view[at + head : at + head + length])
            at += head + length
        if at or not self._begun:
            # Those that are found look into the old one.
            self._begun = bytearray(view[at:])
        return found, b""

    def _head(self, view: memoryview) -> tuple[int, int]:
        """Lengths of head and payload of a frame; a head of 0: more is needed, below 0: another kind of frame."""
        if view[0] != BINARY:
            return -1, 0
        if len(view) < 2:
            return 0, 0
        short = view[1] ^ self._flag
        if short < 126:
            head, length = 2, short
        elif short == 126:
            head, length = 4, int.from_bytes(view[2:4], "big")
        elif short == 127:
            head, length = 10, int.from_bytes(view[2:10], "big")
        else:
            return -1, 0
        whole = head + len(self._mask)
        if len(view) < whole:
            return 0, 0
        is_minimal = length == short or (length >= 126 and (short == 126 or length >= 2**16))
        return (whole, length) if is_minimal and view[head:whole] == self._mask else (-1, 0)
