"""Tests for zerogo.noise.cookie."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import NodeId, SocketAddress
from zerogo.noise.cookie import (
    LOAD_BURST,
    LOAD_SECONDS,
    SECRET_LIFETIME_SECONDS,
    SOURCE_BURST,
    SOURCES_LIMIT,
    CookieIssuer,
    HandshakeLimiter,
    check_mac1,
)
from zerogo.noise.errors import NotAuthentic
from zerogo.test.noise.test_exchange import ALICE, BOB, NETWORK, TIMESTAMP, counting_random, flipped, initiator

SOURCE = SocketAddress("192.0.2.1", 9993)


def issuer() -> CookieIssuer:
    return CookieIssuer(NETWORK, BOB.static_public, counting_random(4))


class Mac1Tests(SynchronousTestCase):
    def test_it_is_keyed_blake2s_of_all_before_it(self) -> None:
        datagram = initiator().create_initiation(7, TIMESTAMP)
        key = hashlib.blake2s(NETWORK.raw + BOB.static_public, person=b"zg-mac1").digest()
        expected = hashlib.blake2s(datagram[:-32], key=key, digest_size=16).digest()
        self.assertEqual(datagram[-32:-16], expected)

    def test_only_the_receiver_it_was_made_for_accepts_it(self) -> None:
        datagram = initiator().create_initiation(7, TIMESTAMP)
        check_mac1(NETWORK, BOB.static_public, datagram)
        self.assertRaises(NotAuthentic, check_mac1, NETWORK, ALICE.static_public, datagram)


class CookieTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.issuer = issuer()
        self.initiator = initiator()
        self.datagram = self.initiator.create_initiation(7, TIMESTAMP)

    def _cookie(self, source: SocketAddress = SOURCE, now: float = 0.0) -> bytes:
        return self.initiator.consume_cookie_reply(self.issuer.reply(self.datagram, 7, source, now))

    def test_an_initiation_with_the_cookie_has_a_valid_mac2(self) -> None:
        with_cookie = self.initiator.create_initiation(7, TIMESTAMP, cookie=self._cookie())
        self.assertTrue(self.issuer.has_valid_mac2(with_cookie, SOURCE, 0.0))

    def test_an_initiation_without_a_cookie_has_none(self) -> None:
        self.assertFalse(self.issuer.has_valid_mac2(self.datagram, SOURCE, 0.0))

    def test_every_flipped_byte_voids_mac2(self) -> None:
        with_cookie = self.initiator.create_initiation(7, TIMESTAMP, cookie=self._cookie())
        for position in range(len(with_cookie)):
            self.assertFalse(self.issuer.has_valid_mac2(flipped(with_cookie, position), SOURCE, 0.0))

    def test_a_cookie_is_bound_to_address_and_port(self) -> None:
        cookie = self._cookie()
        with_cookie = self.initiator.create_initiation(7, TIMESTAMP, cookie=cookie)
        for host, port in [("192.0.2.1", 9994), ("192.0.2.2", 9993), ("::c000:201", 9993)]:
            self.assertFalse(self.issuer.has_valid_mac2(with_cookie, SocketAddress(host, port), 0.0))
            self.assertFalse(self.issuer.is_valid_cookie(cookie, SocketAddress(host, port), 0.0))
        self.assertTrue(self.issuer.is_valid_cookie(cookie, SOURCE, 0.0))

    def test_a_cookie_outlives_one_rotation_and_not_two(self) -> None:
        cookie = self._cookie(now=SECRET_LIFETIME_SECONDS - 1)
        later = 2 * SECRET_LIFETIME_SECONDS - 1
        self.assertTrue(self.issuer.is_valid_cookie(cookie, SOURCE, later))
        self.assertNotEqual(self._cookie(now=later), cookie)
        self.assertFalse(self.issuer.is_valid_cookie(cookie, SOURCE, later + SECRET_LIFETIME_SECONDS))

    def test_a_cookie_is_void_after_a_long_silence(self) -> None:
        cookie = self._cookie(now=0.0)
        self.assertFalse(self.issuer.is_valid_cookie(cookie, SOURCE, 2 * SECRET_LIFETIME_SECONDS))

    def test_cookies_of_wrong_length_are_void(self) -> None:
        self.assertFalse(self.issuer.is_valid_cookie(b"", SOURCE, 0.0))
        self.assertFalse(self.issuer.is_valid_cookie(self._cookie() + b"\x00", SOURCE, 0.0))

    def test_the_reply_is_as_specified(self) -> None:
        reply = self.issuer.reply(self.datagram, 7, SOURCE, 0.0)
        self.assertEqual((len(reply), reply[:8]), (64, b"\x92\x01\x00\x00\x00\x00\x00\x07"))
        key = hashlib.blake2s(NETWORK.raw + BOB.static_public, person=b"zg-cooky").digest()
        cookie = crypto_aead_xchacha20poly1305_ietf_decrypt(reply[32:], self.datagram[-32:-16], reply[8:32], key)
        self.assertTrue(self.issuer.is_valid_cookie(cookie, SOURCE, 0.0))

    def test_a_reply_is_smaller_than_the_smallest_initiation(self) -> None:
        self.assertLess(len(self.issuer.reply(self.datagram, 7, SOURCE, 0.0)), len(self.datagram))

    def test_every_flipped_byte_of_a_reply_is_refused_and_the_true_one_opens(self) -> None:
        reply = self.issuer.reply(self.datagram, 7, SOURCE, 0.0)
        for position in [0, 1, *range(4, len(reply))]:
            with self.assertRaises(Exception) as caught:
                self.initiator.consume_cookie_reply(flipped(reply, position))
            self.assertIn(type(caught.exception).__name__, {"NotAuthentic", "ParseError"})
        self.assertEqual(len(self.initiator.consume_cookie_reply(reply)), 16)

    def test_a_reply_to_another_initiation_does_not_open(self) -> None:
        reply = self.issuer.reply(self.datagram, 7, SOURCE, 0.0)
        self.initiator.create_initiation(7, TIMESTAMP)
        self.assertRaises(NotAuthentic, self.initiator.consume_cookie_reply, reply)

    def test_a_reply_leaves_the_attempt_alive(self) -> None:
        self._cookie()
        self._cookie()

    def test_secrets_do_not_show_in_a_repr(self) -> None:
        self._cookie()
        self.assertEqual(repr(self.issuer), "<CookieIssuer>")


class SourceRateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.limiter = HandshakeLimiter()

    def _taken(self, host: str, now: float, tries: int = 30) -> int:
        return sum(self.limiter.allows(SocketAddress(host, 1000 + number), now) for number in range(tries))

    def test_a_burst_of_five_then_twenty_a_second(self) -> None:
        self.assertEqual(self._taken("192.0.2.1", 0.0), SOURCE_BURST)
        self.assertEqual(self._taken("192.0.2.1", 0.05), 1)
        later = [self.limiter.allows(SOURCE, 1.0 + number / 1000) for number in range(1000)]
        self.assertIn(sum(later), range(SOURCE_BURST + 19, SOURCE_BURST + 21))

    def test_ipv4_addresses_count_each(self) -> None:
        self._taken("192.0.2.1", 0.0)
        self.assertEqual(self._taken("192.0.2.2", 0.0), SOURCE_BURST)

    def test_an_ipv6_64_counts_as_one(self) -> None:
        self._taken("2001:db8:0:1::1", 0.0)
        self.assertEqual(self._taken("2001:db8:0:1:ffff::2", 0.0), 0)
        self.assertEqual(self._taken("2001:db8:0:2::1", 0.0), SOURCE_BURST)

    def test_members_that_the_controller_carries_for_count_each(self) -> None:
        ann, bob = NodeId(bytes(9) + b"a"), NodeId(bytes(9) + b"b")
        self.assertEqual(sum(self.limiter.allows(ann, 0.0) for _ in range(30)), SOURCE_BURST)
        self.assertEqual(sum(self.limiter.allows(bob, 0.0) for _ in range(30)), SOURCE_BURST)

    def test_the_table_is_bounded_and_empties_itself(self) -> None:
        hosts = [f"10.{number >> 8}.{number & 255}.1" for number in range(SOURCES_LIMIT + 500)]
        taken = [self.limiter.allows(SocketAddress(host, 1), 0.0) for host in hosts]
        self.assertEqual(taken.count(True), SOURCES_LIMIT)
        self.assertEqual(self.limiter.source_count, SOURCES_LIMIT)
        self.assertTrue(self.limiter.allows(SocketAddress("192.0.2.1", 1), 1.0))
        self.assertEqual(self.limiter.source_count, 1)

    def test_a_clock_that_stands_still_or_goes_back_gives_no_tokens(self) -> None:
        self._taken("192.0.2.1", 10.0)
        self.assertEqual(self._taken("192.0.2.1", 9.0), 0)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.floats(min_value=0, max_value=0.2), min_size=1, max_size=80))
    def test_never_more_than_burst_and_rate_allow(self, gaps: list[float]) -> None:
        limiter, now, taken = HandshakeLimiter(), 0.0, 0
        for gap in gaps:
            now += gap
            taken += limiter.allows(SOURCE, now)
        self.assertLessEqual(taken, SOURCE_BURST + 20.0 * now + 1e-6)


class LoadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.limiter = HandshakeLimiter()

    def test_a_burst_within_bounds_is_no_load(self) -> None:
        for _ in range(LOAD_BURST):
            self.limiter.note_initiation(0.0)
        self.assertFalse(self.limiter.under_load(0.0))

    def test_one_more_is_load_for_one_second(self) -> None:
        for _ in range(LOAD_BURST + 1):
            self.limiter.note_initiation(0.0)
        self.assertTrue(self.limiter.under_load(0.0))
        self.assertTrue(self.limiter.under_load(LOAD_SECONDS - 0.01))
        self.assertFalse(self.limiter.under_load(LOAD_SECONDS))

    def test_a_steady_hundred_a_second_is_no_load(self) -> None:
        for number in range(1000):
            self.limiter.note_initiation(number / 100)
        self.assertFalse(self.limiter.under_load(10.0))
