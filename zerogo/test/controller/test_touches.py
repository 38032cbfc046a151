from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller import touches
from zerogo.controller.touches import Touches
from zerogo.store.api_tokens import touch_token
from zerogo.store.errors import StoreBusy


class SlowStore:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.answers: list[Deferred[None]] = []

    def write(self, *asked: object) -> Deferred[None]:
        self.asked.append(asked)
        self.answers.append(Deferred())
        return self.answers[-1]


class TouchesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = SlowStore()
        self.touches = Touches()

    def note(self, name: str, now: float) -> None:
        self.touches.note(self.store, touch_token, name, now, 60.0)  # type: ignore[arg-type]

    def test_many_uses_in_a_minute_are_noted_once_and_nobody_waits(self) -> None:
        for now in (0.0, 1.0, 60.0):
            self.note("ann", now)
        self.note("bob", 1.0)
        self.assertEqual(self.store.asked, [(touch_token, "ann", 0.0), (touch_token, "bob", 1.0)])
        self.note("ann", 61.0)
        self.assertEqual(self.store.asked[2:], [(touch_token, "ann", 61.0)])

    def test_a_note_that_cannot_be_written_is_a_word_in_the_log(self) -> None:
        self.note("ann", 0.0)
        self.store.answers[0].errback(StoreBusy("too much to do"))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_memory_is_bounded(self) -> None:
        self.patch(touches, "REMEMBERED", 3)
        for number in range(5):
            self.note(str(number), 0.0)
        self.assertEqual(list(self.touches._noted), ["2", "3", "4"])
