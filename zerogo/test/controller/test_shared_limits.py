from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.fellow_words import Attempted, Spent, Word, emit_word, parse_word
from zerogo.controller.login_limits import FREE_ATTEMPTS, FREE_PER_SOURCE, LoginLimits
from zerogo.controller.rate_limits import TOLD_LEAST, RateLimits
from zerogo.controller.shared_limits import TELL_SECONDS, SharedLimits

HOME, AWAY = "192.0.2.1", "203.0.113.1"


class Controller:
    """The limits of one of two controllers."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.rates, self.logins = RateLimits(rate=10.0, burst=20.0), LoginLimits()
        self.others: list[Controller] = []
        self.said: list[Word] = []
        self.shared = SharedLimits(self.rates, self.logins, self.tell, clock)
        self.shared.start()

    def tell(self, word: Word) -> None:
        self.said.append(word)
        for other in self.others:
            heard = parse_word(emit_word(word))
            assert isinstance(heard, Spent | Attempted)
            other.shared.heard(heard)

    def take(self, count: int, key: str = "user:ann") -> int:
        """How many of so many requests are let through."""
        return sum(self.rates.take(key, self.clock.seconds()) == 0.0 for _ in range(count))

    def guess(self, name: str, source: str = HOME) -> bool:
        """Whether a wrong guess may be made."""
        if self.logins.wait(name, source, self.clock.seconds()) > 0.0:
            return False
        self.logins.begin(name, source, self.clock.seconds())
        return True


class SharedLimitsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.left, self.right = Controller(self.clock), Controller(self.clock)
        self.left.others, self.right.others = [self.right], [self.left]

    def test_requests_at_both_have_the_rate_of_one(self) -> None:
        passed = 0
        for _ in range(40):
            passed += self.left.take(50) + self.right.take(50)
            self.clock.advance(TELL_SECONDS)
        seconds, bursts = 40 * TELL_SECONDS, 2 * 20
        self.assertLessEqual(passed, seconds * 10.0 + bursts + 10)
        self.assertGreaterEqual(passed, seconds * 10.0)

    def test_who_asks_one_of_them_only_has_the_whole_rate_there(self) -> None:
        passed = 0
        for _ in range(40):
            passed += self.left.take(50)
            self.clock.advance(TELL_SECONDS)
        self.assertGreaterEqual(passed, 40 * TELL_SECONDS * 10.0)

    def test_what_a_bucket_owes_is_bounded(self) -> None:
        self.left.shared.heard(Spent({"user:ann": 2**20}))
        self.assertEqual(self.left.take(1), 0)
        self.clock.advance(2.2)
        self.assertEqual(self.left.take(5), 2)

    def test_who_asks_seldom_is_not_spoken_of_and_what_was_said_is_not_said_again(self) -> None:
        self.left.take(TOLD_LEAST - 1, "user:bob")
        self.left.take(TOLD_LEAST, "user:ann")
        for _ in range(3):
            self.clock.advance(TELL_SECONDS)
        self.assertEqual(self.left.said, [Spent({"user:ann": TOLD_LEAST})])
        self.assertEqual(self.right.said, [], "what was heard is not told on")

    def test_guesses_at_both_are_as_many_as_at_one(self) -> None:
        made = [where.guess("ann") for _ in range(FREE_ATTEMPTS) for where in (self.left, self.right)]
        self.assertEqual(made, [True] * FREE_ATTEMPTS + [False] * FREE_ATTEMPTS)
        self.assertTrue(self.right.guess("ann", AWAY))

    def test_one_source_that_tries_many_names_is_slowed_at_both(self) -> None:
        for number in range(FREE_PER_SOURCE):
            self.assertTrue(self.left.guess(f"user-{number}"))
        self.assertFalse(self.right.guess("somebody"))

    def test_a_success_at_one_is_one_at_the_other(self) -> None:
        for _ in range(FREE_ATTEMPTS):
            self.left.guess("ann")
        self.left.logins.succeeded("ann", HOME)
        self.assertTrue(self.right.guess("ann"))

    def test_an_attempt_that_was_not_made_is_none_at_the_other(self) -> None:
        for _ in range(2 * FREE_ATTEMPTS):
            self.assertTrue(self.left.guess("ann"))
            self.left.logins.forgive("ann", HOME)
        self.assertTrue(self.right.guess("ann"))

    def test_after_the_end_nothing_is_said(self) -> None:
        self.left.shared.stop()
        self.left.take(20)
        self.clock.advance(10 * TELL_SECONDS)
        self.assertEqual(self.left.said, [])
