# -*- test-case-name: zerogo.test.store.test_second_factors -*-
"""Second factors of users: one-time passwords by time (TOTP, RFC 6238), and recovery codes for a lost telephone.

A factor counts once a code of it was shown. A step of time is good once, so a code that somebody saw being typed is
worth nothing; recovery codes have 80 random bits, are kept as SHA-256, and are good once each.
"""

from __future__ import annotations

import enum
import hashlib
import hmac

from attrs import frozen
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import Connection, delete, func, insert, select, update

from zerogo.control.token import emit_base32
from zerogo.core import RandomBytes
from zerogo.store import audit, tables
from zerogo.store.errors import Conflict, NotFound
from zerogo.store.users import Actor, check_reach, find_user

SECRET_BYTES = 20
DIGITS = 6
STEP_SECONDS = 30
LEEWAY_STEPS = 1
"""Clocks of telephones are off by less."""
RECOVERY_CODES = 10
RECOVERY_BYTES = 10


class Verdict(enum.Enum):
    """Of a code."""

    UNNEEDED = enum.auto()
    """The user has no second factor."""
    RIGHT = enum.auto()
    WRONG = enum.auto()


@frozen
class StoredFactor:
    """How it stands with a user's second factor."""

    is_on: bool
    recovery_codes_left: int


def find_factor(connection: Connection, user_id: str) -> StoredFactor:
    """That of a user."""
    row = connection.execute(select(tables.second_factors).where(_is(user_id))).first()
    codes = tables.recovery_codes.c
    left = connection.scalar(select(func.count()).select_from(tables.recovery_codes).where(codes.user_id == user_id))
    return StoredFactor(row is not None and bool(row.is_confirmed), int(left or 0))


def begin(connection: Connection, user_id: str, rng: RandomBytes, unix_now: float) -> bytes:
    """A fresh secret, 20 bytes, which counts when a code of it was shown; raises `Conflict` where there is one that
    counts."""
    if find_factor(connection, user_id).is_on:
        raise Conflict("there is a second factor already: remove it first")
    secret = rng(SECRET_BYTES)
    connection.execute(delete(tables.second_factors).where(_is(user_id)))
    row = {"user_id": user_id, "secret": secret, "is_confirmed": 0, "last_step": 0, "created_at": unix_now}
    connection.execute(insert(tables.second_factors).values(row))
    return secret


def confirm(connection: Connection, user_id: str, code: str, rng: RandomBytes, unix_now: float) -> list[str]:
    """Let the factor count, since this code of it is right; its recovery codes. Raises `Conflict`."""
    if find_factor(connection, user_id).is_on:
        raise Conflict("there is a second factor already: remove it first")
    if not _take_step(connection, user_id, code, unix_now):
        raise Conflict("the code is wrong, or its half minute is over")
    connection.execute(update(tables.second_factors).where(_is(user_id)).values(is_confirmed=1))
    codes = [emit_base32(rng(RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]
    rows = [{"user_id": user_id, "code_hash": _hash(code)} for code in codes]
    connection.execute(insert(tables.recovery_codes), rows)
    _record(connection, user_id, "factor.on", unix_now)
    return codes


def check(connection: Connection, user_id: str, code: str, unix_now: float) -> Verdict:
    """Judge a code, which is used up if it is right; an empty one is wrong where one is needed."""
    if not find_factor(connection, user_id).is_on:
        return Verdict.UNNEEDED
    if _take_step(connection, user_id, code, unix_now):
        return Verdict.RIGHT
    columns = tables.recovery_codes.c
    typed = code.lower().replace(" ", "").replace("-", "")
    gone = connection.execute(
        delete(tables.recovery_codes).where((columns.user_id == user_id) & (columns.code_hash == _hash(typed)))
    )
    if gone.rowcount:
        _record(connection, user_id, "factor.recovery", unix_now)
        return Verdict.RIGHT
    if code:
        _record(connection, user_id, "factor.wrong", unix_now)
    return Verdict.WRONG


def remove_own(connection: Connection, user_id: str, unix_now: float) -> None:
    """A user's own second factor goes."""
    _remove(connection, user_id)
    _record(connection, user_id, "factor.off", unix_now)


def remove_for(connection: Connection, user_id: str, actor: Actor, unix_now: float) -> None:
    """Another user's second factor goes, since it was lost; raises `NotFound` or `Forbidden`."""
    user = find_user(connection, user_id)
    if user is None:
        raise NotFound("there is no such user")
    check_reach(connection, actor, user.role)
    _remove(connection, user_id)
    audit.record(connection, actor.name, "factor.off", unix_now, subject=user_id, detail=f"name={user.name}")


def code_at(secret: bytes, step: int) -> str:
    """The code of a step of 30 seconds (RFC 6238, with SHA-1 and six digits, as every authenticator has it)."""
    totp = TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - HMAC-SHA-1, which stands
    return totp.generate(step * STEP_SECONDS).decode("ascii")


def _take_step(connection: Connection, user_id: str, code: str, unix_now: float) -> bool:
    row = connection.execute(select(tables.second_factors).where(_is(user_id))).first()
    typed = code.replace(" ", "")
    if row is None or len(typed) != DIGITS or not typed.isascii():
        return False
    here = int(unix_now // STEP_SECONDS)
    for step in range(max(here - LEEWAY_STEPS, row.last_step + 1), here + LEEWAY_STEPS + 1):
        if hmac.compare_digest(code_at(row.secret, step), typed):
            connection.execute(update(tables.second_factors).where(_is(user_id)).values(last_step=step))
            return True
    return False


def _remove(connection: Connection, user_id: str) -> None:
    connection.execute(delete(tables.second_factors).where(_is(user_id)))
    connection.execute(delete(tables.recovery_codes).where(tables.recovery_codes.c.user_id == user_id))


def _record(connection: Connection, user_id: str, action: str, unix_now: float) -> None:
    user = find_user(connection, user_id)
    if user is not None:
        audit.record(connection, f"user:{user.name}", action, unix_now, subject=user_id)


def _hash(code: str) -> bytes:
    return hashlib.sha256(b"zerogo recovery code 1\x00" + code.encode("utf-8", "replace")).digest()


def _is(user_id: str):  # type: ignore[no-untyped-def]
    return tables.second_factors.c.user_id == user_id
