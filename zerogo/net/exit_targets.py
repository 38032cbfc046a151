# -*- test-case-name: zerogo.test.net.test_exit_targets -*-
"""The edge's end of streams: look the target up, hold every address against the policy, connect to that very address.

What decides is the address that is connected to, looked up here, once per stream; a name that leads somewhere else a
moment later leads nowhere else. Of several addresses those that the policy refuses are left out, and the others are
dialled `STAGGER_SECONDS` apart (RFC 8305), families in turn. What the user sends meanwhile waits within its credit.
"""

from __future__ import annotations

import socket
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any

from attrs import Factory, define, field, frozen
from twisted.internet import error
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
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
from zerogo.net.exit_socket import Dial, Dialler, StreamSocket
from zerogo.net.exit_splice import Splice
from zerogo.net.exit_tunnel import TunnelDriver

STAGGER_SECONDS = 0.25
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
    dialler: Dialler = field(default=Factory(lambda settings: Dialler(settings.reactor), takes_self=True))


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
            self.splice.connection_lost(isinstance(reason.value, error.ConnectionDone))


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
        self._dials: list[Dial] = []
        self._next: IDelayedCall | None = None
        self._reason = Reason.HOST_UNREACHABLE
        self._began_at = driver.clock.seconds()
        driver.own(number, self)

    def begin(self) -> None:
        """Look up and dial."""
        if self._target.address is not None:
            self._found([self._target.host])
            return
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
        self._dials.append(self._settings.dialler.dial(host, self._target.port, self))

    def dial_failed(self, dial: Dial, reason: Reason) -> None:
        """One address did not answer."""
        if dial in self._dials:
            self._dials.remove(dial)
        if self._is_over:
            return
        self._reason = reason
        if self._waiting:
            self._cancel_next()
            self._dial_next()
        elif not self._dials:
            self._fail(self._reason)

    def dialled(self, dial: Dial, sock: socket.socket) -> None:
        """The first address that answered."""
        self._dials.remove(dial)
        self._stop()
        protocol = TargetProtocol(self)
        transport = StreamSocket(sock, protocol, dial.peer, None, 0, self._settings.reactor)
        protocol.makeConnection(transport)  # type: ignore[no-untyped-call]

    def connected(self, protocol: TargetProtocol) -> None:
        """It is known to the reactor: bytes may pass."""
        transport: Any = protocol.transport
        bound = SocketAddress.of(*transport.socket.getsockname()[:2])
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

    def _stop(self) -> None:
        self._is_over = True
        self._cancel_next()
        for dial in self._dials:
            dial.cancel()
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
            reason = policy.judgement(name, host, target.port)
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
