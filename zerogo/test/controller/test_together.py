# -*- test-case-name: zerogo.test.controller.test_together -*-
"""Questions answered together."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller import together
from zerogo.controller.together import Together
from zerogo.store.errors import StoreBusy, StoreFault


class TogetherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked: list[tuple[list[int], Deferred[list[str]]]] = []
        self.together: Together[int, str] = Together(self.answer, at_once=3)

    def answer(self, questions: Sequence[int]) -> Awaitable[list[str]]:
        answered: Deferred[list[str]] = Deferred()
        self.asked.append((list(questions), answered))
        return answered

    def reply(self) -> list[int]:
        """Answer what is being asked; which questions that were."""
        questions, answered = self.asked.pop(0)
        answered.callback([str(one) for one in questions])
        return questions

    def test_a_lone_question_is_asked_at_once(self) -> None:
        found = self.together.ask(7)
        self.assertEqual(self.reply(), [7])
        self.assertEqual(self.successResultOf(found), "7")
        again = self.together.ask(8)
        self.assertEqual(self.reply(), [8])
        self.assertEqual(self.successResultOf(again), "8")

    def test_questions_that_come_meanwhile_go_together_next_in_their_order(self) -> None:
        found = [self.together.ask(number) for number in range(6)]
        self.assertEqual(len(self.asked), 1)
        self.assertEqual([self.reply(), self.reply(), self.reply()], [[0], [1, 2, 3], [4, 5]])
        self.assertEqual([self.successResultOf(one) for one in found], list("012345"))
        self.assertEqual(self.asked, [])

    def test_one_that_cannot_be_answered_takes_no_other_with_it(self) -> None:
        found = [self.together.ask(number) for number in range(4)]
        self.reply()
        _, answered = self.asked.pop(0)
        answered.errback(StoreFault("no"))
        self.assertEqual(self.reply(), [1])
        questions, answered = self.asked.pop(0)
        self.assertEqual(questions, [2])
        answered.errback(StoreFault("no"))
        self.assertEqual(self.reply(), [3])
        self.failureResultOf(found[2], StoreFault)
        self.assertEqual([self.successResultOf(found[number]) for number in (0, 1, 3)], ["0", "1", "3"])

    def test_a_bug_is_told_to_those_who_asked_and_ends_nothing(self) -> None:
        found = self.together.ask(1)
        _, answered = self.asked.pop(0)
        answered.callback([])
        self.failureResultOf(found, ValueError)
        later = self.together.ask(2)
        self.reply()
        self.assertEqual(self.successResultOf(later), "2")

    def test_only_so_many_wait(self) -> None:
        self.patch(together, "WAITING_LIMIT", 2)
        found = [self.together.ask(number) for number in range(4)]
        self.failureResultOf(found[3], StoreBusy)
        self.reply(), self.reply()
        self.assertEqual([self.successResultOf(one) for one in found[:3]], ["0", "1", "2"])
