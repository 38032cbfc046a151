# -*- test-case-name: zerogo.test.net.test_exit_targets -*-
"""The edge's end of streams: look the target up, hold every address against the policy, connect to that very address.

What decides is the address that is connected to, looked up here, once per stream; a name that leads somewhere else a
moment later leads nowhere else. Of several addresses those that the policy refuses are left out, and the others are
dialled `STAGGER_SECONDS` apart (RFC 8305), families in turn. What the user sends meanwhile waits within its credit.
"""

from __future__ import annotations

import errno
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, frozen
from twisted.internet import error
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.errors import ParseError
from zerogo.exit.exit_policy import ExitPolicy
from zerogo.exit.frames import Datagram, Open, Opened
from zerogo.exit.rate import RateLimit
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.ids import SocketAddress
from zerogo.net.exit_splice import Splice
from zerogo.net.exit_tunnel import TunnelDriver
from zerogo.policy.addresses import parse_address

STAGGER_SECONDS = 0.25
CONNECT_SECONDS = 8.0
LOOKUP_SECONDS = 5.0
LOOKUPS_LIMIT = 256
"""Look-ups at a time; each may hold a thread of the resolver for seconds."""
CACHE_SECONDS = 60.0
CACHE_LIMIT = 4096
ADDRESSES_LIMIT = 6

Resolve = Callable[[str, int], Deferred[list[SocketAddress]]]

_log = Logger(namespace="zerogo.exit.targets")


class Lookups:
    """Names to addresses, remembered for a minute, bounded."""

    def __init__(self, resolve: Resolve, clock: Any) -> None:
        self._resolve = resolve
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, list[str]]] = OrderedDict()
        self._running = 0

    def addresses(self, target: Target) -> Deferred[list[str]]:
        """The addresses of a host; fails with `LookupFailed`."""
        if target.address is not None:
            return succeed([target.host])
        known = self._known.get(target.host)
        if known is not None and known[0] > self._clock.seconds():
            return succeed(known[1])
        if self._running >= LOOKUPS_LIMIT:
            failed: Deferred[list[str]] = Deferred()
            failed.errback(LookupFailed(Reason.OVERLOADED))
            return failed
        self._running += 1
        found = self._resolve(target.host, target.port)
        found.addTimeout(LOOKUP_SECONDS, self._clock)
        return found.addBoth(self._looked_up, target.host)

    def _looked_up(self, result: list[SocketAddress] | Failure, host: str) -> list[str]:
        self._running -= 1
        if isinstance(result, Failure):
            raise LookupFailed(Reason.NAME_FAILED)
        if not result:
            raise LookupFailed(Reason.NAME_UNKNOWN)
        hosts = [address.host for address in result][:ADDRESSES_LIMIT]
        self._known[host] = (self._clock.seconds() + CACHE_SECONDS, hosts)
        self._known.move_to_end(host)
        while len(self._known) > CACHE_LIMIT:
            self._known.popitem(last=False)
        return hosts


class LookupFailed(Exception):
    """A name has no address."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


@define
class EdgeCounters:
    """Of an edge since it was started, for its owner."""

    streams: int = 0
    refused: int = 0
    failed: int = 0
    sent: int = 0
    """Payload bytes to targets."""
    received: int = 0


@frozen
class TargetSettings:
    """What all streams of an edge share."""

    policy: Callable[[], ExitPolicy]
    """Asked for each stream: it changes with the machine's addresses."""
    lookups: Lookups
    reactor: Any
    counters: EdgeCounters
    limits: tuple[RateLimit, RateLimit] | None = None
    """Of all streams together: from targets, to targets."""


StreamOver = Callable[[int, int, int], object]
"""Called with a stream's number and what it carried, to the target and from it."""


class _Counting:
    """Counts for the owner, and for the gateway: what goes to the target was sent."""

    def __init__(self, counters: EdgeCounters, number: int, is_over: StreamOver) -> None:
        self._counters = counters
        self._number = number
        self._is_over = is_over
        self._up = 0
        self._down = 0

    def sent(self, count: int) -> None:
        self._counters.received += count
        self._down += count

    def received(self, count: int) -> None:
        self._counters.sent += count
        self._up += count

    def closed(self, reason: Reason | None) -> None:
        """Streams that broke are not compared: what was under way then is counted at one end only."""
        if reason is None:
            self._is_over(self._number, self._up, self._down)


@implementer(IHalfCloseableProtocol)
class TargetProtocol(Protocol):
    """A connection to a target."""

    splice: Splice | None = None

    def __init__(self, stream: ConnectStream) -> None:
        self._stream = stream

    def connectionMade(self) -> None:
        self._stream.connected(self)

    def dataReceived(self, data: bytes) -> None:
        if self.splice is not None:
            self.splice.connection_received(data)

    def readConnectionLost(self) -> None:
        if self.splice is not None:
            self.splice.connection_finished()

    def writeConnectionLost(self) -> None:
        """We closed it ourselves."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.splice is not None:
            self.splice.connection_lost(bool(reason.check(error.ConnectionDone)))


class _TargetFactory(ClientFactory):
    noisy = False

    def __init__(self, stream: ConnectStream) -> None:
        self._stream = stream

    def buildProtocol(self, addr: object) -> TargetProtocol:
        return TargetProtocol(self._stream)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self._stream.dial_failed(connector, reason)


class ConnectStream:
    """One CONNECT, until its connection is there."""

    def __init__(
        self,
        driver: TunnelDriver,
        number: int,
        request: Open,
        settings: TargetSettings,
        is_over: StreamOver = lambda number, up, down: None,
    ) -> None:
        self._driver = driver
        self._number = number
        self._target = request.target
        self._settings = settings
        self._stream_over = is_over
        self._held: deque[bytes] = deque()
        self._is_finished = False
        self._is_over = False
        self._waiting: list[str] = []
        self._dials: list[Any] = []
        self._next: IDelayedCall | None = None
        self._reason = Reason.HOST_UNREACHABLE
        self._began_at = driver.clock.seconds()
        driver.own(number, self)

    def begin(self) -> None:
        """Look up and dial."""
        self._settings.lookups.addresses(self._target).addCallbacks(self._found, self._not_found)

    def _not_found(self, failure: Failure) -> None:
        reason = failure.value.reason if isinstance(failure.value, LookupFailed) else Reason.INTERNAL
        self._fail(reason)

    def _found(self, hosts: list[str]) -> None:
        if self._is_over:
            return
        permitted, refusal = permitted_hosts(self._settings.policy(), self._target, hosts)
        if not permitted:
            self._settings.counters.refused += 1
            _log.info("refused {target}: {reason}", target=str(self._target), reason=refusal.name.lower())
            self._fail(refusal)
            return
        self._waiting = interleaved(permitted)
        self._dial_next()

    def _dial_next(self) -> None:
        if self._is_over or not self._waiting:
            return
        host = self._waiting.pop(0)
        if self._waiting:
            self._next = self._driver.clock.callLater(STAGGER_SECONDS, self._dial_next)
        reactor = self._settings.reactor
        self._dials.append(reactor.connectTCP(host, self._target.port, _TargetFactory(self), CONNECT_SECONDS))

    def dial_failed(self, connector: Any, failure: Failure) -> None:
        """One address did not answer."""
        if connector in self._dials:
            self._dials.remove(connector)
        if self._is_over:
            return
        self._reason = dial_reason(failure)
        if self._waiting:
            self._cancel_next()
            self._dial_next()
        elif not self._dials:
            self._fail(self._reason)

    def connected(self, protocol: TargetProtocol) -> None:
        """The first address that answered."""
        transport: Any = protocol.transport
        if self._is_over:
            transport.abortConnection()
            return
        self._stop(but=protocol)
        transport.setTcpNoDelay(True)
        host = transport.getHost()
        bound = SocketAddress.of(host.host, host.port)
        microseconds = int((self._driver.clock.seconds() - self._began_at) * 1e6)
        self._settings.counters.streams += 1
        self._driver.call(self._driver.tunnel.mux.confirm, self._number, bound, microseconds)
        counted = _Counting(self._settings.counters, self._number, self._stream_over)
        limits = self._settings.limits
        splice = Splice(self._driver, self._number, transport, counted=counted, limits=limits)
        protocol.splice = splice
        while self._held:
            splice.received(self._held.popleft())
        if self._is_finished:
            splice.finished()

    def _stop(self, but: TargetProtocol | None = None) -> None:
        self._is_over = True
        self._cancel_next()
        for connector in self._dials:
            if but is None or getattr(connector.transport, "protocol", None) is not but:
                connector.disconnect()
        self._dials.clear()

    def _cancel_next(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()

    def _fail(self, reason: Reason) -> None:
        if not self._is_over:
            self._stop()
            self._settings.counters.failed += 1
            self._driver.reset(self._number, reason)

    # ----- the stream, while there is no connection

    def received(self, data: bytes) -> None:
        """Kept; the credit bounds it."""
        self._held.append(data)

    def finished(self) -> None:
        """The user sends no more."""
        self._is_finished = True

    def reset(self, reason: Reason, sentence: str) -> None:
        """The user wants it no more."""
        self._stop()
        self._held.clear()

    def opened(self, opened: Opened) -> None:
        """Only gateways are told."""

    def accepted(self, address: SocketAddress) -> None:
        """Only gateways are told."""

    def datagram(self, datagram: Datagram) -> None:
        """There are none on a stream of bytes."""

    def writable(self) -> None:
        """Nothing was written yet."""


def permitted_hosts(policy: ExitPolicy, target: Target, hosts: Sequence[str]) -> tuple[list[str], Reason]:
    """Those that the policy lets through; and why the last of the others is refused."""
    name = "" if target.address is not None else target.host
    permitted, refusal = [], Reason.POLICY
    for host in hosts:
        try:
            reason = policy.refusal(name, parse_address(host), target.port)
        except ParseError:
            reason = Reason.PROHIBITED
        if reason is None:
            permitted.append(host)
        else:
            refusal = reason
    return permitted, refusal


def interleaved(hosts: Sequence[str]) -> list[str]:
    """IPv6 and IPv4 in turn, the first one's family first."""
    first = [host for host in hosts if (":" in host) == (":" in hosts[0])]
    second = [host for host in hosts if (":" in host) != (":" in hosts[0])]
    mixed = []
    for at in range(max(len(first), len(second))):
        mixed += first[at : at + 1] + second[at : at + 1]
    return mixed


_BY_ERRNO = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ENETUNREACH: Reason.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Reason.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Reason.HOST_UNREACHABLE,
    errno.ETIMEDOUT: Reason.TIMED_OUT,
    errno.ECONNRESET: Reason.BROKEN,
    errno.EACCES: Reason.POLICY,
    errno.EPERM: Reason.POLICY,
    errno.EAFNOSUPPORT: Reason.NETWORK_UNREACHABLE,
    errno.EADDRNOTAVAIL: Reason.NETWORK_UNREACHABLE,
    errno.EMFILE: Reason.OVERLOADED,
    errno.ENFILE: Reason.OVERLOADED,
}


def dial_reason(failure: Failure) -> Reason:
    """What a failed connection means."""
    value = failure.value
    if isinstance(value, error.ConnectionRefusedError):
        return Reason.REFUSED
    if isinstance(value, error.TimeoutError | error.TCPTimedOutError):
        return Reason.TIMED_OUT
    if isinstance(value, error.NoRouteError):
        return Reason.NETWORK_UNREACHABLE
    number = getattr(value, "osError", None)
    return _BY_ERRNO.get(number, Reason.HOST_UNREACHABLE) if isinstance(number, int) else Reason.HOST_UNREACHABLE
