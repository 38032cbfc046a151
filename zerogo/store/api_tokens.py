# -*- test-case-name: zerogo.test.store.test_api_tokens -*-
"""API tokens of users: for programs, limited to scopes, with an end. Only the SHA-256 of a secret is kept: 200 random
bits need no slow hash."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from zerogo.control.netmap import check_name
from zerogo.control.token import emit_base32
from zerogo.core import RandomBytes
from zerogo.errors import ParseError
from zerogo.store import audit, tables, users
from zerogo.store.errors import Conflict, NotFound
from zerogo.store.paging import Paging, Piece
from zerogo.store.users import Actor
from zerogo.store.values import StoredApiToken

ID_BYTES = 10
SECRET_BYTES = 25
LIFETIME_LIMIT_SECONDS = 366 * 86_400.0
TOKENS_PER_USER = 100
TOUCH_SECONDS = 60.0
"""Between two notes that a token is used."""


@frozen(kw_only=True)
class NewApiToken:
    """What to make."""

    user_id: str
    name: str
    scopes: tuple[str, ...]
    lifetime: float
    """Seconds."""


def create_token(
    connection: Connection, new: NewApiToken, actor: Actor, rng: RandomBytes, unix_now: float
) -> tuple[StoredApiToken, str]:
    """Make one; the secret is returned here and never again. Raises `NotFound`, `Forbidden`, `Conflict` or
    `ParseError`."""
    check_name(new.name)
    if not 0 < new.lifetime <= LIFETIME_LIMIT_SECONDS:
        raise ParseError("an API token is valid for at most a year, and for longer than no time")
    _check_reach(connection, new.user_id, actor)
    own = tables.api_tokens.c.user_id == new.user_id
    if (connection.scalar(select(func.count()).select_from(tables.api_tokens).where(own)) or 0) >= TOKENS_PER_USER:
        raise Conflict(f"this user has {TOKENS_PER_USER} API tokens already: delete one")
    token_id, secret = emit_base32(rng(ID_BYTES)), emit_base32(rng(SECRET_BYTES))
    connection.execute(
        insert(tables.api_tokens).values(
            id=token_id,
            user_id=new.user_id,
            name=new.name,
            secret_hash=hash_secret(secret),
            scopes=" ".join(new.scopes),
            created_by=actor.name,
            created_at=unix_now,
            expires_at=unix_now + new.lifetime,
        )
    )
    detail = f"user={new.user_id} name={new.name} lifetime={new.lifetime:.0f} scopes={','.join(new.scopes)}"
    audit.record(connection, actor.name, "token.create", unix_now, subject=token_id, detail=detail)
    return _token(_row(connection, token_id)), secret


def list_tokens(connection: Connection, user_id: str | None, paging: Paging) -> Piece[StoredApiToken]:
    """A user's tokens, or everybody's, by id."""
    tokens = tables.api_tokens.c
    query = select(tables.api_tokens).order_by(tokens.id).limit(paging.limit + 1)
    if user_id is not None:
        query = query.where(tokens.user_id == user_id)
    if paging.after is not None:
        query = query.where(tokens.id > paging.after[0])
    found = [_token(row) for row in connection.execute(query)]
    return Piece.cut(found, paging, lambda token: (token.token_id,))


def delete_token(connection: Connection, token_id: str, actor: Actor, unix_now: float) -> None:
    """Let a token be of no use any more; raises `NotFound` or `Forbidden`."""
    found = _row(connection, token_id)
    _check_reach(connection, found.user_id, actor)
    connection.execute(delete(tables.api_tokens).where(tables.api_tokens.c.id == token_id))
    audit.record(connection, actor.name, "token.delete", unix_now, subject=token_id, detail=f"user={found.user_id}")


def find_token(connection: Connection, token_id: str, secret: str, unix_now: float) -> StoredApiToken | None:
    """The token with this secret, if its time is not over."""
    row = connection.execute(select(tables.api_tokens).where(tables.api_tokens.c.id == token_id)).first()
    if row is None or not hmac.compare_digest(row.secret_hash, hash_secret(secret)) or row.expires_at <= unix_now:
        return None
    return _token(row)


def is_good(connection: Connection, token_id: str, unix_now: float) -> bool:
    """Whether there is such a token and its time is not over."""
    row = connection.execute(select(tables.api_tokens).where(tables.api_tokens.c.id == token_id)).first()
    return row is not None and row.expires_at > unix_now


def touch_token(connection: Connection, token_id: str, unix_now: float) -> None:
    """Note that it is used."""
    connection.execute(update(tables.api_tokens).where(tables.api_tokens.c.id == token_id).values(used_at=unix_now))


def hash_secret(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(b"zerogo api token 1\x00" + secret.encode()).digest()


def _check_reach(connection: Connection, user_id: str, actor: Actor) -> None:
    """Everybody reaches what is their own."""
    user = users.find_user(connection, user_id)
    if user is None:
        raise NotFound("there is no such user")
    if user_id != actor.user_id:
        users.check_reach(connection, actor, user.role)


def _row(connection: Connection, token_id: str) -> Row[Any]:
    row = connection.execute(select(tables.api_tokens).where(tables.api_tokens.c.id == token_id)).first()
    if row is None:
        raise NotFound("there is no such API token")
    return row


def _token(row: Row[Any]) -> StoredApiToken:
    return StoredApiToken(
        token_id=row.id,
        user_id=row.user_id,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )
