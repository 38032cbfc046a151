# -*- test-case-name: zerogo.test.dataplane.test_door -*-
"""Who may knock: a handshake message is passed up only if its sender knows our public key and the network.

mac1 says so (docs/PROTOCOL.md, section 3.3) for the price of one keyed BLAKE2s, so a flood of strangers does not use up
what is kept for those who belong here. The hash is taken without `hashlib`, which would load OpenSSL for it.
"""

from __future__ import annotations

from _blake2 import blake2s
from _operator import _compare_digest

_MAC_BYTES = 16
_MACS_BYTES = 2 * _MAC_BYTES


def is_for_us(mac1_key: bytes, handshake: bytes) -> bool:
    """Whether mac1 of an initiation or response is right under our key."""
    covered, mac1 = handshake[:-_MACS_BYTES], handshake[-_MACS_BYTES:-_MAC_BYTES]
    return _compare_digest(blake2s(covered, key=mac1_key, digest_size=_MAC_BYTES).digest(), mac1)
