# -*- test-case-name: zerogo.test.policy.test_reader -*-
"""The text of a policy to its values. What is wrong is found with its place.

Reading collects all findings instead of ending at the first, for whoever writes a policy wants to see all of them.
Names of members and tags that nobody has are not an error: a policy may be written before its members come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal, TypeVar

from attrs import define, field

from zerogo.policy.document import PORTED, PROTOCOLS, Policy, Rule, Test
from zerogo.policy.errors import Finding, PolicyInvalid
from zerogo.policy.filter import PORT_MAX, PROTOCOL_MAX
from zerogo.policy.subject import Kind, Selector, group_selector, member_selector, network_selector
from zerogo.policy.text import Branch, Items, Place, Section, Word, parse_text

RULES_LIMIT = 100
EXPANDED_LIMIT = 120
"""Rules where each protocol and each port makes one of its own: so many that a filter holds them all."""
TESTS_LIMIT = 500
NAMES_LIMIT = 500
"""Groups, hosts, and members of a group."""
GROUPS_DEPTH_LIMIT = 16
WORDS_LIMIT = 64
"""Selectors, ports or protocols in one list of a rule."""
Found = TypeVar("Found")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_TAG = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_MEMBER = re.compile(r"\w[\w.-]{0,62}")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
_TOP = ("default", "ethernet", "groups", "hosts", "rules", "tests")


def parse_policy(text: str) -> Policy:
    """Read a policy; raises `PolicyInvalid` with all findings."""
    reader = _Reader(parse_text(text))
    policy = reader.read()
    if any(finding.is_error for finding in reader.findings):
        raise PolicyInvalid(sorted(reader.findings, key=lambda finding: (finding.line, finding.column)))
    return policy


@define
class _Reader:
    """Reads one document; what it finds wrong goes to `findings`."""

    top: Section
    findings: list[Finding] = field(factory=list)
    hosts: dict[str, str] = field(factory=dict)
    groups: dict[str, Selector] = field(factory=dict)

    def read(self) -> Policy:
        self._check_keys(self.top, _TOP)
        allows = self._choice(self.top, "default", ("deny", "allow")) == "allow"
        ethernet = self._choice(self.top, "ethernet", ("allow" if allows else "deny", "deny", "allow"))
        self._read_hosts()
        self._read_groups()
        rules = tuple(self._each("rules", RULES_LIMIT, self._rule))
        expanded = sum(max(1, len(rule.protocols)) * max(1, len(rule.ports)) for rule in rules)
        if expanded > EXPANDED_LIMIT:
            message = f"too many rules: with all their protocols and ports there are {expanded}, not {EXPANDED_LIMIT}"
            self._wrong(self.top.places["rules"], message)
        tests = tuple(self._each("tests", TESTS_LIMIT, self._test))
        return Policy(
            rules=rules,
            tests=tests,
            allows=allows,
            allows_ethernet=ethernet == "allow",
            findings=tuple(self.findings),
        )

    # Names

    def _read_hosts(self) -> None:
        for name, value, _ in self._names("hosts"):
            if not isinstance(value, Word):
                self._wrong(value.place, "a host is one network, such as 192.168.7.0/24")
                continue
            try:
                self.hosts[name] = network_selector(value.text, {}).value
            except (KeyError, ValueError):
                self._wrong(value.place, f"{value.text[:50]!r} is not a network such as 192.168.7.0/24")

    def _read_groups(self) -> None:
        pending = {name: (value, place) for name, value, place in self._names("groups")}
        for name, (_, place) in pending.items():
            self._resolve_group(name, pending, (), place)

    def _resolve_group(
        self, name: str, pending: dict[str, tuple[Branch, Place]], above: tuple[str, ...], asked_at: Place
    ) -> None:
        """Read a group after those that it contains."""
        if name in self.groups:
            return
        if name in above:
            self._wrong(asked_at, f"group {name!r} contains itself")
            self.groups[name] = group_selector(name, ())
            return
        if len(above) >= GROUPS_DEPTH_LIMIT:
            self._wrong(asked_at, f"groups within groups, more than {GROUPS_DEPTH_LIMIT} deep")
            return
        members: dict[str, Selector] = {}
        for word in self._words(pending[name][0], NAMES_LIMIT):
            inner = word.text.removeprefix("group:")
            if word.text.startswith("group:") and inner in pending:
                self._resolve_group(inner, pending, (*above, name), word.place)
            selector = self._selector(word, is_target=False)
            for each in selector.members if selector and selector.kind is Kind.GROUP else (selector,):
                if each is not None:
                    members[each.text] = each
        self.groups.setdefault(name, group_selector(name, tuple(members.values())))

    def _names(self, key: str) -> Iterator[tuple[str, Branch, Place]]:
        branch = self.top.entries.get(key)
        if branch is None or (isinstance(branch, Word) and not branch.text):
            return
        if not isinstance(branch, Section) or len(branch.entries) > NAMES_LIMIT:
            self._wrong(branch.place, f"{key} are names with what they stand for, at most {NAMES_LIMIT}")
            return
        for name, value in branch.entries.items():
            if _NAME.fullmatch(name):
                yield name, value, branch.places[name]
            else:
                self._wrong(branch.places[name], f"{name[:50]!r} is not a name: use letters, digits, '-', '_' and '.'")

    # Rules and tests

    def _rule(self, section: Section, number: int) -> Rule | None:
        self._check_keys(section, ("from", "to", "protocol", "ports", "action", "comment"))
        sources, targets = self._selectors(section, "from"), self._selectors(section, "to")
        protocols, covers_ip, covers_ethernet = self._protocols(section)
        ports = self._ports(section.entries.get("ports"))
        if ports:
            covers_ethernet = False
            if any(protocol not in PORTED for protocol in protocols) or not covers_ip:
                self._wrong(section.places["ports"], "only tcp, udp and sctp have ports")
        if sources is None or targets is None:
            return None
        return Rule(
            sources=sources,
            targets=targets,
            protocols=protocols,
            ports=ports,
            covers_ip=covers_ip,
            covers_ethernet=covers_ethernet,
            allows=self._choice(section, "action", ("allow", "deny")) == "allow",
            number=number,
            place=section.place,
        )

    def _test(self, section: Section, number: int) -> Test | None:
        self._check_keys(section, ("from", "to", "protocol", "port", "expect", "comment"))
        sources, targets = self._selectors(section, "from"), self._selectors(section, "to")
        ports = self._ports(section.entries.get("port"))
        word = section.entries.get("protocol")
        name = word.text.lower() if isinstance(word, Word) else "tcp"
        protocol = None if name == "ethernet" else protocol_number(name)
        if protocol is None and name != "ethernet":
            self._wrong(section.places["protocol"], f"{name[:40]!r} is not one protocol, such as tcp or icmp")
        if len(ports) != (protocol in PORTED) or any(low != high for low, high in ports):
            self._wrong(section.place, "a test of tcp, udp or sctp names one port, others none")
            return None
        expect = self._choice(section, "expect", ("allow", "deny"))
        if sources is None or targets is None or len(sources) != 1 or len(targets) != 1:
            self._wrong(section.place, "a test has one from and one to")
            return None
        at = f" port {ports[0][0]}" if ports else ""
        return Test(
            source=sources[0],
            target=targets[0],
            protocol=protocol,
            port=ports[0][0] if ports else None,
            allows=expect == "allow",
            number=number,
            place=section.place,
            text=f"{sources[0].text} to {targets[0].text}, {name}{at}: {expect}",
        )

    def _protocols(self, section: Section) -> tuple[tuple[int, ...], bool, bool]:
        """Numbers (none: all), whether IP is meant, and whether other frames are."""
        branch = section.entries.get("protocol")
        if branch is None:
            return (), True, True
        numbers: dict[int, None] = {}
        for word in self._words(branch, WORDS_LIMIT):
            name = word.text.lower()
            if name in ("any", "ip", "ethernet"):
                if not isinstance(branch, Word) and len(branch_items(branch)) > 1:
                    self._wrong(word.place, f"{name} stands alone")
                return (), name != "ethernet", name != "ip"
            found = PROTOCOLS.get(name) or _numbered(name)
            if found is None:
                known = ", ".join(("any", "ip", "ethernet", *PROTOCOLS))
                self._wrong(word.place, f"{word.text[:40]!r} is not a protocol: {known}, or a number of IP")
            numbers.update(dict.fromkeys(found or ()))
        return tuple(numbers), True, False

    def _ports(self, branch: Branch | None) -> tuple[tuple[int, int], ...]:
        ranges: dict[tuple[int, int], None] = {}
        for word in () if branch is None else self._words(branch, WORDS_LIMIT):
            found = _PORTS.fullmatch(word.text)
            low = int(found[1]) if found else -1
            high = int(found[2]) if found and found[2] else low
            if not 0 <= low <= high <= PORT_MAX:
                self._wrong(word.place, f"{word.text[:40]!r} is not a port such as 22, or a range such as 8000-8100")
            else:
                ranges[low, high] = None
        return tuple(ranges)

    # Words

    def _selectors(self, section: Section, key: Literal["from", "to"]) -> tuple[Selector, ...] | None:
        branch = section.entries.get(key)
        if branch is None:
            self._wrong(section.place, f"{key!r} is missing")
            return None
        found = [self._selector(word, key == "to") for word in self._words(branch, WORDS_LIMIT)]
        if not found:
            self._wrong(branch.place, f"{key!r} names nobody")
        return tuple(each for each in found if each is not None)

    def _selector(self, word: Word, is_target: bool) -> Selector | None:
        text = word.text
        kind, colon, name = text.partition(":")
        if text in ("*", "all"):
            return Selector(Kind.ALL, "*")
        if colon and kind == "group":
            if name not in self.groups:
                self._wrong(word.place, f"there is no group {name[:50]!r}")
            return self.groups.get(name)
        if colon and kind == "tag":
            if not _TAG.fullmatch(name):
                self._wrong(word.place, f"{name[:50]!r} is not a tag: small letters, digits and '-'")
            return Selector(Kind.TAG, text, name)
        try:
            network = network_selector(text, self.hosts)
        except ValueError:
            return self._member(word)
        except KeyError:
            self._wrong(word.place, f"there is no host {name[:50]!r}")
            return None
        if not is_target:
            self._wrong(word.place, "a network is a destination only: what comes from it counts as its member's")
        return network

    def _member(self, word: Word) -> Selector | None:
        if _MEMBER.fullmatch(word.text):
            return member_selector(word.text)
        self._wrong(word.place, f"{word.text[:50]!r} is neither '*', group:, tag:, host:, a member nor a network")
        return None

    def _words(self, branch: Branch, limit: int) -> Iterator[Word]:
        items = branch_items(branch)
        if len(items) > limit:
            self._wrong(branch.place, f"at most {limit} words go here")
            return
        for item in items:
            if isinstance(item, Word):
                yield item
            else:
                self._wrong(item.place, "a word is wanted here")

    def _each(self, key: str, limit: int, read: Callable[[Section, int], Found | None]) -> Iterator[Found]:
        """The entries of a list of sections, those that are right."""
        branch = self.top.entries.get(key)
        if branch is None or (isinstance(branch, Word) and not branch.text):
            return
        items = branch.items if isinstance(branch, Items) else ()
        if not isinstance(branch, Items) or len(items) > limit:
            self._wrong(branch.place, f"{key} are a list, of at most {limit}")
            return
        for number, item in enumerate(items, 1):
            if not isinstance(item, Section):
                self._wrong(item.place, "keys and values are wanted here, as in {from: tag:web, to: db}")
                continue
            found = read(item, number)
            if found is not None:
                yield found

    def _choice(self, section: Section, key: str, words: tuple[str, ...]) -> str:
        """One of these words; the first where the key is missing."""
        branch = section.entries.get(key)
        if branch is None:
            return words[0]
        if isinstance(branch, Word) and branch.text in words:
            return branch.text
        self._wrong(branch.place, f"{key} is one of: {', '.join(dict.fromkeys(words))}")
        return words[0]

    def _check_keys(self, section: Section, known: tuple[str, ...]) -> None:
        for key in section.entries:
            if key not in known:
                self._wrong(section.places[key], f"{key[:40]!r} is not known here; known are: {', '.join(known)}")

    def _wrong(self, place: Place, message: str) -> None:
        self.findings.append(place.error(message))


def branch_items(branch: Branch) -> tuple[Branch, ...]:
    """A list's items; of one word, itself."""
    return branch.items if isinstance(branch, Items) else (branch,)


def protocol_number(name: str) -> int | None:
    """The number of one protocol by its name; ICMP is that of IPv4. None where there is none of that name."""
    found = PROTOCOLS.get(name) or _numbered(name)
    return found[0] if found else None


def _numbered(text: str) -> tuple[int, ...] | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= PROTOCOL_MAX
    return (int(text),) if is_number else None
