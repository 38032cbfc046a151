# -*- test-case-name: zerogo.test.names.test_zone -*-
"""Who is called what in a network, and back: the contents of its zone `network.zg`.

Two members whose names come to the same label are told apart by a number, in the order of their node ids: `-2`, `-3`.
A member whose name is that label to the letter goes before those whose name had to be changed. Names that the network
has beside its members' go before all of them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from zerogo.names.label import LABEL_LIMIT, label_of

TOP = "zg"
"""The domain above all networks; nobody on the internet owns it."""
UNNAMED = "network"


@frozen
class Named:
    """One member."""

    name: str
    addresses: tuple[str, ...]


@frozen
class Zone:
    """One network's names. Names are in lower case, without the dot at the end."""

    origin: str
    """Such as `home.zg`."""
    hosts: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """Addresses by full name."""
    pointers: Mapping[str, str] = field(factory=dict)
    """Full names by the reverse name of each address (RFC 1035 section 3.5, RFC 3596 section 2.5)."""

    def owns(self, name: str) -> bool:
        """Whether nobody else can know of that name."""
        return name == self.origin or name.endswith("." + self.origin) or name in self.pointers

    def exists(self, name: str) -> bool:
        """Whether there is anything of that name."""
        return name == self.origin or name in self.hosts or name in self.pointers

    def addresses(self, name: str, version: int) -> list[str]:
        """Of that IP version; empty where there are none."""
        return [one for one in self.hosts.get(name, ()) if ipaddress.ip_address(one).version == version]


def origin_of(network: str) -> str:
    """What the names in a network of that name end with."""
    return f"{label_of(network) or UNNAMED}.{TOP}"


def make_zone(network: str, members: Iterable[Named], others: Iterable[Named] = ()) -> Zone:
    """The zone of a network of that name; `members` in the order of their node ids, `others` with labels for names."""
    origin = origin_of(network)
    ordered = sorted(members, key=lambda member: label_of(member.name) != member.name)
    hosts: dict[str, tuple[str, ...]] = {f"{other.name}.{origin}": other.addresses for other in others}
    pointers: dict[str, str] = {}
    named = list(hosts.items())
    for member in ordered:
        name = f"{_free_label(member.name, origin, hosts)}.{origin}"
        hosts[name] = member.addresses
        for address in member.addresses:
            pointers.setdefault(ipaddress.ip_address(address).reverse_pointer, name)
    for name, addresses in named:
        for address in addresses:
            pointers.setdefault(ipaddress.ip_address(address).reverse_pointer, name)
    return Zone(origin, hosts, pointers)


def _free_label(name: str, origin: str, hosts: Mapping[str, object]) -> str:
    wanted = label_of(name) or "node"
    label, number = wanted, 1
    while f"{label}.{origin}" in hosts:
        number += 1
        suffix = f"-{number}"
        label = wanted[: LABEL_LIMIT - len(suffix)].rstrip("-") + suffix
    return label
