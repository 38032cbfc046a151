# -*- test-case-name: zerogo.test.turn.test_nonce -*-
"""Nonces that need no memory: the time they were made and a MAC over it and the client's address.

    nonce = base64url( seconds 4 | BLAKE2s-64(key, seconds 4 | client's address and transport) )       16 characters

Who returns a fresh nonce receives at the address it asked from, so nothing has to be kept for a client before that, and
a flood from forged sources meets no table. The key is random for each start of a relay: nonces of an earlier one are
stale, and clients retry with the new one they are given (RFC 8489 section 9.2.4).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from zerogo.core import RandomBytes

NONCE_SECONDS = 600.0
"""How long a nonce is fresh."""
_TIME_BYTES = 4
_MAC_BYTES = 8
_PERSON = b"zg-nonce"


class NonceIssuer:
    """Makes and judges nonces."""

    def __init__(self, rng: RandomBytes) -> None:
        self._key = rng(32)

    def issue(self, client: str, now: float) -> bytes:
        """A nonce for the client at this address (any text that names address and transport)."""
        seconds = int(max(0.0, now)).to_bytes(8, "big")[-_TIME_BYTES:]
        return base64.urlsafe_b64encode(seconds + self._mac(seconds, client))

    def is_fresh(self, nonce: bytes, client: str, now: float) -> bool:
        """Whether this is a nonce of ours, for this client, and not too old."""
        try:
            raw = base64.b64decode(nonce, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return False
        seconds, mac = raw[:_TIME_BYTES], raw[_TIME_BYTES:]
        if not hmac.compare_digest(mac, self._mac(seconds, client)):
            return False
        return 0 <= int(now) - int.from_bytes(seconds, "big") <= NONCE_SECONDS

    def _mac(self, seconds: bytes, client: str) -> bytes:
        covered = seconds + client.encode("utf-8")
        return hashlib.blake2s(covered, key=self._key, digest_size=_MAC_BYTES, person=_PERSON).digest()
