# -*- test-case-name: zerogo.test.testing.test_pair -*-
"""Drives cores on hosts of the simulated internet: feeds datagrams, drains, keeps their timers. Two or N of them.

Each core runs on a monotonic clock of its own, ahead of the simulation's by `clock_ahead`: nothing may depend on two
machines agreeing about the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from zerogo.core import Core, Transmit
from zerogo.errors import LocalError
from zerogo.ids import SocketAddress
from zerogo.testing.internet import Host, Internet

EventType = TypeVar("EventType")
SPINS_LIMIT = 1000
ROUNDS_LIMIT = 100_000
"""Events of one verb; a core that makes more is in a loop."""


class DrivenCore(Generic[EventType]):
    """One core with the socket `port` of `host`; its events go to `on_event`, or are kept in `events`.

    `send` takes what it wants sent, where that does not all leave by the socket.
    """

    def __init__(
        self,
        internet: Internet,
        host: Host,
        port: int,
        core: Core[EventType],
        on_event: Callable[[EventType], object] | None = None,
        clock_ahead: float = 0.0,
        send: Callable[[Transmit], object] | None = None,
    ) -> None:
        self.core = core
        self.host = host
        self.port = port
        self.events: list[EventType] = []
        self._internet = internet
        self._on_event = on_event or self.events.append
        self._ahead = clock_ahead
        self._send = send or self._send_by_socket
        self._armed = 0
        self._armed_at: float | None = None
        self._fired_at = float("-inf")
        self._spins = 0
        self._is_draining = False
        self.is_stopped = False
        host.sockets[port] = self.receive

    @property
    def now(self) -> float:
        """The core's monotonic time."""
        return self._internet.clock.now + self._ahead

    @property
    def address(self) -> SocketAddress:
        """Where the core's socket is bound."""
        return self.host.address(self.port)

    def receive(self, data: bytes, source: SocketAddress) -> None:
        """A datagram arrived at the socket."""
        self.call(self.core.receive_datagram, data, source)

    def call(self, verb: Callable[..., object], *arguments: object) -> None:
        """Call a verb with `arguments` and the time, then send and tell what it yields."""
        if not self.is_stopped:
            verb(*arguments, self.now)
            self._drain()

    def stop(self) -> None:
        """The process is gone; nothing is said to anybody."""
        self.is_stopped = True
        if self.host.sockets.get(self.port) == self.receive:
            del self.host.sockets[self.port]

    def _drain(self) -> None:
        if self._is_draining:
            return
        self._is_draining = True
        for _ in range(ROUNDS_LIMIT):
            # Events before datagrams, as `zerogo.net.pump` does.
            event = next(iter(self.core.events()), None)
            if event is not None:
                self._on_event(event)
                continue
            transmit = next(iter(self.core.transmits()), None)
            if transmit is None:
                break
            self._send(transmit)
        else:
            raise LocalError("a core does not come to rest")
        self._is_draining = False
        self._arm()

    def _send_by_socket(self, transmit: Transmit) -> None:
        assert isinstance(transmit.destination, SocketAddress)
        self._internet.send(self.host, self.port, transmit.destination, transmit.payload)

    def _arm(self) -> None:
        deadline = self.core.next_timer()
        at = None if deadline is None else deadline.at
        if at is None or at == self._armed_at:
            self._armed_at = at
            return
        self._armed += 1
        self._armed_at = at
        number = self._armed
        self._internet.clock.call_at(at - self._ahead, lambda: self._due(number))

    def _due(self, number: int) -> None:
        if number != self._armed or self._armed_at is None:
            return
        self._armed_at = None
        self._spins = self._spins + 1 if self._internet.clock.now == self._fired_at else 0
        self._fired_at = self._internet.clock.now
        if self._spins > SPINS_LIMIT:
            raise LocalError(f"a core wants its timer again and again: {self.core.next_timer()}")
        self.call(self.core.handle_timer)
