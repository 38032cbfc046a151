# -*- test-case-name: zerogo.test.exit.test_reason -*-
"""Why a stream could not be opened, or why it ended: one list for the tunnel, SOCKS replies, HTTP statuses and the log.

SOCKS replies are RFC 1928 section 6, HTTP statuses RFC 9110, error tokens RFC 9209 (`Proxy-Status`). The numbers are
part of the wire (docs/PROTOCOL.md, "Exit tunnel"); an unknown number reads as `INTERNAL`.
"""

from __future__ import annotations

import enum

from attrs import frozen


class Reason(enum.IntEnum):
    """Numbers of RESET and GOAWAY frames."""

    CANCELLED = 1
    """Whoever opened it does not want it any more."""
    POLICY = 2
    """The exit policy of the edge, or a rule of the gateway."""
    PROHIBITED = 3
    """The address is private, special or the edge's own."""
    NAME_UNKNOWN = 4
    NAME_FAILED = 5
    """The edge could not ask."""
    NETWORK_UNREACHABLE = 6
    HOST_UNREACHABLE = 7
    REFUSED = 8
    TIMED_OUT = 9
    """The target did not answer."""
    BROKEN = 10
    """The target reset the connection."""
    UNSUPPORTED = 11
    OVERLOADED = 12
    DRAINING = 13
    PROTOCOL = 14
    """The other end broke the rules of the stream."""
    CARRIER_LOST = 15
    NO_EDGE = 16
    QUOTA = 17
    """The user's traffic, time or streams are used up."""
    IDLE = 18
    INTERNAL = 19
    OWNER = 20
    """The edge's owner paused it, or its own limit is reached."""
    DENIED = 21
    """The user was stopped."""

    @classmethod
    def read(cls, number: int) -> Reason:
        """The reason of that number."""
        return cls._value2member_map_.get(number, cls.INTERNAL)  # type: ignore[return-value]


class SocksReply(enum.IntEnum):
    """RFC 1928 section 6."""

    SUCCEEDED = 0
    GENERAL_FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    REFUSED = 5
    TTL_EXPIRED = 6
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


@frozen
class Meaning:
    """What a user is told."""

    socks: SocksReply
    status: int
    phrase: str
    token: str
    """RFC 9209 section 2.3."""
    sentence: str


_FAILURE = SocksReply.GENERAL_FAILURE
_DENIED = SocksReply.NOT_ALLOWED
_HOST = SocksReply.HOST_UNREACHABLE
_PROHIBITED, _BAD, _BUSY, _LATE = "Forbidden", "Bad Gateway", "Service Unavailable", "Gateway Timeout"

MEANINGS: dict[Reason, Meaning] = {
    Reason.CANCELLED: Meaning(_FAILURE, 502, _BAD, "connection_terminated", "it was cancelled"),
    Reason.POLICY: Meaning(_DENIED, 403, _PROHIBITED, "http_request_denied", "the exit does not allow this"),
    Reason.PROHIBITED: Meaning(
        _DENIED, 403, _PROHIBITED, "destination_ip_prohibited", "the address is private or special"
    ),
    Reason.NAME_UNKNOWN: Meaning(_HOST, 502, _BAD, "destination_not_found", "the name is not known"),
    Reason.NAME_FAILED: Meaning(_HOST, 502, _BAD, "dns_error", "the name could not be looked up"),
    Reason.NETWORK_UNREACHABLE: Meaning(
        SocksReply.NETWORK_UNREACHABLE, 502, _BAD, "destination_ip_unroutable", "there is no route to it"
    ),
    Reason.HOST_UNREACHABLE: Meaning(_HOST, 502, _BAD, "destination_unavailable", "the host cannot be reached"),
    Reason.REFUSED: Meaning(SocksReply.REFUSED, 502, _BAD, "connection_refused", "the target refused the connection"),
    Reason.TIMED_OUT: Meaning(_HOST, 504, _LATE, "connection_timeout", "the target did not answer"),
    Reason.BROKEN: Meaning(_FAILURE, 502, _BAD, "connection_terminated", "the target broke the connection"),
    Reason.UNSUPPORTED: Meaning(
        SocksReply.COMMAND_NOT_SUPPORTED, 501, "Not Implemented", "proxy_internal_error", "that is not supported"
    ),
    Reason.OVERLOADED: Meaning(_FAILURE, 503, _BUSY, "connection_limit_reached", "the exit is overloaded"),
    Reason.DRAINING: Meaning(_FAILURE, 503, _BUSY, "destination_unavailable", "the exit is going away"),
    Reason.PROTOCOL: Meaning(_FAILURE, 502, _BAD, "proxy_internal_error", "the exit broke the protocol"),
    Reason.CARRIER_LOST: Meaning(_FAILURE, 502, _BAD, "connection_terminated", "the exit was lost"),
    Reason.NO_EDGE: Meaning(_FAILURE, 503, _BUSY, "destination_unavailable", "no exit matches"),
    Reason.QUOTA: Meaning(_DENIED, 403, _PROHIBITED, "http_request_denied", "a limit of your account is reached"),
    Reason.IDLE: Meaning(_FAILURE, 504, _LATE, "connection_terminated", "nothing was sent for too long"),
    Reason.INTERNAL: Meaning(_FAILURE, 502, _BAD, "proxy_internal_error", "something went wrong at the exit"),
    Reason.OWNER: Meaning(_FAILURE, 503, _BUSY, "destination_unavailable", "the exit's owner has paused it"),
    Reason.DENIED: Meaning(_DENIED, 403, _PROHIBITED, "http_request_denied", "your account was stopped"),
}
"""What a user is told for each reason."""
