# -*- test-case-name: zerogo.test.controller.test_api -*-
"""What happens to every request, whatever its route: who calls, may they, is the body right, how an error looks."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from klein import Klein
from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.resource import IResource
from werkzeug.exceptions import HTTPException

from zerogo.controller.desk import Answer, Call, Caller, Desk, Route
from zerogo.controller.problems import CONTENT_TYPE, Problem, problem_of
from zerogo.controller.tokens import TokenInvalid
from zerogo.errors import ZeroGoError
from zerogo.store import users
from zerogo.store.values import Role

PREFIX = "/api/v1"
ORDER = (Role.USER, Role.AUDITOR, Role.OPERATOR, Role.ADMIN, Role.OWNER)
"""Each may do what those before it may."""
LOCAL_OWNER = Caller("", "owner", Role.OWNER)
"""Whoever may read the controller's own files."""
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="zerogo"'}

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
        caller = await _caller(desk, request)
        _check_role(route, caller)
        call = Call(caller=caller, path=path, body=_body(route, request), source=_source(request))
        answer = await route.function(desk, call)
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
    return _write(request, answer)


async def _caller(desk: Desk, request: Request) -> Caller | None:
    header = request.getHeader("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Problem(401, "unauthorized", "the Authorization header must be: Bearer TOKEN", _CHALLENGE)
    if desk.owner_token.matches(token):
        return LOCAL_OWNER
    try:
        user_id = desk.tokens.check(token)
    except TokenInvalid as error:
        raise Problem(401, "unauthorized", str(error), _CHALLENGE) from error
    user = await desk.store.read(users.find_user, user_id)
    if user is None:
        raise Problem(401, "unauthorized", "the token's user is gone", _CHALLENGE)
    return Caller(user.user_id, user.name, user.role)


def _check_role(route: Route, caller: Caller | None) -> None:
    if route.needs is None:
        return
    if caller is None:
        raise Problem(401, "unauthorized", "log in first", _CHALLENGE)
    if ORDER.index(caller.role) < ORDER.index(route.needs):
        raise Problem(403, "forbidden", f"this needs the role {route.needs}; {caller.name} has {caller.role}")


def _body(route: Route, request: Request) -> msgspec.Struct | None:
    if route.body is None:
        return None
    kind = (request.getHeader("content-type") or "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/merge-patch+json"):
        raise Problem(415, "unsupported-media-type", "the body must be application/json")
    try:
        return msgspec.json.decode(_content(request), type=route.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(422, "invalid", f"the body is not right: {str(error)[:200]}") from error


def _content(request: Request) -> bytes:
    return b"" if request.content is None else request.content.read()


def _source(request: Request) -> str:
    return str(getattr(request.getClientAddress(), "host", ""))


def _write(request: Request, answer: Answer) -> bytes:
    _set_status(request, answer.status)
    _set_headers(request)
    if answer.body is None:
        return b""
    request.setHeader(b"content-type", b"application/json")
    body = msgspec.json.encode(answer.body)
    request.setHeader(b"content-length", b"%d" % len(body))
    return body


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


def _answer_routing_error(request: Any, failure: Any) -> bytes:
    """No such path, or not with this method."""
    error = failure.value
    status = error.code or 500
    code = {404: "not-found", 405: "method-not-allowed"}.get(status, "invalid")
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Location")}
    return _write_problem(request, Problem(status, code, str(error.description or ""), headers))
