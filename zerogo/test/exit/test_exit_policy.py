"""What an edge lets through, and what no rule opens."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.exit.exit_policy import JUDGED_LIMIT, ExitPolicy, Rule
from zerogo.exit.reason import Reason
from zerogo.policy.addresses import AddressRule

PUBLIC = ipaddress.ip_address("192.0.1.1")


def policy(*rules: str) -> ExitPolicy:
    return ExitPolicy(tuple(Rule.parse(rule) for rule in rules))


class ExitPolicyTests(SynchronousTestCase):
    def test_the_web_passes_and_mail_and_windows_do_not(self) -> None:
        for port in (80, 443, 22, 993, 8080):
            self.assertIsNone(ExitPolicy().refusal("", PUBLIC, port))
        for port in (0, 23, 25, 135, 139, 445, 3389, 6379, 6881):
            self.assertIs(ExitPolicy().refusal("", PUBLIC, port), Reason.POLICY)

    def test_private_addresses_in_every_disguise_are_prohibited(self) -> None:
        for text in (
            *("127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
            *("::1", "::", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1", "fd00::1"),
            *(
                "fc00::1",
                "ff02::1",
                "224.0.0.1",
                "255.255.255.255",
                "2001:0:1::1",
                "100.100.100.200",
                "64:ff9b:1::a00:1",
            ),
        ):
            with self.subTest(text):
                self.assertIs(policy("accept *:*").refusal("", ipaddress.ip_address(text), 80), Reason.PROHIBITED)

    def test_own_addresses_are_prohibited_in_every_disguise(self) -> None:
        own = ExitPolicy((Rule.parse("accept *:*"),), own=frozenset({PUBLIC}))
        self.assertIs(own.refusal("", PUBLIC, 80), Reason.PROHIBITED)
        self.assertIs(own.refusal("", ipaddress.ip_address("64:ff9b::c000:101"), 80), Reason.PROHIBITED)

    def test_an_owner_opens_a_range_by_name_only(self) -> None:
        opened = ExitPolicy(opened=AddressRule((ipaddress.ip_network("10.1.0.0/16"),)))
        self.assertIsNone(opened.refusal("", ipaddress.ip_address("10.1.2.3"), 80))
        self.assertIs(opened.refusal("", ipaddress.ip_address("10.2.2.3"), 80), Reason.PROHIBITED)
        self.assertIs(opened.refusal("", ipaddress.ip_address("10.1.2.3"), 25), Reason.POLICY)

    def test_the_first_match_wins_and_an_owner_may_close_everything_else(self) -> None:
        rules = policy("reject 192.0.1.0/24:80", "accept *:80", "accept .example.net:25", "reject *:*")
        self.assertIs(rules.refusal("", PUBLIC, 80), Reason.POLICY)
        self.assertIsNone(rules.refusal("", ipaddress.ip_address("192.0.3.1"), 80))
        self.assertIsNone(rules.refusal("mail.example.net", PUBLIC, 25))
        self.assertIs(rules.refusal("mail.badexample.net", PUBLIC, 25), Reason.POLICY)
        self.assertEqual(rules.port_ranges(), [(80, 80)])

    def test_the_summary_says_what_refusal_does(self) -> None:
        rules = policy("accept *:25", "reject *:8000-8010")
        ranges = rules.port_ranges()
        for port in (1, 24, 25, 26, 445, 7999, 8000, 8010, 8011, 65535):
            is_listed = any(low <= port <= high for low, high in ranges)
            self.assertEqual(is_listed, rules.refusal("", PUBLIC, port) is None, port)

    def test_what_is_remembered_is_what_was_found_and_is_bounded(self) -> None:
        rules = policy("reject *:8000-8010", "accept example.net:25")
        hosts = ("192.0.1.1", "127.0.0.1", "::ffff:10.0.0.1", "2606:4700::1")
        places = [(name, host, port) for name in ("", "example.net") for host in hosts for port in (25, 443, 8005)]
        for name, host, port in [*places, *places]:
            expected = rules.refusal(name, ipaddress.ip_address(host), port)
            self.assertIs(rules.judgement(name, host, port), expected, (name, host, port))
        for number in range(JUDGED_LIMIT + 1):
            rules.judgement(f"h{number}.example", "192.0.1.1", 80)
        self.assertLessEqual(len(rules._judged), JUDGED_LIMIT)
        self.assertRaises(ParseError, rules.judgement, "", "127.1", 80)

    def test_a_range_is_held_against_the_address_as_written_and_as_it_leads(self) -> None:
        mapped = ipaddress.ip_address("::ffff:192.0.1.1")
        for text, is_about in (("192.0.1.0/24", True), ("[::ffff:0:0]/96", True), ("192.0.2.0/24", False)):
            self.assertEqual(Rule.parse(f"reject {text}:80").matches("", mapped, 80), is_about, text)

    def test_what_is_no_rule_is_refused(self) -> None:
        for text in ("", "deny *:80", "accept", "accept *", "accept :80", "reject 80", "accept *:80-", "accept *:-80"):
            self.assertRaises(ParseError, Rule.parse, text)
        for ports in ("81-80", "65536", "1-65536", "+80", "8 0", "\u0663"):
            self.assertRaises(ParseError, Rule.parse, f"accept *:{ports}")
        self.assertEqual(Rule.parse("accept *:1-65535").high, 65535)

    def test_ports_that_follow_each_other_are_one_range(self) -> None:
        rules = policy("accept *:80", "accept *:81-90", "reject *:100", "accept *:91-110", "reject *:*")
        self.assertEqual(rules.port_ranges(), [(80, 99), (101, 110)])

    def test_rules_print_as_they_parse(self) -> None:
        for text in ("reject *:25", "accept 192.0.2.0/24:80-443", "reject [2001:db8::/32]:*", "reject example.net:*"):
            self.assertEqual(Rule.parse(str(Rule.parse(text))), Rule.parse(text))

    @given(st.text(max_size=40))
    @settings(deadline=None, max_examples=200)
    def test_garbage_raises_parse_error_or_parses_back(self, text: str) -> None:
        for line in (text, "reject " + text, f"accept {text}:80"):
            try:
                rule = Rule.parse(line)
            except ParseError:
                continue
            self.assertEqual(Rule.parse(str(rule)), rule)
