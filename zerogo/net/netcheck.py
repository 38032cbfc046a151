# -*- test-case-name: zerogo.test.net.test_netcheck -*-
"""Finds out all that `zerogo netcheck` reports, at once, in less than three seconds.

    resolve names -> survey of the NAT        (2 s)
    gateway: a mapping for a port of our own, and its removal
    controller: who answers, its clock        (2.2 s)
    relays: connections by TCP and TLS        (2.2 s); by UDP they are servers of the survey

What is not known by then is reported as not known; nothing here fails.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred, gatherResults, succeed

from zerogo.control.relays import RelayPlace
from zerogo.core import RandomBytes
from zerogo.ids import SocketAddress
from zerogo.net.addresses import Interfaces, choose_addresses
from zerogo.net.dial import ControllerAddress, stream_endpoint
from zerogo.net.greeting import connecting_time, greet
from zerogo.net.portmap import PortMapping
from zerogo.net.resolve import resolve_places
from zerogo.net.survey import SurveyDriver
from zerogo.portmap.mapper import MapperStatus, PortMapper
from zerogo.reach.network import ControllerFacts, NetworkFacts, RelayFacts
from zerogo.reach.survey import SurveyResult

RESOLVE_SECONDS = 0.6
SURVEY_SECONDS = 2.1
MAPPING_SECONDS = 1.7
CLOSE_SECONDS = 0.9
LOOK_SECONDS = 0.02

Value = TypeVar("Value")


@frozen(kw_only=True)
class Plan:
    """What to ask."""

    servers: tuple[tuple[str, int], ...] = ()
    """STUN servers, host and port."""
    relays: tuple[RelayPlace, ...] = ()
    """With their hosts filled in."""
    controllers: tuple[ControllerAddress, ...] = ()
    key_hash: bytes = field(default=bytes(20), repr=False)
    """Of the controller's keys."""
    ignored: tuple[str, ...] = ()
    """Interfaces that lead into the mesh, and others that are not offered to peers."""
    port: int = 9993


def within(reactor: Any, waiting: Deferred[Value], seconds: float, otherwise: Callable[[], Value]) -> Deferred[Value]:
    """What `waiting` comes to, or `otherwise` where that takes too long or fails."""
    done: Deferred[Value] = Deferred()

    def settle(value: Value) -> None:
        if not done.called:
            done.callback(value)

    late = reactor.callLater(seconds, lambda: settle(otherwise()))
    waiting.addCallbacks(settle, lambda failure: settle(otherwise()))

    def cancel(value: Value) -> Value:
        if late.active():
            late.cancel()
        return value

    return done.addCallback(cancel)


class Netcheck:
    """One round of checks."""

    def __init__(
        self, reactor: Any, plan: Plan, interfaces: Interfaces, *, rng: RandomBytes, unix_time: Callable[[], float]
    ) -> None:
        self._reactor = reactor
        self._plan = plan
        self._interfaces = interfaces
        self._rng = rng
        self._unix_time = unix_time

    def run(self) -> Deferred[NetworkFacts]:
        """Ask everything at once."""
        resolving = within(self._reactor, self._resolve(), RESOLVE_SECONDS, list)
        parts: list[Deferred[Any]] = [
            resolving.addCallback(self._survey),
            self._map(),
            gatherResults([self._greet(address) for address in self._plan.controllers]),
            gatherResults([self._visit(relay) for relay in self._plan.relays]),
        ]
        return gatherResults(parts).addCallback(self._put_together)

    def _put_together(self, results: Sequence[Any]) -> NetworkFacts:
        (servers, own_servers, survey), mapper, controllers, relays = results
        return NetworkFacts(
            hosts=tuple(choose_addresses(self._interfaces, self._plan.ignored)),
            servers=servers,
            own_servers=own_servers,
            survey=survey,
            mapper=mapper,
            controllers=tuple(controllers),
            relays=merge_relays(relays, survey),
            port=self._plan.port,
        )

    # The survey

    def _resolve(self) -> Deferred[list[SocketAddress]]:
        # Those of relays come last: the first servers of the map may have other addresses to answer from.
        relays = [(relay.host, relay.udp) for relay in self._plan.relays if relay.udp]
        return resolve_places(self._reactor, list(dict.fromkeys([*self._plan.servers, *relays])))

    def _survey(self, found: list[SocketAddress]) -> Deferred[tuple[int, int, SurveyResult]]:
        servers = [server for server in found if not ipaddress.ip_address(server.host).is_loopback]
        driver = SurveyDriver(
            self._reactor, servers, self._rng, host=self._source(is_ipv6=False), host6=self._source(is_ipv6=True)
        )
        surveyed = within(self._reactor, driver.run(), SURVEY_SECONDS, SurveyResult)
        return surveyed.addCallback(lambda survey: (len(servers), len(found) - len(servers), survey))

    def _source(self, *, is_ipv6: bool) -> str | None:
        """Our own address on the way out."""
        sources = [route.source for route in self._interfaces.default_routes if route.source is not None]
        return next((source for source in sources if (":" in source) is is_ipv6), None)

    # The gateway

    def _map(self) -> Deferred[MapperStatus | None]:
        own = self._source(is_ipv6=False)
        if own is None:
            return succeed(None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            # A port that nobody else has: a mapping of the agent's own is left alone.
            holder.bind((own, 0))
            port = holder.getsockname()[1]
        mapping = PortMapping(
            self._reactor,
            PortMapper(self._rng),
            inner_of=lambda host: SocketAddress(host, port),
            on_change=lambda outer: None,
            ignored=lambda: self._plan.ignored,
            read=lambda: self._interfaces,
        )
        mapping.look()
        done: Deferred[MapperStatus | None] = Deferred()
        self._await_mapping(mapping, done, self._reactor.seconds() + MAPPING_SECONDS)
        return done

    def _await_mapping(self, mapping: PortMapping, done: Deferred[MapperStatus | None], until: float) -> None:
        if not mapping.is_settled and self._reactor.seconds() < until:
            self._reactor.callLater(LOOK_SECONDS, self._await_mapping, mapping, done, until)
            return
        status = mapping.status()
        closing = within(self._reactor, mapping.stop(), CLOSE_SECONDS, lambda: None)
        closing.addCallback(lambda ignored: done.callback(status))

    # Controller and relays

    def _greet(self, address: ControllerAddress) -> Deferred[ControllerFacts]:
        return greet(
            self._reactor,
            address,
            self._plan.key_hash,
            endpoint_of=lambda place: stream_endpoint(self._reactor, place),
            rng=self._rng,
            unix_time=self._unix_time,
        )

    def _visit(self, relay: RelayPlace) -> Deferred[tuple[RelayFacts, list[SocketAddress]]]:
        places = [(relay.host, relay.udp)] if relay.udp else []
        parts: list[Deferred[Any]] = [
            self._connect(relay.host, relay.tcp, is_tls=False),
            self._connect(relay.host, relay.tls, is_tls=True),
            within(self._reactor, resolve_places(self._reactor, places), RESOLVE_SECONDS, list),
        ]
        return gatherResults(parts).addCallback(
            lambda found: (RelayFacts(name=relay.name, tcp=found[0], tls=found[1]), found[2])
        )

    def _connect(self, host: str, port: int, *, is_tls: bool) -> Deferred[float | None]:
        if not port:
            return succeed(None)
        endpoint = stream_endpoint(self._reactor, ControllerAddress(host, port))
        if is_tls:
            from twisted.internet.endpoints import wrapClientTLS
            from twisted.internet.ssl import CertificateOptions

            # Whoever answers, only the time counts.
            endpoint = wrapClientTLS(CertificateOptions(), endpoint)
        return connecting_time(self._reactor, endpoint, is_tls=is_tls)


def merge_relays(
    visited: Sequence[tuple[RelayFacts, Sequence[SocketAddress]]], survey: SurveyResult
) -> tuple[RelayFacts, ...]:
    """One line a relay, the best of its addresses; by UDP it was a server of the survey."""
    by_address = {view.server: view.rtt for view in survey.servers}
    merged: dict[str, RelayFacts] = {}
    for relay, addresses in visited:
        udp = _least([by_address.get(address) for address in addresses])
        before = merged.get(relay.name, RelayFacts(name=relay.name))
        merged[relay.name] = evolve(
            relay,
            udp=_least([before.udp, udp]),
            tcp=_least([before.tcp, relay.tcp]),
            tls=_least([before.tls, relay.tls]),
        )
    return tuple(sorted(merged.values(), key=lambda relay: (relay.best is None, relay.best)))


def _least(times: Sequence[float | None]) -> float | None:
    return min((each for each in times if each is not None), default=None)
