# -*- test-case-name: zerogo.test.portmap.test_upnp -*-
"""The client of UPnP IGD: search, description, outer address, mapping; one HTTP call at a time, made by the driver.

    search by UDP -> GET description -> GetExternalIPAddress -> AddPortMapping -> ... -> DeletePortMapping

An outer port that is taken is followed by others, drawn, and so is a low one that is not allowed; a gateway that knows
only mappings without an end gets one, which is removed when the agent ends.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator

from attrs import define, field, frozen

from zerogo.core import RandomBytes, Transmit, drain
from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.portmap import igd, ssdp
from zerogo.portmap.http import HttpAnswer, Url, emit_get
from zerogo.portmap.lease import SILENT, Declined, Granted, Outcome, Present, Request, Site, Withdrawn
from zerogo.portmap.xmltree import Element

LEASE_SECONDS = 1200
"""Short, since a gateway that began anew does not say so."""
SEARCH_SCHEDULE = (0.2, 1.3)
CALL_SECONDS = 3.0
LOCATIONS_LIMIT = 3
PORT_TRIES = 4
_LOW_PORT, _PORTS = 49152, 16384
_SYSTEM_PORTS = 1024
"""Many gateways keep those below to themselves."""
_QUEUE_LIMIT = 16


@frozen
class HttpCall:
    """An HTTP request for the gateway, on a connection of its own; `number` goes back with the answer."""

    number: int
    server: SocketAddress
    request: bytes = field(repr=False)


class _Step(enum.Enum):
    IDLE = enum.auto()
    SEARCH = enum.auto()
    DESCRIBE = enum.auto()
    ADDRESS = enum.auto()
    ADD = enum.auto()
    REMOVE = enum.auto()


@define(eq=False)
class IgdClient:
    """UPnP at one site."""

    site: Site
    _rng: RandomBytes
    _step: _Step = field(default=_Step.IDLE, init=False)
    _wants_mapping: bool = field(default=False, init=False)
    _search: Request | None = field(default=None, init=False)
    _locations: dict[Url, None] = field(factory=dict, init=False)
    """In the order in which they came."""
    _location: Url | None = field(default=None, init=False)
    _services: list[igd.Service] = field(factory=list, init=False)
    """Those not found wanting; the first is in use."""
    _outer_host: str = field(default="", init=False)
    _outer_port: int = field(default=0, init=False)
    _lease: int = field(default=LEASE_SECONDS, init=False)
    _tries: int = field(default=0, init=False)
    _number: int = field(default=0, init=False)
    """Of the call under way."""
    _due_at: float | None = field(default=None, init=False)
    _transmits: deque[Transmit] = field(factory=lambda: deque(maxlen=_QUEUE_LIMIT), init=False)
    _calls: deque[HttpCall] = field(factory=lambda: deque(maxlen=_QUEUE_LIMIT), init=False)
    _outcomes: deque[Outcome] = field(factory=lambda: deque(maxlen=_QUEUE_LIMIT), init=False)

    def probe(self, now: float) -> None:
        """Search for the gateway's service, and try whether it answers; not while something else goes on."""
        if self._step is not _Step.IDLE:
            return
        self._locations.clear()
        self._services.clear()
        self._step, self._search = _Step.SEARCH, Request(b"", SEARCH_SCHEDULE, now)
        self._send_search(now)

    def map(self, now: float) -> None:
        """Ask for the mapping, or renew it."""
        self._wants_mapping, self._tries = True, 0
        if self._services:
            self._ask_address(now)
        else:
            self.probe(now)

    def unmap(self, now: float) -> None:
        """Have the mapping removed."""
        self._wants_mapping = False
        if not self._services or not self._outer_port:
            self._settle(Withdrawn())
            return
        self._step = _Step.REMOVE
        self._call(igd.emit_remove_call(self._services[0], self._outer_port, self.site.transport), now)

    def receive(self, data: bytes, now: float) -> None:
        """An answer to the search; raises `ParseError`."""
        location = ssdp.parse_answer(data)
        is_new = location not in self._locations and len(self._locations) < LOCATIONS_LIMIT
        if location.server.host != self.site.gateway or not is_new:
            return
        self._locations[location] = None
        if self._step is _Step.SEARCH:
            self._describe(now)

    def receive_http(self, number: int, answer: HttpAnswer | None, now: float) -> None:
        """What a call came to; None where there was no answer, or none that is one."""
        if number != self._number or self._due_at is None:
            return
        self._due_at = None
        try:
            if answer is None:
                raise ParseError(SILENT)
            self._advance(answer, now)
        except ParseError as error:
            self._failed(str(error), now)

    def handle_timer(self, now: float) -> None:
        """Search again, or give up what is under way."""
        if self._step is _Step.SEARCH and self._search is not None and now >= self._search.next_at:
            if self._search.is_given_up:
                self._settle(Declined(SILENT, is_absent=True))
            else:
                self._send_search(now)
        elif self._due_at is not None and now >= self._due_at:
            self._due_at = None
            self._failed(SILENT, now)

    def next_at(self) -> float | None:
        """When `handle_timer` is wanted."""
        if self._step is _Step.SEARCH and self._search is not None:
            return self._search.next_at
        return self._due_at

    def transmits(self) -> Iterator[Transmit]:
        """Drain the searches to send."""
        return drain(self._transmits)

    def calls(self) -> Iterator[HttpCall]:
        """Drain the HTTP calls to make."""
        return drain(self._calls)

    def outcomes(self) -> Iterator[Outcome]:
        """Drain what requests came to."""
        return drain(self._outcomes)

    def _send_search(self, now: float) -> None:
        assert self._search is not None
        self._search.take_due(now)
        for destination in (SocketAddress(self.site.gateway, ssdp.PORT), ssdp.GROUP):
            for target in ssdp.TARGETS:
                self._transmits.append(Transmit(destination, ssdp.emit_search(destination, target)))

    def _advance(self, answer: HttpAnswer, now: float) -> None:
        if self._step is _Step.DESCRIBE:
            assert self._location is not None
            if answer.status != 200:
                raise ParseError(f"its description is not there ({answer.status})")
            self._services = list(igd.parse_description(answer.body, self._location))
            self._ask_address(now)
            return
        result = igd.parse_call_answer(answer.status, answer.body)
        match self._step, result:
            case _Step.ADDRESS, Element():
                self._outer_host = igd.parse_outer_host(result)
                self._answered_address(now)
            case _Step.ADD, Element():
                self._settle(Granted(SocketAddress(self._outer_host, self._outer_port), LEASE_SECONDS))
            case _Step.ADD, igd.SoapFault(code):
                self._not_added(code, result.reason, now)
            case _Step.REMOVE, _:
                self._settle(Withdrawn())
            case _, igd.SoapFault():
                raise ParseError(result.reason)

    def _answered_address(self, now: float) -> None:
        self._outcomes.append(Present())
        if self._wants_mapping:
            self._add(self._outer_port or self.site.inner.port, now)
        else:
            self._step = _Step.IDLE

    def _not_added(self, code: int, reason: str, now: float) -> None:
        self._tries += 1
        is_low = code == igd.NOT_ALLOWED and self._outer_port < _SYSTEM_PORTS
        may_help = is_low or code in (igd.CONFLICT, igd.ONLY_PERMANENT)
        if self._tries >= PORT_TRIES or not may_help:
            self._settle(Declined(reason))
            return
        port = self._outer_port
        if code == igd.ONLY_PERMANENT:
            self._lease = 0
        else:
            port = _LOW_PORT + int.from_bytes(self._rng(2), "big") % _PORTS
        self._add(port, now)

    def _failed(self, reason: str, now: float) -> None:
        """What was under way did not work: try the next description or service, else give up."""
        if self._step is _Step.REMOVE:
            self._settle(Withdrawn())
        elif self._step is _Step.ADDRESS and len(self._services) > 1:
            del self._services[0]
            self._ask_address(now)
        elif self._step is _Step.DESCRIBE and self._next_location() is not None:
            self._describe(now)
        else:
            self._services.clear()
            self._settle(Declined(reason))

    def _next_location(self) -> Url | None:
        known = list(self._locations)
        tried = 0 if self._location not in self._locations else known.index(self._location) + 1
        return known[tried] if tried < len(known) else None

    def _describe(self, now: float) -> None:
        self._location = self._next_location()
        assert self._location is not None
        self._step = _Step.DESCRIBE
        self._call(emit_get(self._location), now, self._location.server)

    def _ask_address(self, now: float) -> None:
        self._step = _Step.ADDRESS
        self._call(igd.emit_outer_address_call(self._services[0]), now)

    def _add(self, outer_port: int, now: float) -> None:
        self._step, self._outer_port = _Step.ADD, outer_port
        self._call(igd.emit_add_call(self._services[0], self.site, outer_port, self._lease), now)

    def _call(self, request: bytes, now: float, server: SocketAddress | None = None) -> None:
        self._number += 1
        self._due_at = now + CALL_SECONDS
        self._calls.append(HttpCall(self._number, server or self._services[0].control.server, request))

    def _settle(self, outcome: Outcome) -> None:
        self._step, self._search, self._due_at = _Step.IDLE, None, None
        if not isinstance(outcome, Granted):
            self._wants_mapping = False
        self._outcomes.append(outcome)
