# -*- test-case-name: zerogo.test.relay.test_service -*-
"""The sockets of a relay: opened with privileges, read without, closed at the end.

Without users it answers STUN on UDP and nothing else. With users it is a TURN relay on UDP, TCP and TLS as well. All
sockets share one limiter and one set of counters, so a source has one rate however many addresses it asks.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import DeferredList, inlineCallbacks, maybeDeferred
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from zerogo.config.relay import RelayConfig
from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused, open_udp_socket
from zerogo.net.listening import CertificateRefused
from zerogo.net.stun_server import StunDriver
from zerogo.net.tcp_socket import open_tcp_socket
from zerogo.net.turn_server import TurnDriver
from zerogo.observe.metrics import Metric, metrics_site
from zerogo.relay.metrics import stun_metrics, turn_metrics
from zerogo.relay.notices import LOOK_SECONDS, Notices
from zerogo.relay.turn import make_forwarding, public_addresses, seen_address, tls_context, turn_driver, turn_server
from zerogo.stun.discovery import Places
from zerogo.stun.limit import SourceLimiter
from zerogo.stun.server import ANSWERS_BURST, ANSWERS_PER_SECOND, BindingResponder, ResponderCounters
from zerogo.turn.server import TurnServer

DRAIN_CHECK_SECONDS = 0.1

Opener = Callable[[SocketAddress], socket.socket]


class RelayService(Service):
    """Answers STUN, and TURN where there are users, on the addresses of the configuration. `reactor` is IReactorTime
    and IReactorSocket."""

    log = Logger()

    def __init__(self, config: RelayConfig, reactor: Any) -> None:
        self.counters = ResponderCounters()
        self.turn: TurnServer | None = None
        self._config = config
        self._reactor = reactor
        self._udp: list[socket.socket] = []
        self._metrics: socket.socket | None = None
        self._metrics_port: Any = None
        self._notices = Notices()
        self._looking = LoopingCall(self._look)
        self._tcp: list[socket.socket] = []
        self._tls: list[socket.socket] = []
        self._tls_context: CertificateOptions | None = None
        self._public: tuple[str, ...] = ()
        self._binding = BindingResponder(SourceLimiter(ANSWERS_PER_SECOND, ANSWERS_BURST), self.counters)
        self._driver: TurnDriver | None = None
        self._stun: StunDriver | None = None

    def privilegedStartService(self) -> None:
        """Open the sockets; raises `AddressRefused` where an address is taken, or where none can be used,
        `CertificateRefused`."""
        config = self._config
        if config.is_turn:
            self._public = public_addresses(config)
            self._tls_context = tls_context(config)
            if config.tls_listen and self._tls_context is None:
                raise CertificateRefused("tls-listen needs tls-certificate and tls-key")
        try:
            self._udp = self._open(config.listen, open_udp_socket)
            if config.is_turn:
                open_stream = partial(open_tcp_socket, is_for_narrow_lines=True)
                self._tcp = self._open(config.tcp_listen, open_stream)
                self._tls = self._open(config.tls_listen, open_stream)
            if config.metrics_listen is not None:
                self._metrics = open_tcp_socket(config.metrics_listen)
        except AddressRefused:
            self._close_opened()
            raise

    def startService(self) -> None:
        """Begin to answer."""
        super().startService()  # type: ignore[no-untyped-call]
        if self._config.is_turn:
            self._serve_turn()
        else:
            self._serve_stun()
        if self._metrics is not None:
            site = metrics_site(self._collect)
            self._metrics_port = self._reactor.adoptStreamPort(self._metrics.fileno(), self._metrics.family, site)
        self._close_opened()
        self._looking.clock = self._reactor
        self._looking.start(LOOK_SECONDS, now=False)

    @inlineCallbacks
    def stopService(self) -> Any:
        """Let those who are relayed go on for a while, then close the sockets."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._close_opened()
        yield from self._drain()
        if self._looking.running:
            self._looking.stop()
        closing = [
            deferred for driver in (self._stun, self._driver) if driver is not None for deferred in driver.close()
        ]
        self._stun = self._driver = None
        if self._metrics_port is not None:
            closing.append(maybeDeferred(self._metrics_port.stopListening))
        self._log_counters()
        yield DeferredList(closing)

    def _open(self, addresses: tuple[SocketAddress, ...], opener: Opener) -> list[socket.socket]:
        opened: list[socket.socket] = []
        refused: AddressRefused | None = None
        for address in addresses:
            try:
                opened.append(opener(address))
            except AddressRefused as error:
                if not error.is_unsupported:
                    for each in opened:
                        each.close()
                    raise
                self.log.warn("{reason}; going on without", reason=str(error))
                refused = error
        if refused is not None and not opened:
            raise refused
        return opened

    def _serve_stun(self) -> None:
        self._stun = StunDriver(self._binding, self._reactor)
        self._listen_udp(self._stun.listen_udp, "STUN")

    def _serve_turn(self) -> None:
        forwarding = make_forwarding(self._config)
        self.turn = turn_server(self._config, self._public, self._binding, forwarding)
        driver = self._driver = turn_driver(self._config, self.turn, self._public, self._reactor, forwarding)
        self.log.info(
            "data is forwarded by {what}", what="the interpreter" if forwarding is None else "the native core"
        )
        self._listen_udp(driver.listen_udp, "STUN and TURN")
        for opened in self._tcp:
            self.log.info("answering TURN on TCP {address}", address=str(_address(opened)))
            driver.listen_stream(opened, None)
        for opened in self._tls:
            self.log.info("answering TURN on TLS {address}", address=str(_address(opened)))
            driver.listen_stream(opened, self._tls_context)
        for sockets in (self._tcp, self._tls):
            sockets.clear()

    def _listen_udp(self, listen: Callable[[socket.socket], int], what: str) -> None:
        places: dict[int, SocketAddress] = {}
        for opened in self._udp:
            address = _address(opened)
            self.log.info("answering {what} on UDP {address}", what=what, address=str(address))
            places[listen(opened)] = seen_address(self._config, address)
        self._udp.clear()
        self._binding.places = Places(places)

    def _drain(self) -> Any:
        if self._driver is None or self.turn is None:
            return
        self._driver.drain()
        end = self._reactor.seconds() + self._config.drain_seconds
        if not self.turn.is_idle:
            self.log.info("going on for {count} allocations", count=self.turn.allocations)
        while not self.turn.is_idle and self._reactor.seconds() < end:
            yield deferLater(self._reactor, DRAIN_CHECK_SECONDS, lambda: None)

    def _look(self) -> None:
        sentences = list(self._notices.stun(self.counters))
        if self.turn is not None and self._driver is not None:
            sentences += self._notices.turn(self.turn.counters, self._driver.stream_counters)
        for sentence in sentences:
            self.log.warn("{sentence}; this is told once", sentence=sentence)

    def _collect(self) -> Iterator[Metric]:
        yield from stun_metrics(self.counters)
        if self.turn is not None and self._driver is not None:
            yield from turn_metrics(self.turn, self._driver)

    def _log_counters(self) -> None:
        self.log.info(
            "answered {answered}, over the rate {limited}, not STUN {malformed}, other {refused}",
            answered=self.counters.answered,
            limited=self.counters.limited,
            malformed=self.counters.malformed,
            refused=self.counters.refused,
        )
        if self.turn is not None:
            counters = self.turn.counters
            self.log.info(
                "relayed {out} to peers and {back} to clients, dropped {unpermitted} without permission and "
                "{bandwidth} over the bandwidth; challenged {challenged}, refused {refused}, malformed {malformed}",
                out=counters.to_peers,
                back=counters.to_clients,
                unpermitted=counters.unpermitted,
                bandwidth=counters.over_bandwidth,
                challenged=counters.challenged,
                refused=counters.refused,
                malformed=counters.malformed,
            )

    def _close_opened(self) -> None:
        for sockets in (self._udp, self._tcp, self._tls):
            for opened in sockets:
                opened.close()
            sockets.clear()
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None


def _address(opened: socket.socket) -> SocketAddress:
    host, port = opened.getsockname()[:2]
    return SocketAddress.of(host, port)
