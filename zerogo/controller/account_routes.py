# -*- test-case-name: zerogo.test.controller.test_accounts -*-
"""Routes about the controller itself and about who calls: health, first user, logging in and out, me."""

from __future__ import annotations

import math

from zerogo import __version__
from zerogo.controller.account_documents import (
    BootstrapRequest,
    HealthDocument,
    LoginRequest,
    MeDocument,
    PasswordRequest,
    RefreshRequest,
    SessionDocument,
    TokenDocument,
    UserDocument,
)
from zerogo.controller.callers import REFRESH_PREFIX, csrf_token, set_cookie, split_token
from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.owner_secrets import take_secret
from zerogo.controller.problems import Problem
from zerogo.controller.tokens import LIFETIME_SECONDS
from zerogo.store import second_factors, sessions, users
from zerogo.store.errors import StoreFault
from zerogo.store.second_factors import Verdict
from zerogo.store.sessions import Reused
from zerogo.store.values import Role, SessionKind, StoredUser


async def get_health(desk: Desk, call: Call) -> Answer:
    """Whether the controller can use its database."""
    known = await desk.store.read(users.count_users)
    return Answer(200, HealthDocument("ok", __version__, has_users=known > 0))


async def bootstrap(desk: Desk, call: Call) -> Answer:
    """Make the first user, once, with the secret from the state directory; with the one that `zerogo controller
    reset-admin` made, give an owner a new password."""
    body = call.body
    assert isinstance(body, BootstrapRequest)
    _begin_attempt(desk, "bootstrap", call)
    is_reset = take_secret(desk.bootstrap_path, body.secret, desk.unix_time())
    desk.login_limits.succeeded("bootstrap", call.source)
    password_hash = await desk.passwords.hash(body.password)
    unit = users.reset_owner if is_reset else users.create_first_user
    user = await desk.store.write(unit, body.name, password_hash, desk.rng, desk.unix_time())
    desk.bootstrap_path.unlink(missing_ok=True)
    return Answer(201, UserDocument.of(user))


async def login(desk: Desk, call: Call) -> Answer:
    """Tokens for name and password; equal answer and time for an unknown name and a wrong password."""
    user = await _logged_in(desk, call)
    session, secret = await desk.store.write(
        sessions.open_session, user, SessionKind.REFRESH, call.source, desk.rng, desk.unix_time()
    )
    return Answer(200, _tokens(desk, user.user_id, session.session_id, secret))


async def refresh(desk: Desk, call: Call) -> Answer:
    """Take a refresh token for new tokens. One that was taken before ends the session."""
    body = call.body
    assert isinstance(body, RefreshRequest)
    pair = split_token(body.refresh_token, REFRESH_PREFIX)
    renewed = None if pair is None else await desk.store.write(sessions.renew, *pair, desk.rng, desk.unix_time())
    if renewed is None or isinstance(renewed, Reused):
        raise Problem(401, "unauthorized", "the refresh token is not good any more: log in again")
    session, secret = renewed
    user = await desk.store.read(users.find_user, session.user_id)
    if user is None or user.is_disabled:
        raise Problem(401, "unauthorized", "the user is gone or disabled")
    return Answer(200, _tokens(desk, user.user_id, session.session_id, secret))


async def logout(desk: Desk, call: Call) -> Answer:
    """Let a refresh token be of no use any more."""
    body = call.body
    assert isinstance(body, RefreshRequest)
    pair = split_token(body.refresh_token, REFRESH_PREFIX)
    if pair is not None:
        await desk.store.write(sessions.close_refresh, *pair)
    return Answer(204)


async def open_browser(desk: Desk, call: Call) -> Answer:
    """Log in a browser: its session is in a cookie that scripts cannot read."""
    user = await _logged_in(desk, call)
    session, secret = await desk.store.write(
        sessions.open_session, user, SessionKind.BROWSER, call.source, desk.rng, desk.unix_time()
    )
    document = SessionDocument(MeDocument(user.user_id, user.name, user.role), csrf_token(secret))
    cookie = set_cookie(call.cookie_name, session.session_id, secret, session.expires_at - session.created_at)
    return Answer(201, document, cookies=(cookie,))


async def get_browser(desk: Desk, call: Call) -> Answer:
    """The browser's session, for a page that was loaded anew."""
    assert call.caller is not None
    if not call.caller.session_id:
        raise Problem(404, "not-found", "the caller is no browser with a session")
    me = MeDocument(call.caller.user_id, call.caller.name, call.caller.role)
    return Answer(200, SessionDocument(me, call.caller.csrf_token))


async def close_browser(desk: Desk, call: Call) -> Answer:
    """Log a browser out."""
    assert call.caller is not None
    if call.caller.session_id:
        await desk.store.write(sessions.close_session, call.caller.session_id)
    return Answer(204, cookies=(set_cookie(call.cookie_name, "", "", 0),))


async def get_me(desk: Desk, call: Call) -> Answer:
    """Who calls."""
    assert call.caller is not None
    return Answer(200, MeDocument(call.caller.user_id, call.caller.name, call.caller.role))


async def set_password(desk: Desk, call: Call) -> Answer:
    """One's own password; all sessions and access tokens of the user end."""
    body = call.body
    assert isinstance(body, PasswordRequest)
    assert call.caller is not None
    user = await desk.store.read(users.find_user, call.caller.user_id)
    if user is None:
        raise Problem(409, "conflict", "the owner of this machine has no password")
    await check_password(desk, call, user.name, body.password)
    password_hash = await desk.passwords.hash(body.new_password)
    await desk.store.write(users.change_own_password, user.user_id, password_hash, desk.unix_time())
    return Answer(204)


async def log_out_everywhere(desk: Desk, call: Call) -> Answer:
    """End all sessions and access tokens of the user."""
    assert call.caller is not None
    if call.caller.user_id:
        await desk.store.write(sessions.close_sessions, call.caller.user_id, desk.unix_time())
    return Answer(204, cookies=(set_cookie(call.cookie_name, "", "", 0),))


async def _logged_in(desk: Desk, call: Call) -> StoredUser:
    body = call.body
    assert isinstance(body, LoginRequest)
    user = await check_password(desk, call, body.name, body.password)
    await _check_code(desk, call, user, body.code)
    return user


async def _check_code(desk: Desk, call: Call, user: StoredUser, code: str) -> None:
    """The second factor, where the user has one. Guesses are counted apart from those of the password: they are known
    to come from somebody who has that."""
    account = f"{user.name} code"
    if code:
        _begin_attempt(desk, account, call)
    verdict = await desk.store.write(second_factors.check, user.user_id, code, desk.unix_time())
    if verdict is Verdict.WRONG:
        detail = "the code is wrong, or was used already" if code else "a code of the second factor is needed too"
        raise Problem(401, "second-factor", detail)
    if code:
        desk.login_limits.succeeded(account, call.source)


async def check_password(desk: Desk, call: Call, name: str, password: str) -> StoredUser:
    """The user who has this password; raises `Problem`. Guesses are slowed down."""
    _begin_attempt(desk, name, call)
    try:
        user = await desk.store.read(users.find_user_by_name, name)
        verdict = await desk.passwords.verify(None if user is None else user.password_hash or None, password)
    except StoreFault:
        desk.login_limits.forgive(name, call.source)
        raise
    if user is None or user.is_disabled or not verdict.is_right:
        raise Problem(401, "unauthorized", "name or password is wrong")
    desk.login_limits.succeeded(name, call.source)
    if verdict.new_hash is not None:
        await desk.store.write(users.set_password_hash, user.user_id, verdict.new_hash)
    return user


def _tokens(desk: Desk, user_id: str, session_id: str, secret: str) -> TokenDocument:
    return TokenDocument(
        token=desk.tokens.issue(user_id),
        token_type="Bearer",  # noqa: S106 - RFC 6750
        expires_in=LIFETIME_SECONDS,
        refresh_token=f"{REFRESH_PREFIX}{session_id}_{secret}",
    )


def _begin_attempt(desk: Desk, name: str, call: Call) -> None:
    now = desk.clock.seconds()
    wait = desk.login_limits.wait(name, call.source, now)
    if wait > 0:
        seconds = math.ceil(wait)
        detail = f"too many failed attempts: wait {seconds} s"
        raise Problem(429, "too-many-attempts", detail, {"Retry-After": str(seconds)})
    desk.login_limits.begin(name, call.source, now)


_NOT_A_LOGIN = ("unauthorized", "second-factor", "too-many-attempts")

ROUTES = (
    Route(method="GET", path="/health", function=get_health, needs=None, answer=HealthDocument),
    Route(
        method="POST",
        path="/bootstrap",
        function=bootstrap,
        needs=None,
        body=BootstrapRequest,
        answer=UserDocument,
        status=201,
        problems=(*_NOT_A_LOGIN, "conflict"),
    ),
    Route(
        method="POST",
        path="/auth/login",
        function=login,
        needs=None,
        body=LoginRequest,
        answer=TokenDocument,
        problems=_NOT_A_LOGIN,
    ),
    Route(
        method="POST",
        path="/auth/refresh",
        function=refresh,
        needs=None,
        body=RefreshRequest,
        answer=TokenDocument,
        problems=("unauthorized",),
    ),
    Route(method="POST", path="/auth/logout", function=logout, needs=None, body=RefreshRequest, status=204),
    Route(
        method="POST",
        path="/auth/session",
        function=open_browser,
        needs=None,
        body=LoginRequest,
        answer=SessionDocument,
        status=201,
        problems=_NOT_A_LOGIN,
    ),
    Route(
        method="GET",
        path="/auth/session",
        function=get_browser,
        needs=Role.USER,
        area="account",
        answer=SessionDocument,
        problems=("not-found",),
    ),
    Route(method="DELETE", path="/auth/session", function=close_browser, needs=Role.USER, area="account", status=204),
    Route(
        method="DELETE",
        path="/auth/sessions",
        function=log_out_everywhere,
        needs=Role.USER,
        area="account",
        status=204,
    ),
    Route(method="GET", path="/me", function=get_me, needs=Role.USER, answer=MeDocument),
    Route(
        method="PUT",
        path="/me/password",
        function=set_password,
        needs=Role.USER,
        area="account",
        body=PasswordRequest,
        status=204,
        problems=("conflict", *_NOT_A_LOGIN),
    ),
)
