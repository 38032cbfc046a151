# -*- test-case-name: integration.test_exits -*-
"""The edge's end of UDP associations, and of listening streams (SOCKS BIND).

An association is one UDP socket per address family. A datagram goes out only to where the policy lets it, by the
address that was looked up here; one comes in only from where one went out (RFC 4787: address- and port-dependent
filtering), so an association is no open door. A listening stream takes one connection from the address that was named,
within `LISTEN_SECONDS`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol, ServerFactory
from twisted.python.failure import Failure

from zerogo.errors import ParseError
from zerogo.exit.frames import DATAGRAM_LIMIT, Datagram, Open, Opened
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.ids import SocketAddress
from zerogo.net.exit_splice import Splice
from zerogo.net.exit_targets import ConnectStream, TargetProtocol, TargetSettings, permitted_hosts
from zerogo.net.exit_tunnel import TunnelDriver

REMOTES_LIMIT = 1024
"""Places that one association has sent to; the oldest is forgotten."""
PENDING_LIMIT = 64
"""Datagrams that wait for a look-up."""
IDLE_SECONDS = 120.0
LISTEN_SECONDS = 60.0


class _Socket(DatagramProtocol):
    noisy = False

    def __init__(self, stream: DatagramStream) -> None:
        self._stream = stream

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self._stream.came_in(datagram, addr[0], addr[1])

    def connectionRefused(self) -> None:
        """An ICMP error: UDP has no way to tell."""


class DatagramStream:
    """One association."""

    def __init__(self, driver: TunnelDriver, number: int, settings: TargetSettings) -> None:
        self._driver = driver
        self._number = number
        self._settings = settings
        self._ports: dict[bool, Any] = {}
        self._remotes: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._pending = 0
        self._is_over = False
        self._idle: IDelayedCall | None = None
        self.refused = 0
        driver.own(number, self)

    def begin(self) -> None:
        """Open the socket and confirm."""
        port = self._port(False)
        if port is None:
            self._driver.reset(self._number, Reason.OVERLOADED)
            return
        self._settings.counters.streams += 1
        self._touch()
        bound = SocketAddress("0.0.0.0", port.getHost().port)  # noqa: S104 - its address is the gateway's to know
        self._driver.call(self._driver.tunnel.mux.confirm, self._number, bound, 0)

    def datagram(self, datagram: Datagram) -> None:
        """From the user."""
        if self._is_over or self._pending >= PENDING_LIMIT:
            return
        self._pending += 1
        found = self._settings.lookups.addresses(datagram.target)
        found.addCallbacks(self._send, lambda failure: None, callbackArgs=(datagram,)).addBoth(self._sent)

    def _send(self, hosts: list[str], datagram: Datagram) -> None:
        permitted, _ = permitted_hosts(self._settings.policy(), datagram.target, hosts)
        if self._is_over or not permitted:
            self.refused += not permitted
            self._settings.counters.refused += not permitted
            return
        host, number = permitted[0], datagram.target.port
        port = self._port(":" in host)
        if port is None:
            return
        self._remotes[(host, number)] = None
        self._remotes.move_to_end((host, number))
        while len(self._remotes) > REMOTES_LIMIT:
            self._remotes.popitem(last=False)
        self._touch()
        self._settings.counters.sent += len(datagram.payload)
        try:
            port.write(datagram.payload, (host, number))
        except OSError:
            # No route, too long: UDP drops it.
            return

    def _sent(self, result: object) -> None:
        self._pending -= 1
        if isinstance(result, Failure):
            result.trap(OSError, ValueError, ParseError)

    def came_in(self, payload: bytes, host: str, number: int) -> None:
        """From somebody."""
        if self._is_over or (host, number) not in self._remotes or len(payload) > DATAGRAM_LIMIT:
            return
        self._touch()
        self._settings.counters.received += len(payload)
        datagram = Datagram(Target.of(host, number), payload)
        self._driver.call(self._driver.tunnel.mux.send_datagram, self._number, datagram)

    def _port(self, is_ipv6: bool) -> Any:
        if is_ipv6 not in self._ports:
            interface = "::" if is_ipv6 else ""
            try:
                port = self._settings.reactor.listenUDP(0, _Socket(self), interface, maxPacketSize=65535)
            except (CannotListenError, OSError):
                port = None
            self._ports[is_ipv6] = port
        return self._ports[is_ipv6]

    def _touch(self) -> None:
        if self._idle is not None and self._idle.active():
            self._idle.reset(IDLE_SECONDS)
        else:
            self._idle = self._driver.clock.callLater(IDLE_SECONDS, self._idle_long)

    def _idle_long(self) -> None:
        self._driver.reset(self._number, Reason.IDLE)
        self._close()

    def _close(self) -> None:
        self._is_over = True
        if self._idle is not None and self._idle.active():
            self._idle.cancel()
        for port in self._ports.values():
            if port is not None:
                port.stopListening()
        self._ports.clear()

    def finished(self) -> None:
        """The user's control connection is closed: so is the association."""
        self._driver.reset(self._number, Reason.CANCELLED)
        self._close()

    def reset(self, reason: Reason, sentence: str) -> None:
        """The user wants it no more."""
        self._close()

    def received(self, data: bytes) -> None:
        """An association carries no bytes: dropped, without credit for more."""

    def opened(self, opened: Opened) -> None:
        """Only gateways are told."""

    def accepted(self, address: SocketAddress) -> None:
        """Only gateways are told."""

    def writable(self) -> None:
        """Datagrams have a bound of their own."""


class _Listener(ServerFactory):
    noisy = False

    def __init__(self, stream: ListenStream) -> None:
        self._stream = stream

    def buildProtocol(self, addr: Any) -> Any:
        return self._stream.connection_from(addr)


class ListenStream(ConnectStream):
    """One BIND: a port at the edge, until somebody connected."""

    def __init__(self, driver: TunnelDriver, number: int, request: Open, settings: TargetSettings) -> None:
        super().__init__(driver, number, request, settings)
        self._listening: Any = None
        self._expected: frozenset[str] = frozenset()
        self._peer: SocketAddress | None = None

    def _found(self, hosts: list[str]) -> None:
        if self._is_over:
            return
        permitted, refusal = permitted_hosts(self._settings.policy(), self._target, hosts)
        if not permitted:
            self._settings.counters.refused += 1
            self._fail(refusal)
            return
        self._expected = frozenset(permitted)
        try:
            self._listening = self._settings.reactor.listenTCP(0, _Listener(self), backlog=4)
        except (CannotListenError, OSError):
            self._fail(Reason.OVERLOADED)
            return
        self._next = self._driver.clock.callLater(LISTEN_SECONDS, lambda: self._fail(Reason.TIMED_OUT))
        bound = SocketAddress("0.0.0.0", self._listening.getHost().port)  # noqa: S104 - as for associations
        self._driver.call(self._driver.tunnel.mux.confirm, self._number, bound, 0)

    def connection_from(self, address: Any) -> Any:
        """Take the one that was named, nobody else."""
        if self._is_over or address.host not in self._expected:
            return None
        self._peer = SocketAddress.of(address.host, address.port)
        return TargetProtocol(self)

    def connected(self, protocol: Any) -> None:
        """They are here."""
        if self._is_over or self._peer is None:
            protocol.transport.abortConnection()
            return
        self._stop()
        self._driver.call(self._driver.tunnel.mux.accepted, self._number, self._peer)
        splice = Splice(self._driver, self._number, protocol.transport)
        protocol.splice = splice
        while self._held:
            splice.received(self._held.popleft())
        if self._is_finished:
            splice.finished()

    def _stop(self) -> None:
        super()._stop()
        if self._listening is not None:
            self._listening.stopListening()
            self._listening = None
