# -*- test-case-name: zerogo.test.policy.test_reader -*-
"""A network's policy as values; as people write it, see docs/POLICY.md and `zerogo.policy.reader`."""

from __future__ import annotations

from attrs import field, frozen

from zerogo.policy.errors import Finding
from zerogo.policy.subject import Kind, Selector
from zerogo.policy.text import Place

TCP, UDP, SCTP = 6, 17, 132
PORTED = (TCP, UDP, SCTP)
"""Protocols with ports."""
PROTOCOLS: dict[str, tuple[int, ...]] = {
    "icmp": (1, 58), "tcp": (TCP,), "udp": (UDP,), "gre": (47,), "esp": (50,), "ah": (51,), "sctp": (SCTP,),
}  # fmt: skip
"""By name; ICMP is that of both families."""


def protocol_name(protocol: int | None) -> str:
    """For people; None is a frame that is not IP."""
    names = {number: name for name, numbers in PROTOCOLS.items() for number in numbers}
    return "ethernet" if protocol is None else names.get(protocol, str(protocol))


@frozen(kw_only=True)
class Rule:
    """A line of the policy. Lists that are empty mean any."""

    sources: tuple[Selector, ...]
    targets: tuple[Selector, ...]
    protocols: tuple[int, ...] = ()
    ports: tuple[tuple[int, int], ...] = ()
    covers_ip: bool = True
    covers_ethernet: bool = True
    """Whether it decides on frames that are not IP."""
    allows: bool = True
    number: int
    """From 1."""
    place: Place


@frozen(kw_only=True)
class Test:
    """What must hold of a policy."""

    source: Selector
    target: Selector
    protocol: int | None
    """None: a frame that is not IP."""
    port: int | None
    allows: bool
    number: int
    place: Place
    text: str
    """For people."""


@frozen(kw_only=True)
class Policy:
    """A policy that can be carried out."""

    rules: tuple[Rule, ...] = ()
    tests: tuple[Test, ...] = ()
    allows: bool = False
    """What no rule says."""
    allows_ethernet: bool = False
    """The same for frames that are not IP."""
    findings: tuple[Finding, ...] = field(default=(), eq=False)
    """Warnings."""

    selectors: tuple[Selector, ...] = field(init=False, eq=False, repr=False)
    """All that rules name, each once, but `*`."""

    def __attrs_post_init__(self) -> None:
        named = [each for rule in self.rules for each in (*rule.sources, *rule.targets) if each.kind is not Kind.ALL]
        found = {each.text: each for each in named}
        object.__setattr__(self, "selectors", tuple(found[text] for text in sorted(found)))
