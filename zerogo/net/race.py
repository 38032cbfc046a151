# -*- test-case-name: zerogo.test.net.test_relay_bridge -*-
"""All ways by stream to one place, dialled at once; the first that turns out to be good is kept.

Some ways are dialled a moment later than the others, if none was kept by then. When nothing is left, all are dialled
again, with delays that grow until one is kept again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.interfaces import IAddress, IDelayedCall, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

_log = Logger(namespace="zerogo.net.race")


@frozen
class StreamWay:
    """One way to a place. `what` is for the log: `tcp`, `tls`."""

    what: str
    endpoint: IStreamClientEndpoint
    trusts: Callable[[Any], bool] | None = None
    """For TLS: whether the certificate that was shown is the right one. None: TLS itself has seen to that, or nobody
    has to."""
    is_tls: bool = False
    delay: float = 0.0
    """It is dialled so many seconds after the others, if none was kept by then."""
    place: str = ""
    """Where it leads to, for people."""


class RacingStream(Protocol):
    """A protocol of Twisted's; it tells its race by `ended` when it is closed."""

    def close(self) -> None: ...


Stream = TypeVar("Stream", bound=RacingStream)


class _StreamFactory(Factory):
    noisy = False

    def __init__(self, make: Callable[[StreamWay], Any], way: StreamWay) -> None:
        self._make = make
        self._way = way

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._make(self._way)


class Race(Generic[Stream]):
    """One place's. `make` gives the protocol for a way, `lost` is told when nothing is left before all begins anew.

    :param delays: seconds until all ways are dialled again; the last one is for all further times.
    :param turns: where given, a round of dialling waits for one of these.
    """

    def __init__(
        self,
        reactor: Any,
        make: Callable[[StreamWay], Stream],
        *,
        delays: Sequence[float],
        lost: Callable[[], object],
        turns: DeferredSemaphore | None = None,
    ) -> None:
        self.kept: Stream | None = None
        """The one that is good."""
        self.streams: dict[Stream, None] = {}
        """All that there are, connected or about to be."""
        self._reactor = reactor
        self._make = make
        self._delays = tuple(delays)
        self._lost = lost
        self._turns = turns
        self._turn: Deferred[Any] | None = None
        self._ways: tuple[StreamWay, ...] = ()
        self._dialling: dict[Deferred[Any], StreamWay] = {}
        self._tries = 0
        self._redial: IDelayedCall | None = None
        self._later: list[IDelayedCall] = []
        self._holds_turn = False
        self._is_beginning = False
        self._is_stopped = False

    def dial(self, ways: Sequence[StreamWay]) -> None:
        """Begin a round, unless one goes on or a stream is kept; the ways are for this and all further rounds."""
        self._ways = tuple(ways)
        if self.kept is None and self._is_idle and not self._is_stopped:
            self._begin()

    def keep(self, stream: Stream) -> None:
        """This one is good: close all others."""
        self.kept, self._tries = stream, 0
        self._call_off()
        for other in list(self.streams):
            if other is not stream:
                other.close()

    def ended(self, stream: Stream) -> None:
        """One was closed, by whomever."""
        self.streams.pop(stream, None)
        if stream is self.kept:
            self.kept = None
        if self._is_idle:
            self._all_lost()

    def stop(self) -> None:
        """Close everything; nothing is told any more."""
        self._is_stopped = True
        self._call_off()
        if self._redial is not None and self._redial.active():
            self._redial.cancel()
        for stream in list(self.streams):
            stream.close()

    @property
    def _is_idle(self) -> bool:
        is_later = any(call.active() for call in self._later)
        return not (self.streams or self._dialling or is_later or self._turn or self._is_beginning)

    def _begin(self) -> None:
        if self._redial is not None and self._redial.active():
            self._redial.cancel()
        self._redial = None
        if self._turns is None:
            self._dial_all()
            return
        turn = self._turns.acquire()
        if not turn.called:
            self._turn = turn
        turn.addCallbacks(lambda _: self._dial_all(), lambda failure: failure.trap(CancelledError))

    def _dial_all(self) -> None:
        self._turn = None
        self._holds_turn = self._turns is not None
        self._later = [self._reactor.callLater(way.delay, self._dial_ways, (way,)) for way in self._ways if way.delay]
        self._dial_ways([way for way in self._ways if not way.delay])

    def _dial_ways(self, ways: Sequence[StreamWay]) -> None:
        self._is_beginning = True
        for way in ways:
            if self.kept is None and not self._is_stopped:
                self._dial_way(way)
        self._is_beginning = False
        if self._is_idle:
            self._all_lost()

    def _dial_way(self, way: StreamWay) -> None:
        attempt: Deferred[Any] = way.endpoint.connect(_StreamFactory(self._make_stream, way))
        self._dialling[attempt] = way
        attempt.addCallbacks(self._dialled, self._failed, callbackArgs=(attempt,), errbackArgs=(attempt, way))

    def _make_stream(self, way: StreamWay) -> Stream:
        stream = self._make(way)
        self.streams[stream] = None
        return stream

    def _dialled(self, protocol: object, attempt: Deferred[Any]) -> None:
        self._dialling.pop(attempt, None)

    def _failed(self, failure: Failure, attempt: Deferred[Any], way: StreamWay) -> None:
        self._dialling.pop(attempt, None)
        if self._is_stopped or failure.check(CancelledError):
            return
        _log.debug("No stream by {what}: {reason}", what=way.what, reason=failure.getErrorMessage())
        if self._is_idle:
            self._all_lost()

    def _call_off(self) -> None:
        """The round is over."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        for call in self._later:
            if call.active():
                call.cancel()
        for attempt in list(self._dialling):
            attempt.cancel()
        self._give_turn()

    def _give_turn(self) -> None:
        if self._holds_turn and self._turns is not None:
            self._holds_turn = False
            self._turns.release()

    def _all_lost(self) -> None:
        self._give_turn()
        if self._is_stopped:
            return
        self._lost()
        if not self._is_stopped and (self._redial is None or not self._redial.active()):
            delay = self._delays[min(self._tries, len(self._delays) - 1)]
            self._tries += 1
            self._redial = self._reactor.callLater(delay, self._begin)
