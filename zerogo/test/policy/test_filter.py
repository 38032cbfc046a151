"""Rules and filters are well-formed by construction."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import LocalError
from zerogo.policy.filter import DESTINATIONS_LIMIT, OPEN_RULE, RULES_LIMIT, PeerFilter, PolicyRule


class FilterTests(SynchronousTestCase):
    def test_what_is_no_rule_is_refused(self) -> None:
        for protocol, ports, destinations in (
            (256, None, ()),
            (-1, None, ()),
            (6, (2, 1), ()),
            (6, (0, 65536), ()),
            (None, None, ("10.0.0.1/8",)),
            (None, None, ("fe80::%eth0/64",)),
            (None, None, ("everybody",)),
        ):
            self.assertRaises(LocalError, PolicyRule, protocol, ports, destinations)

    def test_only_a_rule_without_any_condition_is_open(self) -> None:
        self.assertTrue(OPEN_RULE.is_open)
        for rule in (PolicyRule(0, None), PolicyRule(None, (0, 65535)), PolicyRule(None, None, ("0.0.0.0/0", "::/0"))):
            self.assertFalse(rule.is_open)

    def test_a_filter_is_bounded(self) -> None:
        self.assertRaises(LocalError, PeerFilter, (OPEN_RULE,) * (RULES_LIMIT + 1))
        wide = PolicyRule(None, None, ("10.0.0.0/8",) * (DESTINATIONS_LIMIT // 2 + 1))
        self.assertRaises(LocalError, PeerFilter, (), (wide, wide))

    def test_the_other_end_has_the_directions_swapped(self) -> None:
        rules = PeerFilter((OPEN_RULE,), ())
        self.assertEqual(PeerFilter((), (OPEN_RULE,)), rules.swapped)
        self.assertEqual(rules, rules.swapped.swapped)
