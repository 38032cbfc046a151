# -*- test-case-name: zerogo.test.net.test_pump -*-
"""The loop around a protocol core: call one verb, drain what it wants, arm its timer.

Events are acted on before outputs are sent: a session is in the data plane, and a mark on the disk, before the datagram
leaves that needs them. Nothing else touches a core's queues. An event may lead straight back to the same core (a
session is ready, so a probe is due); such a nested verb runs at once, and the outermost call drains. A core that raises
is a bug of ours: it is logged with its traceback and the other work of the process goes on. `guarded` is the one place
that catches everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from zerogo.core import Deadline

EventType = TypeVar("EventType")
CoreEventType = TypeVar("CoreEventType", covariant=True)
OutputType = TypeVar("OutputType")

LATE_AFTER_SECONDS = 1e-3
"""A timer is never armed closer than this, so that a core whose deadline has passed cannot spin the reactor."""
ROUNDS_LIMIT = 100
"""So often a core may answer its own events in one go; one that does it more often is in a loop."""

_log = Logger(namespace="zerogo.net.pump")


def guarded(what: str, function: Callable[..., object], *arguments: object) -> None:
    """Call `function`; whatever it raises is logged with its traceback as a bug in `what`."""
    try:
        function(*arguments)
    except Exception:
        _log.failure("A bug in {what}", what=what)


class PumpedCore(Protocol[CoreEventType]):
    """What the pump needs of a core, whatever it sends."""

    def handle_timer(self, now: float) -> None: ...

    def next_timer(self) -> Deadline | None: ...

    def events(self) -> Iterator[CoreEventType]: ...


class Pump(Generic[EventType, OutputType]):
    """Drives one core.

    :param outputs: drains what the core wants sent (its `transmits` or `outgoing`).
    :param send: is given each output, in order.
    :param on_event: is given each event, in order, before the outputs that wait.
    """

    def __init__(
        self,
        core: PumpedCore[EventType],
        clock: IReactorTime,
        *,
        outputs: Callable[[], Iterator[OutputType]],
        send: Callable[[OutputType], object],
        on_event: Callable[[EventType], object],
    ) -> None:
        self._core = core
        self._clock = clock
        self._outputs = outputs
        self._send = send
        self._on_event = on_event
        self._timer: IDelayedCall | None = None
        self._armed_for = 0.0
        """The deadline that the timer was armed for."""
        self._is_draining = False
        self._is_stopped = False

    def call(self, verb: Callable[..., object], *arguments: object) -> None:
        """Call a verb of the core with `arguments` and the time, then do what the core asks for."""
        if self._is_stopped:
            return
        guarded(type(self._core).__name__, verb, *arguments, self._clock.seconds())
        self._drain()

    def stop(self) -> None:
        """Call nothing any more; what is queued in the core is dropped."""
        self._is_stopped = True
        self._cancel_timer()

    def _drain(self) -> None:
        if self._is_draining:
            return
        self._is_draining = True
        try:
            guarded(type(self._core).__name__, self._drain_rounds)
        finally:
            self._is_draining = False
        self._arm()

    def _drain_rounds(self) -> None:
        for _ in range(ROUNDS_LIMIT):
            is_quiet = True
            for event in self._core.events():
                is_quiet = False
                guarded(type(event).__name__, self._on_event, event)
            for output in self._outputs():
                is_quiet = False
                guarded("sending", self._send, output)
            if is_quiet:
                return

    def _arm(self) -> None:
        deadline = None if self._is_stopped else self._core.next_timer()
        if deadline is not None and self._timer is not None and deadline.at == self._armed_for:
            return
        self._cancel_timer()
        if deadline is not None:
            delay = max(LATE_AFTER_SECONDS, deadline.at - self._clock.seconds())
            self._timer = self._clock.callLater(delay, self._timer_due)
            self._armed_for = deadline.at

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _timer_due(self) -> None:
        self._timer = None
        self.call(self._core.handle_timer)
