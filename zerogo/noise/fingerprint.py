# -*- test-case-name: zerogo.test.noise.test_fingerprint -*-
"""A machine's public keys in a form that people can compare over the phone."""

from __future__ import annotations

import base64
import hashlib

from zerogo.noise.identity import PublicIdentity

DIGEST_BYTES = 20
GROUP = 4


def fingerprint(public: PublicIdentity) -> str:
    """160 bits of BLAKE2s (person `zg-print`) over both public keys, in base32: eight groups of four characters."""
    text = public.static_public + public.signing_public
    digest = hashlib.blake2s(text, digest_size=DIGEST_BYTES, person=b"zg-print").digest()
    letters = base64.b32encode(digest).decode("ascii").lower()
    return " ".join(letters[at : at + GROUP] for at in range(0, len(letters), GROUP))
