# -*- test-case-name: zerogo.test.net.test_exit_splice -*-
"""A stream and a TCP connection, coupled: at the gateway with a user, at the edge with a target.

Every arrow stops the one before it. A connection whose buffer is full takes no more (`pauseProducing`): what arrives is
held, credit is not given back, and the far writer stops. A stream whose queue is full stops the connection from being
read. An end of file travels as FIN and closes one half; after both halves the connection is closed. A connection that
breaks resets the stream, and the other way round: broken is not finished.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IPushProducer
from zope.interface import implementer

from zerogo.exit.frames import Datagram, Opened
from zerogo.exit.rate import RateLimit
from zerogo.exit.reason import Reason
from zerogo.ids import SocketAddress
from zerogo.net.exit_tunnel import TunnelDriver
from zerogo.net.tcp import read_more, write_now

_QUEUE, _RATE, _CREDIT = 1, 2, 4
"""Why the connection is not read."""


class Counted:
    """Whoever wants to know how much passes. This one does not."""

    def sent(self, count: int) -> None:
        """From the connection into the stream."""

    def received(self, count: int) -> None:
        """From the stream into the connection."""

    def closed(self, reason: Reason | None) -> None:
        """It is over; None is the usual way."""


@implementer(IPushProducer)
class Splice:
    """One stream, one connection. The connection's protocol calls `connection_*`, the tunnel the rest.

    :param translate: what becomes of bytes of the stream before they go to the connection.
    """

    def __init__(
        self,
        driver: TunnelDriver,
        number: int,
        transport: Any,
        *,
        counted: Counted | Any = None,
        limits: tuple[RateLimit, RateLimit] | None = None,
        translate: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._driver = driver
        self._number = number
        self._transport = transport
        self._counted = counted if counted is not None else Counted()
        self._up: RateLimit | None = limits[0] if limits is not None else None
        self._down: RateLimit | None = limits[1] if limits is not None else None
        self._translate = translate
        self._held: deque[bytes] = deque()
        self._is_paused = False
        self._is_throttled = False
        self._is_withheld = False
        self._stopped_by = 0
        self._is_eof_read = False
        self._is_fin_received = False
        self._is_write_closed = False
        self._is_over = False
        self._calls: list[IDelayedCall] = []
        driver.own(number, self)
        self._is_producer = True
        transport.registerProducer(self, True)

    # ----- the connection

    def connection_received(self, data: bytes) -> None:
        """Bytes to send."""
        if self._is_over:
            return
        read_more(self._transport, len(data))
        self._counted.sent(len(data))
        if not self._driver.write(self._number, data):
            self._stop_reading(_QUEUE)
        if self._up is not None:
            wait = self._up.spend(len(data), self._driver.clock.seconds())
            if wait > 0:
                self._stop_reading(_RATE)
                self._later(wait, lambda: self._go_on_reading(_RATE))

    def connection_finished(self) -> None:
        """The connection sends no more."""
        if not self._is_over and not self._is_eof_read:
            self._is_eof_read = True
            self._driver.call(self._driver.tunnel.mux.finish, self._number)
            self._close_if_done()

    def connection_lost(self, is_clean: bool) -> None:
        """The connection is gone."""
        if not self._is_over:
            is_complete = self._is_fin_received and not self._held
            if is_complete and is_clean:
                self._driver.call(self._driver.tunnel.mux.finish, self._number)
                self._driver.disown(self._number)
                self._end(None)
            else:
                self._driver.reset(self._number, Reason.BROKEN)
                self._end(Reason.BROKEN)

    def kill(self, reason: Reason) -> None:
        """End both."""
        if not self._is_over:
            self._driver.reset(self._number, reason)
            self._end(reason)
            self._transport.abortConnection()

    def hold(self, is_held: bool) -> None:
        """Pass nothing, either way, until it is called off."""
        self._is_withheld = is_held
        if self._is_over:
            return
        if is_held:
            self._stop_reading(_CREDIT)
        else:
            self._go_on_reading(_CREDIT)
            self._release()

    def finish_connection(self) -> None:
        """Send what is there, then close the connection, whatever the stream would still bring."""
        if not self._is_over:
            self._driver.reset(self._number, Reason.CANCELLED)
            self._end(None)
            self._transport.loseConnection()

    # ----- the stream

    def opened(self, opened: Opened) -> None:
        """Was told before."""

    def accepted(self, address: SocketAddress) -> None:
        """Was told before."""

    def datagram(self, datagram: Datagram) -> None:
        """There are none on a stream of bytes."""

    def received(self, data: bytes) -> None:
        """Bytes of the stream."""
        if self._is_paused or self._is_throttled or self._is_withheld or self._held:
            self._held.append(data)
        else:
            self._pass_on(data)

    def finished(self) -> None:
        """The stream brings no more."""
        self._is_fin_received = True
        self._finish_if_empty()

    def writable(self) -> None:
        """The stream takes more."""
        self._go_on_reading(_QUEUE)

    def reset(self, reason: Reason, sentence: str) -> None:
        """The stream is broken."""
        if not self._is_over:
            self._end(reason)
            self._transport.abortConnection()

    # ----- the connection's buffer

    def pauseProducing(self) -> None:
        self._is_paused = True

    def resumeProducing(self) -> None:
        self._is_paused = False
        self._release()

    def stopProducing(self) -> None:
        self._is_paused = True

    def _release(self) -> None:
        while self._held and not (self._is_paused or self._is_throttled or self._is_withheld or self._is_over):
            self._pass_on(self._held.popleft())
        self._finish_if_empty()

    def _pass_on(self, data: bytes) -> None:
        self._counted.received(len(data))
        if self._is_over:
            return
        passed = data if self._translate is None else self._translate(data)
        if passed:
            write_now(self._transport, [passed])
        self._driver.call(self._driver.tunnel.mux.consume, self._number, len(data))
        if self._down is not None:
            wait = self._down.spend(len(data), self._driver.clock.seconds())
            if wait > 0:
                self._is_throttled = True
                self._later(wait, self._unthrottle)

    def _unthrottle(self) -> None:
        self._is_throttled = False
        self._release()

    def _finish_if_empty(self) -> None:
        if self._is_fin_received and not self._held and not self._is_over and not self._is_write_closed:
            self._is_write_closed = True
            # A transport with a full buffer asks its producer for more once that is written, and forgets to close.
            self._unregister()
            if self._translate is not None:
                tail = self._translate(b"")
                if tail:
                    self._transport.write(tail)
            if self._is_over:
                return
            if not self._is_eof_read:
                self._transport.loseWriteConnection()
            self._close_if_done()

    def _close_if_done(self) -> None:
        if self._is_eof_read and self._is_fin_received and not self._held and not self._is_over:
            self._driver.disown(self._number)
            self._end(None)
            self._transport.loseConnection()

    def _end(self, reason: Reason | None) -> None:
        self._is_over = True
        self._held.clear()
        for call in self._calls:
            if call.active():
                call.cancel()
        self._calls.clear()
        if self._stopped_by:
            # The connection may outlive the stream, and nobody else would have it read again.
            self._stopped_by = 0
            self._transport.resumeProducing()
        self._unregister()
        self._counted.closed(reason)

    def _unregister(self) -> None:
        if self._is_producer:
            self._is_producer = False
            self._transport.unregisterProducer()

    # ----- reading the connection

    def _stop_reading(self, why: int) -> None:
        if not self._stopped_by:
            self._transport.pauseProducing()
        self._stopped_by |= why

    def _go_on_reading(self, why: int) -> None:
        if self._stopped_by & why:
            self._stopped_by &= ~why
            if not self._stopped_by and not self._is_over:
                self._transport.resumeProducing()

    def _later(self, seconds: float, call: Callable[[], object]) -> None:
        self._calls = [each for each in self._calls if each.active()]
        self._calls.append(self._driver.clock.callLater(seconds, call))
