"""Decisions with their reasons, tests of a policy, and comparisons."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.policy.judge import Change, Traffic, compare, decide, run_tests
from zerogo.policy.reader import parse_policy
from zerogo.policy.subject import Subject
from zerogo.test.policy.test_compile import ANNA, DB, MEMBERS, ROUTER, WEB

SSH, PING = Traffic(protocol=6, port=22), Traffic(protocol=1)


class DecisionTests(SynchronousTestCase):
    POLICY = parse_policy("rules: [{from: anna, to: db, ports: [22, 80]}, {from: tag:web, to: '*', action: deny}]")

    def test_the_rule_that_decides_is_named(self) -> None:
        allowed, refused = decide(self.POLICY, ANNA, DB, SSH), decide(self.POLICY, WEB, DB, SSH)
        by_default = decide(self.POLICY, ANNA, DB, Traffic(protocol=6, port=23))
        self.assertEqual((True, self.POLICY.rules[0]), (allowed.allows, allowed.rule))
        self.assertEqual((False, self.POLICY.rules[1]), (refused.allows, refused.rule))
        self.assertEqual((False, None), (by_default.allows, by_default.rule))

    def test_a_rule_about_ports_is_not_about_what_has_none(self) -> None:
        policy = parse_policy("rules: [{from: anna, to: db, ports: [0-65535]}]")
        self.assertTrue(decide(policy, ANNA, DB, SSH).allows)
        for traffic in (PING, Traffic(protocol=47), Traffic(protocol=6)):
            self.assertFalse(decide(policy, ANNA, DB, traffic).allows, traffic)

    def test_what_is_no_ip_is_asked_for_by_itself(self) -> None:
        self.assertFalse(decide(self.POLICY, ANNA, DB, Traffic(protocol=None)).allows)
        self.assertTrue(decide(parse_policy("ethernet: allow"), ANNA, DB, Traffic(protocol=None)).allows)


class TestTests(SynchronousTestCase):
    RULES = "groups: {all: [anna, carl, 'tag:web']}\nrules: [{from: tag:web, to: db, ports: 22}]\n"

    def failures(self, tests: str) -> list[str]:
        return [str(failure) for failure in run_tests(parse_policy(f"{self.RULES}tests: [{tests}]"), MEMBERS)]

    def test_those_that_hold_say_nothing(self) -> None:
        self.assertEqual(
            [],
            self.failures(
                "{from: web-1, to: db, port: 22}, {from: tag:web, to: db, port: 22},"
                "{from: anna, to: db, port: 22, expect: deny}, {from: '*', to: anna, protocol: icmp, expect: deny},"
                "{from: nobody, to: db, port: 22, expect: deny}, {from: '*', to: 192.168.7.0/24, port: 1, expect: deny}"
            ),
        )

    def test_one_that_fails_says_for_whom_and_by_which_rule(self) -> None:
        self.assertEqual(
            [
                "test 1 (group:all to db, tcp port 22: allow) fails: the default refuses it from anna to db",
                "test 2 (tag:web to db, tcp port 22: deny) fails: rule 1 (line 2) allows it from web-1 to db",
            ],
            self.failures("{from: group:all, to: db, port: 22}, {from: tag:web, to: db, port: 22, expect: deny}"),
        )

    def test_a_policy_is_tested_before_its_members_come(self) -> None:
        policy = parse_policy(
            f"{self.RULES}tests: [{{from: tag:web, to: db, port: 23}}, {{from: group:all, to: x, port: 1}}]"
        )
        self.assertEqual(2, len(run_tests(policy, ())))


class ComparisonTests(SynchronousTestCase):
    def test_who_gains_and_loses_what(self) -> None:
        old = parse_policy("rules: [{from: anna, to: db, protocol: tcp, ports: [22, 80-90]}]")
        new = parse_policy(
            "rules: [{from: anna, to: db, protocol: tcp, ports: [80-85]}, {from: tag:web, to: anna, protocol: icmp}]"
        )
        self.assertEqual(
            [
                Change(("anna",), ("db",), (), ("tcp 22, 86-90",)),
                Change(("web-1", "web-2"), ("anna",), ("icmp",), ()),
                Change(("router",), ("anna",), ("icmp",), ()),
            ],
            compare(old, new, MEMBERS),
        )
        self.assertEqual([], compare(old, old, MEMBERS))

    def test_ranges_that_touch_are_one_and_others_are_not(self) -> None:
        old = parse_policy("rules: [{from: anna, to: db, protocol: tcp, ports: [20, 30]}]")
        new = parse_policy("rules: [{from: anna, to: db, protocol: tcp, ports: [0, 19-21, 29-31, 33]}]")
        (change,) = compare(old, new, MEMBERS)
        self.assertEqual((change.gained, change.lost), (("tcp 0, 19, 21, 29, 31, 33",), ()))
        (change,) = compare(parse_policy("rules: []"), new, MEMBERS)
        self.assertEqual(change.gained, ("tcp 0, 19-21, 29-31, 33",))

    def test_other_words_for_the_same_change_nothing(self) -> None:
        old = parse_policy("rules: [{from: anna, to: db, protocol: tcp, ports: [1-10]}]")
        new = parse_policy("rules: [{from: anna, to: db, protocol: tcp, ports: [6-10, 1-5]}]")
        self.assertEqual([], compare(old, new, MEMBERS))

    def test_everything_has_a_word(self) -> None:
        two = (Subject(name="a"), Subject(name="b"))
        closed, opened = (
            parse_policy("rules: [{from: b, to: a, action: deny}]"),
            parse_policy("rules: [{from: a, to: b}]"),
        )
        self.assertEqual([Change(("a",), ("b",), ("everything",), ())], compare(closed, opened, two))
        self.assertEqual([Change(("a",), ("b",), (), ("everything",))], compare(opened, closed, two))

    def test_what_is_behind_a_member_is_told_apart(self) -> None:
        old = parse_policy("rules: [{from: anna, to: router, protocol: udp, ports: 53}]")
        new = parse_policy("rules: [{from: anna, to: [router, 192.168.7.0/28], protocol: udp, ports: 53}]")
        self.assertEqual(
            [Change(("anna",), ("router",), ("udp 53 at 192.168.7.0/28",), ())], compare(old, new, (ANNA, ROUTER))
        )

    def test_an_exit_is_compared_by_its_two_sides(self) -> None:
        leads_out = Subject(name="out", addresses=("10.1.0.9",), networks=("0.0.0.0/0",))
        old = parse_policy("rules: [{from: anna, to: out, protocol: tcp}]")
        new = parse_policy("rules: [{from: anna, to: out, protocol: tcp}, {from: anna, to: 0.0.0.0/0, protocol: udp}]")
        (change,) = compare(old, new, (ANNA, leads_out))
        self.assertEqual((("udp", "udp at 0.0.0.0/0"), ()), (change.gained, change.lost))
