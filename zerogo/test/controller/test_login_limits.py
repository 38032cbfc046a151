from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller import login_limits
from zerogo.controller.login_limits import (
    ACCOUNT_WAIT_LIMIT_SECONDS,
    FORGET_SECONDS,
    FREE_ATTEMPTS,
    FREE_PER_SOURCE,
    WAIT_LIMIT_SECONDS,
    LoginLimits,
    source_network,
)


class LoginLimitsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.limits = LoginLimits()

    def fail_times(self, count: int, name: str = "ann", source: str = "192.0.2.1", now: float = 0.0) -> None:
        for _ in range(count):
            self.limits.begin(name, source, now)

    def test_the_wait_doubles_and_is_bounded(self) -> None:
        self.fail_times(FREE_ATTEMPTS - 1)
        waits = []
        for _ in range(12):
            self.fail_times(1)
            waits.append(self.limits.wait("ann", "192.0.2.77", 0.0))
        self.assertEqual(waits[:4], [1.0, 2.0, 4.0, 8.0])
        self.assertEqual(waits[-1], WAIT_LIMIT_SECONDS)

    def test_the_wait_passes_with_time(self) -> None:
        self.fail_times(FREE_ATTEMPTS + 2, now=100.0)
        waits = [self.limits.wait("ann", "192.0.2.1", now) for now in (100.0, 103.0, 104.0, 200.0)]
        self.assertEqual(waits, [4.0, 1.0, 0.0, 0.0])

    def test_an_attempt_that_was_not_made_forgives_itself_only(self) -> None:
        self.fail_times(FREE_ATTEMPTS)
        for _ in range(3):
            self.limits.begin("ann", "192.0.2.1", 0.0)
            self.limits.forgive("ann", "192.0.2.1")
        self.assertEqual(self.limits.wait("ann", "192.0.2.1", 0.0), 1.0)

    def test_a_success_and_an_hour_of_quiet_forget(self) -> None:
        self.fail_times(FREE_ATTEMPTS)
        self.limits.succeeded("ANN", "192.0.2.1")
        self.assertEqual(self.limits.wait("ann", "192.0.2.1", 0.0), 0.0)
        self.fail_times(30)
        self.assertEqual(self.limits.wait("ann", "192.0.2.1", FORGET_SECONDS + 1), 0.0)

    def test_one_source_that_tries_many_names_is_slowed(self) -> None:
        for number in range(FREE_PER_SOURCE):
            self.limits.begin(f"user-{number}", "192.0.2.1", 0.0)
        self.assertGreater(self.limits.wait("someone", "192.0.2.200", 0.0), 0.0)
        self.assertEqual(self.limits.wait("someone", "198.51.100.1", 0.0), 0.0)

    def test_whoever_fails_on_purpose_does_not_keep_the_owner_out(self) -> None:
        now = 0.0
        for _ in range(1000):
            now += self.limits.wait("ann", "203.0.113.1", now)
            self.limits.begin("ann", "203.0.113.1", now)
            self.assertLessEqual(self.limits.wait("ann", "192.0.2.1", now), ACCOUNT_WAIT_LIMIT_SECONDS)
        self.assertGreater(now, 900 * WAIT_LIMIT_SECONDS)

    def test_a_guesser_with_many_addresses_is_slowed(self) -> None:
        for number in range(200):
            self.limits.begin("ann", f"2001:db8:0:{number:x}::1", 0.0)
        self.assertEqual(self.limits.wait("ann", "2001:db8:1::1", 0.0), ACCOUNT_WAIT_LIMIT_SECONDS)

    def test_what_succeeded_or_was_not_made_does_not_count(self) -> None:
        for _ in range(FREE_PER_SOURCE * 3):
            self.limits.begin("ann", "192.0.2.1", 0.0)
            self.limits.succeeded("ann", "192.0.2.1")
            self.limits.begin("ann", "192.0.2.1", 0.0)
            self.limits.forgive("ann", "192.0.2.1")
        self.assertEqual((self.limits.wait("ann", "192.0.2.1", 0.0), self.limits._failures), (0.0, {}))

    def test_the_table_is_bounded(self) -> None:
        self.patch(login_limits, "ENTRIES_LIMIT", 10)
        for number in range(100):
            self.limits.begin(f"user-{number}", f"198.51.{number}.1", 0.0)
        self.assertLessEqual(len(self.limits._failures), 10)

    def test_an_ipv6_host_counts_by_its_64(self) -> None:
        self.assertEqual(source_network("2001:db8::1"), source_network("2001:db8::ffff:2"))
        self.assertNotEqual(source_network("2001:db8::1"), source_network("2001:db8:0:1::1"))
        self.assertEqual(source_network("::ffff:192.0.2.1"), "192.0.2.0/24")
        self.assertEqual(source_network("x" * 100), "x" * 60)
