# -*- test-case-name: zerogo.test.controller.test_together -*-
"""Questions that are answered together: those that come while some are being answered wait, and go as one next.

A lone question waits for nothing. When many come at once, what each would cost alone (a transaction, a sync to the
disk, a way to another thread and back) is paid once for many. Where many questions fail together, each is asked again
alone, so that the one which cannot be answered takes no other with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, ensureDeferred, fail

from zerogo.errors import ZeroGoError
from zerogo.store.errors import StoreBusy

WAITING_LIMIT = 2000

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Together(Generic[Question, Answer]):
    """`answer` is given questions in the order in which they came, at most `at_once`, and gives as many answers. It is
    never called a second time before it is done."""

    def __init__(self, answer: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]], at_once: int) -> None:
        self._answer = answer
        self._at_once = at_once
        self._waiting: deque[tuple[Question, Deferred[Answer]]] = deque()
        self._is_busy = False

    def ask(self, question: Question) -> Deferred[Answer]:
        """The answer; fails as `answer` does, and with `StoreBusy` where too many wait."""
        if len(self._waiting) >= WAITING_LIMIT:
            return fail(StoreBusy("the database has too much to do; try again in a moment"))
        asked: Deferred[Answer] = Deferred()
        self._waiting.append((question, asked))
        if not self._is_busy:
            self._is_busy = True
            ensureDeferred(self._answer_all())
        return asked

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(self._at_once, len(self._waiting)))]
                await self._answer_some(some)
        finally:
            self._is_busy = False

    async def _answer_some(self, some: list[tuple[Question, Deferred[Answer]]]) -> None:
        try:
            answers = await self._answer([question for question, _ in some])
            answered = list(zip(some, answers, strict=True))
        except ZeroGoError as error:
            if len(some) == 1:
                some[0][1].errback(error)
                return
            for one in some:
                await self._answer_some([one])
        except Exception as error:
            for _, asked in some:
                asked.errback(error)
        else:
            for (_, asked), answer in answered:
                asked.callback(answer)
