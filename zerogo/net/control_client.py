# -*- test-case-name: zerogo.test.net.test_control_client -*-
"""The agent's connection to its controller, kept up for ever: dial, upgrade, carry messages, dial again.

    IDLE -start-> DIALLING -Opened-> OPEN -lost-> WAITING -back-off over-> DIALLING ...      any -stop-> STOPPED

Back-off is full jitter (a random time up to a bound that doubles, 0.5 to 30 s), so that a thousand agents do not come
back to a restarted controller at once. While nobody answers at all, which costs nobody anything, the bound is at most
half the time that the controller has been gone: who restarts it in five seconds has all agents back three seconds
later. `settled` (the member was welcomed) sets it back; a connection that opens and
is dropped again before that counts as a failure, and its address comes last next time; one that worked comes first.
When it is this machine's network that changed (`look`), nobody else comes back at that moment: a connection from an
address that is gone is dropped and dialled anew at once, and so is one that turns out to be dead.

A connection on which nothing was heard for `PING_SECONDS` is pinged and, without an answer, dropped. Output is bounded:
a controller that does not read loses the connection.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from typing import Protocol as StructuralProtocol

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocolFactory,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.core import RandomBytes
from zerogo.errors import ParseError
from zerogo.net.dial import ControllerAddress, Dial
from zerogo.net.tcp import repeat_soon
from zerogo.net.websocket import Closed, MessageReceived, Opened, WebSocketClient

if TYPE_CHECKING:
    from twisted.internet.tcp import Connection

BACKOFF_SECONDS = 0.5
BACKOFF_LIMIT_SECONDS = 30.0
UPGRADE_SECONDS = 20.0
"""A server that has not upgraded by then is dropped. A slow one that a thousand agents come back to needs so long, and
has the work twice where they lose patience."""
PING_SECONDS = 30.0
PONG_SECONDS = 10.0
LOOK_SECONDS = 3.0
"""How long the controller has to answer after the network changed."""
OUTPUT_LIMIT = 2 * 1024 * 1024
"""Bytes waiting for a controller that does not read."""

_log = Logger(namespace="zerogo.net.control")


class ControlLink(StructuralProtocol):
    """Who is told what happens on the connection."""

    def connected(self) -> None: ...

    def receive_message(self, data: bytes) -> None: ...

    def disconnected(self, reason: str) -> None: ...


class ConnectionState(enum.StrEnum):
    """Where the connection stands; the values are part of `status --json`."""

    IDLE = "idle"
    DIALLING = "dialling"
    OPEN = "open"
    WAITING = "waiting"
    STOPPED = "stopped"


@frozen(kw_only=True)
class ConnectionStatus:
    """For people."""

    state: ConnectionState
    address: str
    """The one in use or last in use; empty before the first."""
    reason: str
    """Why there is no connection."""
    next_try_in: float | None
    """Seconds."""


@implementer(IPushProducer)
class _Connection(Protocol):
    """One WebSocket."""

    transport: Connection | None

    def __init__(self, client: ControlClient, address: ControllerAddress, socket: WebSocketClient) -> None:
        self.address = address
        self._client = client
        self._socket = socket
        self._timer: IDelayedCall | None = None
        self._is_paused = False
        self._waiting_bytes = 0
        self._reason = ""
        self.is_open = False
        """Whether the link was told that we are connected."""
        self.is_doubted = False
        """Whether the network changed since something was heard: its loss is no surprise, and no news of the server."""

    def send(self, message: bytes) -> None:
        self._socket.send(message)
        self._flush()

    def drop(self, reason: str, code: int = 1000) -> None:
        """Close; `disconnected` follows."""
        self._reason = self._reason or reason
        self._socket.close(code)
        self._flush()
        if self.transport is not None:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
            # A peer that does not read would keep the connection open for ever.
            self._arm(PONG_SECONDS, self._abort)

    @property
    def local_host(self) -> str:
        """The address of this machine that it was made from."""
        return "" if self.transport is None else str(getattr(self.transport.getHost(), "host", ""))

    def look(self, seconds: float) -> None:
        """Ask whether the other end is still there."""
        if self._socket.is_open:
            self._socket.ping()
        self._flush()
        self._arm(seconds, self._silent)

    def _flush(self) -> None:
        for data in self._socket.outgoing():
            if self.transport is None:
                return
            if self._is_paused:
                self._waiting_bytes += len(data)
                if self._waiting_bytes > OUTPUT_LIMIT:
                    self._reason = "the controller does not read what we send"
                    self._abort()
                    return
            self.transport.write(data)

    def _arm(self, seconds: float, call: Callable[[], object]) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self._client.clock.callLater(seconds, call)

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()

    def _silent(self) -> None:
        self.give_up("the controller does not answer")

    def give_up(self, reason: str) -> None:
        """Drop it without a word; `disconnected` follows."""
        self._reason = self._reason or reason
        self._abort()

    def _take_events(self) -> None:
        for event in self._socket.events():
            match event:
                case Opened():
                    self._client._opened(self)
                case MessageReceived(payload):
                    self._client._received(self, payload)
                case Closed(_, reason):
                    self.drop(reason or "the controller closed the connection")
                case _:
                    pass

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.setTcpNoDelay(True)
        repeat_soon(self.transport)
        self.transport.registerProducer(self, True)
        self._arm(UPGRADE_SECONDS, self._silent)
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        if self._reason:
            return
        self.is_doubted = False
        try:
            self._socket.receive(data)
        except ParseError as error:
            self._reason = str(error)
            self._take_events()
            self._abort()
            return
        if self._socket.is_open:
            self._arm(PING_SECONDS, lambda: self.look(PONG_SECONDS))
        self._take_events()
        self._flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self.transport = None
        self._client._lost(self, self._reason or reason.getErrorMessage().rstrip("."))

    def pauseProducing(self) -> None:
        self._is_paused, self._waiting_bytes = True, 0

    def resumeProducing(self) -> None:
        self._is_paused = False

    def stopProducing(self) -> None:
        self._is_paused = True


class _Dialled(Factory[_Connection]):
    noisy = False

    def __init__(self, make: Callable[[], _Connection]) -> None:
        self._make = make

    def buildProtocol(self, addr: object) -> _Connection:
        return self._make()


class ControlClient:
    """The connection. Verbs of a client that is not connected do nothing.

    :param endpoint_of: makes the stream endpoint of an address (`dial.stream_endpoint` in life).
    :param frame_limit: longest WebSocket message accepted, bytes.
    """

    def __init__(
        self,
        clock: IReactorTime,
        link: ControlLink,
        addresses: Sequence[ControllerAddress],
        *,
        endpoint_of: Callable[[ControllerAddress], IStreamClientEndpoint],
        rng: RandomBytes,
        frame_limit: int,
    ) -> None:
        self.clock = clock
        self._link = link
        self._addresses = list(addresses)
        self._endpoint_of = endpoint_of
        self._rng = rng
        self._frame_limit = frame_limit
        self._state = ConnectionState.IDLE
        self._failures = 0
        self._is_settled = False
        self._gone_at: float | None = None
        """When it was there last, or was first looked for in vain; None: it is there."""
        self._reason = ""
        self._address = ""
        self._dial: Deferred[object] | None = None
        self._connection: _Connection | None = None
        self._retry: IDelayedCall | None = None
        self._stopped: list[Deferred[None]] = []

    def start(self) -> None:
        """Dial, and keep dialling."""
        if self._state in (ConnectionState.IDLE, ConnectionState.STOPPED):
            self._begin()

    def stop(self, reason: str = "we are stopping") -> Deferred[None]:
        """Close and dial no more; fires when the connection is closed."""
        stopped: Deferred[None] = Deferred()
        self._stopped.append(stopped)
        self._cancel_retry()
        self._state = ConnectionState.STOPPED
        if self._dial is not None:
            self._dial.cancel()
        if self._connection is not None:
            self._connection.drop(reason, 1001)
        else:
            self._tell_stopped()
        return stopped

    def send(self, message: bytes) -> None:
        """Send a binary message."""
        if self._connection is not None and self._state is ConnectionState.OPEN:
            self._connection.send(message)

    def drop(self, reason: str) -> None:
        """This connection is of no use: close it and dial again after the back-off."""
        if self._connection is not None:
            self._connection.drop(reason)

    def use_addresses(self, addresses: Sequence[ControllerAddress]) -> None:
        """Dial these from the next time on; those that were known keep their order and come first."""
        known = [address for address in self._addresses if address in addresses]
        self._addresses = known + [address for address in addresses if address not in known]

    def settled(self) -> None:
        """All is well: the next time begins with this address and the shortest back-off."""
        self._failures = 0
        self._is_settled = True
        self._gone_at = None

    def look(self, gone: Sequence[str] = ()) -> None:
        """The network changed: find out soon whether the connection lives, or dial at once.

        :param gone: addresses that this machine had and has not any more.
        """
        connection = self._connection
        if connection is not None:
            connection.is_doubted = True
            if connection.local_host in gone:
                connection.give_up("the address that it was made from is gone")
            else:
                connection.look(LOOK_SECONDS)
        elif self._state is ConnectionState.DIALLING and gone and self._dial is not None:
            self._dial.cancel()
            self._begin()
        elif self._state is ConnectionState.WAITING:
            self._failures = 0
            self._cancel_retry()
            self._begin()

    def status(self) -> ConnectionStatus:
        """For people."""
        retry = self._retry
        waits = max(0.0, retry.getTime() - self.clock.seconds()) if retry is not None and retry.active() else None
        reason = "" if self._state is ConnectionState.OPEN else self._reason
        return ConnectionStatus(state=self._state, address=self._address, reason=reason, next_try_in=waits)

    def _begin(self) -> None:
        self._retry = None
        self._is_settled = False
        self._state = ConnectionState.DIALLING
        self._dial = Dial(self.clock, self._addresses, self._endpoint_of, self._factory_for).begin()
        self._dial.addCallbacks(self._dialled, self._dial_failed)

    def _factory_for(self, address: ControllerAddress) -> IProtocolFactory:
        socket = WebSocketClient(host=address.netloc, path=address.path, rng=self._rng, message_limit=self._frame_limit)
        return _Dialled(lambda: _Connection(self, address, socket))

    def _dialled(self, connection: object) -> None:
        assert isinstance(connection, _Connection)
        self._dial = None
        if connection.transport is None:
            return
        self._connection = connection
        self._address = str(connection.address)
        if self._state is ConnectionState.STOPPED:
            connection.drop("we are stopping", 1001)

    def _dial_failed(self, failure: Failure) -> None:
        self._dial = None
        if self._state is ConnectionState.STOPPED or failure.check(CancelledError):
            return
        self._try_later(failure.getErrorMessage(), is_silent=True)

    def _opened(self, connection: _Connection) -> None:
        connection.is_open = True
        self._connection, self._address = connection, str(connection.address)
        self._state = ConnectionState.OPEN
        self._put(connection.address, 0)
        self._link.connected()

    def _received(self, connection: _Connection, payload: bytes) -> None:
        if connection is self._connection:
            self._link.receive_message(payload)

    def _lost(self, connection: _Connection, reason: str) -> None:
        if connection is not self._connection:
            return
        self._connection = None
        if self._state is not ConnectionState.STOPPED:
            if not self._is_settled:
                self._put(connection.address, len(self._addresses) - 1)
            self._try_later(f"{connection.address}: {reason}", is_expected=connection.is_doubted)
        if connection.is_open:
            self._link.disconnected(reason)
        self._tell_stopped()

    def _put(self, address: ControllerAddress, position: int) -> None:
        """Unless it is none of those that are dialled any more."""
        if address in self._addresses:
            self._addresses.remove(address)
            self._addresses.insert(position, address)

    def _tell_stopped(self) -> None:
        waiting, self._stopped = self._stopped, []
        for stopped in waiting:
            stopped.callback(None)

    def _try_later(self, reason: str, is_expected: bool = False, is_silent: bool = False) -> None:
        now = self.clock.seconds()
        self._gone_at = now if self._gone_at is None else self._gone_at
        self._reason = reason
        self._state = ConnectionState.WAITING
        # Once loudly: an agent may be without its controller for days.
        emit = _log.debug if self._failures else _log.warn
        bound = min(BACKOFF_LIMIT_SECONDS, BACKOFF_SECONDS * 2.0**self._failures)
        if is_silent:
            bound = min(bound, max(BACKOFF_SECONDS, (now - self._gone_at) / 2))
        self._failures = min(self._failures + 1, 10)
        delay = 0.0 if is_expected else max(0.05, bound * int.from_bytes(self._rng(4), "big") / 2**32)
        emit("No controller ({reason}); the next try is in {delay:.1f} s", reason=reason, delay=delay)
        self._retry = self.clock.callLater(delay, self._begin)

    def _cancel_retry(self) -> None:
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        self._retry = None
