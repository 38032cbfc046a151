# -*- test-case-name: zerogo.test.store.test_users -*-
"""Users of the API. Passwords arrive here hashed (argon2id), and leave only to be compared.

Who may change whom is decided in the transaction of the change, by the roles as they are at that moment: an admin
makes, changes and removes users of a lower rank, an owner everybody; and there is always an owner who can log in.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from zerogo.control.netmap import check_name
from zerogo.control.token import emit_base32
from zerogo.core import RandomBytes
from zerogo.store import audit, sessions, tables
from zerogo.store.errors import Conflict, Forbidden, NotFound, check_tag
from zerogo.store.networks import name_key
from zerogo.store.paging import Paging, Piece
from zerogo.store.values import Role, StoredUser

USER_ID_BYTES = 10
USERS_LIMIT = 10_000


@frozen
class Actor:
    """Who makes a change; the owner of this machine has no user id."""

    user_id: str
    name: str


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
    user = _insert(connection, name, password_hash, Role.OWNER, rng, unix_now)
    audit.record(connection, f"user:{name}", "user.bootstrap", unix_now, subject=user.user_id)
    return user


def reset_owner(connection: Connection, name: str, password_hash: str, rng: RandomBytes, unix_now: float) -> StoredUser:
    """Let the user `name` be an owner with this password, whatever it was before; raises `ParseError`."""
    check_name(name)
    found = find_user_by_name(connection, name)
    if found is None:
        found = _insert(connection, name, password_hash, Role.OWNER, rng, unix_now)
    else:
        values = {"password_hash": password_hash, "role": Role.OWNER.value, "is_disabled": 0}
        connection.execute(update(tables.users).where(tables.users.c.id == found.user_id).values(**values))
        sessions.close_sessions(connection, found.user_id, unix_now)
    audit.record(connection, "owner", "user.reset", unix_now, subject=found.user_id, detail=f"name={name}")
    return _existing(connection, found.user_id)


def create_user(
    connection: Connection,
    name: str,
    password_hash: str,
    role: Role,
    actor: Actor,
    rng: RandomBytes,
    unix_now: float,
) -> StoredUser:
    """Make a user; raises `Conflict`, `Forbidden` or `ParseError`."""
    check_name(name)
    check_reach(connection, actor, role)
    if count_users(connection) >= USERS_LIMIT:
        raise Conflict(f"there are {USERS_LIMIT} users already")
    if find_user_by_name(connection, name) is not None:
        raise Conflict(f"there is a user {name!r} already")
    user = _insert(connection, name, password_hash, role, rng, unix_now)
    detail = f"name={name} role={role}"
    audit.record(connection, actor.name, "user.create", unix_now, subject=user.user_id, detail=detail)
    return user


def list_users(connection: Connection, paging: Paging) -> Piece[StoredUser]:
    """All users, by name."""
    query = select(tables.users).order_by(tables.users.c.name_key).limit(paging.limit + 1)
    if paging.after is not None:
        query = query.where(tables.users.c.name_key > paging.after[0])
    found = [_user(row) for row in connection.execute(query)]
    return Piece.cut(found, paging, lambda user: (name_key(user.name),))


def change_user(
    connection: Connection,
    user_id: str,
    changes: dict[str, Any],
    actor: Actor,
    unix_now: float,
    expected: str | None = None,
) -> StoredUser:
    """Set `role`, `is_disabled` and `password_hash`; the last two end the user's sessions. Raises `NotFound`, `Stale`,
    `Forbidden` or `Conflict`."""
    found = _existing(connection, user_id)
    check_tag(found.tag, expected)
    check_reach(connection, actor, found.role)
    values = dict(changes)
    if "role" in values:
        check_reach(connection, actor, Role(values["role"]))
        values["role"] = Role(values["role"]).value
    if "is_disabled" in values:
        values["is_disabled"] = int(values["is_disabled"])
    if values:
        connection.execute(update(tables.users).where(tables.users.c.id == user_id).values(**values))
        _check_an_owner_is_left(connection)
        if "password_hash" in values or values.get("is_disabled"):
            sessions.close_sessions(connection, user_id, unix_now)
        shown = {key: "changed" if key == "password_hash" else value for key, value in values.items()}
        detail = " ".join(f"{key}={value}" for key, value in shown.items())
        audit.record(connection, actor.name, "user.change", unix_now, subject=user_id, detail=detail)
    return _existing(connection, user_id)


def change_own_password(connection: Connection, user_id: str, password_hash: str, unix_now: float) -> None:
    """A user's new password; all its sessions end. Raises `NotFound`."""
    user = _existing(connection, user_id)
    set_password_hash(connection, user_id, password_hash)
    sessions.close_sessions(connection, user_id, unix_now)
    audit.record(connection, f"user:{user.name}", "user.password", unix_now, subject=user_id)


def delete_user(
    connection: Connection, user_id: str, actor: Actor, unix_now: float, expected: str | None = None
) -> None:
    """Remove a user with its sessions and API tokens; raises `NotFound`, `Stale`, `Forbidden` or `Conflict`."""
    found = _existing(connection, user_id)
    check_tag(found.tag, expected)
    check_reach(connection, actor, found.role)
    connection.execute(delete(tables.users).where(tables.users.c.id == user_id))
    _check_an_owner_is_left(connection)
    audit.record(connection, actor.name, "user.delete", unix_now, subject=user_id, detail=f"name={found.name}")


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


def check_reach(connection: Connection, actor: Actor, role: Role) -> None:
    """Raise `Forbidden` where this actor may not make or change a user with this role, or what is theirs."""
    own = Role.OWNER
    if actor.user_id:
        user = find_user(connection, actor.user_id)
        if user is None or user.is_disabled:
            raise Forbidden("the caller is no user any more")
        own = user.role
    if own is not Role.OWNER and (own.rank < Role.ADMIN.rank or own.rank <= role.rank):
        raise Forbidden(f"a user with the role {own} cannot make or change one with the role {role}")


def _insert(
    connection: Connection, name: str, password_hash: str, role: Role, rng: RandomBytes, unix_now: float
) -> StoredUser:
    user_id = emit_base32(rng(USER_ID_BYTES))
    connection.execute(
        insert(tables.users).values(
            id=user_id,
            name=name,
            name_key=name_key(name),
            password_hash=password_hash,
            role=role.value,
            created_at=unix_now,
        )
    )
    return _existing(connection, user_id)


def is_last_owner(connection: Connection, user_id: str) -> bool:
    """Whether without this user nobody who can log in is an owner."""
    users = tables.users.c
    where = (users.role == Role.OWNER.value) & (users.is_disabled == 0) & (users.id != user_id)
    return connection.execute(select(users.id).where(where).limit(1)).first() is None


def _check_an_owner_is_left(connection: Connection) -> None:
    if is_last_owner(connection, ""):
        raise Conflict("the controller must have an owner who can log in")


def _existing(connection: Connection, user_id: str) -> StoredUser:
    user = find_user(connection, user_id)
    if user is None:
        raise NotFound("there is no such user")
    return user


def _user(row: Row[Any]) -> StoredUser:
    return StoredUser(
        user_id=row.id,
        name=row.name,
        password_hash=row.password_hash,
        role=Role(row.role),
        created_at=row.created_at,
        is_disabled=bool(row.is_disabled),
        valid_after=row.valid_after,
    )
