# -*- test-case-name: zerogo.test.policy.test_judge -*-
"""What a policy does: to one packet, with the rule that decides; to its own tests; and compared with another policy."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from zerogo.policy.compile import ALL_IP, NEAR, Way, class_of, way
from zerogo.policy.document import PORTED, Policy, Rule, Test, protocol_name
from zerogo.policy.filter import PORT_MAX, PolicyRule
from zerogo.policy.subject import Kind, Selector, Subject

CHANGES_LIMIT = 200
"""Changes that a comparison lists."""
COMPARED_LIMIT = 4096
"""Pairs of classes that are compared."""


@frozen(kw_only=True)
class Traffic:
    """The first packet of a flow."""

    protocol: int | None
    """None: a frame that is not IP."""
    port: int | None = None
    destination: str | None = None
    """None: an address of the member itself."""

    def __str__(self) -> str:
        name = protocol_name(self.protocol)
        return name if self.port is None else f"{name} port {self.port}"


@frozen
class Decision:
    """Whether it may pass, and the rule that says so; None: the default."""

    allows: bool
    rule: Rule | None


def decide(policy: Policy, source: Subject, target: Subject, traffic: Traffic) -> Decision:
    """What becomes of a packet between two members."""
    return decide_on(way(policy, source, target), target, traffic)


def decide_on(rules: Way, target: Subject, traffic: Traffic) -> Decision:
    """As `decide`, by rules that are compiled."""
    address = traffic.destination or next(iter(target.addresses), None)
    for each in rules.rules:
        if _matches(each.rule, traffic, address):
            return Decision(each.rule.allows, each.origin)
    return Decision(False, rules.refused_by)


def _matches(rule: PolicyRule, traffic: Traffic, address: str | None) -> bool:
    if traffic.protocol is None:
        return rule.is_open
    if rule.protocol not in (None, traffic.protocol):
        return False
    if rule.ports is not None:
        if traffic.protocol not in PORTED or traffic.port is None:
            return False
        if not rule.ports[0] <= traffic.port <= rule.ports[1]:
            return False
    return not rule.destinations or address is None or _is_within(address, rule.destinations)


def _is_within(address: str, prefixes: Sequence[str]) -> bool:
    place = ipaddress.ip_address(address)
    return any(place in ipaddress.ip_network(prefix) for prefix in prefixes)


@frozen
class Failure:
    """A test that does not hold, and between whom."""

    test: Test
    source: str
    target: str
    rule: Rule | None

    def __str__(self) -> str:
        by = "the default" if self.rule is None else f"rule {self.rule.number} (line {self.rule.place.line})"
        does = "refuses" if self.test.allows else "allows"
        return f"test {self.test.number} ({self.test.text}) fails: {by} {does} it from {self.source} to {self.target}"


def run_tests(policy: Policy, subjects: Iterable[Subject]) -> list[Failure]:
    """The tests of a policy that fail, each with the first pair that it fails for."""
    members = tuple(subjects)
    return [failure for test in policy.tests for failure in _run(policy, test, members)]


def _run(policy: Policy, test: Test, members: Sequence[Subject]) -> Iterator[Failure]:
    done: dict[tuple[bytes, bytes], None] = {}
    for source in _stand_ins(test.source, members):
        for target in _stand_ins(test.target, members):
            pair = class_of(policy, source), class_of(policy, target)
            if pair in done or (source is target and test.source != test.target):
                continue
            done[pair] = None
            found = decide(policy, source, target, Traffic(protocol=test.protocol, port=test.port, **_at(test.target)))
            if found.allows != test.allows:
                yield Failure(test, source.name, target.name, found.rule)
                return


def _at(target: Selector) -> dict[str, str]:
    """The first address of a network that is the target."""
    return {"destination": target.value.partition("/")[0]} if target.kind is Kind.NETWORK else {}


def _stand_ins(selector: Selector, members: Sequence[Subject]) -> list[Subject]:
    """Members that a test speaks of, and one that there could be where a policy comes before its members."""
    found = [member for member in members if selector.matches(member)]
    match selector.kind:
        case Kind.TAG:
            found.append(Subject(name=f"a member with {selector.text}", tags=(selector.value,)))
        case Kind.MEMBER if not found:
            found.append(Subject(name=selector.text))
        case Kind.NETWORK if not found:
            found.append(Subject(name=f"a member with {selector.text}", networks=(selector.value,)))
        case Kind.GROUP:
            missing = [each for each in selector.members if not any(each.matches(member) for member in members)]
            found += [one for each in missing for one in _stand_ins(each, ())]
        case Kind.ALL if not found:
            found.append(Subject(name="a member"))
    return found


@frozen
class Change:
    """What some members may open towards others with one policy and not with another."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    gained: tuple[str, ...]
    """Such as `tcp 22`, or `everything`."""
    lost: tuple[str, ...]


def compare(old: Policy, new: Policy, subjects: Iterable[Subject]) -> list[Change]:
    """Who gains and loses access. Members that neither policy tells apart are named together."""
    alike: dict[tuple[bytes, bytes], list[Subject]] = {}
    for subject in subjects:
        alike.setdefault((class_of(old, subject), class_of(new, subject)), []).append(subject)
    changes: list[Change] = []
    pairs = itertools.islice(itertools.product(alike.values(), alike.values()), COMPARED_LIMIT)
    for sources, targets in pairs:
        source, target = sources[0], targets[0]
        if (source is not target or len(sources) > 1) and len(changes) < CHANGES_LIMIT:
            gained, lost = _difference(way(old, source, target), way(new, source, target), target)
            if gained or lost:
                changes.append(Change(_names(sources), _names(targets), gained, lost))
    return changes


def _names(subjects: Iterable[Subject]) -> tuple[str, ...]:
    return tuple(sorted(subject.name for subject in subjects))


def _difference(old: Way, new: Way, target: Subject) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if old.plain == new.plain:
        return (), ()
    before, after = accesses(old, target, (old, new)), accesses(new, target, (old, new))
    gained = tuple(_spelt({key: ports - before.get(key, frozenset()) for key, ports in after.items()}))
    lost = tuple(_spelt({key: ports - after.get(key, frozenset()) for key, ports in before.items()}))
    return gained, lost


Access = dict[tuple[str, str], frozenset[tuple[int, int]]]
"""By destination and protocol, the ranges of ports that are open; without ports the range is -1 to -1."""


def accesses(rules: Way, target: Subject, described: Iterable[Way]) -> Access:
    """What a way lets pass, cut at all borders that any of the ways described has, so that two can be compared."""
    known = [each.rule for one in described for each in one.rules]
    borders = {0, PORT_MAX + 1}
    for rule in known:
        borders.update(() if rule.ports is None else (rule.ports[0], rule.ports[1] + 1))
    cuts = sorted(borders)
    ranges = [(low, high - 1) for low, high in itertools.pairwise(cuts)]
    protocols = sorted({*PORTED, 1, *(rule.protocol for rule in known if rule.protocol is not None)})
    other = next(number for number in range(253, 0, -1) if number not in protocols)
    found: Access = {}
    for name, address in _destinations(known, target):
        for protocol in (*protocols, other):
            label = "other protocols" if protocol == other else protocol_name(protocol)
            for low, high in ranges if protocol in PORTED else [(-1, -1)]:
                traffic = Traffic(protocol=protocol, port=low if low >= 0 else None, destination=address)
                if decide_on(rules, target, traffic).allows:
                    found[name, label] = found.get((name, label), frozenset()) | {(low, high)}
    if decide_on(rules, target, Traffic(protocol=None)).allows:
        found["", "ethernet"] = frozenset({(-1, -1)})
    return found


def _destinations(rules: Iterable[PolicyRule], target: Subject) -> list[tuple[str, str | None]]:
    """The member itself, and an address of each network behind it that rules tell apart."""
    behind = dict.fromkeys(target.networks)
    for rule in rules:
        named = [each for each in rule.destinations if each not in (*NEAR, *ALL_IP, *target.addresses)]
        inner = [each for each in named if any(_contains(network, each) for network in target.networks)]
        behind.update(dict.fromkeys(inner))
    return [("", None), *((prefix, _stands_for(prefix, tuple(behind))) for prefix in behind)]


def _stands_for(prefix: str, others: Sequence[str]) -> str:
    """An address of a network that is in none of the others within it, where there is one."""
    network = ipaddress.ip_network(prefix)
    inner = [ipaddress.ip_network(each) for each in others if each != prefix and _contains(prefix, each)]
    after = [each.broadcast_address + 1 for each in inner if each.broadcast_address != network.broadcast_address]
    candidates = (network.network_address, network.broadcast_address, *after)
    return str(next((each for each in candidates if not any(each in one for one in inner)), candidates[0]))


def _contains(network: str, prefix: str) -> bool:
    outer, inner = ipaddress.ip_network(network), ipaddress.ip_network(prefix)
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _spelt(access: Access) -> Iterator[str]:
    """For people: `tcp 22, 80-90`, and `everything` where nothing is left out."""
    by_place: dict[str, dict[str, str]] = {}
    for (place, protocol), ports in access.items():
        if ports:
            by_place.setdefault(place, {})[protocol] = _ports(ports)
    for place, protocols in by_place.items():
        where = f" at {place}" if place else ""
        names = [name for name in protocols if name != "ethernet"]
        if "other protocols" in names and not any(protocols[name] for name in names) and len(names) >= len(PORTED) + 2:
            yield f"everything{where}" if place or "ethernet" in protocols else "all of IP"
            continue
        for name, spelt in protocols.items():
            yield f"{name}{' ' if spelt else ''}{spelt}{where}"


def _ports(ranges: Iterable[tuple[int, int]]) -> str:
    """Ranges joined where they touch; empty where they are all."""
    joined: list[list[int]] = []
    for low, high in sorted(ranges):
        if low < 0:
            return ""
        if joined and joined[-1][1] + 1 == low:
            joined[-1][1] = high
        else:
            joined.append([low, high])
    if joined == [[0, PORT_MAX]]:
        return ""
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in joined)
