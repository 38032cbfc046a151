# -*- test-case-name: zerogo.test.controller.test_tickets -*-
"""Tickets for WebSockets: a browser cannot send headers when it opens one, and a secret in an address ends in logs.

So who calls asks for a ticket in the ordinary way and shows it once, within seconds; what a log keeps of it is of no
use to anyone. Tickets live in memory: a controller that restarts closes the WebSockets anyway. Their number has a
bound, in all and for each caller; the oldest makes room.
"""

from __future__ import annotations

import hashlib

from attrs import frozen

from zerogo.control.token import emit_base32
from zerogo.controller.caller import Caller
from zerogo.core import RandomBytes

TICKET_SECONDS = 30.0
TICKETS_LIMIT = 1024
TICKETS_PER_CALLER = 32
TICKET_BYTES = 20


@frozen
class _Ticket:
    caller: Caller
    expires_at: float


class Tickets:
    """Gives them out and takes them."""

    def __init__(self) -> None:
        self._tickets: dict[bytes, _Ticket] = {}

    def issue(self, caller: Caller, rng: RandomBytes, now: float) -> str:
        """A ticket for who called, good once within `TICKET_SECONDS`."""
        for digest in [digest for digest, ticket in self._tickets.items() if ticket.expires_at <= now]:
            del self._tickets[digest]
        own = [digest for digest, ticket in self._tickets.items() if ticket.caller.user_id == caller.user_id]
        if len(own) >= TICKETS_PER_CALLER:
            del self._tickets[own[0]]
        elif len(self._tickets) >= TICKETS_LIMIT:
            del self._tickets[next(iter(self._tickets))]
        text = emit_base32(rng(TICKET_BYTES))
        self._tickets[_digest(text)] = _Ticket(caller, now + TICKET_SECONDS)
        return text

    def redeem(self, text: str, now: float) -> Caller | None:
        """Whose ticket this is; it is of no use afterwards. None: it is none, or its time is over."""
        ticket = self._tickets.pop(_digest(text), None)
        return None if ticket is None or ticket.expires_at <= now else ticket.caller


def _digest(text: str) -> bytes:
    """What is looked up, so that the time a look-up takes says nothing about a ticket."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
