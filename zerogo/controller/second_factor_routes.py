# -*- test-case-name: zerogo.test.controller.test_second_factor -*-
"""Routes about second factors, one's own and lost ones of others."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from zerogo.control.token import emit_base32
from zerogo.controller.account_routes import check_password
from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.documents import RequestBody
from zerogo.controller.problems import Problem
from zerogo.store import second_factors, users
from zerogo.store.second_factors import DIGITS, STEP_SECONDS, StoredFactor
from zerogo.store.values import Role, StoredUser

ISSUER = "ZeroGo"


class SecondFactorDocument(msgspec.Struct, frozen=True):
    """How it stands with one's own second factor."""

    is_on: bool
    recovery_codes_left: int


class NewFactorDocument(msgspec.Struct, frozen=True):
    """A secret for an authenticator; it counts when a code of it was shown."""

    secret: str
    """In base32."""
    uri: str
    """The same as authenticators read it from a QR code."""


class RecoveryCodesDocument(msgspec.Struct, frozen=True):
    """Each is good once in place of a code; shown once."""

    recovery_codes: list[str]


class OwnPasswordRequest(RequestBody, frozen=True):
    """One's own password, so that an open browser is not enough."""

    password: Annotated[str, Meta(max_length=256)]


class CodeRequest(RequestBody, frozen=True):
    """A code of the authenticator."""

    code: Annotated[str, Meta(max_length=40)]


async def get_own(desk: Desk, call: Call) -> Answer:
    """One's own second factor."""
    user = await _user(desk, call)
    return Answer(200, _document(await desk.store.read(second_factors.find_factor, user.user_id)))


async def begin(desk: Desk, call: Call) -> Answer:
    """A secret for an authenticator."""
    body = call.body
    assert isinstance(body, OwnPasswordRequest)
    user = await _user(desk, call)
    await check_password(desk, call, user.name, body.password)
    secret = await desk.store.write(second_factors.begin, user.user_id, desk.rng, desk.unix_time())
    text = emit_base32(secret).upper()
    label = quote(f"{ISSUER}:{user.name}")
    uri = f"otpauth://totp/{label}?secret={text}&issuer={ISSUER}&digits={DIGITS}&period={STEP_SECONDS}"
    return Answer(201, NewFactorDocument(text, uri))


async def confirm(desk: Desk, call: Call) -> Answer:
    """Let the secret count, since a code of it is right; recovery codes are in this answer and never again."""
    body = call.body
    assert isinstance(body, CodeRequest)
    user = await _user(desk, call)
    codes = await desk.store.write(second_factors.confirm, user.user_id, body.code, desk.rng, desk.unix_time())
    return Answer(200, RecoveryCodesDocument(codes))


async def remove_own(desk: Desk, call: Call) -> Answer:
    """Log in with the password alone again."""
    body = call.body
    assert isinstance(body, OwnPasswordRequest)
    user = await _user(desk, call)
    await check_password(desk, call, user.name, body.password)
    await desk.store.write(second_factors.remove_own, user.user_id, desk.unix_time())
    return Answer(204)


async def remove_for(desk: Desk, call: Call) -> Answer:
    """Let a user who lost the second factor log in with the password alone."""
    await desk.store.write(second_factors.remove_for, call.path["user"], call.user, desk.unix_time())
    return Answer(204)


async def _user(desk: Desk, call: Call) -> StoredUser:
    assert call.caller is not None
    user = await desk.store.read(users.find_user, call.caller.user_id)
    if user is None:
        raise Problem(409, "conflict", "the owner of this machine has no password, and so no second factor")
    return user


def _document(factor: StoredFactor) -> SecondFactorDocument:
    return SecondFactorDocument(factor.is_on, factor.recovery_codes_left)


_OWN = "/me/second-factor"
_GUARDED = ("unauthorized", "too-many-attempts", "conflict")

ROUTES = (
    Route(
        method="GET", path=_OWN, function=get_own, needs=Role.USER, answer=SecondFactorDocument, problems=("conflict",)
    ),
    Route(
        method="POST",
        path=_OWN,
        function=begin,
        needs=Role.USER,
        area="account",
        body=OwnPasswordRequest,
        answer=NewFactorDocument,
        status=201,
        problems=_GUARDED,
    ),
    Route(
        method="PUT",
        path=_OWN,
        function=confirm,
        needs=Role.USER,
        area="account",
        body=CodeRequest,
        answer=RecoveryCodesDocument,
        problems=("conflict",),
    ),
    Route(
        method="POST",
        path=f"{_OWN}/removal",
        function=remove_own,
        needs=Role.USER,
        area="account",
        body=OwnPasswordRequest,
        status=204,
        problems=_GUARDED,
    ),
    Route(
        method="DELETE",
        path="/users/<string:user>/second-factor",
        function=remove_for,
        needs=Role.ADMIN,
        area="users",
        status=204,
    ),
)
