# -*- test-case-name: integration.test_exits -*-
"""The edge's end at one gateway: a tunnel, resumed where the gateway knows it, and the streams that are asked for."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable

from twisted.logger import Logger

from zerogo import __version__
from zerogo.config.edge import EdgeConfig
from zerogo.edge.owner import EdgeOwner, Surroundings, parsed_address
from zerogo.errors import EnvironmentFault
from zerogo.exit.budget import TUNNEL_BYTES, Budget
from zerogo.exit.exit_policy import ExitPolicy
from zerogo.exit.frames import Command, Open
from zerogo.exit.greeting import Join, Refusal, Welcome
from zerogo.exit.mux import Mux
from zerogo.exit.notes import TALLY_LIMIT, Note, Places, StreamTally, Tally
from zerogo.exit.reason import Reason
from zerogo.exit.tunnel import Tunnel
from zerogo.net.exit_datagrams import DatagramStream, ListenStream
from zerogo.net.exit_targets import ConnectStream
from zerogo.net.exit_tunnel import TunnelDriver

_log = Logger(namespace="zerogo.edge")


class EdgeCondition(enum.StrEnum):
    """Where the edge stands with a gateway."""

    DIALLING = "dialling"
    READY = "ready"
    REFUSED = "refused"


class EdgeTunnel:
    """The role behind the connection (`EdgeRole`), and the owner of its tunnel (`TunnelOwner`).

    :param places_told: called with what the gateway says of gateways.
    """

    def __init__(
        self,
        config: EdgeConfig,
        secret: bytes,
        owner: EdgeOwner,
        surroundings: Surroundings,
        places_told: Callable[[Places], object] = lambda places: None,
        consent_at: float = 0.0,
    ) -> None:
        self.condition = EdgeCondition.DIALLING
        self.reason = ""
        self._config = config
        self._secret = secret
        self._owner = owner
        self._around = surroundings
        self._places_told = places_told
        self._consent_at = consent_at
        self._driver: TunnelDriver | None = None
        self._name: bytes | None = None
        self._tallies: list[StreamTally] = []

    @property
    def streams(self) -> int:
        """How many there are."""
        return 0 if self._driver is None else self._driver.tunnel.mux.streams

    @property
    def rtt(self) -> float | None:
        """To the gateway, seconds."""
        return None if self._driver is None else self._driver.tunnel.rtt

    def end(self, sentence: str, reason: Reason) -> None:
        """End all streams, and begin anew with the next connection."""
        if self._driver is not None:
            driver, self._driver, self._name = self._driver, None, None
            driver.end(sentence, reason)

    def send_tally(self) -> None:
        """Tell the gateway what streams that are over have carried."""
        if self._tallies and self._driver is not None:
            self._driver.tell(Tally(self._tallies[:TALLY_LIMIT]))
            del self._tallies[:TALLY_LIMIT]

    # ----- the connection's role

    def greeting(self) -> Join:
        """What to say."""
        config = self._config
        driver = self._driver
        return Join(
            secret=self._secret,
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
            ports=[] if self._owner.is_paused else ExitPolicy(config.rules).port_ranges(),
            streams=config.streams,
            tunnel=self._name if driver is not None else None,
            received=0 if driver is None else driver.tunnel.received,
            consent_at=self._consent_at,
        )

    def welcomed(self, welcome: Welcome) -> TunnelDriver:
        """We are in."""
        self.condition, self.reason = EdgeCondition.READY, ""
        self._owner.noted_at(welcome.seen)
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
        refusal = self._owner.refusal(request)
        if refusal is not None:
            driver.reset(number, refusal)
            return
        settings = self._owner.settings
        match request.command:
            case Command.CONNECT:
                ConnectStream(driver, number, request, settings, self._stream_over).begin()
            case Command.LISTEN if self._config.listen:
                ListenStream(driver, number, request, settings).begin()
            case Command.DATAGRAMS if self._config.datagrams:
                DatagramStream(driver, number, settings).begin()
            case _:
                driver.reset(number, Reason.UNSUPPORTED)

    def told(self, note: Note) -> None:
        """Beside streams."""
        if isinstance(note, Places):
            self._places_told(note)

    def silence_changed(self, is_silent: bool) -> None:
        """An edge has no choice of gateways for a stream."""

    def going_away(self, reason: Reason) -> None:
        """The gateway drains: it closes the connection when it is done."""

    def rtt_measured(self, seconds: float) -> None:
        """Shown on the status page."""

    def lost(self, reason: str) -> None:
        """The tunnel is over; the next connection begins another."""
        self._driver = None
        self._name = None
        self._tallies.clear()

    def _stream_over(self, number: int, up: int, down: int) -> None:
        if len(self._tallies) < 10 * TALLY_LIMIT:
            self._tallies.append(StreamTally(number, up, down))

    def _has_ipv6(self) -> bool:
        try:
            addresses = self._around.own_addresses()
        except EnvironmentFault:
            return False
        found = [parsed_address(host) for host in addresses]
        return any(isinstance(address, ipaddress.IPv6Address) and address.is_global for address in found)
