# -*- test-case-name: zerogo.test.store.test_audit -*-
"""Who changed what, written in the transaction of the change; lines are added and never changed.

Each line holds the SHA-256 of itself and of the hash before it, and lines are numbered without gaps: a line that was
altered, taken out or put in between breaks the chain from there on. Whoever can write the database can compute a new
chain, or cut off its end; the newest hash, kept elsewhere, gives that away.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from attrs import asdict, frozen
from sqlalchemy import Connection, Row, insert, select

from zerogo.ids import NetworkId
from zerogo.store import tables
from zerogo.store.paging import Paging, Piece
from zerogo.store.values import AuditLine

DETAIL_LIMIT = 500
_CHECK_AT_ONCE = 1000
_LAST = select(tables.audit.c.number, tables.audit.c.hash).order_by(tables.audit.c.number.desc()).limit(1)


@frozen(kw_only=True)
class Verdict:
    """What became of the chain: `broken_at` is the number of the first line that does not fit."""

    lines: int
    newest_hash: str
    broken_at: int | None = None


def record(
    connection: Connection,
    actor: str,
    action: str,
    unix_now: float,
    *,
    network: NetworkId | None = None,
    subject: str = "",
    detail: str = "",
) -> None:
    """Add a line: `actor` (a user, `node:ID`, `owner`) did `action` (`member.approve`) to `subject`."""
    last = connection.execute(_LAST).first()
    line = AuditLine(
        number=1 if last is None else last.number + 1,
        at=unix_now,
        actor=actor,
        action=action,
        network="" if network is None else str(network),
        subject=subject,
        detail=detail[:DETAIL_LIMIT],
        hash="",
    )
    row = asdict(line) | {"hash": line_hash(line, "" if last is None else last.hash)}
    connection.execute(insert(tables.audit), row)


def list_lines(connection: Connection, paging: Paging) -> Piece[AuditLine]:
    """The lines, newest first."""
    number = tables.audit.c.number
    query = select(tables.audit).order_by(number.desc()).limit(paging.limit + 1)
    if paging.after is not None:
        query = query.where(number < paging.after[0])
    found = [_line(row) for row in connection.execute(query)]
    return Piece.cut(found, paging, lambda line: (line.number,))


def newest_detail(connection: Connection, action: str, subject: str) -> str:
    """What was noted when this was last done to `subject`; empty where it never was."""
    where = (tables.audit.c.action == action) & (tables.audit.c.subject == subject)
    query = select(tables.audit.c.detail).where(where).order_by(tables.audit.c.number.desc()).limit(1)
    return connection.scalar(query) or ""


def check_chain(connection: Connection) -> Verdict:
    """Compute all hashes again."""
    number, before = 0, ""
    while True:
        query = select(tables.audit).where(tables.audit.c.number > number).order_by(tables.audit.c.number)
        lines = [_line(row) for row in connection.execute(query.limit(_CHECK_AT_ONCE))]
        for line in lines:
            if line.number != number + 1 or line.hash != line_hash(line, before):
                return Verdict(lines=number, newest_hash=before, broken_at=number + 1)
            number, before = line.number, line.hash
        if len(lines) < _CHECK_AT_ONCE:
            return Verdict(lines=number, newest_hash=before)


def line_hash(line: AuditLine, before: str) -> str:
    """SHA-256, in hex, of the hash before and the line as a JSON array without spaces."""
    content = [before, line.number, line.at, line.actor, line.action, line.network, line.subject, line.detail]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _line(row: Row[Any]) -> AuditLine:
    return AuditLine(
        number=row.number,
        at=row.at,
        actor=row.actor,
        action=row.action,
        network=row.network,
        subject=row.subject,
        detail=row.detail,
        hash=row.hash,
    )
