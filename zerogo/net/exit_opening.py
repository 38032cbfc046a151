# -*- test-case-name: zerogo.test.net.test_exit_opening -*-
"""A stream of a user that is being opened: on one edge, and where that is safe, on another (`zerogo.exit.retry`).

What the user sends meanwhile goes along at once, within `EARLY_LIMIT`, and is kept for the next edge until OPENED.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import evolve, frozen
from twisted.logger import Logger

from zerogo.errors import LocalError
from zerogo.exit.choose import Demand
from zerogo.exit.edges import EJECT_FAILURES, EdgeState
from zerogo.exit.frames import Datagram, Opened
from zerogo.exit.grant import Grant
from zerogo.exit.reason import MEANINGS, Reason
from zerogo.exit.retry import EDGE_FAULTS, Attempts
from zerogo.exit.socks5 import EARLY_LIMIT
from zerogo.ids import SocketAddress
from zerogo.net.exit_tunnel import TunnelDriver
from zerogo.net.timeouts import Timeouts

_log = Logger(namespace="zerogo.exit")


class EdgeTunnel(Protocol):
    """An edge that is here."""

    driver: TunnelDriver
    state: EdgeState
    openings: dict[Opening, None]
    """Told `carrier_lost` when the carrier breaks."""

    def counted(self, number: int, up: int, down: int) -> None:
        """A stream ended well, and carried so much."""


class EdgeChoice(Protocol):
    """Who knows the edges."""

    def ask_first(self, grant: Grant, demand: Demand, then: Callable[[], object]) -> bool:
        """Whether `edge_for` is to be called only when `then` was, since somebody else has a say in it."""

    def edge_for(self, grant: Grant, demand: Demand) -> EdgeTunnel | None: ...

    def opening_failed(self, reason: Reason) -> None:
        """A stream could not be opened."""


@frozen
class OpenStream:
    """A stream that is there."""

    edge: EdgeTunnel
    number: int
    opened: Opened
    early: int = 0
    """Bytes of the user that the edge was given before it had the stream."""

    def ended(self) -> None:
        """It is over: the edge has one less."""
        self.edge.state.stream_ended()


class OpeningOwner(Protocol):
    """Who wanted the stream. Exactly one of the two is called, unless it is cancelled."""

    def stream_opened(self, stream: OpenStream) -> None:
        """Take it over at once (`TunnelDriver.own`): data follow."""

    def stream_failed(self, reason: Reason, sentence: str) -> None: ...


class Opening:
    """One stream until it is open. `begin` may fail at once."""

    def __init__(
        self, choice: EdgeChoice, grant: Grant, demand: Demand, owner: OpeningOwner, limits: Timeouts[Opening]
    ) -> None:
        self._choice = choice
        self._grant = grant
        self._demand = demand
        self._owner = owner
        self._limits = limits
        self._clock = limits.clock
        self._attempts = Attempts(self._clock.seconds())
        self._early = bytearray()
        self._edge: EdgeTunnel | None = None
        self._number = 0
        self._tried_at = 0.0
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether the owner was told what came of it."""
        return self._is_over

    @property
    def tried(self) -> tuple[str, ...]:
        """The edges that were asked, oldest first."""
        return tuple(self._attempts.tried)

    def begin(self) -> None:
        """Ask the first edge."""
        self._limits.add(self)
        self._try()

    def write(self, data: bytes) -> bool:
        """Early bytes; False where the user should wait."""
        self._early += data
        if self._edge is not None and not self._is_over:
            self._edge.driver.write(self._number, data)
        return len(self._early) < EARLY_LIMIT

    def cancel(self) -> None:
        """It is not wanted any more."""
        if not self._is_over:
            self._give_up_edge(Reason.CANCELLED, is_edges_fault=False)
            self._end()

    def carrier_lost(self) -> None:
        """The edge's carrier broke, and may come back. Whoever has sent nothing yet need not wait for that; what was
        sent along may have reached the target, so there waiting is all that is safe."""
        if self._edge is not None and not self._is_over and not self._early:
            self._failed(Reason.CARRIER_LOST, "")

    def edge_silent(self) -> None:
        """The edge does not answer. Where nothing was sent along and another one answers, that one is asked; the one
        that is silent may have begun, and is told that it is not wanted any more. Else all stays as it is."""
        if self._edge is None or self._is_over or self._early or not self._attempts.are_left(self._clock.seconds()):
            return
        other = self._another_edge(must_answer=True)
        if other is not None:
            self._give_up_edge(Reason.CARRIER_LOST, is_edges_fault=False)
            self._ask(other)

    def _another_edge(self, *, must_answer: bool = False) -> EdgeTunnel | None:
        """The next edge; whom it is given must take it, for the user's session has moved there."""
        return self._choice.edge_for(self._grant, self._demand_left(must_answer))

    def _demand_left(self, must_answer: bool = False) -> Demand:
        if not self.tried:
            return self._demand
        return evolve(self._demand, excluded=self._demand.excluded + self.tried, must_answer=must_answer)

    def _try(self) -> None:
        if not self._choice.ask_first(self._grant, self._demand_left(), self._choose):
            self._choose()

    def _choose(self) -> None:
        if self._is_over:
            return
        edge = self._another_edge()
        if edge is None:
            self._finish(self._attempts.verdict(Reason.NO_EDGE), "")
        else:
            self._ask(edge)

    def _ask(self, edge: EdgeTunnel) -> None:
        demand = self._demand
        self._attempts.begin(edge.state.profile.edge)
        self._tried_at = self._clock.seconds()
        try:
            self._number = edge.driver.open(demand.command, demand.target, self)
        except LocalError:
            self._again_or_finish(Reason.OVERLOADED, "")
            return
        self._edge = edge
        edge.openings[self] = None
        edge.state.dial_began()
        if self._early:
            edge.driver.write(self._number, bytes(self._early))

    def _failed(self, reason: Reason, sentence: str) -> None:
        self._give_up_edge(reason, is_edges_fault=reason in EDGE_FAULTS)
        self._again_or_finish(reason, sentence)

    def _again_or_finish(self, reason: Reason, sentence: str) -> None:
        if self._attempts.may_retry(reason, bool(self._early), self._clock.seconds()):
            _log.debug("trying another edge: {reason}", reason=reason.name)
            self._try()
        else:
            self._finish(reason, sentence)

    def _give_up_edge(self, reason: Reason, *, is_edges_fault: bool) -> None:
        edge, self._edge = self._edge, None
        if edge is not None:
            edge.openings.pop(self, None)
            now = self._clock.seconds()
            ejected_until = edge.state.ejected_until
            edge.state.dial_failed(is_edges_fault, now - self._tried_at, now)
            if ejected_until <= now < edge.state.ejected_until:
                profile = edge.state.profile
                _log.warn(
                    "[NODE_UNSTABLE] edge {edge} ({name}) failed {failures} times in a row and is left out for a while",
                    edge=profile.edge,
                    name=profile.name,
                    failures=EJECT_FAILURES,
                    event="edge-ejected",
                )
            edge.driver.reset(self._number, Reason.CANCELLED)

    def late(self) -> None:
        """`LIMIT_SECONDS` have passed."""
        self._give_up_edge(Reason.TIMED_OUT, is_edges_fault=False)
        self._finish(Reason.TIMED_OUT, "")

    def _finish(self, reason: Reason, sentence: str) -> None:
        self._end()
        self._choice.opening_failed(reason)
        self._owner.stream_failed(reason, sentence or MEANINGS[reason].sentence)

    def _end(self) -> None:
        self._is_over = True
        self._early.clear()
        self._limits.discard(self)

    # ----- the stream

    def opened(self, opened: Opened) -> None:
        """The edge has it. The end of a BIND's first half leaves us in charge until `accepted`."""
        edge = self._edge
        if edge is None or self._is_over:
            return
        now = self._clock.seconds()
        edge.openings.pop(self, None)
        edge.state.dial_succeeded(now - self._tried_at, now)
        early = len(self._early)
        self._end()
        self._owner.stream_opened(OpenStream(edge, self._number, opened, early))

    def reset(self, reason: Reason, sentence: str) -> None:
        """The edge could not."""
        if not self._is_over:
            self._failed(reason, sentence)

    def accepted(self, address: SocketAddress) -> None:
        """Not before it is open."""

    def received(self, data: bytes) -> None:
        """An edge that sends before OPENED breaks the protocol."""
        self.reset(Reason.PROTOCOL, "")

    def finished(self) -> None:
        """An edge that ends before OPENED breaks the protocol."""
        self.reset(Reason.PROTOCOL, "")

    def datagram(self, datagram: Datagram) -> None:
        """Not before it is open; dropped."""

    def writable(self) -> None:
        """Early data are bounded by themselves."""
