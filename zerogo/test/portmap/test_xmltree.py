"""XML of a gateway that means no good."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.portmap.xmltree import DEPTH_LIMIT, DOCUMENT_BYTES_LIMIT, ELEMENTS_LIMIT, parse_xml
from zerogo.test.spoiled import spoiled

LAUGHS = b"""<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]><a>&y;</a>"""
OUTSIDE = b"""<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"""


PLAIN = b'<s:a xmlns:s="urn:x"> <b> one </b><c><b>two</b></c></s:a>'


class XmlTests(SynchronousTestCase):
    """Bounds, and what is found."""

    def test_names_lose_their_prefix_and_texts_their_space(self) -> None:
        root = parse_xml(b'<s:a xmlns:s="urn:x"> <b> one </b><c><b>two</b></c></s:a>')
        self.assertEqual([each.name for each in root.walk()], ["a", "b", "c", "b"])
        self.assertEqual(root.find_text("b"), "one")
        self.assertIsNone(root.find_text("z"))

    def test_document_types_are_refused(self) -> None:
        for data in (LAUGHS, OUTSIDE, b"<!DOCTYPE a><a/>", b'<!DOCTYPE a SYSTEM "http://192.0.2.1/x"><a/>'):
            self.assertRaises(ParseError, parse_xml, data)

    def test_there_are_bounds(self) -> None:
        for data in (
            b"<a>" * (DEPTH_LIMIT + 1) + b"</a>" * (DEPTH_LIMIT + 1),
            b"<a>" + b"<b/>" * ELEMENTS_LIMIT + b"</a>",
            b"<a>" + b" " * DOCUMENT_BYTES_LIMIT + b"</a>",
        ):
            self.assertRaises(ParseError, parse_xml, data)

    def test_what_is_no_xml_is_refused(self) -> None:
        for data in (b"", b"<a>", b"<a></b>", b"\xff", b'<?xml version="1.0" encoding="klingon"?><a/>', b"<a>&x;</a>"):
            self.assertRaises(ParseError, parse_xml, data)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=60) | st.text("<>/ab!-[]&;?\"'= ", max_size=60).map(str.encode) | spoiled(LAUGHS, PLAIN))
    def test_garbage_is_elements_that_stand_in_it_or_a_parse_error(self, data: bytes) -> None:
        with contextlib.suppress(ParseError):
            found = list(parse_xml(data).walk())
            self.assertNotIn(b"<!DOCTYPE", data)
            self.assertLessEqual(len(found), data.count(b"<"))
            self.assertTrue(all(each.text == each.text.strip() and len(each.text) <= len(data) for each in found))
