"""HTTP answers and URLs of a gateway."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.portmap.http import ANSWER_BYTES_LIMIT, HttpAnswer, Url, emit_get, emit_post, parse_answer
from zerogo.test.spoiled import spoiled

HEAD = b"HTTP/1.1 200 OK\r\nServer: x\r\n"


class UrlTests(SynchronousTestCase):
    """Literal addresses only."""

    def test_addresses_are_read(self) -> None:
        self.assertEqual(Url.parse("http://192.168.7.1:5000/a.xml"), Url(SocketAddress("192.168.7.1", 5000), "/a.xml"))
        self.assertEqual(Url.parse("HTTP://192.168.7.1"), Url(SocketAddress("192.168.7.1", 80), "/"))
        self.assertEqual(Url.parse("http://[fd00::1]:80/x").server, SocketAddress("fd00::1", 80))

    def test_everything_else_is_refused(self) -> None:
        for text in (
            "http://router.local/a.xml",
            "https://192.168.7.1/",
            "http://192.168.7.1:0/",
            "http://192.168.7.1:70000/",
            "http://user@192.168.7.1/",
            "http://192.168.7.1/a b",
            "http://192.168.7.1/a\r\nX: y",
            "http://999.1.1.1/",
            "http://[::1/",
            "http://0300.0250.07.01/",
            "http://192.168.7.1/" + "a" * 600,
        ):
            self.assertRaises(ParseError, Url.parse, text)

    def test_references_stay_on_the_server_unless_they_name_another_address(self) -> None:
        page = Url.parse("http://192.168.7.1:5000/dir/a.xml?q=/x")
        self.assertEqual(page.join("/ctl").path, "/ctl")
        self.assertEqual(page.join("ctl#part").path, "/dir/ctl")
        self.assertEqual(page.join("http://10.0.0.1/ctl").server.host, "10.0.0.1")
        for text in ("//10.0.0.1/ctl", "", "a b", "/a\r\nX: y", "ftp://10.0.0.1/"):
            self.assertRaises(ParseError, page.join, text)

    @settings(deadline=None, max_examples=200)
    @given(
        st.text(max_size=60) | spoiled(b"192.168.7.1:5000/a.xml", b"b?q#f").map(lambda data: data.decode("latin-1")),
        st.booleans(),
    )
    def test_garbage_is_a_place_that_fits_one_line_or_a_parse_error(self, text: str, is_reference: bool) -> None:
        with contextlib.suppress(ParseError):
            url = Url.parse("http://192.168.7.1/a").join(text) if is_reference else Url.parse("http://" + text)
            self.assertEqual(emit_get(url).count(b"\r\n"), 4)
            self.assertTrue(url.path.startswith("/") and set(url.path) <= set(map(chr, range(0x21, 0x7F))))


BODIES = (b"content-length: 4\r\n\r\nbody", b"\r\n2;x=y\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n")


class AnswerTests(SynchronousTestCase):
    """Answers, in pieces and whole."""

    def test_requests_end_the_connection(self) -> None:
        url = Url.parse("http://192.168.7.1:5000/a.xml")
        self.assertEqual(emit_get(url), b"GET /a.xml HTTP/1.1\r\nHost: 192.168.7.1:5000\r\nConnection: close\r\n\r\n")
        self.assertTrue(emit_post(url, "urn:x#Y", b"body").endswith(b"Content-Length: 4\r\n\r\nbody"))

    def test_length_ends_a_body(self) -> None:
        data = HEAD + b"content-length: 4\r\n\r\nbody"
        for end in range(len(data)):
            self.assertIsNone(parse_answer(data[:end], is_closed=False))
        self.assertEqual(parse_answer(data + b"more", is_closed=False), HttpAnswer(200, b"body"))

    def test_without_a_length_the_end_of_the_connection_does(self) -> None:
        self.assertIsNone(parse_answer(HEAD + b"\r\nbody", is_closed=False))
        self.assertEqual(parse_answer(HEAD + b"\r\nbody", is_closed=True), HttpAnswer(200, b"body"))

    def test_chunks_are_put_together(self) -> None:
        data = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
        for end in range(len(data) - 4):
            self.assertIsNone(parse_answer(data[:end], is_closed=False))
        self.assertEqual(parse_answer(data, is_closed=False), HttpAnswer(200, b"body"))

    def test_what_is_cut_off_or_too_long_is_refused(self) -> None:
        for data in (
            HEAD,
            HEAD + b"Content-Length: 9\r\n\r\nbody",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nbo",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            HEAD + b"Content-Length: -1\r\n\r\n",
            HEAD + b"Content-Length: 999999999\r\n\r\n",
            b"SSH-2.0-x\r\n\r\n",
            HEAD + b" folded\r\n\r\n",
        ):
            self.assertRaises(ParseError, parse_answer, data, is_closed=True)
        self.assertRaises(ParseError, parse_answer, bytes(ANSWER_BYTES_LIMIT + 1), is_closed=False)
        self.assertRaises(ParseError, parse_answer, b"x" * 9000, is_closed=False)

    @settings(deadline=None, max_examples=200)
    @given(
        st.binary(max_size=200) | spoiled(*BODIES),
        st.booleans(),
        st.sampled_from([b"", HEAD, HEAD + b"Transfer-Encoding: chunked\r\n"]),
    )
    def test_garbage_is_an_answer_from_its_bytes_or_not_whole_yet_or_a_parse_error(
        self, data: bytes, is_closed: bool, head: bytes
    ) -> None:
        with contextlib.suppress(ParseError):
            found = parse_answer(head + data, is_closed=is_closed)
            self.assertFalse(found is None and is_closed)
            if found is not None:
                self.assertIn(str(found.status).encode(), (head + data)[9:12])
                self.assertTrue(found.body in data or b"chunked" in (head + data).lower())
