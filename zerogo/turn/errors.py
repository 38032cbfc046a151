"""What goes wrong in this room."""

from __future__ import annotations

import enum

from zerogo.errors import RemoteError
from zerogo.stun.attributes import Attribute


class Code(enum.IntEnum):
    """Error codes of STUN and TURN that are used here (RFC 8489 section 14.8, RFC 8656 section 19)."""

    TRY_ALTERNATE = 300
    BAD_REQUEST = 400
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    UNKNOWN_ATTRIBUTE = 420
    ALLOCATION_MISMATCH = 437
    STALE_NONCE = 438
    ADDRESS_FAMILY_NOT_SUPPORTED = 440
    WRONG_CREDENTIALS = 441
    UNSUPPORTED_TRANSPORT = 442
    PEER_FAMILY_MISMATCH = 443
    ALLOCATION_QUOTA = 486
    INSUFFICIENT_CAPACITY = 508


class Refusal(RemoteError):
    """A request of an authentic client is refused."""

    code = "E-TURN-REFUSED"

    def __init__(self, number: Code, reason: str, attributes: tuple[Attribute, ...] = ()) -> None:
        super().__init__(f"{int(number)} {reason}")
        self.number = number
        self.reason = reason
        self.attributes = attributes
        """What is sent along with the code."""
