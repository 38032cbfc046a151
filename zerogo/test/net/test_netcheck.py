"""What is put together from checks, and that none of them is waited for too long."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.net.netcheck import merge_relays, within
from zerogo.reach.network import RelayFacts
from zerogo.reach.survey import ServerView, SurveyResult

FIRST, SECOND = SocketAddress("192.0.2.1", 3478), SocketAddress("192.0.2.2", 3478)


class WithinTests(SynchronousTestCase):
    """A value, or another one in time."""

    def setUp(self) -> None:
        self.clock = MemoryReactorClock()

    def test_what_comes_in_time_counts(self) -> None:
        waiting: Deferred[int] = Deferred()
        found = within(self.clock, waiting, 1.0, lambda: 0)
        waiting.callback(7)
        self.assertEqual(self.successResultOf(found), 7)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_comes_late_or_fails_does_not(self) -> None:
        late: Deferred[int] = Deferred()
        found = within(self.clock, late, 1.0, lambda: 0)
        self.clock.advance(1.0)
        self.assertEqual(self.successResultOf(found), 0)
        late.callback(7)
        failed: Deferred[int] = Deferred()
        found = within(self.clock, failed, 1.0, lambda: 0)
        failed.errback(ValueError("no"))
        self.assertEqual(self.successResultOf(found), 0)


class RelayTests(SynchronousTestCase):
    """Several addresses of one relay."""

    def test_the_best_address_of_a_relay_counts_and_the_nearest_comes_first(self) -> None:
        survey = SurveyResult(servers=(ServerView(server=FIRST, rtt=0.03), ServerView(server=SECOND, rtt=0.01)))
        merged = merge_relays(
            [
                (RelayFacts(name="dead"), []),
                (RelayFacts(name="fra", tcp=0.04), [FIRST]),
                (RelayFacts(name="fra", tcp=0.02, tls=0.05), [SECOND]),
                (RelayFacts(name="ams", tls=0.005), []),
            ],
            survey,
        )
        self.assertEqual(
            merged,
            (
                RelayFacts(name="ams", tls=0.005),
                RelayFacts(name="fra", udp=0.01, tcp=0.02, tls=0.05),
                RelayFacts(name="dead"),
            ),
        )
