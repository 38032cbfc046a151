# -*- test-case-name: integration.test_exits -*-
"""The edge's connection to its gateway, kept up for ever: dial, prove the keys, join or resume, carry, dial again.

After a loss the first dial comes at once, with up to half a second of jitter, so that streams go on; then back-off with
full jitter up to half a minute, so that fifty thousand edges do not come back to a gateway at one moment. Where the
gateway says when to come again, that is when. A refusal that is final ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.control.channel import EXIT, ChannelInitiator, WrongController
from zerogo.core import RandomBytes
from zerogo.errors import RemoteError
from zerogo.exit.admission import TICKET_LEAST_SECONDS, TICKET_SECONDS
from zerogo.exit.greeting import Join, Refusal, Welcome, emit_greeting, parse_answer
from zerogo.exit.tunnel import OVER
from zerogo.net.dial import ControllerAddress, Dial
from zerogo.net.exit_frames import CARRIER_READ_BYTES, PlainFrames
from zerogo.net.exit_tunnel import TunnelDriver
from zerogo.net.instructions import has_aes
from zerogo.net.tcp import keep_queue_short, read_more, write_now
from zerogo.net.websocket import Closed, MessageReceived, ServerBusy, WebSocketClient
from zerogo.noise.identity import Identity

if TYPE_CHECKING:
    from twisted.internet.tcp import Connection

CLOSE_SECONDS = 2.0
"""A gateway that does not take our last words by then is left without them."""
HANDSHAKE_SECONDS = 10.0
FIRST_SECONDS = 0.5
BACKOFF_SECONDS = 1.0
BACKOFF_LIMIT_SECONDS = 30.0
TOLD_JITTER_SECONDS = 1.0
"""A gateway tells whole seconds, and many edges the same."""

_log = Logger(namespace="zerogo.exit.client")


class EdgeRole(Protocol):
    """The edge, as the connection knows it."""

    def greeting(self) -> Join:
        """What to say, with the tunnel to go on with."""

    def welcomed(self, welcome: Welcome) -> TunnelDriver:
        """We are in; gives the tunnel, a new one unless it is resumed."""

    def refused(self, refusal: Refusal) -> None:
        """We are not; nothing more is tried where that is final."""

    def disconnected(self, reason: str) -> None:
        """The connection is gone, or could not be made; another one is tried."""


@frozen(kw_only=True)
class GatewayPlace:
    """Where the gateway is, and what proves that it is it."""

    addresses: Sequence[ControllerAddress]
    key_hash: bytes


@implementer(IPushProducer)
class _Connection(TwistedProtocol):
    """One WebSocket: the carrier of the tunnel."""

    transport: Connection | None
    is_writable = True

    def __init__(self, client: GatewayClient, address: ControllerAddress) -> None:
        self._client = client
        self._socket = WebSocketClient(
            host=address.netloc, path=address.path, rng=client.rng, message_limit=EXIT.frame_limit, is_masking=False
        )
        self._channel = ChannelInitiator(
            client.identity, client.place.key_hash, client.rng, EXIT, has_aes=client.has_aes
        )
        self._plain = PlainFrames(EXIT.frame_limit, is_masked=False)
        self._driver: TunnelDriver | None = None
        self._timer: IDelayedCall | None = None
        self._is_joining = False
        self._reason = ""
        self.is_welcome = False
        self.is_closing = False
        """Whether the gateway was told that the tunnel is over."""

    def send(self, message: bytes) -> None:
        """Seal and send."""
        self._socket.send(self._channel.sealed(message))
        self._flush()

    def drop(self, reason: str, is_over: bool = False) -> None:
        """Close; where the tunnel is over the gateway is told so."""
        self._reason = self._reason or reason
        if self.transport is None:
            return
        if is_over:
            self.is_closing = True
            self._socket.close(OVER)
            self._flush()
            self.transport.unregisterProducer()
            self.transport.loseConnection()
            self._cancel_timer()
            self._timer = self._client.clock.callLater(CLOSE_SECONDS, self._abort)
        else:
            self.transport.abortConnection()

    def abort(self, reason: str) -> None:
        """Break off."""
        self._reason = self._reason or reason
        self._abort()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()

    def _flush(self) -> None:
        if self.transport is not None:
            write_now(self.transport, list(self._socket.outgoing()))

    def _take(self, frame: bytes | memoryview) -> None:
        for message in self._channel.receive(frame):
            if self._driver is not None:
                self._driver.receive(message)
            else:
                self._take_answer(message)
        if self._driver is None:
            for answer in self._channel.outgoing():
                self._socket.send(answer)
            if self._channel.is_open and not self._is_joining:
                self._is_joining = True
                self.send(emit_greeting(self._client.role.greeting()))

    def _take_answer(self, message: bytes) -> None:
        answer = parse_answer(message)
        self._cancel_timer()
        if isinstance(answer, Refusal):
            self._client.refused(answer)
            self.drop(answer.sentence)
            return
        self.is_welcome = True
        self._client.settled()
        self._driver = self._client.role.welcomed(answer)
        self._driver.attach(self, answer.received if answer.is_resumed else 0)

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.setTcpNoDelay(True)
        keep_queue_short(self.transport)
        self.transport.registerProducer(self, True)
        self._timer = self._client.clock.callLater(HANDSHAKE_SECONDS, self.drop, "the gateway does not answer")
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        read_more(self.transport, len(data), CARRIER_READ_BYTES)
        try:
            if self._driver is not None and self._socket.is_between:
                frames, data = self._plain.receive(data)
                for frame in frames:
                    self._take(frame)
            if data:
                self._receive(data)
        except WrongController as error:
            self._client.refused(Refusal(str(error), is_final=True))
            self.drop(str(error))
        except ServerBusy as error:
            self._client.told_to_come_again(error.seconds)
            self.drop(str(error))
        except RemoteError as error:
            self.drop(str(error))

    def _receive(self, data: bytes) -> None:
        self._socket.receive(data)
        for event in self._socket.events():
            if isinstance(event, MessageReceived):
                self._take(event.payload)
            elif isinstance(event, Closed):
                if event.code == OVER and self._driver is not None:
                    self._driver.end(event.reason or "the gateway ended the tunnel")
                self.drop(event.reason or "the gateway closed the connection")
                return
        self._flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._cancel_timer()
        self.transport = None
        if self._driver is not None:
            self._driver.detach(self)
        self._client.lost(self, self._reason or reason.getErrorMessage().rstrip("."))

    def pauseProducing(self) -> None:
        self.is_writable = False

    def resumeProducing(self) -> None:
        self.is_writable = True
        if self._driver is not None:
            self._driver.flush_soon()

    def stopProducing(self) -> None:
        self.is_writable = False


class _Dialled(Factory[_Connection]):
    noisy = False

    def __init__(self, make: Callable[[], _Connection]) -> None:
        self._make = make

    def buildProtocol(self, addr: object) -> _Connection:
        return self._make()


class GatewayClient:
    """The connection of one edge to one gateway."""

    def __init__(
        self,
        role: EdgeRole,
        place: GatewayPlace,
        identity: Identity,
        *,
        clock: IReactorTime,
        endpoint_of: Callable[[ControllerAddress], IStreamClientEndpoint],
        rng: RandomBytes,
    ) -> None:
        self.role = role
        self.place = place
        self.identity = identity
        self.clock = clock
        self.rng = rng
        self.has_aes = has_aes()
        self._endpoint_of = endpoint_of
        self._failures = 0
        self._wait_at_least = 0.0
        self._told: float | None = None
        self._is_stopped = True
        self._dial: Deferred[object] | None = None
        self._connection: _Connection | None = None
        self._retry: IDelayedCall | None = None

    def start(self) -> None:
        """Dial, and keep dialling."""
        self._is_stopped = False
        self._begin()

    def stop_soon(self) -> None:
        """Dial no more once this connection is gone."""
        self._is_stopped = True

    def stop(self) -> None:
        """Close, and dial no more."""
        self._is_stopped = True
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        if self._dial is not None:
            self._dial.cancel()
        if self._connection is not None and not self._connection.is_closing:
            self._connection.drop("we are stopping")

    def settled(self) -> None:
        """We are in."""
        self._failures = 0
        self._wait_at_least = 0.0

    def refused(self, refusal: Refusal) -> None:
        """We are not."""
        self._wait_at_least = refusal.retry_seconds
        self._is_stopped = self._is_stopped or refusal.is_final
        self.role.refused(refusal)

    def told_to_come_again(self, seconds: float) -> None:
        """The gateway has no time for us, and says when it will have some. Nothing proves that it is the gateway, so we
        wait neither for longer nor for less than any gateway would say."""
        self._told = max(TICKET_LEAST_SECONDS, min(seconds, TICKET_SECONDS))

    def lost(self, connection: _Connection, reason: str) -> None:
        """A connection is gone."""
        if connection is self._connection:
            self._connection = None
            self._try_later(reason, is_first=connection.is_welcome)

    def _begin(self) -> None:
        self._retry = None
        dial = Dial(
            self.clock,
            list(self.place.addresses),
            self._endpoint_of,
            lambda address: _Dialled(lambda: _Connection(self, address)),
        )
        self._dial = dial.begin()
        self._dial.addCallbacks(self._dialled, self._dial_failed)

    def _dialled(self, connection: object) -> None:
        assert isinstance(connection, _Connection)
        self._dial = None
        self._connection = connection
        if connection.transport is None:
            self.lost(connection, "the gateway closed the connection")
        elif self._is_stopped:
            connection.drop("we are stopping")

    def _dial_failed(self, failure: Failure) -> None:
        self._dial = None
        if not failure.check(CancelledError):
            self._try_later(failure.getErrorMessage(), is_first=False)

    def _try_later(self, reason: str, *, is_first: bool) -> None:
        if self._is_stopped:
            self.role.disconnected(reason)
            return
        chance = int.from_bytes(self.rng(4), "big") / 2**32
        told, self._told = self._told, None
        if is_first:
            delay = FIRST_SECONDS * chance
        elif told is not None:
            delay = told + TOLD_JITTER_SECONDS * chance
        else:
            bound = min(BACKOFF_LIMIT_SECONDS, BACKOFF_SECONDS * 2.0**self._failures)
            self._failures = min(self._failures + 1, 10)
            delay = max(0.05, self._wait_at_least, bound * chance)
        _log.info("no gateway ({reason}); the next try is in {delay:.1f} s", reason=reason, delay=delay)
        self._retry = self.clock.callLater(delay, self._begin)
        self.role.disconnected(reason)
