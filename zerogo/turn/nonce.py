# -*- test-case-name: zerogo.test.turn.test_nonce -*-
"""Nonces that need no memory: the time they were made and a MAC over it and the client's address.

    nonce = base64url( seconds 4 | BLAKE2s-64(key, seconds 4 | client's address and transport) )       16 characters

Who returns a fresh nonce receives at the address it asked from, so nothing has to be kept for a client before that, and
a flood from forged sources meets no table. The key is random for each start of a relay: nonces of an earlier one are
stale, and clients retry with the new one they are given (RFC 8489 section 9.2.4).

Who shares the relay's secret hands out nonces too, which spare a client the round trip of its first request:

    nonce = base64url( Unix seconds 4 | BLAKE2s-64(key, Unix seconds 4 | user name) )
    key   = BLAKE2s-256(secret), person zg-nonce

They say nothing about an address, so they are for connections only, where TCP has proven it, for that user name only,
and each for the first connection that an authentic request came by with it (`zerogo.turn.nonce_uses`): who overhears
that request cannot repeat it on another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from zerogo.core import RandomBytes
from zerogo.secret import Secret

NONCE_SECONDS = 600.0
"""How long a nonce is fresh."""
CLOCKS_SECONDS = 60.0
"""The clock of whoever hands out nonces may be ahead of the relay's by so much."""
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
        seconds, mac = _parts(nonce)
        if not hmac.compare_digest(mac, self._mac(seconds, client)):
            return False
        return 0 <= int(now) - int.from_bytes(seconds, "big") <= NONCE_SECONDS

    def _mac(self, seconds: bytes, client: str) -> bytes:
        covered = seconds + client.encode("utf-8")
        return hashlib.blake2s(covered, key=self._key, digest_size=_MAC_BYTES, person=_PERSON).digest()


def hand_out(secret: Secret, username: str, unix_now: float) -> bytes:
    """A nonce for the first request of this user name on a connection."""
    seconds = int(unix_now).to_bytes(8, "big")[-_TIME_BYTES:]
    return base64.urlsafe_b64encode(seconds + _handed_mac(secret, seconds, username))


def is_handed_out(secrets: Sequence[Secret], nonce: bytes, username: str, unix_now: float) -> bool:
    """Whether a nonce was made with one of `secrets`, for this user name, and is not too old."""
    seconds, mac = _parts(nonce)
    if not -CLOCKS_SECONDS <= unix_now - int.from_bytes(seconds, "big") <= NONCE_SECONDS:
        return False
    return any(hmac.compare_digest(mac, _handed_mac(secret, seconds, username)) for secret in secrets)


def _parts(nonce: bytes) -> tuple[bytes, bytes]:
    """Time and MAC; empty where it is no nonce of any kind."""
    try:
        raw = base64.b64decode(nonce, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b"", b""
    return raw[:_TIME_BYTES], raw[_TIME_BYTES:]


def _handed_mac(secret: Secret, seconds: bytes, username: str) -> bytes:
    key = hashlib.blake2s(secret.reveal().encode("utf-8"), person=_PERSON).digest()
    covered = seconds + username.encode("utf-8")
    return hashlib.blake2s(covered, key=key, digest_size=_MAC_BYTES, person=_PERSON).digest()
