"""Policies as they are written: what they mean, and where they are wrong."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.policy.document import Policy
from zerogo.policy.errors import PolicyInvalid
from zerogo.policy.judge import run_tests
from zerogo.policy.reader import EXPANDED_LIMIT, GROUPS_DEPTH_LIMIT, parse_policy
from zerogo.policy.subject import Subject

EXAMPLE = """
default: deny
groups:
  admins: [anna, 'tag:admin']
  staff: [group:admins, bob]
hosts:
  office: 192.168.7.0/24
rules:
  - {from: group:admins, to: '*', comment: whoever runs this}
  - from: tag:web
    to: [db, host:office]
    protocol: tcp
    ports: [22, 8000-8100]
  - {from: '*', to: '*', protocol: [icmp, 47], action: deny}
tests:
  - {from: bob, to: db, port: 22, expect: deny}
  - {from: anna, to: db, protocol: icmp}
"""
documents = st.recursive(
    st.sampled_from(
        ["*", "tag:a", "group:a", "host:h", "anna", "10.0.0.0/8", "tcp", "22", "22-23", "deny", "", "é", "0"]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["default", "groups", "hosts", "rules", "tests", "from", "to", "ports", "port", "protocol"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)


class ReadingTests(SynchronousTestCase):
    def findings(self, text: str) -> list[str]:
        return [str(finding) for finding in self.assertRaises(PolicyInvalid, parse_policy, text).findings]

    def test_the_example(self) -> None:
        policy = parse_policy(EXAMPLE)
        first, second, third = policy.rules
        self.assertFalse(policy.allows or policy.allows_ethernet)
        self.assertEqual((True, True, True), (first.covers_ip, first.covers_ethernet, first.allows))
        self.assertEqual(((6,), ((22, 22), (8000, 8100))), (second.protocols, second.ports))
        self.assertEqual(((1, 58, 47), (), False), (third.protocols, third.ports, third.allows))
        self.assertEqual([False, True], [test.allows for test in policy.tests])
        self.assertEqual(["db", "group:admins", "host:office", "tag:web"], [each.text for each in policy.selectors])

    def test_the_example_of_the_manual_is_right(self) -> None:
        file = Path(__file__).parents[3] / "docs" / "POLICY.md"
        if not file.exists():
            raise SkipTest("the manual is not where the tests are")
        manual = file.read_text(encoding="utf-8")
        policy = parse_policy(manual.partition("```yaml\n")[2].partition("```")[0])
        self.assertEqual((3, 2), (len(policy.rules), len(policy.tests)))
        self.assertEqual([], run_tests(policy, ()))

    def test_json_is_taken_too(self) -> None:
        text = json.dumps({"default": "allow", "rules": [{"from": "*", "to": "tag:db", "ports": "5432"}]})
        policy = parse_policy(text)
        self.assertEqual((True, True, ((5432, 5432),)), (policy.allows, policy.allows_ethernet, policy.rules[0].ports))

    def test_nothing_written_allows_nothing(self) -> None:
        self.assertEqual(Policy(), parse_policy(""))

    def test_groups_hold_what_groups_in_them_hold(self) -> None:
        policy = parse_policy("groups: {a: [group:b, x], b: ['tag:t']}\nrules: [{from: group:a, to: '*'}]")
        (group,) = policy.rules[0].sources
        self.assertTrue(group.matches(Subject(name="any", tags=("t",))))
        self.assertTrue(group.matches(Subject(name="X")))
        self.assertFalse(group.matches(Subject(name="y")))

    def test_what_is_wrong_is_told_with_its_place(self) -> None:
        text = (
            "default: maybe\nrules:\n"
            "  - {from: group:none, to: 'a b', protocol: tcpp, ports: [70000, 9-8]}\n  - {to: x}\n"
        )
        self.assertEqual(
            [
                "line 1, column 10: default is one of: deny, allow",
                "line 3, column 12: there is no group 'none'",
                "line 3, column 28: 'a b' is neither '*', group:, tag:, host:, a member nor a network",
                "line 3, column 45: 'tcpp' is not a protocol: any, ip, ethernet, icmp, tcp, udp, gre, esp, ah, sctp, "
                "or a number of IP",
                "line 3, column 59: '70000' is not a port such as 22, or a range such as 8000-8100",
                "line 3, column 66: '9-8' is not a port such as 22, or a range such as 8000-8100",
                "line 4, column 5: 'from' is missing",
            ],
            self.findings(text),
        )

    def test_other_mistakes_are_found(self) -> None:
        for text, part in (
            ("rule: []", "'rule' is not known here"),
            ("rules: [{from: '*', to: '*', protocol: icmp, ports: 1}]", "only tcp, udp and sctp have ports"),
            ("rules: [{from: '*', to: '*', protocol: ip, ports: 1, action: drop}]", "action is one of"),
            ("rules: [{from: 10.0.0.0/8, to: '*'}]", "a network is a destination only"),
            ("rules: [{from: '*', to: host:x}]", "there is no host 'x'"),
            ("rules: [{from: '*', to: 10.0.0.1/8}]", "nor a network"),
            ("rules: [{from: '*', to: 'fe80::1%eth0'}]", "nor a network"),
            ("rules: [{from: [], to: x}]", "'from' names nobody"),
            ("rules: [{from: 'tag:A b', to: x}]", "is not a tag"),
            ("rules: {from: x, to: y}", "rules are a list"),
            ("rules: [x]", "keys and values are wanted"),
            ("rules: [{from: [[x]], to: y}]", "a word is wanted here"),
            ("hosts: {a: b}", "is not a network"),
            ("groups: {a: [group:b], b: [group:a]}", "contains itself"),
            ("groups: [a]", "groups are names"),
            ("tests: [{from: x, to: y}]", "names one port"),
            ("tests: [{from: x, to: y, port: 1-2}]", "names one port"),
            ("tests: [{from: [x, z], to: y, port: 1}]", "one from and one to"),
            ("tests: [{from: x, to: y, protocol: any}]", "is not one protocol"),
            ("a: 1\na: 2", "stands here a second time"),
            ("- a", "a policy has keys and values"),
            ("a: [", "this is not YAML"),
            ("a: \x00", "this is not YAML"),
            ("a: \ud800", "this is not YAML"),
        ):
            self.assertTrue(any(part in finding for finding in self.findings(text)), (text, self.findings(text)))

    def test_what_would_cost_too_much_is_refused(self) -> None:
        bomb = "groups: &a {x: [b]}\nhosts: *a"
        deep = "a: " + "[" * 30 + "]" * 30
        chain = "groups:\n" + "".join(f"  g{n}: [group:g{n + 1}]\n" for n in range(GROUPS_DEPTH_LIMIT + 2))
        ports = ", ".join(str(port) for port in range(1, 61))
        rules = (
            f"rules: [{{from: x, to: y, ports: [{ports}]}}, {{from: x, to: z, protocol: [tcp, udp], ports: [{ports}]}}]"
        )
        self.assertIn("anchors", self.findings(bomb)[0])
        self.assertIn("nested deeper", self.findings(deep)[0])
        self.assertIn("deep", "".join(self.findings(chain)))
        self.assertIn(f"not {EXPANDED_LIMIT}", self.findings(rules)[0])
        self.assertIn("256 KiB", self.findings("#" * 300_000)[0])
        self.assertIn("tags of YAML", self.findings("a: !!python/object:os.system x")[0])

    @settings(deadline=None, max_examples=80)
    @given(documents)
    def test_any_tree_is_a_policy_or_an_error(self, document: object) -> None:
        try:
            parse_policy(json.dumps(document))
        except ParseError as error:
            self.assertIsInstance(error, PolicyInvalid)

    @settings(deadline=None, max_examples=60)
    @given(st.text(max_size=60))
    def test_any_text_is_a_policy_or_an_error(self, text: str) -> None:
        try:
            parse_policy(text)
        except PolicyInvalid as error:
            self.assertTrue(error.findings)
