# -*- test-case-name: zerogo.test.dataplane.test_fragment -*-
"""Frames larger than the path: pieces, each sealed in a datagram of its own, and their reassembly.

Only authentic pieces get here, so nothing is kept for strangers; a peer has few frames open at a time, the oldest is
given up first, and none is kept longer than a second.
"""

from __future__ import annotations

from collections.abc import Iterator

from zerogo.errors import ParseError
from zerogo.wire.transport import (
    FRAGMENT,
    INNER,
    INNER_BYTES,
    OVERHEAD_BYTES,
    Fragment,
    Kind,
    emit_fragment,
    parse_fragment,
)

FRAMES_LIMIT = 4
TIMEOUT_SECONDS = 1.0
REASSEMBLED_LIMIT = 65535 + 22
"""Bytes of the largest frame."""
PIECES_LIMIT = 128


def fragments(plaintext: memoryview, frame_id: int, datagram_limit: int) -> Iterator[bytes]:
    """The plaintexts of the datagrams, of up to `datagram_limit` bytes sealed, that carry `plaintext` in pieces."""
    payload = plaintext[INNER_BYTES:]
    size = max(datagram_limit - OVERHEAD_BYTES - FRAGMENT.size, -(-len(payload) // PIECES_LIMIT))
    inner = INNER.pack(Kind.FRAGMENT, plaintext[1], 0, 0)
    count = -(-len(payload) // size)
    for position in range(count):
        piece = bytes(payload[position * size : (position + 1) * size])
        yield inner + emit_fragment(Fragment(frame_id, position, position == count - 1, plaintext[0], piece))


class _Frame:
    """A frame of which some pieces came."""

    __slots__ = ("count", "kind_and_flags", "pieces", "size", "started_at")

    def __init__(self, kind_and_flags: int, now: float) -> None:
        self.kind_and_flags = kind_and_flags
        self.started_at = now
        self.pieces: dict[int, bytes] = {}
        self.count = 0
        self.size = 0


class Reassembly:
    """The open frames of one peer."""

    def __init__(self) -> None:
        self._frames: dict[int, _Frame] = {}

    def add(self, payload: bytes, now: float) -> tuple[int, bytes] | None:
        """Take the payload of a FRAGMENT datagram: kind and flags, and the frame, once it is whole.

        Raises `ParseError` on pieces that contradict each other or would make too large a frame.
        """
        fragment = parse_fragment(payload)
        self.expire(now)
        frame = self._frames.get(fragment.frame_id)
        if frame is None:
            if len(self._frames) >= FRAMES_LIMIT:
                del self._frames[next(iter(self._frames))]
            frame = self._frames[fragment.frame_id] = _Frame(fragment.kind_and_flags, now)
        self._insert(frame, fragment)
        if len(frame.pieces) != frame.count:
            return None
        del self._frames[fragment.frame_id]
        return frame.kind_and_flags, b"".join(frame.pieces[position] for position in range(frame.count))

    def _insert(self, frame: _Frame, fragment: Fragment) -> None:
        frame.size += len(fragment.piece)
        is_odd = fragment.position in frame.pieces or fragment.kind_and_flags != frame.kind_and_flags
        is_beyond = bool(frame.count) and (fragment.is_last or fragment.position >= frame.count)
        has_later = fragment.is_last and any(position > fragment.position for position in frame.pieces)
        if is_odd or is_beyond or has_later or frame.size > REASSEMBLED_LIMIT:
            del self._frames[fragment.frame_id]
            raise ParseError("pieces of a frame that contradict each other")
        frame.pieces[fragment.position] = fragment.piece
        if fragment.is_last:
            frame.count = fragment.position + 1

    def expire(self, now: float) -> None:
        """Give up the frames that did not become whole in time."""
        for frame_id in [key for key, frame in self._frames.items() if now - frame.started_at > TIMEOUT_SECONDS]:
            del self._frames[frame_id]
