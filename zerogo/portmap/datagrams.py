# -*- test-case-name: zerogo.test.portmap.test_mapper -*-
"""The clients of NAT-PMP and PCP: one request at a time, sent again until it is answered; what it came to is drained.

A probe asks for the outer address (NAT-PMP) or whether anybody is there (PCP ANNOUNCE); both bring the epoch. All
answers do, also those that nobody asked for: by them a gateway says that it began anew.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator

from attrs import define, field

from zerogo.core import Transmit, drain
from zerogo.ids import SocketAddress
from zerogo.portmap import natpmp, pcp
from zerogo.portmap.epoch import Epoch
from zerogo.portmap.lease import (
    SILENT,
    Declined,
    Forgotten,
    Granted,
    Outcome,
    Present,
    Request,
    Site,
    Withdrawn,
)

LEASE_SECONDS = 7200
PROBE_SCHEDULE = (0.08, 0.17, 0.5)
MAP_SCHEDULE = (0.25, 0.5, 1.0, 2.0)
UNMAP_SCHEDULE = (0.1, 0.2, 0.4)
_QUEUE_LIMIT = 16


class _Step(enum.Enum):
    PROBE = PROBE_SCHEDULE
    MAP = MAP_SCHEDULE
    UNMAP = UNMAP_SCHEDULE


@define(eq=False)
class DatagramClient(ABC):
    """One protocol at one site."""

    site: Site
    _step: _Step = field(default=_Step.PROBE, init=False)
    _request: Request | None = field(default=None, init=False)
    _epoch: Epoch = field(factory=Epoch, init=False)
    _transmits: deque[Transmit] = field(factory=lambda: deque(maxlen=_QUEUE_LIMIT), init=False)
    _outcomes: deque[Outcome] = field(factory=lambda: deque(maxlen=_QUEUE_LIMIT), init=False)

    def probe(self, now: float) -> None:
        """Find out whether the gateway speaks the protocol, and since when; not while something else goes on."""
        if self._request is None:
            self._ask(_Step.PROBE, self._probe(), now)

    def map(self, now: float) -> None:
        """Ask for the mapping, or renew it."""
        self._ask(_Step.MAP, self._map(LEASE_SECONDS), now)

    def unmap(self, now: float) -> None:
        """Have the mapping removed."""
        self._ask(_Step.UNMAP, self._map(0), now)

    def absent(self, reason: str) -> None:
        """The gateway said that it does not speak the protocol."""
        if self._request is not None:
            self._settle(Declined(reason, is_absent=True))

    @abstractmethod
    def receive(self, data: bytes, now: float) -> None:
        """A datagram of the gateway; raises `ParseError`."""

    def handle_timer(self, now: float) -> None:
        """Send again, or give up."""
        if self._request is None or now < self._request.next_at:
            return
        if not self._request.is_given_up:
            self._send(now)
        elif self._step is _Step.UNMAP:
            self._settle(Withdrawn())
        else:
            self._settle(Declined(SILENT, is_absent=self._step is _Step.PROBE))

    def next_at(self) -> float | None:
        """When `handle_timer` is wanted."""
        return None if self._request is None else self._request.next_at

    def transmits(self) -> Iterator[Transmit]:
        """Drain what is to be sent."""
        return drain(self._transmits)

    def outcomes(self) -> Iterator[Outcome]:
        """Drain what requests came to."""
        return drain(self._outcomes)

    @abstractmethod
    def _probe(self) -> bytes: ...

    @abstractmethod
    def _map(self, lifetime: int) -> bytes: ...

    def _ask(self, step: _Step, payload: bytes, now: float) -> None:
        self._step, self._request = step, Request(payload, step.value, now)
        self._send(now)

    def _send(self, now: float) -> None:
        assert self._request is not None
        payload = self._request.take_due(now)
        if payload is not None:
            self._transmits.append(Transmit(SocketAddress(self.site.gateway, natpmp.PORT), payload))

    def _settle(self, outcome: Outcome) -> None:
        self._request = None
        self._outcomes.append(outcome)

    def _note_epoch(self, epoch: int, now: float) -> None:
        if not self._epoch.take(epoch, now):
            self._outcomes.append(Forgotten())

    def _is_awaiting(self, step: _Step) -> bool:
        return self._request is not None and self._step is step


@define(eq=False)
class NatPmpClient(DatagramClient):
    """NAT-PMP; the outer address is learned by the probe, the outer port by the mapping."""

    _outer_host: str | None = field(default=None, init=False)
    _outer_port: int = field(default=0, init=False)

    def receive(self, data: bytes, now: float) -> None:
        """A datagram of the gateway; raises `ParseError`."""
        response = natpmp.parse_response(data)
        match response:
            case natpmp.OuterAddressResponse(result=0, epoch=epoch, host=host):
                before, self._outer_host = self._outer_host, host
                self._note_epoch(epoch, now)
                if before is not None and before != host:
                    self._outcomes.append(Forgotten())
                if self._is_awaiting(_Step.PROBE):
                    self._settle(Present(epoch))
            case natpmp.OuterAddressResponse(result=result) if self._is_awaiting(_Step.PROBE):
                self._settle(Declined(natpmp.result_reason(result)))
            case natpmp.MapResponse():
                self._receive_mapping(response, now)

    def _receive_mapping(self, response: natpmp.MapResponse, now: float) -> None:
        is_ours = (response.transport, response.inner_port) == (self.site.transport, self.site.inner.port)
        if response.result == 0 and not is_ours:
            return
        if self._is_awaiting(_Step.UNMAP) and (response.lifetime == 0 or response.result):
            self._settle(Withdrawn())
        elif not self._is_awaiting(_Step.MAP):
            return
        elif response.result:
            self._settle(Declined(natpmp.result_reason(response.result)))
        elif self._outer_host is not None:
            self._epoch.take(response.epoch, now)
            self._outer_port = response.outer_port
            outer = SocketAddress(self._outer_host, response.outer_port)
            self._settle(Granted(outer, response.lifetime, response.epoch))

    def _probe(self) -> bytes:
        return natpmp.emit_outer_address_request()

    def _map(self, lifetime: int) -> bytes:
        wanted = (self._outer_port or self.site.inner.port) if lifetime else 0
        return natpmp.emit_map_request(self.site.inner.port, wanted, lifetime, self.site.transport)


@define(eq=False)
class PcpClient(DatagramClient):
    """PCP; the nonce (12 bytes) proves that a later request for the same mapping is ours."""

    _nonce: bytes = field(kw_only=True)
    _outer: SocketAddress | None = field(default=None, init=False)

    def receive(self, data: bytes, now: float) -> None:
        """A datagram of the gateway; raises `ParseError`."""
        response = pcp.parse_response(data)
        match response:
            case pcp.AnnounceResponse(epoch=epoch):
                # Also one that does not know ANNOUNCE has shown that it speaks PCP.
                self._note_epoch(epoch, now)
                if self._is_awaiting(_Step.PROBE):
                    self._settle(Present(epoch))
            case pcp.MapResponse(nonce=self._nonce, inner_port=self.site.inner.port, transport=self.site.transport):
                self._receive_mapping(response, now)

    def _receive_mapping(self, response: pcp.MapResponse, now: float) -> None:
        if self._is_awaiting(_Step.UNMAP) and (response.lifetime == 0 or response.result):
            self._settle(Withdrawn())
        elif not self._is_awaiting(_Step.MAP):
            return
        elif response.result:
            self._outer = None
            self._settle(Declined(pcp.result_reason(response.result)))
        else:
            self._epoch.take(response.epoch, now)
            self._outer = response.outer
            self._settle(Granted(response.outer, response.lifetime, response.epoch))

    def _probe(self) -> bytes:
        return pcp.emit_announce_request(self.site.inner.host)

    def _map(self, lifetime: int) -> bytes:
        inner = self.site.inner
        nowhere = SocketAddress("::" if inner.is_ipv6 else "0.0.0.0", inner.port)  # noqa: S104 - "any address"
        return pcp.emit_map_request(inner, self._outer or nowhere, self._nonce, lifetime, self.site.transport)
