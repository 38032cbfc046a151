"""Warnings about policies that are right."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.policy.lint import lint
from zerogo.policy.reader import parse_policy
from zerogo.test.policy.test_compile import MEMBERS


class LintTests(SynchronousTestCase):
    def warnings(self, text: str) -> list[str]:
        return [finding.message for finding in lint(parse_policy(text), MEMBERS)]

    def test_a_good_policy_has_none(self) -> None:
        self.assertEqual(
            [], self.warnings("rules: [{from: anna, to: db, ports: 22}, {from: 'tag:web', to: 192.168.7.0/24}]")
        )

    def test_words_that_mean_nobody(self) -> None:
        text = "groups: {g: [eve]}\nrules: [{from: ['tag:x', group:g], to: [carl, 172.16.0.0/12]}]"
        self.assertEqual(
            [
                "rule 1: 'tag:x' is a tag that no member has",
                "rule 1: 'group:g' has no members in this network",
                "rule 1: 'carl' is no member of this network",
                "rule 1: '172.16.0.0/12' is behind no member, as far as a person approved",
            ],
            self.warnings(text),
        )

    def test_rules_that_never_decide(self) -> None:
        for first, second, is_shadowed in (
            ("{from: '*', to: '*'}", "{from: anna, to: db}", True),
            ("{from: anna, to: '*', protocol: ip}", "{from: anna, to: db}", False),
            ("{from: anna, to: '*', protocol: tcp}", "{from: anna, to: db, protocol: tcp, ports: 22}", True),
            ("{from: anna, to: '*', protocol: tcp}", "{from: anna, to: db, protocol: [tcp, udp]}", False),
            ("{from: anna, to: '*', ports: [20-30]}", "{from: anna, to: db, protocol: tcp, ports: [22, 25-30]}", True),
            ("{from: anna, to: '*', ports: [20-30]}", "{from: anna, to: db, protocol: tcp, ports: [22, 31]}", False),
            ("{from: anna, to: '*', ports: [20-30]}", "{from: anna, to: db, protocol: tcp}", False),
            ("{from: anna, to: db}", "{from: anna, to: db, action: deny}", False),
            ("{from: anna, to: db, action: deny}", "{from: anna, to: db}", True),
            ("{from: db, to: '*'}", "{from: anna, to: db}", False),
        ):
            found = [each for each in self.warnings(f"rules: [{first}, {second}]") if "never decides" in each]
            self.assertEqual(is_shadowed, bool(found), (first, second))
