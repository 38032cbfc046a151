# -*- test-case-name: zerogo.test.switch.test_neighbor -*-
"""ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861), answered from the map and guarded by it.

The map says which member has which address, so a question of the local host is answered at once, without a broadcast
through the mesh; link-local addresses that follow from a member's Ethernet address (RFC 4291 appendix A) are known the
same way. An answer goes also to a probe for duplicates (RFC 5227, RFC 4862): the address is taken.

The guard: what comes from a peer may not say that another member's address, or ours, is at some Ethernet address.
Extension headers before the ICMPv6 message are walked, or they would be a way around it (RFC 7113); a fragmented
message needs no look, since hosts ignore it (RFC 6980).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence

from zerogo.switch.frame import ETHERNET_BYTES, ETHERTYPE_ARP, ETHERTYPE_IPV6, Buffer

_ARP_FIXED = struct.Struct("!HHBBH")
_ARP_ETHERNET_IPV4 = (1, 0x0800, 6, 4)
_ARP_BYTES = 28
_ARP_REQUEST = 1
_ARP_REPLY = 2
_IPV6_BYTES = 40
_ICMPV6 = 58
_EXTENSION_HEADERS = (0, 43, 60)  # hop-by-hop, routing, destination options
_EXTENSIONS_LIMIT = 8
_SOLICITATION = 135
_ADVERTISEMENT = 136
_ND_BYTES = 24
_SOLICITED = 0x40
_OVERRIDE = 0x20
_OPTION_TARGET_ADDRESS = 2
_UNSPECIFIED = bytes(16)
_ALL_NODES = bytes.fromhex("ff020000000000000000000000000001")
_ALL_NODES_MAC = bytes.fromhex("333300000001")

LOCAL = -1
"""Owner of our own addresses."""


def link_local_address(mac: bytes) -> bytes:
    """The 16 bytes of the link-local IPv6 address that follows from an Ethernet address (modified EUI-64)."""
    return bytes.fromhex("fe80000000000000") + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]


class NeighborTable:
    """Who has which IP address."""

    def __init__(self) -> None:
        self._owner: dict[bytes, tuple[int, bytes]] = {}
        self._claims: dict[int, tuple[bytes, list[bytes]]] = {}

    def set_addresses(self, owner: int, mac: bytes, addresses: Sequence[str]) -> None:
        """Know the addresses (text, IPv4 and IPv6) of a member, or of ourselves (`LOCAL`)."""
        self.remove(owner)
        packed = [ipaddress.ip_address(address).packed for address in addresses]
        packed.append(link_local_address(mac))
        self._claims[owner] = (mac, packed)
        for address in packed:
            self._owner[address] = (owner, mac)

    def remove(self, owner: int) -> None:
        """Forget a member's addresses."""
        _, addresses = self._claims.pop(owner, (b"", ()))
        for address in addresses:
            if self._owner[address][0] == owner:
                del self._owner[address]
                self._hand_back(address)

    def _hand_back(self, address: bytes) -> None:
        # While a map changes two members may have one address for a moment; the one that is left keeps it.
        for owner, (mac, addresses) in self._claims.items():
            if address in addresses:
                self._owner[address] = (owner, mac)

    def owner(self, address: bytes) -> int | None:
        """The member that has an address (4 or 16 bytes), or `LOCAL`; None where it is nobody's."""
        entry = self._owner.get(address)
        return None if entry is None else entry[0]

    def answer(self, frame: Buffer) -> bytes | None:
        """The frame that answers a question of the local host, where it is one and the answer is known."""
        ethertype = frame[12] << 8 | frame[13]
        if ethertype == ETHERTYPE_ARP:
            return self._answer_arp(frame)
        if ethertype == ETHERTYPE_IPV6:
            return self._answer_solicitation(frame)
        return None

    def refuses(self, peer: int, ethertype: int, payload: Buffer) -> bool:
        """Whether a peer claims, in what follows the Ethernet header, an address that is not its own."""
        if ethertype == ETHERTYPE_ARP:
            return self._refuses_arp(peer, payload)
        if ethertype == ETHERTYPE_IPV6:
            return self._refuses_discovery(peer, payload)
        return False

    def _is_others(self, peer: int, address: bytes) -> bool:
        return self.owner(address) not in (None, peer)

    def _answer_arp(self, frame: Buffer) -> bytes | None:
        arp = bytes(frame[ETHERNET_BYTES : ETHERNET_BYTES + _ARP_BYTES])
        if len(arp) < _ARP_BYTES or _ARP_FIXED.unpack_from(arp) != (*_ARP_ETHERNET_IPV4, _ARP_REQUEST):
            return None
        sender_mac, sender, target = arp[8:14], arp[14:18], arp[24:28]
        entry = self._owner.get(target)
        if entry is None or entry[0] == LOCAL or sender == target:
            return None
        reply = _ARP_FIXED.pack(*_ARP_ETHERNET_IPV4, _ARP_REPLY) + entry[1] + target + sender_mac + sender
        return sender_mac + entry[1] + ETHERTYPE_ARP.to_bytes(2, "big") + reply

    def _refuses_arp(self, peer: int, arp: Buffer) -> bool:
        if len(arp) < _ARP_BYTES:
            return True
        return self._is_others(peer, bytes(arp[14:18]))

    def _answer_solicitation(self, frame: Buffer) -> bytes | None:
        packet = bytes(frame[ETHERNET_BYTES : ETHERNET_BYTES + 128])
        if len(packet) < _IPV6_BYTES + _ND_BYTES or packet[6] != _ICMPV6 or packet[40] != _SOLICITATION:
            return None
        target, source = packet[48:64], packet[8:24]
        entry = self._owner.get(target)
        if entry is None or entry[0] == LOCAL or packet[7] != 255:
            return None
        return _advertisement(target, entry[1], source, bytes(frame[6:12]))

    def _refuses_discovery(self, peer: int, packet: Buffer) -> bool:
        offset = _icmpv6_offset(packet)
        if offset is None:
            return False
        kind = packet[offset]
        if kind == _ADVERTISEMENT:
            return len(packet) < offset + _ND_BYTES or self._is_others(peer, bytes(packet[offset + 8 : offset + 24]))
        # Any other discovery message binds its IP source to the address in its source option; so does NS.
        if 133 <= kind <= 137:
            return self._is_others(peer, bytes(packet[8:24]))
        return False


def _icmpv6_offset(packet: Buffer) -> int | None:
    """Where the ICMPv6 message of an IPv6 packet begins; None where it has none."""
    if len(packet) < _IPV6_BYTES:
        return None
    next_header, offset = packet[6], _IPV6_BYTES
    for _ in range(_EXTENSIONS_LIMIT):
        if len(packet) <= offset + 1:
            return None
        if next_header == _ICMPV6:
            return offset
        if next_header not in _EXTENSION_HEADERS:
            return None
        next_header, offset = packet[offset], offset + 8 + packet[offset + 1] * 8
    return None


def _advertisement(target: bytes, target_mac: bytes, asker: bytes, asker_mac: bytes) -> bytes:
    """A neighbour advertisement in its Ethernet frame (RFC 4861 section 4.4)."""
    is_probe = asker == _UNSPECIFIED
    destination = _ALL_NODES if is_probe else asker
    destination_mac = _ALL_NODES_MAC if is_probe else asker_mac
    flags = _OVERRIDE if is_probe else _OVERRIDE | _SOLICITED
    body = bytes([flags, 0, 0, 0]) + target + bytes([_OPTION_TARGET_ADDRESS, 1]) + target_mac
    pseudo = target + destination + struct.pack("!IxxxB", len(body) + 4, _ICMPV6)
    total = int.from_bytes(pseudo + bytes([_ADVERTISEMENT, 0, 0, 0]) + body, "big") % 0xFFFF
    message = struct.pack("!BBH", _ADVERTISEMENT, 0, 0xFFFF - total) + body
    header = struct.pack("!IHBB", 6 << 28, len(message), _ICMPV6, 255) + target + destination
    return destination_mac + target_mac + ETHERTYPE_IPV6.to_bytes(2, "big") + header + message
