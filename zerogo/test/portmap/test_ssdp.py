"""Searching for a gateway."""

from __future__ import annotations

import contextlib
import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.portmap import ssdp
from zerogo.portmap.http import Url
from zerogo.test.spoiled import spoiled

ANSWER = b"HTTP/1.1 200 OK\r\nST: x\r\nLocation:  http://192.168.7.1:5000/rootDesc.xml\r\nEXT:\r\n\r\n"


class SsdpTests(SynchronousTestCase):
    """Searches and answers."""

    def test_search_asks_for_an_answer_at_once(self) -> None:
        lines = ssdp.emit_search(ssdp.GROUP, ssdp.TARGETS[0]).split(b"\r\n")
        self.assertEqual(lines[0], b"M-SEARCH * HTTP/1.1")
        self.assertEqual(lines[1], b"HOST: 239.255.255.250:1900")
        self.assertEqual(lines[-2:], [b"", b""])

    def test_location_is_read(self) -> None:
        self.assertEqual(ssdp.parse_answer(ANSWER), Url.parse("http://192.168.7.1:5000/rootDesc.xml"))

    def test_what_is_no_answer_is_refused(self) -> None:
        for data in (
            b"",
            ANSWER.replace(b"200", b"404"),
            ANSWER.replace(b"Location", b"Locution"),
            ANSWER.replace(b"192.168.7.1", b"router"),
            ANSWER + b"\xff",
            ANSWER + b"X: " + b"y" * 2048,
            b"NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.7.1/\r\n\r\n",
        ):
            self.assertRaises(ParseError, ssdp.parse_answer, data)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=80) | spoiled(ANSWER, b"http://[2001:db8::1]:80/x"), st.booleans())
    def test_garbage_is_a_place_by_its_address_or_a_parse_error(self, data: bytes, has_head: bool) -> None:
        with contextlib.suppress(ParseError):
            found = ssdp.parse_answer(b"HTTP/1.1 200 OK\r\nLOCATION: " * has_head + data)
            self.assertTrue(0 < found.server.port <= 65535 and ipaddress.ip_address(found.server.host))
            self.assertEqual(Url.parse(f"http://{found.server}{found.path}"), found)
