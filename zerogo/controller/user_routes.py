# -*- test-case-name: zerogo.test.controller.test_accounts -*-
"""Routes about users, their API tokens, and the audit log."""

from __future__ import annotations

from typing import Any

import msgspec

from zerogo.controller.account_documents import (
    ApiTokenDocument,
    AuditDocument,
    AuditVerdict,
    NewTokenRequest,
    NewUserRequest,
    UserChange,
    UserDocument,
)
from zerogo.controller.callers import API_TOKEN_PREFIX
from zerogo.controller.desk import Answer, Call, Desk, IfMatch, Route
from zerogo.controller.documents import Page, page
from zerogo.controller.problems import Problem
from zerogo.store import api_tokens, audit, users
from zerogo.store.api_tokens import NewApiToken
from zerogo.store.values import Role

AREAS = ("networks", "members", "invites", "policy", "users", "tokens", "webhooks", "exits")
READ_ONLY_AREAS = ("audit", "flows", "links", "events", "relays")
SCOPES = (
    *(f"{area}:{verb}" for area in AREAS for verb in ("read", "write")),
    *(f"{area}:read" for area in READ_ONLY_AREAS),
)
"""What an API token may be limited to; one's own account is not for tokens."""


async def list_users(desk: Desk, call: Call) -> Answer:
    """All users, by name."""
    return Answer(200, page(await desk.store.read(users.list_users, call.paging), UserDocument.of))


async def create_user(desk: Desk, call: Call) -> Answer:
    """Make a user of a lower rank than one's own; an owner makes any."""
    body = call.body
    assert isinstance(body, NewUserRequest)
    password_hash = await desk.passwords.hash(body.password)
    made = await desk.store.write(
        users.create_user, body.name, password_hash, body.role, call.user, desk.rng, desk.unix_time()
    )
    return Answer(201, UserDocument.of(made), made.tag)


async def get_user(desk: Desk, call: Call) -> Answer:
    """One user."""
    user = await desk.store.read(users.find_user, call.path["user"])
    if user is None:
        raise Problem(404, "not-found", "there is no such user")
    return Answer(200, UserDocument.of(user), user.tag)


async def change_user(desk: Desk, call: Call) -> Answer:
    """Change role or password, or disable; a new password ends the user's sessions."""
    body = call.body
    assert isinstance(body, UserChange)
    given = msgspec.structs.asdict(body).items()
    changes: dict[str, Any] = {name: value for name, value in given if value is not msgspec.UNSET}
    if "password" in changes:
        changes["password_hash"] = await desk.passwords.hash(changes.pop("password"))
    changed = await desk.store.write(
        users.change_user, call.path["user"], changes, call.user, desk.unix_time(), call.expected
    )
    return Answer(200, UserDocument.of(changed), changed.tag)


async def delete_user(desk: Desk, call: Call) -> Answer:
    """Remove a user with all sessions and API tokens."""
    await desk.store.write(users.delete_user, call.path["user"], call.user, desk.unix_time(), call.expected)
    return Answer(204)


async def list_tokens(desk: Desk, call: Call) -> Answer:
    """The caller's API tokens, an admin's view: everybody's; never their secrets."""
    assert call.caller is not None
    own = None if call.caller.role.rank >= Role.ADMIN.rank else call.caller.user_id
    return Answer(200, page(await desk.store.read(api_tokens.list_tokens, own, call.paging), ApiTokenDocument.of))


async def create_token(desk: Desk, call: Call) -> Answer:
    """Make an API token; it is in this answer and never again."""
    body = call.body
    assert isinstance(body, NewTokenRequest)
    assert call.caller is not None
    unknown = [scope for scope in body.scopes if scope not in SCOPES]
    if unknown:
        raise Problem(422, "invalid", f"{unknown[0]!r} is not one of the scopes {', '.join(SCOPES)}")
    if call.caller.scopes is not None and not call.caller.scopes.issuperset(body.scopes):
        raise Problem(403, "scope", "an API token cannot make one with more scopes than its own")
    new = NewApiToken(
        user_id=body.user or call.caller.user_id,
        name=body.name,
        scopes=tuple(sorted(set(body.scopes))),
        lifetime=body.expires_seconds,
    )
    made, secret = await desk.store.write(api_tokens.create_token, new, call.user, desk.rng, desk.unix_time())
    return Answer(201, ApiTokenDocument.of(made, f"{API_TOKEN_PREFIX}{made.token_id}_{secret}"))


async def delete_token(desk: Desk, call: Call) -> Answer:
    """Let an API token be of no use any more, at once."""
    await desk.store.write(api_tokens.delete_token, call.path["token"], call.user, desk.unix_time())
    return Answer(204)


async def list_audit(desk: Desk, call: Call) -> Answer:
    """Who changed what, newest first."""
    return Answer(200, page(await desk.store.read(audit.list_lines, call.paging), AuditDocument.of))


async def check_audit(desk: Desk, call: Call) -> Answer:
    """Whether the log's chain of hashes holds."""
    return Answer(200, AuditVerdict.of(await desk.store.read(audit.check_chain)))


_NOT_OPERATORS = frozenset({Role.OPERATOR})

ROUTES = (
    Route(
        method="GET",
        path="/users",
        function=list_users,
        needs=Role.AUDITOR,
        but_not=_NOT_OPERATORS,
        area="users",
        answer=Page[UserDocument],
        cursor=tuple[str],
    ),
    Route(
        method="POST",
        path="/users",
        function=create_user,
        needs=Role.ADMIN,
        area="users",
        body=NewUserRequest,
        answer=UserDocument,
        status=201,
        is_creation=True,
        problems=("conflict",),
    ),
    Route(
        method="GET",
        path="/users/<string:user>",
        function=get_user,
        needs=Role.AUDITOR,
        but_not=_NOT_OPERATORS,
        area="users",
        answer=UserDocument,
    ),
    Route(
        method="PATCH",
        path="/users/<string:user>",
        function=change_user,
        needs=Role.ADMIN,
        area="users",
        body=UserChange,
        answer=UserDocument,
        if_match=IfMatch.OPTIONAL,
        problems=("conflict",),
    ),
    Route(
        method="DELETE",
        path="/users/<string:user>",
        function=delete_user,
        needs=Role.ADMIN,
        area="users",
        status=204,
        if_match=IfMatch.OPTIONAL,
        problems=("conflict",),
    ),
    Route(
        method="GET",
        path="/tokens",
        function=list_tokens,
        needs=Role.USER,
        area="tokens",
        answer=Page[ApiTokenDocument],
        cursor=tuple[str],
    ),
    Route(
        method="POST",
        path="/tokens",
        function=create_token,
        needs=Role.USER,
        area="tokens",
        body=NewTokenRequest,
        answer=ApiTokenDocument,
        status=201,
        is_creation=True,
        problems=("conflict", "not-found"),
    ),
    Route(
        method="DELETE",
        path="/tokens/<string:token>",
        function=delete_token,
        needs=Role.USER,
        area="tokens",
        status=204,
    ),
    Route(
        method="GET",
        path="/audit",
        function=list_audit,
        needs=Role.AUDITOR,
        but_not=_NOT_OPERATORS,
        area="audit",
        answer=Page[AuditDocument],
        cursor=tuple[int],
    ),
    Route(
        method="GET",
        path="/audit/check",
        function=check_audit,
        needs=Role.AUDITOR,
        but_not=_NOT_OPERATORS,
        area="audit",
        answer=AuditVerdict,
    ),
)
