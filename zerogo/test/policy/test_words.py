"""Filters as people are told of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.policy.compile import ALL_IP
from zerogo.policy.filter import OPEN_RULE, PolicyRule
from zerogo.policy.words import rules_in_words


class WordsTests(SynchronousTestCase):
    def test_each_rule_has_words(self) -> None:
        rules = (
            PolicyRule(6, (22, 22)),
            PolicyRule(None, (80, 90), (), False),
            PolicyRule(58, None),
            PolicyRule(201, None, ("10.0.0.0/8", "fd00::/8")),
            PolicyRule(None, None, ALL_IP),
            OPEN_RULE,
        )
        self.assertEqual(
            ["tcp 22", "not tcp, udp, sctp 80-90", "icmp", "201 at 10.0.0.0/8, fd00::/8", "all of IP", "everything"],
            rules_in_words(rules),
        )
