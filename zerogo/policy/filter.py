# -*- test-case-name: zerogo.test.policy.test_filter -*-
"""What one member lets pass to and from another: the form in which a policy reaches a data plane.

A controller knows members, groups and tags; a plane knows peers. So a policy is compiled to one `PeerFilter` per
ordered pair, and the two ends of a pair hold the same rules with the directions swapped. Rules are ordered, the first
that matches a frame decides, and what none matches is refused. What a frame counts as, and what passes without a rule,
is section 13 of docs/PROTOCOL.md; `zerogo.switch.gate` carries it out.
"""

from __future__ import annotations

import ipaddress

from attrs import field, frozen

from zerogo.errors import LocalError

RULES_LIMIT = 128
"""Rules in one direction of a filter."""
DESTINATIONS_LIMIT = 1024
"""Prefixes in all rules of one direction together."""
PORT_MAX = 65535
PROTOCOL_MAX = 255


def _check_protocol(rule: object, attribute: object, protocol: int | None) -> None:
    if protocol is not None and not 0 <= protocol <= PROTOCOL_MAX:
        raise LocalError(f"{protocol} is not a protocol number")


def _check_ports(rule: object, attribute: object, ports: tuple[int, int] | None) -> None:
    if ports is not None and not 0 <= ports[0] <= ports[1] <= PORT_MAX:
        raise LocalError(f"{ports[0]}-{ports[1]} are not ports")


def _check_destinations(rule: object, attribute: object, destinations: tuple[str, ...]) -> None:
    for prefix in destinations:
        try:
            ipaddress.ip_network(prefix)
        except ValueError as error:
            raise LocalError(f"{prefix[:60]!r} is not an IP prefix") from error
        if "%" in prefix:
            raise LocalError(f"{prefix[:60]!r} has a zone id")


@frozen
class PolicyRule:
    """One line of a filter. It matches a frame whose every part that the rule names is as the rule says."""

    protocol: int | None = field(validator=_check_protocol)
    """IP protocol number; None: any."""
    ports: tuple[int, int] | None = field(validator=_check_ports)
    """Lowest and highest destination port; matches TCP, UDP and SCTP alone. None: any, and protocols without ports."""
    destinations: tuple[str, ...] = field(default=(), validator=_check_destinations)
    """IP prefixes, such as `10.20.0.0/24`; empty: any."""
    allows: bool = True
    """Whether what matches may pass."""

    @property
    def is_open(self) -> bool:
        """Whether it matches everything, frames that are not IP too."""
        return self.protocol is None and self.ports is None and not self.destinations


def _check_rules(instance: object, attribute: object, rules: tuple[PolicyRule, ...]) -> None:
    if len(rules) > RULES_LIMIT or sum(len(rule.destinations) for rule in rules) > DESTINATIONS_LIMIT:
        raise LocalError(f"a filter has at most {RULES_LIMIT} rules and {DESTINATIONS_LIMIT} destinations a direction")


@frozen
class PeerFilter:
    """What may be opened between us and one peer; answers to what was opened pass by themselves."""

    outbound: tuple[PolicyRule, ...] = field(default=(), validator=_check_rules)
    """What we may open towards the peer."""
    inbound: tuple[PolicyRule, ...] = field(default=(), validator=_check_rules)
    """What the peer may open towards us."""

    @property
    def swapped(self) -> PeerFilter:
        """The same rules as the other end of the pair holds them."""
        return PeerFilter(self.inbound, self.outbound)


OPEN_RULE = PolicyRule(None, None)
"""Matches everything."""
