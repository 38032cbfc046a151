# -*- test-case-name: zerogo.test.switch.test_frame -*-
"""What the switch reads of an Ethernet frame (IEEE 802.3, 802.1Q): addresses, type, and where its payload begins."""

from __future__ import annotations

import enum

ETHERNET_BYTES = 14
VLAN_TAG_BYTES = 4
ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_ARP = 0x0806
ETHERTYPE_VLAN = 0x8100
ETHERTYPE_SERVICE_VLAN = 0x88A8
ETHERTYPE_IPV6 = 0x86DD
VLAN_ID_MASK = 0x0FFF
PRIORITY_TAGS_LIMIT = 2

_LINK_LOCAL_PREFIX = b"\x01\x80\xc2\x00\x00"

Buffer = bytes | bytearray | memoryview


class Refusal(enum.Enum):
    """Why the switch did not pass a frame; the values are names of the plane's counters."""

    MALFORMED = "dropped_malformed"
    FOREIGN_SOURCE = "dropped_foreign_source"
    UNKNOWN_DESTINATION = "dropped_unknown_destination"
    STORM = "dropped_storm"


def is_group(mac: bytes) -> bool:
    """Whether an address is broadcast or multicast."""
    return bool(mac[0] & 1)


def is_link_local_group(mac: bytes) -> bool:
    """Whether an address is 01:80:C2:00:00:00 to :0F, which no bridge forwards (IEEE 802.1Q table 8-1)."""
    return mac[5] < 0x10 and mac[:5] == _LINK_LOCAL_PREFIX


def untagged_payload(frame: Buffer) -> tuple[int, int] | None:
    """The EtherType as the receiving kernel will see it and where its payload begins, bytes.

    Tags with VLAN id 0 carry a priority only: kernels take the frame as untagged, however many there are, so a guard
    has to look behind them. None where a tag is cut short, or where more than two of these tags lead.
    """
    offset = ETHERNET_BYTES
    for _ in range(PRIORITY_TAGS_LIMIT + 1):
        ethertype = frame[offset - 2] << 8 | frame[offset - 1]
        if ethertype not in (ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN):
            return ethertype, offset
        if len(frame) < offset + VLAN_TAG_BYTES:
            return None
        if (frame[offset] << 8 | frame[offset + 1]) & VLAN_ID_MASK:
            return ethertype, offset
        offset += VLAN_TAG_BYTES
    return None
