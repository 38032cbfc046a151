# -*- test-case-name: zerogo.test.turn.test_grant -*-
"""Peer grants: who knows the relay's secret vouches that a user may send to an address.

    grant = expiry 4 (Unix seconds) | BLAKE2s-128(key, expiry 4 | packed address 4 or 16 | user), person zg-grant
    key   = BLAKE2s-256(secret), person zg-grant

A relay that is closed by default has no list of a network's nodes. The controller, which gives a node its time-limited
credentials, also gives it a grant for each address of a peer that it may reach; the node shows the grant with its
CreatePermission or ChannelBind (attribute PEER-GRANT, 0xE5A0, which servers that do not know it ignore). A permission
of TURN is for an address with all its ports, and so is a grant; a grant for one user is worth nothing to another.
A grant does not open special-purpose ranges: that is `AddressRule`'s to decide.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from zerogo.policy.addresses import Address
from zerogo.secret import Secret

GRANT_BYTES = 20
_EXPIRY_BYTES = 4
_MAC_BYTES = 16
_PERSON = b"zg-grant"


def emit_grant(secret: Secret, user: str, address: Address, expires_at: float) -> bytes:
    """The grant, 20 bytes; `expires_at` in Unix seconds."""
    expiry = int(expires_at).to_bytes(_EXPIRY_BYTES, "big")
    return expiry + _mac(secret, expiry, user, address)


def is_granted(secrets: Sequence[Secret], grant: bytes, user: str, address: Address, unix_now: float) -> bool:
    """Whether a grant was made with one of `secrets`, for this user and address, and has not expired."""
    expiry, mac = grant[:_EXPIRY_BYTES], grant[_EXPIRY_BYTES:]
    if len(grant) != GRANT_BYTES or int.from_bytes(expiry, "big") <= unix_now:
        return False
    return any(hmac.compare_digest(mac, _mac(secret, expiry, user, address)) for secret in secrets)


def _mac(secret: Secret, expiry: bytes, user: str, address: Address) -> bytes:
    key = hashlib.blake2s(secret.reveal().encode("utf-8"), person=_PERSON).digest()
    covered = expiry + address.packed + user.encode("utf-8")
    return hashlib.blake2s(covered, key=key, digest_size=_MAC_BYTES, person=_PERSON).digest()
