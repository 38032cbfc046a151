# -*- test-case-name: zerogo.test.controller.test_api -*-
"""Routes about the controller itself and about who calls: health, first user, login, me."""

from __future__ import annotations

import hmac
import math

from zerogo import __version__
from zerogo.config.errors import PrivateFileError
from zerogo.config.private_file import read_private
from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.documents import BootstrapRequest, HealthDocument, LoginRequest, TokenDocument, UserDocument
from zerogo.controller.problems import Problem
from zerogo.controller.tokens import LIFETIME_SECONDS
from zerogo.store import users
from zerogo.store.errors import StoreFault
from zerogo.store.values import Role

BOOTSTRAP_LIMIT = 200


async def get_health(desk: Desk, call: Call) -> Answer:
    """Whether the controller can use its database."""
    await desk.store.read(users.count_users)
    return Answer(200, HealthDocument("ok", __version__))


async def bootstrap(desk: Desk, call: Call) -> Answer:
    """Make the first user, once, with the secret from the state directory."""
    body = call.body
    assert isinstance(body, BootstrapRequest)
    _begin_attempt(desk, "bootstrap", call)
    try:
        secret = read_private(desk.bootstrap_path, BOOTSTRAP_LIMIT).decode("ascii", "replace").strip()
    except PrivateFileError as error:
        raise Problem(409, "conflict", "the controller has an owner already") from error
    if not hmac.compare_digest(secret.encode(), body.secret.strip().encode()):
        raise Problem(401, "unauthorized", f"that is not the secret in {desk.bootstrap_path.name}")
    desk.login_limits.succeeded("bootstrap", call.source)
    password_hash = await desk.passwords.hash(body.password)
    user = await desk.store.write(users.create_first_user, body.name, password_hash, desk.rng, desk.unix_time())
    desk.bootstrap_path.unlink(missing_ok=True)
    return Answer(201, UserDocument(user.user_id, user.name, user.role))


async def login(desk: Desk, call: Call) -> Answer:
    """A token for name and password; equal answer and time for an unknown name and a wrong password."""
    body = call.body
    assert isinstance(body, LoginRequest)
    _begin_attempt(desk, body.name, call)
    try:
        user = await desk.store.read(users.find_user_by_name, body.name)
        verdict = await desk.passwords.verify(None if user is None else user.password_hash, body.password)
    except StoreFault:
        desk.login_limits.forgive(body.name, call.source)
        raise
    if user is None or not verdict.is_right:
        raise Problem(401, "unauthorized", "name or password is wrong")
    desk.login_limits.succeeded(body.name, call.source)
    if verdict.new_hash is not None:
        await desk.store.write(users.set_password_hash, user.user_id, verdict.new_hash)
    return Answer(200, TokenDocument(desk.tokens.issue(user.user_id), "Bearer", LIFETIME_SECONDS))


async def get_me(desk: Desk, call: Call) -> Answer:
    """Who calls."""
    assert call.caller is not None
    return Answer(200, UserDocument(call.caller.user_id, call.caller.name, call.caller.role))


def _begin_attempt(desk: Desk, name: str, call: Call) -> None:
    now = desk.clock.seconds()
    wait = desk.login_limits.wait(name, call.source, now)
    if wait > 0:
        seconds = math.ceil(wait)
        detail = f"too many failed attempts: wait {seconds} s"
        raise Problem(429, "too-many-attempts", detail, {"Retry-After": str(seconds)})
    desk.login_limits.begin(name, call.source, now)


ROUTES = (
    Route(method="GET", path="/health", function=get_health, needs=None),
    Route(method="POST", path="/bootstrap", function=bootstrap, needs=None, body=BootstrapRequest),
    Route(method="POST", path="/auth/login", function=login, needs=None, body=LoginRequest),
    Route(method="GET", path="/me", function=get_me, needs=Role.USER),
)
