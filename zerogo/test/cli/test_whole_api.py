"""What the API can do, the `zerogo` command can: each route has a command, or is named here as one for programs."""

from __future__ import annotations

import click
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.main import zerogo
from zerogo.controller.routes import ROUTES

FOR_PROGRAMS = (
    "GET /openapi.json",
    "GET /health",
    "POST /bootstrap",  # on the controller's machine `zerogo users create` needs no secret
    "POST /auth/refresh",
    "POST /auth/session",
    "GET /auth/session",
    "DELETE /auth/session",
    "GET /auth/methods",
    "GET /auth/oidc/start",
    "GET /auth/oidc/callback",
    "GET /peers",  # the members of all networks at once, for dashboards
    "POST /websocket-tickets",
)
COMMANDS = {
    "POST /auth/login": "login",
    "POST /auth/logout": "account password",
    "DELETE /auth/sessions": "account log-out-everywhere",
    "GET /me": "account",
    "PUT /me/password": "account password",
    "GET /me/second-factor": "account",
    "POST /me/second-factor": "account second-factor enable",
    "PUT /me/second-factor": "account second-factor enable",
    "POST /me/second-factor/removal": "account second-factor disable",
    "DELETE /users/U/second-factor": "users reset-second-factor",
    "GET /users/U/identity": "users show",
    "PUT /users/U/identity": "users link",
    "DELETE /users/U/identity": "users unlink",
    "GET /users": "users",
    "POST /users": "users create",
    "GET /users/U": "users show",
    "PATCH /users/U": "users role",
    "DELETE /users/U": "users delete",
    "GET /tokens": "tokens",
    "POST /tokens": "tokens create",
    "DELETE /tokens/T": "tokens delete",
    "GET /audit": "audit",
    "GET /audit/check": "audit check",
    "GET /networks": "networks",
    "POST /networks": "networks create",
    "GET /networks/N": "networks show",
    "PATCH /networks/N": "networks change",
    "DELETE /networks/N": "networks delete",
    "GET /networks/N/invites": "keys",
    "POST /networks/N/invites": "invite",
    "DELETE /networks/N/invites/I": "keys revoke",
    "GET /networks/N/members": "members",
    "GET /networks/N/members/N": "members show",
    "PATCH /networks/N/members/N": "members bridge",
    "POST /networks/N/members/N/subnets": "members approve-route",
    "DELETE /networks/N/members/N": "members remove",
    "GET /networks/N/names": "names",
    "PUT /networks/N/names/N": "names set",
    "DELETE /networks/N/names/N": "names remove",
    "GET /networks/N/policy": "policy show",
    "PUT /networks/N/policy": "policy set",
    "POST /networks/N/policy/check": "policy check",
    "POST /networks/N/policy/preview": "policy diff",
    "GET /networks/N/policy/explain": "policy explain",
    "GET /networks/N/policy/history": "policy history",
    "GET /networks/N/policy/history/R": "policy show",
    "POST /networks/N/policy/rollback": "policy rollback",
    "GET /networks/N/flows": "policy flows",
    "GET /networks/N/links": "links",
    "GET /networks/N/links/A/B": "links show",
    "GET /networks/N/links/A/B/history": "links history",
    "POST /networks/N/links/A/B/relay-test": "links test-relay",
    "GET /networks/N/links/A/B/changes": "links show",
    "GET /networks/N/course": "networks course",
    "GET /networks/N/events": "events",
    "GET /relays": "relays",
    "GET /webhooks": "webhooks",
    "POST /webhooks": "webhooks create",
    "PATCH /webhooks/W": "webhooks change",
    "DELETE /webhooks/W": "webhooks delete",
    "POST /webhooks/W/test": "webhooks test",
    "GET /networks/N/lock": "lock status",
    "PUT /networks/N/lock": "lock init",
    "GET /networks/N/lock/members": "lock status",
    "PUT /networks/N/lock/members/N": "lock sign",
    "GET /exits/users": "exits users",
    "POST /exits/users": "exits users create",
    "GET /exits/users/U": "exits users show",
    "PATCH /exits/users/U": "exits users set",
    "DELETE /exits/users/U": "exits users delete",
    "POST /exits/users/U/kick": "exits kick",
    "GET /exits/packages": "exits packages",
    "POST /exits/packages": "exits packages create",
    "GET /exits/packages/P": "exits packages",
    "PATCH /exits/packages/P": "exits packages set",
    "DELETE /exits/packages/P": "exits packages delete",
    "GET /exits/gateways": "exits gateways",
    "GET /exits/gateways/G": "exits gateways",
    "PATCH /exits/gateways/G": "exits gateways drain",
    "DELETE /exits/gateways/G": "exits gateways delete",
    "DELETE /exits/gateways/G/streams/S": "exits end-stream",
    "GET /exits/edges": "exits edges",
    "GET /exits/edges/E": "exits edges",
    "PATCH /exits/edges/E": "exits edges deny",
    "DELETE /exits/edges/E": "exits edges delete",
    "POST /exits/edges/E/kick": "exits edges kick",
    "GET /exits/keys": "exits keys",
    "POST /exits/keys": "exits gateways token",
    "DELETE /exits/keys/K": "exits keys revoke",
    "GET /exits/stats/K/P": "exits stats",
    "GET /exits/stats/K/P/S": "exits stats",
    "GET /exits/streams": "exits streams",
    "GET /exits/users/U/streams": "exits streams",
    "GET /exits/live": "exits streams",
    "GET /exits/select/explain": "exits explain",
    "GET /exits/denials": "exits denials",
    "POST /exits/denials": "exits denials add",
    "DELETE /exits/denials/D": "exits denials remove",
}
"""Command by route; the variable parts of a path by their first letter."""


class WholeApiTests(SynchronousTestCase):
    def test_every_route_has_a_command_or_is_for_programs(self) -> None:
        routes = []
        for route in ROUTES:
            path = route.path
            for name in route.variables:
                path = path.replace(f"<string:{name}>", name[0].upper())
            routes.append(f"{route.method} {path}")
        self.assertCountEqual(routes, [*COMMANDS, *FOR_PROGRAMS])

    def test_every_command_is_there(self) -> None:
        for words in COMMANDS.values():
            command: click.Command | None = zerogo
            for word in words.split():
                assert isinstance(command, click.Group), words
                command = command.get_command(click.Context(command), word)
            self.assertIsNotNone(command, words)
