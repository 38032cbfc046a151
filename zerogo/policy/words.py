# -*- test-case-name: zerogo.test.policy.test_words -*-
"""The rules of a filter in words, for the person at the machine that holds it."""

from __future__ import annotations

from collections.abc import Iterable

from zerogo.policy.compile import ALL_IP
from zerogo.policy.document import protocol_name
from zerogo.policy.filter import PolicyRule


def rules_in_words(rules: Iterable[PolicyRule]) -> list[str]:
    """In their order, such as `tcp 22`, `not udp 53`, `everything`; none where nothing may pass."""
    return [_in_words(rule) for rule in rules]


def _in_words(rule: PolicyRule) -> str:
    if rule.is_open:
        what = "everything"
    elif rule.protocol is None:
        what = "tcp, udp, sctp" if rule.ports else "all of IP"
    else:
        what = protocol_name(rule.protocol)
    if rule.ports is not None:
        low, high = rule.ports
        what += f" {low}" if low == high else f" {low}-{high}"
    if rule.destinations and rule.destinations != ALL_IP:
        what += " at " + ", ".join(rule.destinations)
    return what if rule.allows else f"not {what}"
