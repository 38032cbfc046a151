# -*- test-case-name: zerogo.test.ice.test_fan -*-
"""The hard end's part in connecting through a NAT that maps each destination anew: a fan of fresh side sockets.

First a few sockets *sound* the NAT: from each goes a question to a STUN server, and then a check to the peer, so that
the mappings for the peer are made among those that the servers tell about (`zerogo.ice.prediction`). Then, where ports
are chosen at random, many more sockets only send their check. Each check opens the NAT for the peer, which tries ports
from its one socket meanwhile; the first of its checks to hit a mapping is the connection.

Lost questions are asked again until they are answered, checks are sent again by a schedule. The NAT holds one mapping
per socket and destination, so a fan costs it as many as it has sockets, and the questions.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

from attrs import define, field, frozen

from zerogo.ids import SideAddress, SocketAddress

SOUNDING_SOCKETS = 8
SOUNDING_SECONDS = 0.25
"""So long all answers are waited for; then those that came must do."""
BLOCK_SOCKETS = 64
"""In a block of 1,024 ports, 128 tries of the peer hit one of them with a probability of 99.99 %."""
BIRTHDAY_SOCKETS = 256
"""Of 64,512 ports, 1,150 tries hit one of them with a probability of 99 %, 1,472 with 99.7 %."""
FAN_SECONDS = 3.5
"""Life of a fan that finds nothing."""
BATCH_SOCKETS = 16
BATCH_SECONDS = 0.004
"""Home routers drop what comes in longer bursts."""
_SAMPLE_AGAIN_SECONDS = (0.0, 0.1, 0.2)
_FEW_AGAIN_SECONDS = (0.0, 0.1, 0.25, 0.5, 1.0, 1.75)
_MANY_AGAIN_SECONDS = (0.0, 0.8)
SPREAD_ROUNDS = len(_MANY_AGAIN_SECONDS)
"""How often each of many sockets sends its check."""


@frozen(order=True)
class _Sending:
    at: float
    order: int
    destination: SideAddress = field(order=False)
    payload: bytes = field(order=False, repr=False)
    is_question: bool = field(order=False)


@define(eq=False)
class Fan:
    """One try. The sockets are known by their numbers; whoever owns the fan opens and closes them."""

    _make_check: Callable[[], bytes]
    """A fresh check for the peer, with a transaction id of its own."""
    _make_question: Callable[[], bytes]
    """A fresh request to a STUN server."""
    _began_at: float
    sockets: list[int] = field(factory=list, init=False)
    samples: list[SocketAddress] = field(factory=list, init=False)
    """Where servers saw sockets of the fan, in the order of the answers."""
    _questions: dict[bytes, SideAddress] = field(factory=dict, init=False)
    """Under way, by transaction id."""
    _sounded_at: float | None = field(default=None, init=False)
    _queue: list[_Sending] = field(factory=list, init=False)
    _count: int = field(default=0, init=False)

    def sound(
        self, sockets: Sequence[int], servers: Sequence[SocketAddress], targets: Sequence[SocketAddress], now: float
    ) -> None:
        """Ask the servers in turn, each socket one, and send a check to each target after each question."""
        self.sockets += sockets
        self._sounded_at = now + SOUNDING_SECONDS
        for place, number in enumerate(sockets):
            if servers:
                self._ask(SideAddress(number, servers[place % len(servers)]), now)
            self._check(number, targets, _FEW_AGAIN_SECONDS, now)

    def spread(self, sockets: Sequence[int], targets: Sequence[SocketAddress], now: float) -> None:
        """Send a check from each of these further sockets to each target."""
        self.sockets += sockets
        schedule = _MANY_AGAIN_SECONDS if len(sockets) > BLOCK_SOCKETS else _FEW_AGAIN_SECONDS
        for place, number in enumerate(sockets):
            self._check(number, targets, schedule, now + place // BATCH_SOCKETS * BATCH_SECONDS)

    def keep_only(self, number: int) -> None:
        """The other sockets are closed."""
        self.sockets = [number]
        self._queue = [each for each in self._queue if each.destination.socket == number]
        heapq.heapify(self._queue)

    def owns(self, transaction_id: bytes) -> bool:
        """Whether an answer is to a question of this fan."""
        return transaction_id in self._questions

    def receive_answer(self, transaction_id: bytes, source: SideAddress, mapped: SocketAddress) -> None:
        """A server's answer; it counts if it comes by the socket and from the server of the question."""
        if self._questions.get(transaction_id) == source:
            del self._questions[transaction_id]
            self.samples.append(mapped)

    def take_sounded(self, now: float) -> bool:
        """True once: when all questions are answered, or their time is over."""
        if self._sounded_at is None or (self._questions and now < self._sounded_at):
            return False
        self._sounded_at = None
        self._questions.clear()
        return True

    @property
    def ends_at(self) -> float:
        """When it is of no use any more."""
        return self._began_at + FAN_SECONDS

    def take_due(self, now: float) -> Iterator[tuple[SideAddress, bytes]]:
        """What is to be sent, by which socket and where to."""
        while self._queue and self._queue[0].at <= now:
            sending = heapq.heappop(self._queue)
            if not sending.is_question or sending.payload[8:20] in self._questions:
                yield sending.destination, sending.payload

    def next_at(self) -> float:
        """When something is due."""
        times = [self.ends_at]
        if self._queue:
            times.append(self._queue[0].at)
        if self._sounded_at is not None:
            times.append(self._sounded_at)
        return min(times)

    def _ask(self, destination: SideAddress, now: float) -> None:
        question = self._make_question()
        self._questions[question[8:20]] = destination
        self._plan(destination, question, _SAMPLE_AGAIN_SECONDS, now, is_question=True)

    def _check(self, number: int, targets: Sequence[SocketAddress], schedule: Sequence[float], now: float) -> None:
        for target in targets:
            self._plan(SideAddress(number, target), self._make_check(), schedule, now, is_question=False)

    def _plan(
        self, destination: SideAddress, payload: bytes, schedule: Sequence[float], now: float, *, is_question: bool
    ) -> None:
        for offset in schedule:
            self._count += 1
            heapq.heappush(self._queue, _Sending(now + offset, self._count, destination, payload, is_question))
