# -*- test-case-name: zerogo.test.dataplane.test_gso -*-
"""The header that the kernel puts before each frame of a TAP opened with IFF_VNET_HDR (virtio 1.2, section 5.1.6).

It never goes on the wire: a receiver rebuilds it from headers that it parsed itself. Fields are in host byte order.
"""

from __future__ import annotations

import struct

VNET = struct.Struct("=BBHHHH")
"""flags, GSO type, header length (a hint, ignored), GSO size, checksum start, checksum offset."""
VNET_BYTES = VNET.size
NEEDS_CHECKSUM = 1
CHECKSUM_VALID = 2
GSO_TCPV4 = 1
GSO_TCPV6 = 4
GSO_UDP = 5
GSO_ECN = 0x80
"""Is OR-ed into the type."""
NO_OFFLOAD = bytes(VNET_BYTES)
