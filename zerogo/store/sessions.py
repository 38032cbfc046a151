# -*- test-case-name: zerogo.test.store.test_sessions -*-
"""What logins opened: sessions of browsers, and refresh tokens. Only the SHA-256 of a secret is kept.

A refresh token is good once: each use gives another secret for the same session. Who shows a secret that is not the
newest has a copy from before a use, or the other one has: nobody can tell the thief, so the session is over for both
(RFC 9700, section 4.14.2). A use whose answer was lost ends the session too; logging in again mends that.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, delete, insert, select, update

from zerogo.control.token import emit_base32
from zerogo.core import RandomBytes
from zerogo.store import audit, tables
from zerogo.store.values import SessionKind, StoredSession, StoredUser

ID_BYTES = 10
SECRET_BYTES = 25
BROWSER_SECONDS = 7 * 86_400.0
BROWSER_IDLE_SECONDS = 12 * 3600.0
REFRESH_SECONDS = 30 * 86_400.0
REFRESH_IDLE_SECONDS = 7 * 86_400.0
TOUCH_SECONDS = 60.0
"""Between two notes that a session is used: a write costs more than the request."""
SESSIONS_PER_USER = 50
"""The one that was unused longest makes room."""
_IDLE = {SessionKind.BROWSER: BROWSER_IDLE_SECONDS, SessionKind.REFRESH: REFRESH_IDLE_SECONDS}
_LIFETIME = {SessionKind.BROWSER: BROWSER_SECONDS, SessionKind.REFRESH: REFRESH_SECONDS}


@frozen
class Reused:
    """An old secret was shown; the session is over."""

    user_id: str


def open_session(
    connection: Connection, user: StoredUser, kind: SessionKind, source: str, rng: RandomBytes, unix_now: float
) -> tuple[StoredSession, str]:
    """Open one; its secret is returned here and never again."""
    session_id, secret = emit_base32(rng(ID_BYTES)), emit_base32(rng(SECRET_BYTES))
    _make_room(connection, user.user_id, unix_now)
    connection.execute(
        insert(tables.sessions).values(
            id=session_id,
            user_id=user.user_id,
            kind=kind.value,
            secret_hash=hash_secret(secret),
            source=source[:64],
            created_at=unix_now,
            used_at=unix_now,
            expires_at=unix_now + _LIFETIME[kind],
        )
    )
    detail = f"kind={kind} source={source[:64]}"
    audit.record(connection, f"user:{user.name}", "session.open", unix_now, subject=session_id, detail=detail)
    row = connection.execute(select(tables.sessions).where(tables.sessions.c.id == session_id)).one()
    return _session(row), secret


def find_session(
    connection: Connection, session_id: str, kind: SessionKind, secret: str, unix_now: float
) -> StoredSession | None:
    """The session with this secret, if its time is not over."""
    row = _live(connection, session_id, kind, unix_now)
    return _session(row) if row is not None and _is_secret(row, secret) else None


def is_open(connection: Connection, session_id: str, kind: SessionKind, unix_now: float) -> bool:
    """Whether there is such a session and its time is not over."""
    return _live(connection, session_id, kind, unix_now) is not None


def touch_session(connection: Connection, session_id: str, unix_now: float) -> None:
    """Note that it is used."""
    connection.execute(update(tables.sessions).where(tables.sessions.c.id == session_id).values(used_at=unix_now))


def renew(
    connection: Connection, session_id: str, secret: str, rng: RandomBytes, unix_now: float
) -> tuple[StoredSession, str] | Reused | None:
    """Take a refresh token for a new one; None where there is no such session or its time is over."""
    row = _live(connection, session_id, SessionKind.REFRESH, unix_now)
    if row is None:
        return None
    following = emit_base32(rng(SECRET_BYTES))
    own = (tables.sessions.c.id == session_id) & (tables.sessions.c.secret_hash == hash_secret(secret))
    taken = connection.execute(
        update(tables.sessions).where(own).values(secret_hash=hash_secret(following), used_at=unix_now)
    )
    if taken.rowcount == 1:
        return _session(row), following
    close_session(connection, session_id)
    audit.record(connection, f"user-id:{row.user_id}", "session.reuse", unix_now, subject=session_id)
    return Reused(row.user_id)


def close_refresh(connection: Connection, session_id: str, secret: str) -> None:
    """The session with this refresh token is over, if there is one."""
    own = (tables.sessions.c.id == session_id) & (tables.sessions.c.secret_hash == hash_secret(secret))
    connection.execute(delete(tables.sessions).where(own))


def close_session(connection: Connection, session_id: str) -> None:
    """It is over."""
    connection.execute(delete(tables.sessions).where(tables.sessions.c.id == session_id))


def close_sessions(connection: Connection, user_id: str, unix_now: float) -> None:
    """All of a user's are over, and the access tokens issued so far."""
    connection.execute(delete(tables.sessions).where(tables.sessions.c.user_id == user_id))
    connection.execute(update(tables.users).where(tables.users.c.id == user_id).values(valid_after=unix_now))


def hash_secret(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(b"zerogo session 1\x00" + secret.encode()).digest()


def _live(connection: Connection, session_id: str, kind: SessionKind, unix_now: float) -> Row[Any] | None:
    here = (tables.sessions.c.id == session_id) & (tables.sessions.c.kind == kind.value)
    row = connection.execute(select(tables.sessions).where(here)).first()
    is_over = row is None or row.expires_at <= unix_now or row.used_at + _IDLE[kind] <= unix_now
    return None if is_over else row


def _is_secret(row: Row[Any], secret: str) -> bool:
    return hmac.compare_digest(row.secret_hash, hash_secret(secret))


def _make_room(connection: Connection, user_id: str, unix_now: float) -> None:
    sessions = tables.sessions.c
    connection.execute(delete(tables.sessions).where(sessions.expires_at <= unix_now))
    newest = select(sessions.id).where(sessions.user_id == user_id).order_by(sessions.used_at.desc(), sessions.id)
    for row in connection.execute(newest.offset(SESSIONS_PER_USER - 1).limit(SESSIONS_PER_USER)).all():
        close_session(connection, row.id)


def _session(row: Row[Any]) -> StoredSession:
    return StoredSession(
        session_id=row.id,
        user_id=row.user_id,
        kind=SessionKind(row.kind),
        source=row.source,
        created_at=row.created_at,
        used_at=row.used_at,
        expires_at=row.expires_at,
    )
