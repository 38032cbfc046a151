"""Tests for zerogo.net.clock."""

from twisted.internet.epollreactor import EPollReactor
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.clock import boot_seconds, use_steady_clock


class SteadyClockTests(SynchronousTestCase):
    def test_delayed_calls_count_in_seconds_since_boot(self) -> None:
        reactor = EPollReactor()
        self.addCleanup(reactor._poller.close)
        use_steady_clock(reactor)
        before = boot_seconds()
        call = reactor.callLater(5, lambda: None)
        self.assertTrue(before + 5 <= call.getTime() <= boot_seconds() + 5)
        call.delay(1)
        self.assertTrue(before + 6 <= call.getTime() <= boot_seconds() + 6)

    def test_it_never_goes_back(self) -> None:
        first = boot_seconds()
        self.assertLessEqual(first, boot_seconds())
