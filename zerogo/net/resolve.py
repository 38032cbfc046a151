# -*- test-case-name: zerogo.test.net.test_resolve -*-
"""Names of servers to socket addresses. An IP address costs nothing; a name, one look-up by the system's resolver."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IAddress, IHostResolution, IReactorPluggableNameResolver, IResolutionReceiver
from zope.interface import implementer

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress

PER_NAME_LIMIT = 4
"""Addresses taken from one name."""


@implementer(IResolutionReceiver)
class _Receiver:
    def __init__(self, port: int) -> None:
        self.done: Deferred[list[SocketAddress]] = Deferred()
        self._port = port
        self._found: list[SocketAddress] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Nothing to do: the look-up cannot be cancelled."""

    def addressResolved(self, address: IAddress) -> None:
        if isinstance(address, IPv4Address | IPv6Address) and len(self._found) < PER_NAME_LIMIT:
            try:
                self._found.append(SocketAddress.of(address.host, self._port))
            except ParseError:
                return

    def resolutionComplete(self) -> None:
        self.done.callback(list(dict.fromkeys(self._found)))


def resolve_place(reactor: IReactorPluggableNameResolver, host: str, port: int) -> Deferred[list[SocketAddress]]:
    """The addresses of one host; none where the name is unknown."""
    try:
        return succeed([SocketAddress.of(host, port)])
    except ParseError:
        receiver = _Receiver(port)
        reactor.nameResolver.resolveHostName(receiver, host, port)
        return receiver.done


def resolve_places(
    reactor: IReactorPluggableNameResolver, places: Sequence[tuple[str, int]]
) -> Deferred[list[SocketAddress]]:
    """The addresses of several hosts, in order, each once; never fails."""
    answers: Deferred[list[tuple[bool, list[SocketAddress]]]] = DeferredList(
        [resolve_place(reactor, host, port) for host, port in places], consumeErrors=True
    )

    def merge(results: list[tuple[bool, list[SocketAddress]]]) -> list[SocketAddress]:
        return list(dict.fromkeys(address for is_good, found in results if is_good for address in found))

    return answers.addCallback(merge)
