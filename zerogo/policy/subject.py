# -*- test-case-name: zerogo.test.policy.test_compile -*-
"""Members as a policy sees them, and the words by which it speaks of them.

'*'             everybody                  group:NAME      who the group lists
tag:WORD        members with that tag      NAME            the member of that name
host:NAME       a network behind members   10.1.0.0/16     the same, written out; both only as a destination
"""

from __future__ import annotations

import enum
import ipaddress
import unicodedata
from collections.abc import Mapping

from attrs import field, frozen

from zerogo.ids import NodeId


class Kind(enum.Enum):
    """What a selector selects by."""

    ALL = "*"
    GROUP = "group"
    TAG = "tag"
    MEMBER = "member"
    NETWORK = "network"


def _same_name(name: str) -> str:
    """Two names with one key are the same to a person who reads them."""
    return unicodedata.normalize("NFKC", name).casefold()


@frozen(kw_only=True)
class Subject:
    """A member, or one that there could be."""

    name: str
    tags: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """In the segment, without prefix length."""
    networks: tuple[str, ...] = ()
    """Behind it, as prefixes, approved."""
    node_id: NodeId | None = None
    can_enforce: bool = True
    """Whether its agent knows filters."""
    key: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "key", _same_name(self.name))


@frozen(order=True)
class Selector:
    """One word of a rule. Groups come with all that they list, groups within them resolved, in `members`."""

    kind: Kind = field(order=False)
    text: str
    """As written, and what tells selectors apart."""
    value: str = ""
    """The tag, the name of the member as it is compared, or the prefix."""
    members: tuple[Selector, ...] = ()
    """Of a group."""

    def matches(self, subject: Subject) -> bool:
        """Whether a member is meant."""
        match self.kind:
            case Kind.ALL:
                return True
            case Kind.TAG:
                return self.value in subject.tags
            case Kind.MEMBER:
                return subject.key == self.value
            case Kind.GROUP:
                return any(each.matches(subject) for each in self.members)
            case Kind.NETWORK:
                return any(_overlap(self.value, network) for network in subject.networks)


def _overlap(one: str, other: str) -> bool:
    first, second = ipaddress.ip_network(one), ipaddress.ip_network(other)
    return first.version == second.version and first.overlaps(second)


def member_selector(text: str) -> Selector:
    """The selector that names a member."""
    return Selector(Kind.MEMBER, text, _same_name(text))


def group_selector(name: str, members: tuple[Selector, ...]) -> Selector:
    """The selector of a group whose members are known."""
    return Selector(Kind.GROUP, f"group:{name}", name, members)


def network_selector(text: str, hosts: Mapping[str, str]) -> Selector:
    """`host:NAME`, or a prefix or address written out; raises `KeyError` or `ValueError`."""
    if "%" in text:
        raise ValueError("a zone id")
    prefix = hosts[text.removeprefix("host:")] if text.startswith("host:") else str(ipaddress.ip_network(text))
    return Selector(Kind.NETWORK, text, prefix)
