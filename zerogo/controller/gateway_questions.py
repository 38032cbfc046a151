# -*- test-case-name: zerogo.test.gateway.test_two_controllers -*-
"""Questions to all gateways: those that are here, and those of the other controllers of the same database.

An answer of a gateway elsewhere comes in a word (`zerogo.control.fellow_words`), deflated, for a word is shorter than
an answer may be. Whoever does not answer within `ANSWER_SECONDS` is left out. Each answer is passed on to a controller
that asked as soon as it is here: that one waits no longer than this one, so what waited for a gateway that is silent
would come too late.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from zerogo.control.fellow_words import WORD_LIMIT, GatewayAnswered, GatewaysAsked, Word
from zerogo.control.gateway_messages import ANSWER_LIMIT, Ask
from zerogo.core import RandomBytes
from zerogo.ids import NodeId

ANSWER_SECONDS = 3.0
OPEN_LIMIT = 256
"""Questions under way; further ones have no answers."""
_NUMBER_BYTES = 6
_LEVEL = 6

_log = Logger(namespace="zerogo.controller.exits")


@define(eq=False)
class _Question:
    awaited: dict[NodeId, None]
    took: Callable[[NodeId, bytes], object]
    """Told of each answer as it comes."""
    finished: Callable[[], object]
    late: IDelayedCall | None = None


class GatewayQuestions:
    """Of one controller. `here` and `far` are gateways that should answer, `put` sends a question to one that is
    here, `tell` reaches the other controllers and is None where there are none."""

    def __init__(
        self,
        here: Callable[[], tuple[NodeId, ...]],
        far: Callable[[], tuple[NodeId, ...]],
        put: Callable[[NodeId, Ask], object],
        clock: IReactorTime,
        rng: RandomBytes,
    ) -> None:
        self.tell: Callable[[Word], object] | None = None
        self._here = here
        self._far = far
        self._put = put
        self._clock = clock
        self._rng = rng
        self._open: dict[int, _Question] = {}

    def ask(self, what: str, argument: str = "") -> Deferred[dict[NodeId, bytes]]:
        """A JSON document from each gateway that answers in time."""
        number = self._number()
        found: dict[NodeId, bytes] = {}
        done: Deferred[dict[NodeId, bytes]] = Deferred()
        question = _Question(
            dict.fromkeys((*self._here(), *self._far())), found.__setitem__, lambda: done.callback(found)
        )
        self._begin(number, question, what, argument)
        if self.tell is not None and number in self._open:
            self.tell(GatewaysAsked(number, what, argument))
        return done

    def asked(self, word: GatewaysAsked) -> None:
        """Another controller asks: its question is put to those that are here, and it is told what they say."""

        def pass_on(gateway: NodeId, document: bytes) -> None:
            deflated = zlib.compress(document, _LEVEL)
            if self.tell is not None and len(deflated) <= WORD_LIMIT // 2:
                self.tell(GatewayAnswered(gateway.raw, word.number, deflated))

        question = _Question(dict.fromkeys(self._here()), pass_on, lambda: None)
        self._begin(self._number(), question, word.what, word.argument)

    def answered(self, gateway: NodeId, number: int, document: bytes) -> None:
        """A gateway that is here answered."""
        self._take(number, gateway, document)

    def heard(self, word: GatewayAnswered) -> None:
        """A gateway elsewhere answered."""
        inflater = zlib.decompressobj()
        try:
            document = inflater.decompress(word.document, ANSWER_LIMIT)
        except zlib.error:
            _log.debug("an answer that cannot be inflated")
            return
        if inflater.eof:
            self._take(word.number, word.gateway, document)

    def stop(self) -> None:
        """Wait for nothing any more."""
        for number in list(self._open):
            self._finish(number)

    def _number(self) -> int:
        return int.from_bytes(self._rng(_NUMBER_BYTES), "big")

    def _begin(self, number: int, question: _Question, what: str, argument: str) -> None:
        if not question.awaited or len(self._open) >= OPEN_LIMIT:
            question.finished()
            return
        self._open[number] = question
        question.late = self._clock.callLater(ANSWER_SECONDS, self._finish, number)
        for gateway in self._here():
            self._put(gateway, Ask(number, what, argument))

    def _take(self, number: int, gateway: NodeId, document: bytes) -> None:
        question = self._open.get(number)
        if question is not None and gateway in question.awaited:
            del question.awaited[gateway]
            question.took(gateway, document)
            if not question.awaited:
                self._finish(number)

    def _finish(self, number: int) -> None:
        question = self._open.pop(number)
        if question.late is not None and question.late.active():
            question.late.cancel()
        question.finished()
