# -*- test-case-name: zerogo.test.policy.test_compile -*-
"""From a policy to what planes hold: the rules of each ordered pair.

Members that no rule tells apart are of one *class*: the set of selectors that match them. A member with networks behind
it is a class of its own, since rules that name it do not lead to those networks. There are few classes, so pairs of
classes are compiled, never pairs of members, and a member that joins an old class changes nobody's filters.

A rule that allows and names a member opens the member itself: its addresses, link-local and group addresses. What is
behind it is opened by `*`, or by naming the network. A rule that denies goes for the member and all behind it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from zerogo.errors import LocalError
from zerogo.policy.document import Policy, Rule
from zerogo.policy.filter import OPEN_RULE, PeerFilter, PolicyRule
from zerogo.policy.subject import Kind, Selector, Subject

ALL_IP = ("0.0.0.0/0", "::/0")
NEAR = ("224.0.0.0/4", "255.255.255.255/32", "fe80::/10", "ff00::/8")
"""What is at a member whatever its addresses: groups and link-local addresses."""
CLASS_BYTES = 8


@frozen
class Traced:
    """A rule of a filter with where it comes from: a rule of the policy, or None, its default."""

    rule: PolicyRule
    origin: Rule | None


@frozen
class Way:
    """What the first of two members may open towards the second."""

    rules: tuple[Traced, ...]
    refused_by: Rule | None = None
    """The rule that refuses what none of the others matches; None: the default, or nothing is left."""

    @property
    def plain(self) -> tuple[PolicyRule, ...]:
        """For a plane."""
        return tuple(each.rule for each in self.rules)

    @property
    def is_open(self) -> bool:
        """Whether everything may pass."""
        return self.plain == (OPEN_RULE,)


CLOSED = PeerFilter()


def class_of(policy: Policy, subject: Subject) -> bytes:
    """The class of a member: 8 bytes, empty where no rule names it."""
    matched = [each.text for each in policy.selectors if each.matches(subject)]
    if subject.networks:
        matched += ["", subject.name, str(subject.node_id), *subject.addresses, *subject.networks]
    if not matched:
        return b""
    return hashlib.blake2s("\n".join(matched).encode(), digest_size=CLASS_BYTES, person=b"zg-class").digest()


def way(policy: Policy, source: Subject, target: Subject) -> Way:
    """The rules for what `source` may open towards `target`, in order."""
    rules: list[Traced] = []
    ip: tuple[bool, Rule | None] | None = None
    ethernet: tuple[bool, Rule | None] | None = None
    for rule in policy.rules:
        if ip is not None and ethernet is not None:
            break
        matched = _matched(rule, source, target)
        if not matched:
            continue
        if rule.covers_ethernet and ethernet is None and any(each.kind is not Kind.NETWORK for each in matched):
            ethernet = rule.allows, rule
        destinations = _destinations(rule, matched, target)
        if not rule.covers_ip or ip is not None:
            continue
        if not (rule.protocols or rule.ports or destinations):
            ip = rule.allows, rule
            continue
        for protocol in rule.protocols or (None,):
            for ports in rule.ports or (None,):
                rules.append(Traced(PolicyRule(protocol, ports, destinations, rule.allows), rule))
    return _closed_off(rules, ip or (policy.allows, None), ethernet or (policy.allows_ethernet, None))


def _closed_off(rules: list[Traced], ip: tuple[bool, Rule | None], ethernet: tuple[bool, Rule | None]) -> Way:
    """The rules, and behind them what becomes of all other packets, and of frames that are not IP."""
    if ip[0] and ethernet[0]:
        rules = [*_needed(rules, True), Traced(OPEN_RULE, ip[1])]
        return Way(tuple(rules))
    if ip[0]:
        return Way((*_needed(rules, True), Traced(PolicyRule(None, None, ALL_IP), ip[1])), ethernet[1])
    if ethernet[0]:
        refused = Traced(PolicyRule(None, None, ALL_IP, False), ip[1])
        return Way((*_needed(rules, False), refused, Traced(OPEN_RULE, ethernet[1])), ip[1])
    return Way(tuple(_needed(rules, False)), ip[1])


def _needed(rules: list[Traced], allows: bool) -> list[Traced]:
    """Without those at the end that say what would happen anyway."""
    end = len(rules)
    while end and rules[end - 1].rule.allows == allows:
        end -= 1
    return rules[:end]


def _matched(rule: Rule, source: Subject, target: Subject) -> list[Selector]:
    """By which of its words a rule is about the target; none where it is not about these two."""
    if not any(each.matches(source) for each in rule.sources):
        return []
    return [each for each in rule.targets if each.matches(target)]


def _destinations(rule: Rule, matched: list[Selector], target: Subject) -> tuple[str, ...]:
    """Where at the target a rule applies; empty: everywhere."""
    networks = [each.value for each in matched if each.kind is Kind.NETWORK]
    if len(networks) == len(matched):
        return tuple(dict.fromkeys(networks))
    if not rule.allows or not target.networks or any(each.kind is Kind.ALL for each in matched):
        return ()
    return tuple(dict.fromkeys((*networks, *target.addresses, *NEAR)))


def pair_filter(policy: Policy, us: Subject, peer: Subject) -> PeerFilter | None:
    """What `us` holds its peer against; None where everything may pass. Rules beyond the bounds close the pair."""
    out, back = way(policy, us, peer), way(policy, peer, us)
    if out.is_open and back.is_open:
        return None
    try:
        return PeerFilter(out.plain, back.plain)
    except LocalError:
        return CLOSED


@frozen
class ClassFilters:
    """What the members of one class hold their peers against, by the class of the peer. Others: nothing may pass."""

    peers: Mapping[bytes, PeerFilter | None] = field(factory=dict)

    def of(self, peer_class: bytes) -> PeerFilter | None:
        """The filter for a peer of that class; None where everything may pass."""
        return self.peers.get(peer_class, CLOSED)


def compile_policy(policy: Policy, subjects: Iterable[Subject]) -> dict[bytes, ClassFilters]:
    """The filters of all classes that these members form, by class."""
    models: dict[bytes, Subject] = {}
    for subject in subjects:
        models.setdefault(class_of(policy, subject), subject)
    found: dict[tuple[bytes, bytes], PeerFilter | None] = {}
    for ours, us in models.items():
        for theirs, peer in models.items():
            mirrored = found.get((theirs, ours)) if ours != theirs else None
            found[ours, theirs] = mirrored.swapped if mirrored is not None else pair_filter(policy, us, peer)
    return {ours: ClassFilters({theirs: found[ours, theirs] for theirs in models}) for ours in models}
