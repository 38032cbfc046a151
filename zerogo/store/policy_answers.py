# -*- test-case-name: zerogo.test.store.test_policies -*-
"""Questions about policies, answered from one transaction; nothing is changed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from attrs import frozen
from sqlalchemy import Connection

from zerogo.errors import ParseError
from zerogo.ids import NetworkId
from zerogo.policy.document import PORTED, Policy, Test, protocol_name
from zerogo.policy.errors import Finding, PolicyInvalid
from zerogo.policy.judge import Change, Failure, Traffic, compare, decide, run_tests
from zerogo.policy.lint import lint
from zerogo.policy.reader import parse_policy, protocol_number
from zerogo.policy.subject import Subject, member_selector
from zerogo.store.errors import NotFound
from zerogo.store.policies import StoredPolicy, current_policy, subjects, without_filters


@frozen
class Checked:
    """What is to be said about a text. Without errors among the findings, and without failures, it could be saved."""

    findings: tuple[Finding, ...]
    tests: tuple[Test, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether it could be saved."""
        return not self.failures and not any(finding.is_error for finding in self.findings)


@frozen
class Shown:
    """The policy in force, and the members whose agents do not know filters."""

    policy: StoredPolicy
    unenforced: tuple[str, ...]


@frozen
class Preview:
    """What a text would change."""

    changes: tuple[Change, ...]
    unenforced: tuple[str, ...]


@frozen(kw_only=True)
class Question:
    """About one packet."""

    source: str
    """A member's name, node id or address."""
    target: str
    """The same, or an address behind a member."""
    protocol: str = ""
    port: int | None = None


@frozen(kw_only=True)
class Explanation:
    """What becomes of a packet, and why."""

    source: Subject
    target: Subject
    traffic: Traffic
    allows: bool
    rule_number: int | None
    line: int | None
    reason: str
    """One sentence."""
    enforced_by: tuple[str, ...]
    """Names of the ends that hold filters."""


def show(connection: Connection, network: NetworkId) -> Shown:
    """The policy in force; raises `NotFound`."""
    return Shown(current_policy(connection, network), without_filters(connection, network))


def check(connection: Connection, network: NetworkId, text: str) -> Checked:
    """Lint and tests of a text; raises `NotFound`."""
    members = subjects(connection, network)
    try:
        policy = parse_policy(text)
    except PolicyInvalid as error:
        return Checked(error.findings)
    return Checked(tuple(lint(policy, members)), policy.tests, tuple(run_tests(policy, members)))


def preview(connection: Connection, network: NetworkId, text: str) -> Preview:
    """Who gains and loses access with a text; raises `NotFound` or `PolicyInvalid`."""
    before = parse_policy(current_policy(connection, network).text)
    members = subjects(connection, network)
    return Preview(tuple(compare(before, parse_policy(text), members)), _unenforced(members))


def explain(connection: Connection, network: NetworkId, question: Question) -> Explanation:
    """What the policy in force does to a packet; raises `NotFound`, `ParseError`."""
    policy = parse_policy(current_policy(connection, network).text)
    members = subjects(connection, network)
    source, _ = find_subject(question.source, members)
    target, destination = find_subject(question.target, members)
    traffic = _traffic(question, destination)
    found = decide(policy, source, target, traffic)
    return Explanation(
        source=source,
        target=target,
        traffic=traffic,
        allows=found.allows,
        rule_number=None if found.rule is None else found.rule.number,
        line=None if found.rule is None else found.rule.place.line,
        reason=_reason(policy, found.allows, None if found.rule is None else found.rule.number, traffic),
        enforced_by=tuple(each.name for each in (source, target) if each.can_enforce),
    )


def find_subject(text: str, members: Sequence[Subject]) -> tuple[Subject, str | None]:
    """A member by name, node id or address, or by an address behind it, which then comes along; raises `NotFound`."""
    named = member_selector(text)
    for member in members:
        if named.matches(member) or str(member.node_id) == text or text in member.addresses:
            return member, None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise NotFound(f"there is no member {text[:63]!r} in this network") from None
    behind = [
        (ipaddress.ip_network(network).prefixlen, at)
        for at, member in enumerate(members)
        for network in member.networks
        if address in ipaddress.ip_network(network)
    ]
    if not behind:
        raise NotFound(f"{text} is no member's address, and in no network behind one")
    return members[max(behind)[1]], str(address)


def _traffic(question: Question, destination: str | None) -> Traffic:
    name = question.protocol.lower() or ("icmp" if question.port is None else "tcp")
    protocol = None if name == "ethernet" else protocol_number(name)
    if protocol is None and name != "ethernet":
        raise ParseError(f"{name[:40]!r} is not a protocol, such as tcp or icmp")
    if (protocol in PORTED) != (question.port is not None):
        raise ParseError("tcp, udp and sctp need a port" if protocol in PORTED else f"{name} has no ports")
    return Traffic(protocol=protocol, port=question.port, destination=destination)


def _reason(policy: Policy, allows: bool, rule: int | None, traffic: Traffic) -> str:
    does = "allows" if allows else "refuses"
    if rule is not None:
        line = policy.rules[rule - 1].place.line
        return f"rule {rule} (line {line}) {does} {traffic}"
    key = "ethernet" if protocol_name(traffic.protocol) == "ethernet" else "default"
    return f"no rule is about {traffic} between these two, and the policy's {key} {does} it"


def _unenforced(members: Iterable[Subject]) -> tuple[str, ...]:
    return tuple(sorted(member.name for member in members if not member.can_enforce))
