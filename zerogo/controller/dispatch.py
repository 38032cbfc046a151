# -*- test-case-name: zerogo.test.controller.test_api -*-
"""What happens to every request, whatever its route: who calls, may they, is the body right, how an error looks.

The table of routes says all that is checked here, and the OpenAPI document is made from the same table.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from klein import Klein
from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.resource import IResource
from werkzeug.exceptions import HTTPException

from zerogo.controller.body_words import body_fault
from zerogo.controller.browsers import pin_transport
from zerogo.controller.caller import Caller
from zerogo.controller.callers import CHALLENGE, LOCAL_OWNER, find_caller
from zerogo.controller.desk import LONG_WORD_LIMIT, QUERY_LIMIT, WORD_LIMIT, Answer, Call, Desk, IfMatch, Route
from zerogo.controller.idempotency import Kept, entry_of
from zerogo.controller.login_limits import source_network
from zerogo.controller.oidc_attempt import sealed_attempt
from zerogo.controller.problems import CONTENT_TYPE, Problem, problem_of
from zerogo.controller.proxies import HEADER
from zerogo.errors import ZeroGoError
from zerogo.store.paging import LIMIT_MOST, Paging, parse_cursor

PREFIX = "/api/v1"
JSON_TYPES = ("application/json", "application/merge-patch+json")

_log = Logger()


def api_resource(desk: Desk, routes: Iterable[Route]) -> IResource:
    """The API as a resource of twisted.web."""
    app = Klein()
    # A redirect would name the host that the caller claims we are.
    app.url_map.merge_slashes = False
    for route in routes:
        serve = functools.partial(_serve, desk, route)
        functools.update_wrapper(serve, route.function)
        app.route(PREFIX + route.path, methods=[route.method], endpoint=route.endpoint)(serve)
    app.handle_errors(HTTPException)(_answer_routing_error)
    resource: IResource = app.resource()
    return resource


async def _serve(desk: Desk, route: Route, request: Request, **path: str) -> bytes:
    try:
        return _write(request, await _answer(desk, route, request, path))
    except Problem as problem:
        return _write_problem(request, problem)
    except ZeroGoError as error:
        looks = problem_of(error)
        if looks.status >= 500:
            _log.error("{endpoint} failed: {reason}", endpoint=route.endpoint, reason=str(error))
        return _write_problem(request, looks)
    except Exception:
        _log.failure("A bug in {endpoint}", endpoint=route.endpoint)
        return _write_problem(request, Problem(500, "internal", "the controller failed: see its log"))


async def _answer(desk: Desk, route: Route, request: Request, path: dict[str, str]) -> Kept:
    caller = await _admitted(desk, request)
    _check_authority(route, caller)
    content, cookie_name = _content(request), desk.browsers.cookie_name(request)
    call = Call(
        caller=caller,
        path=path,
        body=_body(route, request, content),
        source=_source(desk, request),
        cookie_name=cookie_name,
        sealed_attempt=sealed_attempt(request.getHeader("cookie") or "", cookie_name),
        paging=_paging(route, request),
        query=_query(route, request),
        words=_words(route, request),
        expected=_expected(route, request),
    )
    key = request.getHeader("idempotency-key")
    if key is None or not route.is_creation or caller is None:
        return await _carried_out(desk, route, request, call)
    asked = b"\0".join((route.endpoint.encode(), request.path, content))
    entry = entry_of(caller.user_id or caller.name, key, asked)
    kept = await desk.idempotency.begin(entry, desk.unix_time())
    if kept is not None:
        return kept
    try:
        kept = await _carried_out(desk, route, request, call)
    except Exception:
        await desk.idempotency.give_up(entry)
        raise
    await desk.idempotency.finish(entry, kept)
    return kept


async def _carried_out(desk: Desk, route: Route, request: Request, call: Call) -> Kept:
    answer = await route.function(desk, call)
    if route.is_change:
        desk.areas.changed(route.area, call.path.get("network", ""))
    return _rendered(request, answer)


async def _admitted(desk: Desk, request: Request) -> Caller | None:
    """Who calls, and not too often; guesses at tokens are counted before they are looked at."""
    now = desk.clock.seconds()
    if desk.owner_token.matches((request.getHeader("authorization") or "").removeprefix("Bearer ")):
        return LOCAL_OWNER
    _take(desk, f"source:{source_network(_source(desk, request))}", now)
    caller = await find_caller(desk, request)
    if caller is not None:
        _take(desk, f"user:{caller.user_id}", now)
    return caller


def _take(desk: Desk, key: str, now: float) -> None:
    wait = desk.rate_limits.take(key, now)
    if wait > 0:
        seconds = math.ceil(wait)
        headers = {"Retry-After": str(seconds)}
        raise Problem(429, "too-many-requests", f"too many requests: wait {seconds} s", headers)


def _check_authority(route: Route, caller: Caller | None) -> None:
    if route.needs is None:
        return
    if caller is None:
        raise Problem(401, "unauthorized", "log in first", CHALLENGE)
    if not route.allows(caller.role):
        raise Problem(403, "forbidden", f"this needs the role {route.needs}; {caller.name} has {caller.role}")
    if route.scope and caller.scopes is not None and route.scope not in caller.scopes:
        raise Problem(403, "scope", f"this needs an API token with the scope {route.scope}")


def _body(route: Route, request: Request, content: bytes) -> msgspec.Struct | None:
    if route.body is None:
        return None
    kind = (request.getHeader("content-type") or "").partition(";")[0].strip().lower()
    if kind not in JSON_TYPES:
        raise Problem(415, "unsupported-media-type", "the body must be application/json")
    try:
        return msgspec.json.decode(content, type=route.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(422, "invalid", body_fault(error)) from error


def _paging(route: Route, request: Request) -> Paging:
    if route.cursor is None:
        return Paging()
    limit, cursor = (request.args.get(name, [b""])[0].decode() for name in (b"limit", b"cursor"))
    if limit and not (limit.isascii() and limit.isdigit() and len(limit) <= 6 and 1 <= int(limit) <= LIMIT_MOST):
        raise Problem(422, "invalid", f"limit is a number from 1 to {LIMIT_MOST}")
    return Paging(int(limit or LIMIT_MOST), parse_cursor(cursor, route.cursor) if cursor else None)


def _query(route: Route, request: Request) -> dict[str, float]:
    found = {}
    for name in route.query:
        text = request.args.get(name.encode(), [b""])[0].decode()
        if not text:
            continue
        if len(text) > 20 or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text, re.ASCII) or float(text) > QUERY_LIMIT:
            raise Problem(422, "invalid", f"{name} is a number from 0 to {QUERY_LIMIT}")
        found[name] = float(text)
    return found


def _words(route: Route, request: Request) -> dict[str, str]:
    found = {}
    for name in (*route.words, *route.long_words):
        try:
            text = request.args.get(name.encode(), [b""])[0].decode()
        except UnicodeDecodeError:
            raise Problem(422, "invalid", f"{name} is not UTF-8 text") from None
        limit = LONG_WORD_LIMIT if name in route.long_words else WORD_LIMIT
        if len(text) > limit:
            raise Problem(422, "invalid", f"{name} has at most {limit} characters")
        if name in route.long_words and re.search(r"[^\x21-\x7e]", text):
            raise Problem(422, "invalid", f"{name} has printable ASCII characters only")
        if text:
            found[name] = text
    return found


def _expected(route: Route, request: Request) -> str | None:
    header = request.getHeader("if-match")
    if route.if_match is IfMatch.NONE:
        return None
    if header is None:
        if route.if_match is IfMatch.REQUIRED:
            raise Problem(428, "if-match-required", "say in If-Match which ETag the change is based on, or * for any")
        return None
    tag = header.strip()
    return None if tag == "*" else tag.strip('"')


def _content(request: Request) -> bytes:
    return b"" if request.content is None else request.content.read()


def _source(desk: Desk, request: Request) -> str:
    host = str(getattr(request.getClientAddress(), "host", ""))
    return desk.proxies.source(host, request.requestHeaders.getRawHeaders(HEADER, ()))


def _rendered(request: Request, answer: Answer) -> Kept:
    for cookie in answer.cookies:
        request.responseHeaders.addRawHeader(b"set-cookie", cookie.encode())
    if answer.location is not None:
        request.setHeader(b"location", answer.location.encode())
    return Kept(answer.status, b"" if answer.body is None else msgspec.json.encode(answer.body), answer.tag)


def _write(request: Request, kept: Kept) -> bytes:
    _set_status(request, kept.status)
    _set_headers(request)
    if kept.tag is not None:
        request.setHeader(b"etag", f'"{kept.tag}"'.encode())
    if kept.body:
        request.setHeader(b"content-type", b"application/json")
        request.setHeader(b"content-length", b"%d" % len(kept.body))
    return kept.body


def _write_problem(request: Request, problem: Problem) -> bytes:
    _set_status(request, problem.status)
    _set_headers(request)
    for name, value in problem.headers.items():
        request.setHeader(name.encode(), value.encode())
    request.setHeader(b"content-type", CONTENT_TYPE.encode())
    return msgspec.json.encode(problem.document())


def _set_status(request: Request, status: int) -> None:
    """With its words: Twisted does not know them all."""
    request.setResponseCode(status, HTTPStatus(status).phrase.encode())


def _set_headers(request: Request) -> None:
    request.setHeader(b"cache-control", b"no-store")
    request.setHeader(b"x-content-type-options", b"nosniff")
    request.setHeader(b"referrer-policy", b"no-referrer")
    request.setHeader(b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
    pin_transport(request)


def _answer_routing_error(request: Any, failure: Any) -> bytes:
    """No such path, or not with this method."""
    error = failure.value
    status = error.code or 500
    codes = {404: "not-found", 405: "method-not-allowed"}
    status, code = (status, codes[status]) if status in codes else (400, "bad-request")
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return _write_problem(request, Problem(status, code, str(error.description or ""), headers))
