# -*- test-case-name: zerogo.test.store.test_idempotency -*-
"""Requests that make something, by their Idempotency-Key: begun, and answered.

Answers are sealed by whoever keeps them. A request that was begun and not answered for `UNANSWERED_SECONDS` belonged to
a controller that died: it may be made again.
"""

from __future__ import annotations

import hmac

from attrs import field, frozen
from sqlalchemy import Column, Connection, Index, LargeBinary, Table, Text, delete, func, insert, select, update

from zerogo.errors import RemoteError
from zerogo.store.tables import METADATA, time_type

KEEP_SECONDS = 3600.0
UNANSWERED_SECONDS = 60.0
ENTRIES_LIMIT = 2000
"""The oldest go first."""

idempotency = Table(
    "idempotency",
    METADATA,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("began_at", time_type(), nullable=False),
    Column("answer", LargeBinary),
    Index("ix_idempotency_began_at", "began_at"),
    sqlite_strict=True,
)


class KeyReused(RemoteError):
    """The key was used for another request."""

    code = "key-reused"


class InProgress(RemoteError):
    """The first request with this key is under way."""

    code = "in-progress"


@frozen
class Entry:
    """Whose request, under which key; `fingerprint` says which request."""

    caller: str
    key: str
    fingerprint: bytes = field(repr=False)


def begin(connection: Connection, entry: Entry, unix_now: float) -> bytes | None:
    """The answer from before, or None: make the request, then call `finish` or `give_up`. Raises `KeyReused` or
    `InProgress`."""
    _forget(connection, unix_now)
    row = connection.execute(select(idempotency).where(_is(entry))).first()
    if row is not None:
        if not hmac.compare_digest(row.fingerprint, entry.fingerprint):
            raise KeyReused("this Idempotency-Key was used for another request")
        if row.answer is not None:
            answer: bytes = row.answer
            return answer
        if unix_now - row.began_at < UNANSWERED_SECONDS:
            raise InProgress("the first request with this Idempotency-Key is under way")
        give_up(connection, entry)
    values = {"caller": entry.caller, "key": entry.key, "fingerprint": entry.fingerprint, "began_at": unix_now}
    connection.execute(insert(idempotency).values(values))
    return None


def finish(connection: Connection, entry: Entry, answer: bytes) -> None:
    """The request was answered."""
    connection.execute(update(idempotency).where(_is(entry)).values(answer=answer))


def give_up(connection: Connection, entry: Entry) -> None:
    """The request failed; it may be made again."""
    connection.execute(delete(idempotency).where(_is(entry)))


def _forget(connection: Connection, unix_now: float) -> None:
    connection.execute(delete(idempotency).where(idempotency.c.began_at <= unix_now - KEEP_SECONDS))
    count = int(connection.scalar(select(func.count()).select_from(idempotency)) or 0)
    if count >= ENTRIES_LIMIT:
        columns = idempotency.c
        oldest = select(columns.began_at).order_by(columns.began_at).offset(count - ENTRIES_LIMIT).limit(1)
        connection.execute(delete(idempotency).where(columns.began_at <= oldest.scalar_subquery()))


def _is(entry: Entry):  # type: ignore[no-untyped-def]
    return (idempotency.c.caller == entry.caller) & (idempotency.c.key == entry.key)
