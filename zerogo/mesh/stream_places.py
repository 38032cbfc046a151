# -*- test-case-name: zerogo.test.mesh.test_stream_places -*-
"""Which of the places of a peer's open TCP port are dialled, where it names more than are dialled at once.

A peer names its places best first as it sees them: those that lead to it from outside, then its own addresses. What
only the end that dials can tell is which of these it has a chance to reach. Places at public addresses may be reached
from everywhere, and private ones where this machine is in the same network, which is guessed from its own addresses.
Other private addresses are of networks elsewhere, or of a company that routes them: they are what is left over, and
after them come places of a family that this machine has no address of.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Sequence

from zerogo.ids import SocketAddress

DIALLED_PLACES = 4
"""At once, each by TCP and TLS, and through a proxy as well where there is one."""
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
_SITE_BITS = {4: 24, 6: 64}
"""Addresses that have so many bits in common are taken to be of one network, by IP version."""


class _Rank(enum.IntEnum):
    LIKELY = enum.auto()
    ELSEWHERE = enum.auto()
    OTHER_FAMILY = enum.auto()


def best_places(places: Sequence[SocketAddress], hosts: Sequence[str]) -> tuple[SocketAddress, ...]:
    """Those to dial, the most promising first.

    :param places: as the peer names them, best first.
    :param hosts: this machine's own addresses; where none is known, the peer's order stands.
    """
    own = [ipaddress.ip_address(host) for host in hosts]
    ranked = sorted(places, key=lambda place: _rank(place, own)) if own else places
    return tuple(ranked[:DIALLED_PLACES])


def _rank(place: SocketAddress, own: Sequence[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> _Rank:
    address = ipaddress.ip_address(place.host)
    if all(each.version != address.version for each in own):
        return _Rank.OTHER_FAMILY
    if not any(address in network for network in _PRIVATE):
        return _Rank.LIKELY
    bits = _SITE_BITS[address.version]
    site = ipaddress.ip_network((address, bits), strict=False)
    return _Rank.LIKELY if any(each in site for each in own) else _Rank.ELSEWHERE
