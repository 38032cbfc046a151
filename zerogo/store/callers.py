# -*- test-case-name: zerogo.test.store.test_callers -*-
"""Who calls, in one unit of work: what shows who they are, and the user whose it is. Nothing of it is remembered from
one call to the next, so what was taken away is gone at once."""

from __future__ import annotations

from sqlalchemy import Connection

from zerogo.store import api_tokens, sessions, users
from zerogo.store.values import SessionKind, StoredApiToken, StoredSession, StoredUser


def by_api_token(
    connection: Connection, token_id: str, secret: str, unix_now: float
) -> tuple[StoredApiToken, StoredUser | None] | None:
    """The token with this secret, if its time is not over, and its user."""
    found = api_tokens.find_token(connection, token_id, secret, unix_now)
    return None if found is None else (found, users.find_user(connection, found.user_id))


def by_session(
    connection: Connection, session_id: str, kind: SessionKind, secret: str, unix_now: float
) -> tuple[StoredSession, StoredUser | None] | None:
    """The session with this secret, if its time is not over, and its user."""
    found = sessions.find_session(connection, session_id, kind, secret, unix_now)
    return None if found is None else (found, users.find_user(connection, found.user_id))
