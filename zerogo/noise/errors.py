"""What can go wrong with keys, handshakes and sessions.

All failures of cryptography have one public face, `NotAuthentic`, whatever the cause: a peer that probes learns nothing
from the difference. `Replayed` and `StaleInitiation` are raised only about bytes that did authenticate, or about a
counter, which is in clear.
"""

from __future__ import annotations

from zerogo.errors import LocalError, RemoteError


class NotAuthentic(RemoteError):
    """The other side did not prove who it is, or the bytes were changed on the way."""

    code = "E-NOISE-NOT-AUTHENTIC"


class Replayed(RemoteError):
    """A datagram came a second time, or too late to tell."""

    code = "E-NOISE-REPLAYED"


class StaleInitiation(RemoteError):
    """An authentic initiation is older than one already seen from that node; it must prove that it is fresh."""

    code = "E-NOISE-STALE"


class TooManyInitiations(RemoteError):
    """One source sends initiations faster than it may while this node is under load."""

    code = "E-NOISE-RATE"


class SessionExhausted(LocalError):
    """A session has used up its counters and must not seal any more."""

    code = "E-NOISE-EXHAUSTED"
