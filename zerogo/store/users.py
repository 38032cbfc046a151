# -*- test-case-name: zerogo.test.store.test_users -*-
"""Users of the API. Passwords arrive here hashed (argon2id), and leave only to be compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from zerogo.control.netmap import check_name
from zerogo.control.token import emit_base32
from zerogo.core import RandomBytes
from zerogo.store import audit, tables
from zerogo.store.errors import Conflict
from zerogo.store.networks import name_key
from zerogo.store.values import Role, StoredUser

USER_ID_BYTES = 10


def count_users(connection: Connection) -> int:
    """How many there are."""
    return int(connection.scalar(select(func.count()).select_from(tables.users)) or 0)


def create_first_user(
    connection: Connection, name: str, password_hash: str, rng: RandomBytes, unix_now: float
) -> StoredUser:
    """Make the owner; raises `Conflict` where there is a user already, whoever else tries at the same moment."""
    check_name(name)
    if count_users(connection):
        raise Conflict("the controller has an owner already")
    user_id = emit_base32(rng(USER_ID_BYTES))
    connection.execute(
        insert(tables.users).values(
            id=user_id,
            name=name,
            name_key=name_key(name),
            password_hash=password_hash,
            role=Role.OWNER.value,
            created_at=unix_now,
        )
    )
    audit.record(connection, f"user:{name}", "user.bootstrap", unix_now, subject=user_id)
    return _user(connection.execute(select(tables.users).where(tables.users.c.id == user_id)).one())


def find_user_by_name(connection: Connection, name: str) -> StoredUser | None:
    """The user who logs in with this name."""
    row = connection.execute(select(tables.users).where(tables.users.c.name_key == name_key(name))).first()
    return None if row is None else _user(row)


def find_user(connection: Connection, user_id: str) -> StoredUser | None:
    """The user with this id."""
    row = connection.execute(select(tables.users).where(tables.users.c.id == user_id)).first()
    return None if row is None else _user(row)


def set_password_hash(connection: Connection, user_id: str, password_hash: str) -> None:
    """Store a new hash."""
    connection.execute(update(tables.users).where(tables.users.c.id == user_id).values(password_hash=password_hash))


def _user(row: Row[Any]) -> StoredUser:
    return StoredUser(
        user_id=row.id,
        name=row.name,
        password_hash=row.password_hash,
        role=Role(row.role),
        created_at=row.created_at,
    )
