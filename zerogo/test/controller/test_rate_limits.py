from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller import rate_limits
from zerogo.controller.rate_limits import ENTRIES_LIMIT, TOLD_LEAST, RateLimits
from zerogo.test.controller.stock import OWNER_TOKEN, ApiCase


class RateLimitTests(SynchronousTestCase):
    def test_a_burst_then_so_many_a_second(self) -> None:
        limits = RateLimits(rate=2.0, burst=3.0)
        self.assertEqual([limits.take("a", 0.0) for _ in range(4)], [0.0, 0.0, 0.0, 0.5])
        self.assertEqual(limits.take("a", 0.5), 0.0)
        self.assertEqual(limits.take("a", 0.5), 0.5)
        self.assertEqual([limits.take("a", 100.0) for _ in range(4)], [0.0, 0.0, 0.0, 0.5])

    def test_one_does_not_use_up_what_is_anothers(self) -> None:
        limits = RateLimits(rate=1.0, burst=1.0)
        self.assertEqual((limits.take("a", 0.0), limits.take("b", 0.0)), (0.0, 0.0))

    def test_memory_is_bounded(self) -> None:
        limits = RateLimits()
        for number in range(ENTRIES_LIMIT + 10):
            limits.take(str(number), 0.0)
        self.assertEqual(len(limits._buckets), ENTRIES_LIMIT)

    def test_what_was_taken_since_is_told_once_and_trifles_are_not(self) -> None:
        limits = RateLimits()
        for key, count, now in (("old", TOLD_LEAST, 0.0), ("few", TOLD_LEAST - 1, 5.0), ("many", TOLD_LEAST, 6.0)):
            for _ in range(count):
                limits.take(key, now)
        self.assertEqual(limits.spent(5.0), {"many": TOLD_LEAST})
        self.assertEqual(limits.spent(5.0), {})

    def test_no_more_is_told_than_a_word_holds(self) -> None:
        self.patch(rate_limits, "LIMITS_LIMIT", 3)
        limits = RateLimits()
        for number in range(5):
            for _ in range(TOLD_LEAST):
                limits.take(str(number), 0.0)
        self.assertEqual(list(limits.spent(0.0)), ["4", "3", "2"])


class LimitedApiTests(ApiCase):
    rate, burst = 0.5, 3.0

    def test_too_many_are_told_to_wait_and_the_machines_owner_never(self) -> None:
        statuses = [self.call("GET", "/networks", token="guess").status for _ in range(5)]
        self.assertEqual(statuses, [401] * 3 + [429] * 2)
        reply = self.call("GET", "/health", token=None)
        self.assertEqual((reply.json["code"], reply.header("Retry-After")), ("too-many-requests", "2"))
        self.assertEqual(self.call("GET", "/networks", token=OWNER_TOKEN).status, 200)
        self.clock.advance(2.0)
        self.assertEqual(self.call("GET", "/health", token=None).status, 200)
