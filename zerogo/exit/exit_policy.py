# -*- test-case-name: zerogo.test.exit.test_exit_policy -*-
"""What an edge lets through: an ordered list of rules, first match wins, as Tor's exit policies.

    accept|reject  WHERE:PORTS        WHERE   *, an address or a range (IPv6 in brackets), or a domain with all below it
                                      PORTS   *, a port, or LOW-HIGH

After the owner's rules come `DEFAULT_RULES`, so an owner who ends with `reject *:*` lets through only what was named.
Before all rules stands what no rule opens: private and special addresses in every disguise (`zerogo.policy.addresses`),
and the edge's own ones. The owner opens single ranges of those by name. A rule with an address is held against the
address that the edge connects to, after the look-up, by the edge itself.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Sequence

from attrs import field, frozen

from zerogo.errors import ParseError
from zerogo.exit.reason import Reason
from zerogo.exit.target import canonical_host
from zerogo.policy.addresses import PUBLIC_INTERNET, Address, AddressRule, Network, canonical, parse_address

JUDGED_LIMIT = 4096
"""Places whose judgement is remembered."""
ALL_PORTS = (0, 65535)


@frozen
class Rule:
    """One line. With neither network nor domain it is about every place."""

    is_accept: bool
    low: int
    high: int
    network: Network | None = None
    domain: str = ""

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read `reject *:25` or `accept [2001:db8::]/32:80-443`; raises `ParseError`."""
        verb, _, rest = text.strip().partition(" ")
        where, colon, ports = rest.strip().rpartition(":")
        if verb not in ("accept", "reject") or not colon or not where:
            raise ParseError(f"{text[:80]!r} is not a rule: write accept or reject, and WHERE:PORTS")
        low, high = _parse_ports(ports, text)
        if where == "*":
            return cls(verb == "accept", low, high)
        bare = where.replace("[", "").replace("]", "")
        try:
            return cls(verb == "accept", low, high, network=ipaddress.ip_network(bare))
        except ValueError:
            return cls(verb == "accept", low, high, domain=canonical_host(where.removeprefix(".")))

    def matches(self, name: str, address: Address, port: int) -> bool:
        """Whether the rule is about this place; `name` is empty where the user gave an address."""
        if not self.low <= port <= self.high:
            return False
        if self.network is not None:
            return address in self.network or canonical(address) in self.network
        return not self.domain or name == self.domain or name.endswith("." + self.domain)

    def __str__(self) -> str:
        where = self.domain or "*" if self.network is None else str(self.network)
        if ":" in where:
            where = "[" + where.replace("/", "]/")
        ports = "*" if (self.low, self.high) == ALL_PORTS else str(self.low)
        return f"{'accept' if self.is_accept else 'reject'} {where}:{ports}" + (
            f"-{self.high}" if self.high != self.low and ports != "*" else ""
        )


def _parse_ports(text: str, rule: str) -> tuple[int, int]:
    if text == "*":
        return ALL_PORTS
    low, dash, high = text.partition("-")
    parts = (low, high if dash else low)
    if not all(part.isascii() and part.isdigit() and len(part) <= 5 for part in parts):
        raise ParseError(f"{rule[:80]!r}: the ports are *, a number, or LOW-HIGH")
    first, last = int(parts[0]), int(parts[1])
    if not first <= last <= 65535:
        raise ParseError(f"{rule[:80]!r}: ports go up to 65535, the low one first")
    return first, last


DEFAULT_RULES = tuple(
    Rule.parse(text)
    for text in (
        # Mail from everybody's server to everybody's: spam.
        "reject *:25",
        # Windows, NFS and printing: worms, and never meant for the internet.
        *("reject *:111", "reject *:135-139", "reject *:445", "reject *:515", "reject *:631", "reject *:2049"),
        # Remote desktops, consoles and databases: break-ins.
        *("reject *:23", "reject *:1433", "reject *:1521", "reject *:3306", "reject *:3389", "reject *:5432"),
        *("reject *:5900-5909", "reject *:6379", "reject *:9200", "reject *:11211", "reject *:27017"),
        # What answers more than it is asked, from forged senders: floods.
        *("reject *:19", "reject *:123", "reject *:161", "reject *:389", "reject *:1900"),
        # News and file sharing, as Tor's default policy.
        *("reject *:119", "reject *:563", "reject *:1214", "reject *:4661-4666", "reject *:6346-6429"),
        *("reject *:6699", "reject *:6881-6999", "accept *:*"),
    )
)


@frozen
class ExitPolicy:
    """The rules of one edge."""

    rules: tuple[Rule, ...] = ()
    opened: AddressRule = field(factory=AddressRule)
    """Special-purpose ranges that the owner opens on purpose."""
    own: frozenset[Address] = frozenset()
    """Of this machine, inside and outside; loopback is special anyway."""
    _judged: dict[tuple[str, str, int], Reason | None] = field(factory=dict, init=False, repr=False, eq=False)

    def judgement(self, name: str, host: str, port: int) -> Reason | None:
        """As `refusal`, of an address in text, and remembered: users come back to where they were. Raises
        `ParseError`."""
        place = (name, host, port)
        if place not in self._judged:
            if len(self._judged) >= JUDGED_LIMIT:
                self._judged.clear()
            self._judged[place] = self.refusal(name, parse_address(host), port)
        return self._judged[place]

    def refusal(self, name: str, address: Address, port: int) -> Reason | None:
        """Why this place may not be connected to; None where it may."""
        if PUBLIC_INTERNET.refusal(address) is not None and self.opened.refusal(address) is not None:
            return Reason.PROHIBITED
        if canonical(address) in self.own:
            return Reason.PROHIBITED
        if port == 0:
            return Reason.POLICY
        for rule in (*self.rules, *DEFAULT_RULES):
            if rule.matches(name, address, port):
                return None if rule.is_accept else Reason.POLICY
        return Reason.POLICY

    def port_ranges(self) -> list[tuple[int, int]]:
        """Ports that are let through to the internet at large: what the gateway is told, to choose by."""
        wide = [rule for rule in (*self.rules, *DEFAULT_RULES) if rule.network is None and not rule.domain]
        edges = sorted({1, 65536} | {rule.low for rule in wide} | {rule.high + 1 for rule in wide})
        found: list[tuple[int, int]] = []
        for low, after in itertools.pairwise(edges):
            if low < 1 or not _is_open(wide, low):
                continue
            if found and found[-1][1] == low - 1:
                found[-1] = (found[-1][0], after - 1)
            else:
                found.append((low, after - 1))
        return found


def _is_open(rules: Sequence[Rule], port: int) -> bool:
    return next((rule.is_accept for rule in rules if rule.low <= port <= rule.high), False)
