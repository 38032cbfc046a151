# -*- test-case-name: zerogo.test.controller.test_openapi -*-
"""The OpenAPI 3.1 document of the API, made from the table of routes: what is documented is what is dispatched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from zerogo import __version__
from zerogo.controller.desk import LONG_WORD_LIMIT, QUERY_LIMIT, WORD_LIMIT, IfMatch, Route
from zerogo.controller.idempotency import KEY_LIMIT
from zerogo.controller.live_documents import MESSAGES
from zerogo.controller.problems import CODES, CONTENT_TYPE, ProblemDocument
from zerogo.store.paging import CURSOR_LIMIT, LIMIT_MOST

_TEMPLATE = "#/components/schemas/{name}"
_NODE = {"pattern": "^[a-z2-7]{16}$"}
_FORMS = {"network": {"pattern": "^[a-z2-7]{8}$"}, "node": _NODE, "a": _NODE, "b": _NODE}
"""Ids that have a form; the others are whatever they were made as."""
_ALWAYS = ("bad-request", "too-many-requests", "internal", "busy", "store-failed")
_WITH_CALLER = ("unauthorized", "forbidden", "scope", "csrf")
_WITH_BODY = ("too-large", "unsupported-media-type", "invalid")


def openapi_document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document, ready for JSON."""
    table = list(routes)
    types = [ProblemDocument, *MESSAGES, *(route.body for route in table), *(route.answer for route in table)]
    wanted = list(dict.fromkeys(kind for kind in types if kind is not None))
    schemas, components = msgspec.json.schema_components(wanted, ref_template=_TEMPLATE)
    schema_of = dict(zip(wanted, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in table:
        operation = _operation(route, schema_of)
        paths.setdefault(re.sub(r"<string:(\w+)>", r"{\1}", route.path), {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ZeroGo controller",
            "version": __version__,
            "summary": "Networks, members, invites, users and what is written about them.",
        },
        "servers": [{"url": "/api/v1"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "browser": {"type": "apiKey", "in": "cookie", "name": "__Host-zerogo"},
            },
        },
    }


def problem_codes(route: Route) -> list[str]:
    """Every code that the route may answer with."""
    codes = [*_ALWAYS, *route.problems]
    if route.needs is not None:
        codes += _WITH_CALLER
    if route.body is not None:
        codes += _WITH_BODY
    if route.variables:
        codes += ["not-found", "invalid"]
    if route.cursor is not None or route.query or route.words or route.long_words:
        codes.append("invalid")
    if route.is_creation:
        codes += ["invalid-key", "in-progress", "key-reused"]
    if route.if_match is not IfMatch.NONE:
        codes.append("changed-meanwhile")
    if route.if_match is IfMatch.REQUIRED:
        codes.append("if-match-required")
    return sorted(set(codes), key=lambda code: (CODES[code], code))


def _operation(route: Route, schema_of: dict[Any, Any]) -> dict[str, Any]:
    lines = (route.function.__doc__ or "").strip().split("\n")
    operation: dict[str, Any] = {
        "operationId": route.function.__name__,
        "summary": " ".join(line.strip() for line in lines),
        "tags": [route.area or "controller"],
        "parameters": _parameters(route),
        "responses": _responses(route, schema_of),
        "security": [] if route.needs is None else [{"token": []}, {"browser": []}],
    }
    if route.needs is not None:
        operation["x-zerogo-role"] = route.needs.value
        operation["x-zerogo-scope"] = route.scope
    if route.body is not None:
        schema = schema_of[route.body]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = [
        _parameter(name, "path", {"type": "string"} | _FORMS.get(name, {}), is_required=True)
        for name in route.variables
    ]
    if route.cursor is not None:
        limits = {"type": "integer", "minimum": 1, "maximum": LIMIT_MOST}
        found.append(_parameter("limit", "query", limits))
        found.append(_parameter("cursor", "query", {"type": "string", "maxLength": CURSOR_LIMIT}))
    numbers = {"type": "number", "minimum": 0, "maximum": QUERY_LIMIT}
    found += [_parameter(name, "query", numbers) for name in route.query]
    texts = {"type": "string", "maxLength": WORD_LIMIT}
    found += [_parameter(name, "query", texts) for name in route.words]
    long_texts = {"type": "string", "maxLength": LONG_WORD_LIMIT, "pattern": "^[\\x21-\\x7e]*$"}
    found += [_parameter(name, "query", long_texts) for name in route.long_words]
    if route.is_creation:
        key = {"type": "string", "minLength": 1, "maxLength": KEY_LIMIT, "pattern": "^[\\x20-\\x7e]+$"}
        found.append(_parameter("Idempotency-Key", "header", key))
    if route.if_match is not IfMatch.NONE:
        is_required = route.if_match is IfMatch.REQUIRED
        found.append(_parameter("If-Match", "header", {"type": "string"}, is_required=is_required))
    return found


def _parameter(name: str, place: str, schema: dict[str, Any], is_required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": place, "required": is_required, "schema": schema}


def _responses(route: Route, schema_of: dict[Any, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done."}
    if route.status == 303:
        success = {"description": "Go there.", "headers": {"Location": {"schema": {"type": "string"}}}}
    if route.answer is not None:
        success["content"] = {"application/json": {"schema": schema_of[route.answer]}}
    responses = {str(route.status): success}
    for code in problem_codes(route):
        response = responses.setdefault(
            str(CODES[code]),
            {"description": "", "content": {CONTENT_TYPE: {"schema": schema_of[ProblemDocument]}}},
        )
        response["description"] = ", ".join(filter(None, (response["description"], f"`{code}`")))
        if CODES[code] == 429:
            response["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return responses
