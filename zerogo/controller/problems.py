# -*- test-case-name: zerogo.test.controller.test_api -*-
"""Errors of the API as problem documents (RFC 9457): `application/problem+json` with a stable `code`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from zerogo.control.messages import RefusalCode
from zerogo.errors import ParseError, ZeroGoError
from zerogo.store.errors import Conflict, Forbidden, JoinRefused, NotFound, Stale, StoreBusy, StoreFault, StoreFull

CONTENT_TYPE = "application/problem+json"
CODES: dict[str, int] = {
    "bad-request": 400,
    "invalid-key": 400,
    "unauthorized": 401,
    "second-factor": 401,
    "forbidden": 403,
    "scope": 403,
    "csrf": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "conflict": 409,
    "in-progress": 409,
    "no-address": 409,
    **{code.value: 409 for code in RefusalCode},
    "changed-meanwhile": 412,
    "too-large": 413,
    "unsupported-media-type": 415,
    "invalid": 422,
    "policy-invalid": 422,
    "policy-test-failed": 422,
    "key-reused": 422,
    "if-match-required": 428,
    "too-many-attempts": 429,
    "too-many-requests": 429,
    "internal": 500,
    "busy": 503,
    "store-failed": 503,
}
"""Every code, and the status it comes with. A code never changes its meaning."""


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""


class Problem(Exception):
    """A request is answered with an error."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        assert CODES[code] == status, code
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})

    def document(self) -> ProblemDocument:
        """The body."""
        return ProblemDocument(
            type=f"urn:zerogo:problem:{self.code}",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            code=self.code,
            detail=self.detail,
        )


def problem_of(error: ZeroGoError) -> Problem:
    """How an error of ours looks to a caller; faults of this machine do not show their cause."""
    sentence = str(error)
    match error:
        case NotFound():
            return Problem(404, "not-found", sentence)
        case Forbidden():
            return Problem(403, "forbidden", sentence)
        case Stale():
            return Problem(412, "changed-meanwhile", sentence)
        case Conflict():
            return Problem(409, "conflict", sentence)
        case JoinRefused():
            return Problem(409, error.reason.value, sentence)
        case ParseError():
            return Problem(422, "invalid", sentence)
        case StoreBusy():
            return Problem(503, "busy", sentence, {"Retry-After": "1"})
        case StoreFull():
            return Problem(503, "store-failed", "the controller cannot use its database: the disk it is on is full")
        case StoreFault():
            return Problem(503, "store-failed", "the controller cannot use its database: see its log")
        case _:
            return Problem(500, "internal", "the controller failed: see its log")
