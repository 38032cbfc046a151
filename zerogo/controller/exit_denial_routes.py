# -*- test-case-name: zerogo.test.controller.test_exit_denial_routes -*-
"""Routes about addresses that are kept out of the exits."""

from __future__ import annotations

import ipaddress

from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.documents import Page, page
from zerogo.controller.exit_documents import DenialDocument, NewDenialRequest
from zerogo.errors import ParseError
from zerogo.store import exit_denials
from zerogo.store.values import Role


async def list_denials(desk: Desk, call: Call) -> Answer:
    """Ranges of addresses from which neither users nor edges are taken."""
    found = await desk.store.read(exit_denials.list_denials, call.paging, desk.unix_time())
    return Answer(200, page(found, DenialDocument.of))


async def create_denial(desk: Desk, call: Call) -> Answer:
    """Keep a range of addresses out: users' streams from there end, and edges from there are sent away, within a
    second."""
    body = call.body
    assert isinstance(body, NewDenialRequest)
    try:
        network = ipaddress.ip_network(body.range)
    except ValueError as error:
        raise ParseError(f"{body.range[:60]!r} is not a range of addresses, as in 192.0.2.0/24") from error
    made = await desk.store.write(
        exit_denials.create_denial, network, body.reason, body.expires_seconds, call.actor, desk.rng, desk.unix_time()
    )
    desk.exits.settings_changed()
    return Answer(201, DenialDocument.of(made))


async def delete_denial(desk: Desk, call: Call) -> Answer:
    """Let a range of addresses in again."""
    await desk.store.write(exit_denials.delete_denial, call.path["denial"], call.actor, desk.unix_time())
    desk.exits.settings_changed()
    return Answer(204)


ROUTES = (
    Route(
        method="GET",
        path="/exits/denials",
        function=list_denials,
        needs=Role.AUDITOR,
        area="exits",
        answer=Page[DenialDocument],
        cursor=tuple[str],
    ),
    Route(
        method="POST",
        path="/exits/denials",
        function=create_denial,
        needs=Role.OPERATOR,
        area="exits",
        body=NewDenialRequest,
        answer=DenialDocument,
        status=201,
        is_creation=True,
        problems=("conflict",),
    ),
    Route(
        method="DELETE",
        path="/exits/denials/<string:denial>",
        function=delete_denial,
        needs=Role.OPERATOR,
        area="exits",
        status=204,
    ),
)
