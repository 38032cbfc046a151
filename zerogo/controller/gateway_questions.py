# -*- test-case-name: zerogo.test.gateway.test_two_controllers -*-
"""Questions to all gateways: those that are here, and those of the other controllers of the same database.

An answer of a gateway elsewhere comes in a word (`zerogo.control.fellow_words`), deflated, for a word is shorter than
an answer may be. Whoever does not answer within `ANSWER_SECONDS` is left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from attrs import define, field
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
    done: Deferred[dict[NodeId, bytes]]
    found: dict[NodeId, bytes] = field(factory=dict)
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
        answered = self._begin(number, (*self._here(), *self._far()), what, argument)
        if self.tell is not None and number in self._open:
            self.tell(GatewaysAsked(number, what, argument))
        return answered

    def asked(self, word: GatewaysAsked) -> None:
        """Another controller asks: its question is put to those that are here, and it is told what they say."""

        def pass_on(found: dict[NodeId, bytes]) -> None:
            for gateway, document in found.items():
                deflated = zlib.compress(document, _LEVEL)
                if self.tell is not None and len(deflated) <= WORD_LIMIT // 2:
                    self.tell(GatewayAnswered(gateway.raw, word.number, deflated))

        self._begin(self._number(), self._here(), word.what, word.argument).addCallback(pass_on)

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

    def _begin(
        self, number: int, gateways: tuple[NodeId, ...], what: str, argument: str
    ) -> Deferred[dict[NodeId, bytes]]:
        question = _Question(dict.fromkeys(gateways), Deferred())
        if not gateways or len(self._open) >= OPEN_LIMIT:
            question.done.callback({})
            return question.done
        self._open[number] = question
        question.late = self._clock.callLater(ANSWER_SECONDS, self._finish, number)
        for gateway in self._here():
            self._put(gateway, Ask(number, what, argument))
        return question.done

    def _take(self, number: int, gateway: NodeId, document: bytes) -> None:
        question = self._open.get(number)
        if question is not None and gateway in question.awaited:
            del question.awaited[gateway]
            question.found[gateway] = document
            if not question.awaited:
                self._finish(number)

    def _finish(self, number: int) -> None:
        question = self._open.pop(number)
        if question.late is not None and question.late.active():
            question.late.cancel()
        question.done.callback(question.found)
