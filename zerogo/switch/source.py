# -*- test-case-name: zerogo.test.switch.test_source -*-
"""Whose IP addresses a member may send from: docs/PROTOCOL.md, section 5.6.

The map says which member has which address and which networks are behind whom, so what a program sees as the source of
a packet is true as far as the member goes. Hosts do not look at this themselves: a packet that claims to be another
member's would be taken for it, and the answer would go there.
"""

from __future__ import annotations

from collections.abc import Sequence

from zerogo.switch.frame import ETHERTYPE_IPV4, ETHERTYPE_IPV6, Buffer, Refusal
from zerogo.switch.neighbor import NeighborTable
from zerogo.switch.prefixes import PrefixSet

_IPV4_BYTES = 20
_IPV6_BYTES = 40
_UNSPECIFIED = (bytes(4), bytes(16))


def source_of(ethertype: int, packet: Buffer) -> bytes | None:
    """The source address of an IP packet; None where it ends before its fixed header does."""
    if ethertype == ETHERTYPE_IPV4:
        return bytes(packet[12:16]) if len(packet) >= _IPV4_BYTES else None
    return bytes(packet[8:24]) if len(packet) >= _IPV6_BYTES else None


def _is_link_local(address: bytes) -> bool:
    return len(address) == 16 and address[0] == 0xFE and address[1] & 0xC0 == 0x80


class SourceGuard:
    """Which source addresses each member may use.

    :param neighbors: who has which address.
    """

    def __init__(self, neighbors: NeighborTable) -> None:
        self._neighbors = neighbors
        self._subnets: dict[int, PrefixSet] = {}
        self._bridges: set[int] = set()

    def set_member(self, peer: int, subnets: Sequence[str], is_bridge: bool) -> None:
        """Know the networks (text) behind a member, and whether it is a bridge."""
        self._subnets[peer] = PrefixSet(subnets)
        if is_bridge:
            self._bridges.add(peer)
        else:
            self._bridges.discard(peer)

    def remove_member(self, peer: int) -> None:
        """Forget a member."""
        self._subnets.pop(peer, None)
        self._bridges.discard(peer)

    def refuses(self, peer: int, ethertype: int, packet: Buffer) -> Refusal | None:
        """Why a peer may not send what follows the Ethernet header; None where it may, or where that is not IP."""
        if ethertype not in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
            return None
        source = source_of(ethertype, packet)
        if source is None:
            return Refusal.MALFORMED
        owner = self._neighbors.owner(source)
        if owner is not None:
            return None if owner == peer else Refusal.FOREIGN_SOURCE
        return None if self._is_free(peer, source) else Refusal.FOREIGN_SOURCE

    def _is_free(self, peer: int, source: bytes) -> bool:
        """Whether a peer may use an address that is no member's."""
        if peer in self._bridges or source in _UNSPECIFIED or _is_link_local(source):
            return True
        subnets = self._subnets.get(peer)
        return subnets is not None and source in subnets
