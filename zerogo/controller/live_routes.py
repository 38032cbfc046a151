# -*- test-case-name: zerogo.test.controller.test_live_routes -*-
"""Routes for dashboards: tickets for the WebSocket, and the relays that it shows."""

from __future__ import annotations

from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.documents import Page
from zerogo.controller.live_documents import RelayDocument, TicketDocument
from zerogo.controller.tickets import TICKET_SECONDS
from zerogo.store.values import Role


async def create_ticket(desk: Desk, call: Call) -> Answer:
    """A ticket that opens the WebSocket `/api/v1/live?ticket=...` once, within 30 seconds."""
    assert call.caller is not None
    ticket = desk.tickets.issue(call.caller, desk.rng, desk.clock.seconds())
    return Answer(201, TicketDocument(ticket, TICKET_SECONDS))


async def list_relays(desk: Desk, call: Call) -> Answer:
    """The relays that members are told of."""
    return Answer(200, Page([RelayDocument.of(place) for place in desk.relays]))


ROUTES = (
    Route(
        method="POST",
        path="/websocket-tickets",
        function=create_ticket,
        needs=Role.USER,
        answer=TicketDocument,
        status=201,
    ),
    Route(
        method="GET",
        path="/relays",
        function=list_relays,
        needs=Role.AUDITOR,
        area="relays",
        answer=Page[RelayDocument],
    ),
)
