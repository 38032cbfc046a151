# -*- test-case-name: zerogo.test.controller.test_idempotency -*-
"""Requests that make something, sent again because their answer was lost: answered as the first time.

A key belongs to its caller. The same key with another request is refused, and so is the same request while the first
is under way. Answers are kept in memory only, since some show a secret that is stored nowhere: a restart forgets them.
Only successes are kept; what failed is tried again.
"""

from __future__ import annotations

import hashlib

from attrs import define, frozen

from zerogo.controller.problems import Problem

KEEP_SECONDS = 3600.0
ENTRIES_LIMIT = 2000
KEY_LIMIT = 128


@frozen
class Kept:
    """An answer as it was sent."""

    status: int
    body: bytes
    tag: str | None


@define
class _Entry:
    fingerprint: bytes
    at: float
    kept: Kept | None = None


class Idempotency:
    """Keys and answers; `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], _Entry] = {}

    def begin(self, caller: str, key: str, request: bytes, now: float) -> Kept | None:
        """The answer to give again, or None: make the request, then call `finish` or `give_up`. Raises `Problem`."""
        if not (0 < len(key) <= KEY_LIMIT and key.isascii() and key.isprintable()):
            raise Problem(400, "invalid-key", f"an Idempotency-Key has 1 to {KEY_LIMIT} printable ASCII characters")
        self._forget(now)
        fingerprint = hashlib.sha256(request).digest()
        entry = self._entries.get((caller, key))
        if entry is None:
            self._entries[caller, key] = _Entry(fingerprint, now)
            return None
        if entry.fingerprint != fingerprint:
            raise Problem(422, "key-reused", "this Idempotency-Key was used for another request")
        if entry.kept is None:
            raise Problem(409, "in-progress", "the first request with this Idempotency-Key is under way")
        return entry.kept

    def finish(self, caller: str, key: str, kept: Kept) -> None:
        """The request was answered."""
        entry = self._entries.get((caller, key))
        if entry is not None:
            entry.kept = kept

    def give_up(self, caller: str, key: str) -> None:
        """The request failed; it may be tried again."""
        self._entries.pop((caller, key), None)

    def _forget(self, now: float) -> None:
        while self._entries:
            oldest = next(iter(self._entries))
            if len(self._entries) < ENTRIES_LIMIT and now - self._entries[oldest].at < KEEP_SECONDS:
                return
            del self._entries[oldest]
