# -*- test-case-name: zerogo.test.controller.test_api -*-
"""The whole API as one table."""

from __future__ import annotations

from zerogo.controller import account_routes, member_routes, network_routes
from zerogo.controller.desk import Route

ROUTES: tuple[Route, ...] = (*account_routes.ROUTES, *network_routes.ROUTES, *member_routes.ROUTES)
