"""Hosts have one spelling, and numbers in disguise are none."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.exit.target import Target


class TargetTests(SynchronousTestCase):
    def test_spellings_become_one(self) -> None:
        self.assertEqual(Target.parse("Example.NET.:443"), Target("example.net", 443))
        self.assertEqual(Target.parse("[2001:DB8:0::1]:80"), Target("2001:db8::1", 80))
        self.assertEqual(Target.parse("_srv.example.net", 80), Target("_srv.example.net", 80))
        self.assertEqual(str(Target.parse("[::1]:80")), "[::1]:80")

    def test_disguises_of_127_0_0_1_are_no_names(self) -> None:
        for host in ("127.1", "0x7f.1", "2130706433", "0177.0.0.1", "0x7f000001", "127.0.0.01", "127.0.0.1.", "1.0x"):
            with self.subTest(host):
                self.assertRaises(ParseError, Target.of, host, 80)

    def test_what_is_no_host_is_refused(self) -> None:
        for host in (
            "",
            "a b",
            "a\0b",
            "exämple.net",
            "fe80::1%eth0",
            "-a.net",
            "a..b",
            "x" * 254,
            "a/b",
            "a@b",
            "[::1]",
        ):
            with self.subTest(host):
                self.assertRaises(ParseError, Target.of, host, 80)
        for text in ("example.net", "example.net:", "example.net:99999", "a:b:c", "[::1", "[a]:80", "[::1]80", "a:-1"):
            with self.subTest(text):
                self.assertRaises(ParseError, Target.parse, text)

    @given(st.text(max_size=40))
    @settings(deadline=None, max_examples=200)
    def test_garbage_raises_parse_error_or_is_canonical(self, text: str) -> None:
        try:
            target = Target.parse(text, 80)
        except ParseError:
            return
        self.assertEqual(Target.parse(str(target)), target)
