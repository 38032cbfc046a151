"""Token buckets per source."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.stun.limit import SourceLimiter


class SourceLimiterTests(SynchronousTestCase):
    def test_burst_then_rate(self) -> None:
        limiter = SourceLimiter(rate=10, burst=3)
        source = SocketAddress("192.0.2.1", 5)
        self.assertEqual([limiter.allows(source, 0.0) for _ in range(4)], [True, True, True, False])
        self.assertTrue(limiter.allows(source, 0.1))
        self.assertFalse(limiter.allows(source, 0.1))

    def test_bucket_never_holds_more_than_the_burst(self) -> None:
        limiter = SourceLimiter(rate=10, burst=2)
        source = SocketAddress("192.0.2.1", 5)
        limiter.allows(source, 0.0)
        self.assertEqual([limiter.allows(source, 1000.0) for _ in range(3)], [True, True, False])

    def test_ports_of_one_address_share_a_bucket(self) -> None:
        limiter = SourceLimiter(rate=1, burst=1)
        self.assertTrue(limiter.allows(SocketAddress("192.0.2.1", 5), 0.0))
        self.assertFalse(limiter.allows(SocketAddress("192.0.2.1", 6), 0.0))
        self.assertTrue(limiter.allows(SocketAddress("192.0.2.2", 5), 0.0))

    def test_addresses_of_one_ipv6_64_share_a_bucket(self) -> None:
        limiter = SourceLimiter(rate=1, burst=1)
        self.assertTrue(limiter.allows(SocketAddress("2001:db8::1", 5), 0.0))
        self.assertFalse(limiter.allows(SocketAddress("2001:db8::2", 5), 0.0))
        self.assertTrue(limiter.allows(SocketAddress("2001:db8:0:1::1", 5), 0.0))

    def test_table_is_bounded_and_forgets_the_least_recently_seen(self) -> None:
        limiter = SourceLimiter(rate=0.001, burst=1, sources_limit=3)
        for last in (1, 2, 3, 1, 4):
            limiter.allows(SocketAddress(f"192.0.2.{last}", 5), 0.0)
        self.assertEqual(len(limiter), 3)
        self.assertFalse(limiter.allows(SocketAddress("192.0.2.1", 5), 0.0))
        self.assertTrue(limiter.allows(SocketAddress("192.0.2.2", 5), 0.0))
