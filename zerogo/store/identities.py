# -*- test-case-name: zerogo.test.store.test_identities -*-
"""Users who log in by another site's accounts (OpenID Connect).

An account is its issuer and its subject, nothing else: a name or an address of mail that somebody has at the provider
never leads to a user who is here already. So an account belongs to a user because an admin said so, or because it made
that user itself.
"""

from __future__ import annotations

import re

from attrs import evolve, frozen
from sqlalchemy import Connection, delete, insert, select, update

from zerogo.control.token import emit_base32
from zerogo.core import RandomBytes
from zerogo.errors import ParseError
from zerogo.store import audit, sessions, tables, users
from zerogo.store.errors import Conflict, Forbidden, NotFound
from zerogo.store.oidc_tables import identities, oidc_used
from zerogo.store.users import Actor
from zerogo.store.values import Role, SessionKind, StoredSession, StoredUser

SUBJECT_LIMIT = 255
NO_PASSWORD = ""
"""In place of a hash: no password is right."""
_NAME_LIMIT = 40
_NAME_BYTES = 4
_ACTOR = "oidc"


class Stranger(Forbidden):
    """The account belongs to nobody here."""


class AlreadyUsed(Forbidden):
    """This login came back before."""


@frozen
class StoredIdentity:
    """An account of a user at a provider."""

    issuer: str
    subject: str
    user_id: str
    created_at: float


@frozen(kw_only=True)
class Arrival:
    """Somebody whom the provider vouches for comes back from there."""

    issuer: str
    subject: str
    state_hash: bytes
    state_expires_at: float
    source: str
    role: Role | None = None
    """That the user is to have; None: whichever it has."""
    new_name: str | None = None
    """How a user is to be called who is made for the account; None: none is made."""


def find_identity(connection: Connection, user_id: str, issuer: str) -> StoredIdentity:
    """A user's account at this provider; raises `NotFound`."""
    own = (identities.c.user_id == user_id) & (identities.c.issuer == issuer)
    row = connection.execute(select(identities).where(own)).first()
    if row is None:
        raise NotFound("the user has no account at the provider")
    return StoredIdentity(row.issuer, row.subject, row.user_id, row.created_at)


def link(
    connection: Connection, user_id: str, issuer: str, subject: str, actor: Actor, unix_now: float
) -> StoredIdentity:
    """Let the account be this user's, in place of another one there; raises `NotFound`, `Forbidden`, `Conflict` or
    `ParseError`."""
    if not (0 < len(subject) <= SUBJECT_LIMIT and subject.isascii() and subject.isprintable()):
        raise ParseError(f"a subject has 1 to {SUBJECT_LIMIT} printable ASCII characters")
    _check_reach(connection, user_id, actor)
    own = (identities.c.issuer == issuer) & (identities.c.subject == subject)
    holder = connection.scalar(select(identities.c.user_id).where(own))
    if holder not in (None, user_id):
        raise Conflict("another user has this account at the provider")
    _forget(connection, user_id, issuer)
    _insert(connection, user_id, issuer, subject, unix_now)
    audit.record(connection, actor.name, "user.link", unix_now, subject=user_id, detail=f"{issuer} {subject}")
    return find_identity(connection, user_id, issuer)


def unlink(connection: Connection, user_id: str, issuer: str, actor: Actor, unix_now: float) -> None:
    """The user logs in by password alone again, and its sessions end; raises `NotFound` or `Forbidden`."""
    _check_reach(connection, user_id, actor)
    if not _forget(connection, user_id, issuer):
        raise NotFound("the user has no account at the provider")
    sessions.close_sessions(connection, user_id, unix_now)
    audit.record(connection, actor.name, "user.unlink", unix_now, subject=user_id, detail=issuer)


def come_in(
    connection: Connection, arrival: Arrival, rng: RandomBytes, unix_now: float
) -> tuple[StoredUser, StoredSession, str]:
    """Open a browser's session for the account's user; its secret is returned here and never again. Raises
    `AlreadyUsed`, `Stranger`, or `Forbidden` where the user is disabled."""
    _use_state(connection, arrival, unix_now)
    user = _user_of(connection, arrival, rng, unix_now)
    if user.is_disabled:
        raise Forbidden("the user is disabled")
    if arrival.role not in (None, user.role):
        user = _follow(connection, user, arrival.role, unix_now)
    return user, *sessions.open_session(connection, user, SessionKind.BROWSER, arrival.source, rng, unix_now)


def _use_state(connection: Connection, arrival: Arrival, unix_now: float) -> None:
    connection.execute(delete(oidc_used).where(oidc_used.c.expires_at <= unix_now))
    same = oidc_used.c.state_hash == arrival.state_hash
    if connection.execute(select(oidc_used.c.expires_at).where(same)).first() is not None:
        raise AlreadyUsed("this login came back before")
    connection.execute(insert(oidc_used).values(state_hash=arrival.state_hash, expires_at=arrival.state_expires_at))


def _user_of(connection: Connection, arrival: Arrival, rng: RandomBytes, unix_now: float) -> StoredUser:
    own = (identities.c.issuer == arrival.issuer) & (identities.c.subject == arrival.subject)
    user_id = connection.scalar(select(identities.c.user_id).where(own))
    if user_id is not None:
        found = users.find_user(connection, user_id)
        assert found is not None
        return found
    if arrival.new_name is None:
        raise Stranger("the account at the provider belongs to no user here")
    role = arrival.role or Role.USER
    name = _free_name(connection, arrival.new_name, rng)
    made = users.create_user(connection, name, NO_PASSWORD, role, Actor("", _ACTOR), rng, unix_now)
    _insert(connection, made.user_id, arrival.issuer, arrival.subject, unix_now)
    detail = f"{arrival.issuer} {arrival.subject}"
    audit.record(connection, _ACTOR, "user.link", unix_now, subject=made.user_id, detail=detail)
    return made


def _follow(connection: Connection, user: StoredUser, role: Role, unix_now: float) -> StoredUser:
    """The provider decides about roles; the last owner stays one."""
    if user.role is Role.OWNER and users.is_last_owner(connection, user.user_id):
        return user
    connection.execute(update(tables.users).where(tables.users.c.id == user.user_id).values(role=role.value))
    audit.record(connection, _ACTOR, "user.change", unix_now, subject=user.user_id, detail=f"role={role.value}")
    return evolve(user, role=role)


def _free_name(connection: Connection, wanted: str, rng: RandomBytes) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", wanted.partition("@")[0].lower())[:_NAME_LIMIT].strip("-") or "user"
    if users.find_user_by_name(connection, name) is None:
        return name
    return f"{name}-{emit_base32(rng(_NAME_BYTES))}"


def _insert(connection: Connection, user_id: str, issuer: str, subject: str, unix_now: float) -> None:
    row = {"issuer": issuer, "subject": subject, "user_id": user_id, "created_at": unix_now}
    connection.execute(insert(identities).values(row))


def _forget(connection: Connection, user_id: str, issuer: str) -> bool:
    own = (identities.c.user_id == user_id) & (identities.c.issuer == issuer)
    return bool(connection.execute(delete(identities).where(own)).rowcount)


def _check_reach(connection: Connection, user_id: str, actor: Actor) -> None:
    user = users.find_user(connection, user_id)
    if user is None:
        raise NotFound("there is no such user")
    users.check_reach(connection, actor, user.role)
