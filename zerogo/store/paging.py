# -*- test-case-name: zerogo.test.store.test_paging -*-
"""Long lists in pieces. A list is ordered by a key that no two of its items share, and a cursor is the last item's key,
so that nothing is shown twice or skipped whatever is added or removed between two pieces."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec
from attrs import frozen

from zerogo.errors import ParseError

LIMIT_MOST = 500
CURSOR_LIMIT = 512
Item = TypeVar("Item")
Other = TypeVar("Other")
Key = str | int | float


@frozen
class Paging:
    """Which piece: at most `limit` items after the one with the key `after`."""

    limit: int = LIMIT_MOST
    after: tuple[Key, ...] | None = None


@frozen
class Piece(Generic[Item]):
    """A piece, and the key to go on from; None where there is no more."""

    items: Sequence[Item]
    next: tuple[Key, ...] | None = None

    @classmethod
    def cut(cls, found: Sequence[Item], paging: Paging, key: Callable[[Item], tuple[Key, ...]]) -> Piece[Item]:
        """Of the items after the cursor, of which one more than the limit was asked for."""
        items = found[: paging.limit]
        return cls(items, key(items[-1]) if len(found) > paging.limit else None)


def emit_cursor(key: tuple[Key, ...]) -> str:
    """A key as text for a query."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def parse_cursor(text: str, form: type[tuple[Key, ...]]) -> tuple[Key, ...]:
    """The key, of these types; raises `ParseError`."""
    if len(text) > CURSOR_LIMIT:
        raise ParseError("the cursor is too long")
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        key: tuple[Key, ...] = msgspec.json.decode(raw, type=form)
    except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError) as error:
        raise ParseError("the cursor is not one of this list") from error
    if any(isinstance(part, int) and abs(part) >= 2**62 for part in key):
        raise ParseError("the cursor is not one of this list")
    return key
