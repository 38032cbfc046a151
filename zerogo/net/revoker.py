# -*- test-case-name: zerogo.test.net.test_revoker -*-
"""Tells relays by UDP whom to serve no longer: names to addresses, sockets, and a core for each address.

    RelayTeller, for each relay  -->  resolve_place  -->  Revoker (core) with its socket, for each address

A relay whose name stands for several addresses may be several machines, so each address is told. Names are looked up
while there is anything to tell and again every `LOOK_UP_SECONDS`; sockets are open for as long. A relay counts as
silent where none of its addresses answers.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from zerogo.core import RandomBytes, Transmit
from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused, open_udp_socket
from zerogo.net.pump import Pump
from zerogo.net.resolve import resolve_place
from zerogo.secret import Secret
from zerogo.turn.revocation import Revocation
from zerogo.turn.revoker import RelaySilent, Revoker

LOOK_UP_SECONDS = 60.0
_ANY = {False: "0.0.0.0", True: "::"}  # noqa: S104 - the kernel chooses where to send from

_log = Logger()


@frozen
class ToldRelay:
    """A relay that is to be told: its name in the map, where it answers by UDP, and its secret."""

    name: str
    host: str
    port: int
    secret: Secret


class _Line(DatagramProtocol):
    """To one address of a relay, by a socket of its own."""

    noisy = False

    def __init__(self, core: Revoker, opened: socket.socket, reactor: Any, fell_silent: Callable[[], object]) -> None:
        self.core = core
        self._pump: Pump[RelaySilent, Transmit] = Pump(
            core, reactor, outputs=core.transmits, send=self._send, on_event=lambda _: fell_silent()
        )
        self._port = reactor.adoptDatagramPort(opened.fileno(), opened.family, self)
        opened.close()

    def revoke(self, revocations: tuple[Revocation, ...]) -> None:
        """Have it know these."""
        self._pump.call(self.core.revoke, revocations)

    def close(self) -> Deferred[Any]:
        """Tell nothing any more."""
        self._pump.stop()
        return maybeDeferred(self._port.stopListening)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """One datagram."""
        try:
            source = SocketAddress.of(addr[0], addr[1])
        except ParseError:
            return
        self._pump.call(self.core.receive_datagram, datagram, source)

    def _send(self, transmit: Transmit) -> None:
        assert isinstance(transmit.destination, SocketAddress) and self.transport is not None
        with suppress(OSError):  # There is no way to there at the moment: it is sent again.
            self.transport.write(transmit.payload, (transmit.destination.host, transmit.destination.port))


class RelayTeller:
    """For one relay. `reactor` is IReactorTime, IReactorSocket and IReactorPluggableNameResolver."""

    def __init__(self, relay: ToldRelay, reactor: Any, rng: RandomBytes, unix_time: Callable[[], float]) -> None:
        self._relay = relay
        self._reactor = reactor
        self._rng = rng
        self._unix_time = unix_time
        self._known: dict[str, Revocation] = {}
        self._lines: dict[SocketAddress, _Line] = {}
        self._look: IDelayedCall | None = None
        self._is_looking_up = False
        self._is_nowhere = False
        """Whether it was told that there is no address to ask."""
        self._is_stopped = False

    def revoke(self, revocations: Iterable[Revocation]) -> None:
        """Have the relay know these."""
        new = tuple(revocations)
        self._known.update((each.user, each) for each in new)
        for line in self._lines.values():
            line.revoke(new)
        if self._look is None and not self._is_looking_up:
            self._look_up()

    def stop(self) -> Deferred[Any]:
        """Tell nothing any more."""
        self._is_stopped = True
        if self._look is not None:
            self._look.cancel()
            self._look = None
        closing = [line.close() for line in self._lines.values()]
        self._lines.clear()
        return gatherResults(closing)

    def _look_up(self) -> None:
        self._look = None
        unix_now = self._unix_time()
        self._known = {user: each for user, each in self._known.items() if each.until > unix_now}
        if not self._known:
            for line in self._lines.values():
                line.close()
            self._lines.clear()
            return
        self._is_looking_up = True
        found = resolve_place(self._reactor, self._relay.host, self._relay.port)
        found.addErrback(lambda failure: []).addCallback(self._looked_up)

    def _looked_up(self, addresses: list[SocketAddress]) -> None:
        self._is_looking_up = False
        if self._is_stopped:
            return
        for gone in [address for address in self._lines if addresses and address not in addresses]:
            self._lines.pop(gone).close()
        for address in addresses:
            if address not in self._lines:
                self._open(address)
        if not self._lines and not self._is_nowhere:
            _log.warn("{sentence}", sentence=self._silence(f"{self._relay.host} has no address that can be asked"))
        self._is_nowhere = not self._lines
        self._look = self._reactor.callLater(LOOK_UP_SECONDS, self._look_up)

    def _open(self, address: SocketAddress) -> None:
        try:
            opened = open_udp_socket(SocketAddress(_ANY[address.is_ipv6], 0))
        except AddressRefused:
            return
        core = Revoker(address, self._relay.secret, self._rng, self._unix_time)
        line = self._lines[address] = _Line(core, opened, self._reactor, lambda: self._fell_silent(address))
        line.revoke(tuple(self._known.values()))

    def _fell_silent(self, address: SocketAddress) -> None:
        if address in self._lines and all(line.core.is_silent for line in self._lines.values()):
            _log.warn("{sentence}", sentence=self._silence("it does not answer"))

    def _silence(self, reason: str) -> str:
        return (
            f"The relay {self._relay.name} cannot be told who is no member any more, since {reason}: it serves them"
            " until their credentials end, for an hour at most"
        )
