# -*- test-case-name: zerogo.test.gateway.test_denials -*-
"""Addresses from which neither users nor edges are taken: those of the gateway's file, and those of its controller.

A range of the controller may end at a time of its own. However many ranges there are, an address is looked up once for
each length of a prefix that occurs.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from zerogo.control.gateway_messages import DeniedRange
from zerogo.errors import ParseError
from zerogo.policy.addresses import Network, canonical, parse_address

_Key = tuple[int, int]
"""Version of the protocol, length of the prefix."""


class Denials:
    """The addresses. `unix_time` decides which ranges are over."""

    def __init__(self, own: Iterable[Network], unix_time: Callable[[], float]) -> None:
        self._unix_time = unix_time
        self._own = [(network, 0.0) for network in own]
        self._ends: dict[_Key, dict[int, float]] = {}
        self.set(())

    def set(self, ranges: Iterable[DeniedRange]) -> None:
        """What the controller says from here on; what is no range is passed over."""
        self._ends = {}
        for network, ends_at in (*self._own, *_networks(ranges)):
            key = (network.version, network.prefixlen)
            self._ends.setdefault(key, {})[int(network.network_address)] = ends_at

    def holds(self, host: str) -> bool:
        """Whether nobody is taken from that address."""
        if not self._ends:
            return False
        try:
            address = canonical(parse_address(host))
        except ParseError:
            return False
        number = int(address)
        for (version, length), ends in self._ends.items():
            if version != address.version:
                continue
            rest = address.max_prefixlen - length
            ends_at = ends.get(number >> rest << rest)
            if ends_at is not None and (not ends_at or self._unix_time() < ends_at):
                return True
        return False


def _networks(ranges: Iterable[DeniedRange]) -> Iterable[tuple[Network, float]]:
    for one in ranges:
        try:
            yield ipaddress.ip_network(one.range), one.ends_at
        except ValueError:
            continue
