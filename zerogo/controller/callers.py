# -*- test-case-name: zerogo.test.controller.test_callers -*-
"""Who calls: the owner of this machine, a user with an access token, a program with an API token, or a browser.

A browser sends its session's cookie with whatever page asks it to, so what is not a GET must also bring the session's
CSRF token in a header, which a page of another origin can neither read nor set; and where the browser says from which
origin the request comes, it must be ours. The cookie is `__Host-`: HttpOnly, Secure, SameSite=Strict, for this host and
no other (`browsers` has the one exception). Everything about users is read anew at each request, so what was taken away
is gone at once.
"""

from __future__ import annotations

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie

from twisted.web.http import Request

from zerogo.control.token import emit_base32
from zerogo.controller.browsers import LOCAL_COOKIE
from zerogo.controller.caller import Caller
from zerogo.controller.desk import Desk
from zerogo.controller.problems import Problem
from zerogo.controller.tokens import TokenInvalid
from zerogo.store import api_tokens, callers, sessions, users
from zerogo.store.values import Role, SessionKind, StoredUser

LOCAL_OWNER = Caller("", "owner", Role.OWNER)
"""Whoever may read the controller's own files."""
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="zerogo"'}
API_TOKEN_PREFIX = "zgo_api_"  # noqa: S105 - not a secret
REFRESH_PREFIX = "zgo_refresh_"
COOKIE_LIMIT = 4096
CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = (b"GET", b"HEAD")


async def find_caller(desk: Desk, request: Request) -> Caller | None:
    """Who calls, or None: nobody says so. Raises `Problem` where what they show is not good."""
    header = request.getHeader("authorization")
    if header is None:
        return await _browser(desk, request)
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Problem(401, "unauthorized", "the Authorization header must be: Bearer TOKEN", CHALLENGE)
    if desk.owner_token.matches(token):
        return LOCAL_OWNER
    if token.startswith(API_TOKEN_PREFIX):
        return await _program(desk, token)
    return await _user(desk, token)


def split_token(text: str, prefix: str) -> tuple[str, str] | None:
    """Id and secret of `PREFIX ID _ SECRET`."""
    token_id, mark, secret = text.removeprefix(prefix).partition("_")
    return (token_id, secret) if text.startswith(prefix) and mark and len(text) <= 200 else None


def csrf_token(secret: str) -> str:
    """Follows from the session's secret, and does not give it away."""
    return emit_base32(hashlib.sha256(b"zerogo csrf 1\x00" + secret.encode()).digest()[:20])


def session_secret(request: Request, cookie: str) -> tuple[str, str] | None:
    """Id and secret in the cookie of that name."""
    header = request.getHeader("cookie") or ""
    if len(header) > COOKIE_LIMIT:
        return None
    try:
        morsel = SimpleCookie(header).get(cookie)
    except CookieError:
        return None
    return None if morsel is None else split_token(morsel.value, "")


def set_cookie(cookie: str, session_id: str, secret: str, seconds: float) -> str:
    """The header that gives a browser its session; with 0 seconds, the one that takes it away."""
    value = f"{session_id}_{secret}" if seconds else ""
    secure = "" if cookie == LOCAL_COOKIE else "Secure; "
    return f"{cookie}={value}; Path=/; Max-Age={int(seconds)}; {secure}HttpOnly; SameSite=Strict"


async def is_still_good(desk: Desk, caller: Caller, since: float) -> bool:
    """Whether someone who was let in at that unix time may stay: nothing of theirs was taken away meanwhile."""
    if not caller.user_id:
        return True
    user = await desk.store.read(users.find_user, caller.user_id)
    if user is None or user.is_disabled or user.role is not caller.role or user.valid_after > since:
        return False
    now = desk.unix_time()
    if caller.session_id:
        return await desk.store.read(sessions.is_open, caller.session_id, SessionKind.BROWSER, now)
    if caller.token_id:
        return await desk.store.read(api_tokens.is_good, caller.token_id, now)
    return True


async def _user(desk: Desk, token: str) -> Caller:
    try:
        access = desk.tokens.check(token)
    except TokenInvalid as error:
        raise Problem(401, "unauthorized", str(error), CHALLENGE) from error
    user = _usable(await desk.store.read(users.find_user, access.user_id))
    if access.issued_at < int(user.valid_after):
        raise Problem(401, "unauthorized", "the token was withdrawn: log in again", CHALLENGE)
    return Caller(user.user_id, user.name, user.role)


async def _program(desk: Desk, token: str) -> Caller:
    pair, now = split_token(token, API_TOKEN_PREFIX), desk.unix_time()
    known = None if pair is None else await desk.store.read(callers.by_api_token, *pair, now)
    if known is None:
        raise Problem(401, "unauthorized", "the API token is not known, or its time is over", CHALLENGE)
    found, user = known[0], _usable(known[1])
    if found.used_at is None or now - found.used_at > api_tokens.TOUCH_SECONDS:
        desk.touches.note(desk.store, api_tokens.touch_token, found.token_id, now, api_tokens.TOUCH_SECONDS)
    return Caller(user.user_id, user.name, user.role, frozenset(found.scopes), found.token_id)


async def _browser(desk: Desk, request: Request) -> Caller | None:
    pair, now = session_secret(request, desk.browsers.cookie_name(request)), desk.unix_time()
    if pair is None:
        return None
    known = await desk.store.read(callers.by_session, pair[0], SessionKind.BROWSER, pair[1], now)
    if known is None:
        return None
    if request.method not in SAFE_METHODS:
        _check_origin(desk, request)
        shown = request.getHeader(CSRF_HEADER) or ""
        if not hmac.compare_digest(shown.encode(), csrf_token(pair[1]).encode()):
            raise Problem(403, "csrf", "the request must bring the session's CSRF token in X-CSRF-Token")
    found, user = known[0], _usable(known[1])
    if now - found.used_at > sessions.TOUCH_SECONDS:
        desk.touches.note(desk.store, sessions.touch_session, found.session_id, now, sessions.TOUCH_SECONDS)
    session_id, token = found.session_id, csrf_token(pair[1])
    return Caller(user.user_id, user.name, user.role, session_id=session_id, csrf_token=token)


def _check_origin(desk: Desk, request: Request) -> None:
    """Browsers say where a request that changes something comes from; programs do not."""
    origin = request.getHeader("origin")
    site = request.getHeader("sec-fetch-site")
    is_ours = origin is None or desk.browsers.is_ours(origin, request.getHeader("host") or "")
    if not is_ours or site not in (None, "same-origin", "none"):
        raise Problem(403, "csrf", "the request comes from a page of another origin")


def _usable(user: StoredUser | None) -> StoredUser:
    if user is None or user.is_disabled:
        raise Problem(401, "unauthorized", "the user is gone or disabled", CHALLENGE)
    return user
