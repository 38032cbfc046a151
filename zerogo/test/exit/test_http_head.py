"""Heads that two readers could read in two ways are refused."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.exit.http_head import HEAD_LIMIT, check_request_head, find_head, without_hops
from zerogo.test.spoiled import spoiled

GOOD = b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nX: 1\r\n\r\n"
SMUGGLED = (
    b"POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
    b"POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
    b"POST http://a/ HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n",
    b"POST http://a/ HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n",
    b"POST http://a/ HTTP/1.1\r\nHost: a\nContent-Length: 5\r\n\r\n",
    b"POST http://a/ HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
    b"POST http://a/ HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    b"POST http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"POST http://a/ HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST  http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST http://a/ HTTP/1.1 \r\nHost: a\r\n\r\n",
    b"POST http://a/\x0b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST http://a/ HTTP/2.0\r\nHost: a\r\n\r\n",
    b"\r\nGET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://a/ HTTP/1.1\r\n: a\r\n\r\n",
)


class HeadTests(SynchronousTestCase):
    def test_a_good_head_passes(self) -> None:
        self.assertEqual(find_head(GOOD + b"rest"), len(GOOD))
        check_request_head(GOOD)

    def test_smuggled_ones_do_not(self) -> None:
        for head in SMUGGLED:
            with self.subTest(head):
                self.assertRaises(ParseError, check_request_head, head)

    def test_bare_line_feeds_and_endless_heads_are_noticed_before_the_end(self) -> None:
        self.assertRaises(ParseError, find_head, b"GET http://a/ HTTP/1.1\nHost: a\n\n")
        self.assertRaises(ParseError, find_head, b"x" * HEAD_LIMIT)
        self.assertEqual(find_head(b"GET http://a/ HTTP/1.1\r\nHo"), 0)

    def test_hop_by_hop_headers_are_left_out_and_framing_cannot_be(self) -> None:
        found = without_hops(
            [
                *((b"Connection", b"close, X-Mine, Content-Length"), (b"X-Mine", b"1"), (b"Content-Length", b"3")),
                *((b"Proxy-Authorization", b"Basic x"), (b"TE", b"trailers"), (b"Accept", b"*/*")),
            ]
        )
        self.assertEqual(found, [(b"Content-Length", b"3"), (b"Accept", b"*/*")])

    @given(st.binary(max_size=120) | spoiled(GOOD, *SMUGGLED))
    @settings(deadline=None, max_examples=200)
    def test_a_head_that_passes_can_be_read_in_one_way_only(self, garbage: bytes) -> None:
        for data in (garbage, garbage + b"\r\n\r\n", b"GET http://a/ HTTP/1.1\r\n" + garbage + b"\r\n\r\n"):
            with contextlib.suppress(ParseError):
                end = find_head(data)
                self.assertEqual(data.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in data else 0, end)
            with contextlib.suppress(ParseError):
                check_request_head(data)
                lines = data.removesuffix(b"\r\n\r\n").split(b"\r\n")
                self.assertEqual([line for line in lines if set(line) & set(b"\r\n\0") or line[:1] in b" \t"], [])
                names = [line.partition(b":")[0].lower() for line in lines[1:]]
                framing = [name for name in names if name in (b"content-length", b"transfer-encoding")]
                self.assertLessEqual(len(framing), 1)
