# -*- test-case-name: zerogo.test.controller.test_api -*-
"""The whole API as one table, and the route that describes it."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from zerogo.controller import (
    account_routes,
    exit_denial_routes,
    exit_place_routes,
    exit_routes,
    flow_routes,
    link_routes,
    live_routes,
    lock_routes,
    member_routes,
    name_routes,
    network_routes,
    oidc_routes,
    policy_routes,
    second_factor_routes,
    user_routes,
    webhook_routes,
)
from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.openapi import openapi_document


async def get_openapi(desk: Desk, call: Call) -> Answer:
    """This API as an OpenAPI 3.1 document."""
    return Answer(200, _document())


@functools.cache
def _document() -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(openapi_document(ROUTES)))


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/openapi.json", function=get_openapi, needs=None, answer=dict[str, Any]),
    *account_routes.ROUTES,
    *second_factor_routes.ROUTES,
    *oidc_routes.ROUTES,
    *user_routes.ROUTES,
    *network_routes.ROUTES,
    *member_routes.ROUTES,
    *name_routes.ROUTES,
    *policy_routes.ROUTES,
    *flow_routes.ROUTES,
    *link_routes.ROUTES,
    *live_routes.ROUTES,
    *webhook_routes.ROUTES,
    *lock_routes.ROUTES,
    *exit_routes.ROUTES,
    *exit_place_routes.ROUTES,
    *exit_denial_routes.ROUTES,
)
