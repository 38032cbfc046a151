"""Tests for zerogo.wire.handshake."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.wire.handshake import (
    PAYLOAD_LIMIT,
    CookieReply,
    Initiation,
    Response,
    Suite,
    emit_cookie_reply,
    initiation_body,
    parse_cookie_reply,
    parse_initiation,
    parse_response,
    response_body,
)

INDEXES = st.integers(0, 2**32 - 1)
MACS = st.binary(min_size=16, max_size=16)
SUITES = st.sampled_from(Suite)


def noise_of(overhead: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=overhead, max_size=overhead + PAYLOAD_LIMIT)


class RoundTripTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(SUITES, INDEXES, noise_of(96), MACS, MACS)
    def test_initiation(self, suite: Suite, index: int, noise: bytes, mac1: bytes, mac2: bytes) -> None:
        datagram = initiation_body(suite, index, noise) + mac1 + mac2
        self.assertEqual(parse_initiation(datagram), Initiation(suite, index, noise, mac1, mac2))

    @settings(deadline=None)
    @given(SUITES, INDEXES, INDEXES, noise_of(48), MACS, MACS)
    def test_response(self, suite: Suite, ours: int, theirs: int, noise: bytes, mac1: bytes, mac2: bytes) -> None:
        datagram = response_body(suite, ours, theirs, noise) + mac1 + mac2
        self.assertEqual(parse_response(datagram), Response(suite, ours, theirs, noise, mac1, mac2))

    @settings(deadline=None)
    @given(INDEXES, st.binary(min_size=24, max_size=24), st.binary(min_size=32, max_size=32))
    def test_cookie_reply(self, index: int, nonce: bytes, sealed: bytes) -> None:
        reply = CookieReply(index, nonce, sealed)
        self.assertEqual(parse_cookie_reply(emit_cookie_reply(reply)), reply)


class BoundsTests(SynchronousTestCase):
    def test_smallest_and_largest_initiation(self) -> None:
        for payload, passes in [(-1, False), (0, True), (PAYLOAD_LIMIT, True), (PAYLOAD_LIMIT + 1, False)]:
            self._check(parse_initiation, initiation_body(Suite.AESGCM, 1, bytes(96 + payload)) + bytes(32), passes)

    def test_smallest_and_largest_response(self) -> None:
        for payload, passes in [(-1, False), (0, True), (PAYLOAD_LIMIT, True), (PAYLOAD_LIMIT + 1, False)]:
            self._check(parse_response, response_body(Suite.AESGCM, 1, 2, bytes(48 + payload)) + bytes(32), passes)

    def test_the_largest_fit_a_path_of_1100_bytes(self) -> None:
        largest = initiation_body(Suite.AESGCM, 1, bytes(96 + PAYLOAD_LIMIT)) + bytes(32)
        self.assertLess(len(largest) + 48, 1100)

    def test_a_cookie_reply_has_64_bytes_exactly(self) -> None:
        reply = emit_cookie_reply(CookieReply(1, bytes(24), bytes(32)))
        self.assertEqual(len(reply), 64)
        self._check(parse_cookie_reply, reply, True)
        self._check(parse_cookie_reply, reply[:-1], False)
        self._check(parse_cookie_reply, reply + b"\x00", False)

    def _check(self, parse: Callable[[bytes], object], datagram: bytes, passes: bool) -> None:
        if passes:
            parse(datagram)
        else:
            self.assertRaises(ParseError, parse, datagram)


class RefusalTests(SynchronousTestCase):
    DATAGRAMS = (
        (parse_initiation, initiation_body(Suite.CHACHAPOLY, 1, bytes(96)) + bytes(32)),
        (parse_response, response_body(Suite.CHACHAPOLY, 1, 2, bytes(48)) + bytes(32)),
        (parse_cookie_reply, emit_cookie_reply(CookieReply(1, bytes(24), bytes(32)))),
    )

    def test_other_types_are_refused(self) -> None:
        for parse, datagram in self.DATAGRAMS:
            for first in range(256):
                if first != datagram[0]:
                    self.assertRaises(ParseError, parse, bytes([first]) + datagram[1:])

    def test_other_versions_are_refused(self) -> None:
        for parse, datagram in self.DATAGRAMS:
            for version in (0, 2, 255):
                self.assertRaises(ParseError, parse, datagram[:1] + bytes([version]) + datagram[2:])

    def test_unknown_suites_are_refused(self) -> None:
        for parse, datagram in self.DATAGRAMS[:2]:
            for suite in (0, 3, 255):
                self.assertRaises(ParseError, parse, datagram[:2] + bytes([suite]) + datagram[3:])

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=700), st.sampled_from([b"", b"\x90\x01\x01", b"\x91\x01\x02", b"\x92\x01\x00"]))
    def test_garbage_parses_or_raises_only_parse_errors(self, garbage: bytes, head: bytes) -> None:
        for parse, _ in self.DATAGRAMS:
            try:
                parse(head + garbage)
            except ParseError:
                continue
