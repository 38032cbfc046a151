# -*- test-case-name: integration.test_exits -*-
"""The edge's end: one tunnel, resumed where the gateway knows it; streams that are asked for; the owner's pause."""

from __future__ import annotations

import enum
import ipaddress
from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from zerogo import __version__
from zerogo.config.edge import EdgeConfig
from zerogo.control.edge_token import EdgeToken
from zerogo.errors import EnvironmentFault, ParseError
from zerogo.exit.budget import TUNNEL_BYTES, Budget
from zerogo.exit.exit_policy import ExitPolicy
from zerogo.exit.frames import Command, Open
from zerogo.exit.greeting import Join, Refusal, Welcome
from zerogo.exit.mux import Mux
from zerogo.exit.reason import Reason
from zerogo.exit.tunnel import Tunnel
from zerogo.net.exit_datagrams import DatagramStream, ListenStream
from zerogo.net.exit_targets import ConnectStream, EdgeCounters, Lookups, Resolve, TargetSettings
from zerogo.net.exit_tunnel import TunnelDriver
from zerogo.policy.addresses import Address, AddressRule, canonical, parse_address

OWN_ADDRESSES_SECONDS = 10.0
"""So old may be what is known of this machine's addresses."""
RECENT = 50
"""Destinations that the owner is shown."""

_log = Logger(namespace="zerogo.edge")


class EdgeCondition(enum.StrEnum):
    """Where the edge stands."""

    DIALLING = "dialling"
    READY = "ready"
    REFUSED = "refused"


@frozen
class Surroundings:
    """What an edge needs of its machine."""

    reactor: Any
    resolve: Resolve
    own_addresses: Callable[[], list[str]]
    """Of all interfaces; raises `EnvironmentFault`."""


class EdgeTunnel:
    """The role behind the connection (`EdgeRole`), and the owner of its tunnel (`TunnelOwner`)."""

    def __init__(self, config: EdgeConfig, token: EdgeToken, surroundings: Surroundings) -> None:
        self.counters = EdgeCounters()
        self.condition = EdgeCondition.DIALLING
        self.reason = ""
        self.is_paused = False
        self.recent: deque[str] = deque(maxlen=RECENT)
        self._config = config
        self._token = token
        self._around = surroundings
        self._driver: TunnelDriver | None = None
        self._name: bytes | None = None
        self._seen = ""
        self._policy = ExitPolicy(config.rules, AddressRule(config.open_ranges))
        self._policy_at: float | None = None
        lookups = Lookups(surroundings.resolve, surroundings.reactor)
        self._settings = TargetSettings(self.policy, lookups, surroundings.reactor, self.counters)

    @property
    def streams(self) -> int:
        """How many there are."""
        return 0 if self._driver is None else self._driver.tunnel.mux.streams

    @property
    def rtt(self) -> float | None:
        """To the gateway, seconds."""
        return None if self._driver is None else self._driver.tunnel.rtt

    def pause(self, is_paused: bool) -> None:
        """The owner wants no streams (or wants them again): those that are there end at once."""
        self.is_paused = is_paused
        if is_paused and self._driver is not None:
            driver, self._driver, self._name = self._driver, None, None
            driver.end("the owner paused this edge", Reason.OWNER)

    def close(self) -> None:
        """End all."""
        if self._driver is not None:
            self._driver.end("the edge was stopped", Reason.DRAINING)

    def policy(self) -> ExitPolicy:
        """The rules, with the addresses that this machine has at the moment. Without those nothing is let through."""
        now = self._around.reactor.seconds()
        if self._policy_at is None or now - self._policy_at > OWN_ADDRESSES_SECONDS:
            hosts = (*self._around.own_addresses(), self._seen)
            own = {parsed for host in hosts if (parsed := _parsed(host)) and not parsed.is_loopback}
            self._policy = ExitPolicy(self._policy.rules, self._policy.opened, frozenset(own))
            self._policy_at = now
        return self._policy

    # ----- the connection's role

    def greeting(self) -> Join:
        """What to say."""
        config = self._config
        driver = self._driver
        return Join(
            secret=self._token.secret,
            name=config.name,
            version=__version__,
            country=config.country,
            region=config.region,
            city=config.city,
            asn=config.asn,
            tags=list(config.tags),
            has_udp=config.datagrams,
            has_bind=config.listen,
            has_ipv6=self._has_ipv6(),
            ports=[] if self.is_paused else ExitPolicy(config.rules).port_ranges(),
            streams=config.streams,
            tunnel=self._name if driver is not None else None,
            received=0 if driver is None else driver.tunnel.received,
        )

    def welcomed(self, welcome: Welcome) -> TunnelDriver:
        """We are in."""
        self.condition, self.reason = EdgeCondition.READY, ""
        self._seen = welcome.seen
        self._policy_at = None
        if welcome.is_resumed and self._driver is not None:
            _log.info("the tunnel goes on")
            return self._driver
        if self._driver is not None:
            self._driver.end("the gateway does not know the tunnel any more")
        self._name = welcome.tunnel
        mux = Mux(is_opener=False, budget=Budget(TUNNEL_BYTES), streams_limit=self._config.streams)
        self._driver = TunnelDriver(Tunnel(mux), self._around.reactor, self)
        _log.info("taken by the gateway, which sees this edge at {seen}", seen=welcome.seen)
        return self._driver

    def refused(self, refusal: Refusal) -> None:
        """We are not."""
        self.condition, self.reason = EdgeCondition.REFUSED, refusal.sentence
        _log.warn("the gateway refuses this edge: {reason}", reason=refusal.sentence)

    def disconnected(self, reason: str) -> None:
        """Another try follows."""
        if self.condition is EdgeCondition.READY:
            self.condition = EdgeCondition.DIALLING
        self.reason = self.reason if self.condition is EdgeCondition.REFUSED else reason

    # ----- the tunnel's owner

    def open_requested(self, number: int, request: Open) -> None:
        """A stream is wanted."""
        driver = self._driver
        if driver is None:
            return
        if self.is_paused:
            driver.reset(number, Reason.OWNER)
            return
        if request.command is not Command.DATAGRAMS:
            self.recent.append(str(request.target))
        try:
            self.policy()
        except EnvironmentFault as error:
            _log.error("nothing is let through: {reason}", reason=str(error))
            driver.reset(number, Reason.INTERNAL)
            return
        match request.command:
            case Command.CONNECT:
                ConnectStream(driver, number, request, self._settings).begin()
            case Command.LISTEN if self._config.listen:
                ListenStream(driver, number, request, self._settings).begin()
            case Command.DATAGRAMS if self._config.datagrams:
                DatagramStream(driver, number, self._settings).begin()
            case _:
                driver.reset(number, Reason.UNSUPPORTED)

    def going_away(self, reason: Reason) -> None:
        """The gateway drains: it closes the connection when it is done."""

    def rtt_measured(self, seconds: float) -> None:
        """Shown on the status page."""

    def lost(self, reason: str) -> None:
        """The tunnel is over; the next connection begins another."""
        self._driver = None
        self._name = None

    def _has_ipv6(self) -> bool:
        try:
            addresses = self._around.own_addresses()
        except EnvironmentFault:
            return False
        return any(isinstance(a, ipaddress.IPv6Address) and a.is_global for host in addresses if (a := _parsed(host)))


def _parsed(host: str) -> Address | None:
    try:
        return canonical(parse_address(host))
    except ParseError:
        return None
