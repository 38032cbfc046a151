# -*- test-case-name: zerogo.test.controller.test_proxies -*-
"""Where a request or an agent's connection comes from, when a proxy stands in front.

A proxy adds the address of who asked it to the end of `X-Forwarded-For`; what stands before that may be whatever who
asked wrote. So the header is read from its end, as long as who wrote an entry is a proxy that the configuration trusts.
Of anybody else it says nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from attrs import frozen

HEADER = "x-forwarded-for"
HOPS_LIMIT = 16
"""Entries that are read."""
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@frozen
class Proxies:
    """Those that are trusted to say where a request comes from."""

    trusted: tuple[_Network, ...] = ()

    @classmethod
    def of(cls, ranges: Iterable[str]) -> Proxies:
        """As configured: addresses and ranges."""
        return cls(tuple(ipaddress.ip_network(one) for one in ranges))

    def source(self, host: str, forwarded: Iterable[str]) -> str:
        """The host that a request comes from, which came over a connection from `host` with these headers."""
        if not self.trusts(host):
            return host
        hops = ",".join(forwarded).split(",")[-HOPS_LIMIT:]
        for hop in reversed(hops):
            address = hop.strip()
            if _parsed(address) is None:
                return host
            host = address
            if not self.trusts(host):
                return host
        return host

    def trusts(self, host: str) -> bool:
        """Whether this is a proxy whose word counts."""
        address = _parsed(host) if self.trusted else None
        return address is not None and any(address in network for network in self.trusted)


def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
