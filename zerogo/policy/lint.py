# -*- test-case-name: zerogo.test.policy.test_lint -*-
"""What is worth a look in a policy that is right: words that mean nobody, and rules that never decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from zerogo.policy.document import Policy, Rule
from zerogo.policy.errors import FINDINGS_LIMIT, Finding
from zerogo.policy.subject import Kind, Selector, Subject


def lint(policy: Policy, subjects: Iterable[Subject]) -> list[Finding]:
    """Warnings about a policy in a network of these members, by place."""
    members = tuple(subjects)
    found = [*policy.findings, *_meaningless(policy, members), *_shadowed(policy.rules)]
    return sorted(found, key=lambda finding: (finding.line, finding.column))[:FINDINGS_LIMIT]


def _meaningless(policy: Policy, members: Sequence[Subject]) -> Iterator[Finding]:
    for rule in policy.rules:
        for selector in dict.fromkeys((*rule.sources, *rule.targets)):
            if not any(selector.matches(member) for member in members):
                yield rule.place.warning(f"rule {rule.number}: {selector.text!r} {_why(selector)}")


def _why(selector: Selector) -> str:
    match selector.kind:
        case Kind.TAG:
            return "is a tag that no member has"
        case Kind.GROUP:
            return "has no members in this network"
        case Kind.NETWORK:
            return "is behind no member, as far as a person approved"
        case _:
            return "is no member of this network"


def _shadowed(rules: Sequence[Rule]) -> Iterator[Finding]:
    for at, rule in enumerate(rules):
        before = next((each for each in rules[:at] if _covers(each, rule)), None)
        if before is not None:
            yield rule.place.warning(f"rule {rule.number} never decides: rule {before.number} does before it")


def _covers(first: Rule, second: Rule) -> bool:
    """Whether the first rule decides on everything that the second one is about."""
    if not _names_all(first.sources, second.sources) or not _names_all(first.targets, second.targets):
        return False
    opens_members_alone = first.allows and all(each.kind is not Kind.ALL for each in first.targets)
    if opens_members_alone and (not second.allows or any(each.kind is Kind.ALL for each in second.targets)):
        return False
    if second.covers_ethernet and not first.covers_ethernet:
        return False
    if not second.covers_ip:
        return True
    if not first.covers_ip or (first.protocols and not set(second.protocols or (-1,)) <= set(first.protocols)):
        return False
    return not first.ports or all(
        any(low <= each[0] and each[1] <= high for low, high in first.ports) for each in second.ports or [(-1, -1)]
    )


def _names_all(first: Sequence[Selector], second: Sequence[Selector]) -> bool:
    if any(each.kind is Kind.ALL for each in first):
        return True
    known = {each.text: None for one in first for each in (one, *one.members)}
    return all(each.text in known for each in second)
