# -*- test-case-name: zerogo.test.control.test_gateway_messages -*-
"""What gateway and controller say to each other (docs/PROTOCOL.md, "Gateways"): msgpack maps with the type in `t`.

They use the channel that agents use (`zerogo.control.channel`), with a purpose of its own (`GATEWAY`). As there, what a
reader does not know is ignored, and every string and list has a bound, checked while it is read.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from zerogo.control.channel import Purpose
from zerogo.control.messages import CONTROLLER_MESSAGE_LIMIT, MEMBER_MESSAGE_LIMIT, Ping, Pong
from zerogo.control.token import SECRET_BYTES
from zerogo.exit.account import Account
from zerogo.exit.claims import CLAIMS_LIMIT, EdgeClaim, EdgeHeld, SessionClaim, SessionHeld
from zerogo.wire.tagged import TaggedReader, emit_tagged

GATEWAY = Purpose(b"ZGW", b"zerogo gateway 1\x00", "controller")
BOOT_BYTES = 8
ROWS_LIMIT = 400
"""Rows of any list in a message of a gateway, so that it fits `MEMBER_MESSAGE_LIMIT`."""
ACTIVE_USERS_LIMIT = 4000
"""Users that a gateway tells its activity of."""
ACCOUNTS_LIMIT = 1000
"""Accounts in one message."""
ANSWER_LIMIT = 100 * 1024
DENIED_RANGES_LIMIT = 1000

_PLAIN = r"\A[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*\Z"
_Sentence = Annotated[str, msgspec.Meta(max_length=300, pattern=_PLAIN)]
_Label = Annotated[str, msgspec.Meta(max_length=64, pattern=r"\A[a-z0-9._-]*\Z")]
_User = Annotated[str, msgspec.Meta(max_length=64)]
_Edge = Annotated[str, msgspec.Meta(max_length=16)]
_Host = Annotated[str, msgspec.Meta(max_length=64, pattern=r"\A[0-9a-f.:]*\Z")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Balance = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_Time = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Places = Annotated[list[Annotated[str, msgspec.Meta(max_length=260)]], msgspec.Meta(max_length=8)]
_Version = Annotated[str, msgspec.Meta(max_length=32, pattern=r"\A[!-~]*\Z")]


class Enter(msgspec.Struct, frozen=True, omit_defaults=True, tag="enter", tag_field="t"):
    """Gateway: who I am; the first message. `signing` completes the key that edges pin, `addresses` are where they
    dial; `boot` is another one each time the gateway is started; `revision` that of the accounts it holds, 0 for
    none."""

    signing: _Key
    boot: Annotated[bytes, msgspec.Meta(min_length=BOOT_BYTES, max_length=BOOT_BYTES)]
    name: _Label = ""
    version: _Version = ""
    addresses: _Places = []
    is_tls: bool = msgspec.field(default=False, name="tls")
    region: _Label = ""
    edges_limit: _Count = 50_000
    revision: _Count = 0
    secret: Annotated[bytes, msgspec.Meta(min_length=SECRET_BYTES, max_length=SECRET_BYTES)] | None = None

    def __repr__(self) -> str:
        return f"Enter(name={self.name!r}, revision={self.revision})"


class UsageRow(msgspec.Struct, frozen=True, array_like=True):
    """Payload bytes of one user by one edge since the batch before; the country is the edge's."""

    user: _User
    edge: _Edge
    country: _Label
    up: _Count
    down: _Count
    streams: _Count
    """Begun."""


class ClosedStream(msgspec.Struct, frozen=True, array_like=True):
    """One stream that is over, for the audit."""

    user: _User
    source: _Host
    edge: _Edge
    exit_address: _Host
    target: Annotated[str, msgspec.Meta(max_length=300, pattern=_PLAIN)]
    command: _Label
    ended_at: _Time
    seconds: _Seconds
    up: _Count
    down: _Count
    reason: _Label


class Returned(msgspec.Struct, frozen=True, array_like=True):
    """Credit that a gateway hands back."""

    user: _User
    count: _Count


class Usage(msgspec.Struct, frozen=True, omit_defaults=True, tag="usage", tag_field="t"):
    """Gateway: what passed. Sent again until `Acked`, under the same number; numbers begin at 1 with each boot."""

    number: _Count
    rows: Annotated[list[UsageRow], msgspec.Meta(max_length=ROWS_LIMIT)] = []
    closed: Annotated[list[ClosedStream], msgspec.Meta(max_length=ROWS_LIMIT)] = []
    returned: Annotated[list[Returned], msgspec.Meta(max_length=ROWS_LIMIT)] = []


class LeaseRequest(msgspec.Struct, frozen=True, tag="lease-request", tag_field="t"):
    """Gateway: this user needs credit. `held` is what the controller should hold to be leased here: what is left, and
    what was used or is to be returned and is in no batch that went before; below zero where more was used than leased.
    """

    user: _User
    number: _Count
    """From 1, another one each time."""
    held: _Balance


class EdgeHere(msgspec.Struct, frozen=True, omit_defaults=True):
    """An edge that has a tunnel to the gateway."""

    edge: _Edge
    name: _Label = ""
    address: _Host = ""
    country: _Label = ""
    region: _Label = ""
    city: _Label = ""
    asn: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] = 0
    version: _Version = ""
    consent_at: _Time = 0.0
    """When its owner agreed, unix time; 0: not told."""


class Presence(msgspec.Struct, frozen=True, omit_defaults=True, tag="presence", tag_field="t"):
    """Gateway: edges that came and went; with `is_whole` these and those in messages that follow are all there are."""

    here: Annotated[list[EdgeHere], msgspec.Meta(max_length=ROWS_LIMIT)] = []
    gone: Annotated[list[_Edge], msgspec.Meta(max_length=ROWS_LIMIT)] = []
    is_whole: bool = msgspec.field(default=False, name="whole")


class UserActivity(msgspec.Struct, frozen=True, array_like=True):
    """A user with live streams: how many, how fast in the last second, and whether a rate held the user up."""

    user: _User
    streams: _Count
    up: _Count
    down: _Count
    is_up_hungry: bool
    is_down_hungry: bool


class Activity(msgspec.Struct, frozen=True, omit_defaults=True, tag="activity", tag_field="t"):
    """Gateway: as soon as it is admitted, once a second while there are streams, and once after; replaces the one
    before. Where `is_more`, the users of the next one belong to the same, whose other figures are the last one's."""

    users: Annotated[list[UserActivity], msgspec.Meta(max_length=ROWS_LIMIT)] = []
    streams: _Count = 0
    edges: _Count = 0
    is_draining: bool = msgspec.field(default=False, name="draining")
    is_more: bool = msgspec.field(default=False, name="more")


class Answered(msgspec.Struct, frozen=True, tag="answered", tag_field="t"):
    """Gateway: the JSON document that `Ask` with this number asked for."""

    number: _Count
    document: Annotated[bytes, msgspec.Meta(max_length=ANSWER_LIMIT)]


class Discrepancy(msgspec.Struct, frozen=True, tag="discrepancy", tag_field="t"):
    """Gateway: an edge counts otherwise than I do, over streams that ended well."""

    edge: _Edge
    streams: _Count
    gateway_bytes: _Count
    edge_bytes: _Count


class ClaimRequest(msgspec.Struct, frozen=True, omit_defaults=True, tag="claims", tag_field="t"):
    """Gateway: what sessions and exclusive edges it would have, or has (`zerogo.exit.claims`)."""

    number: _Count
    sessions: Annotated[list[SessionClaim], msgspec.Meta(max_length=CLAIMS_LIMIT)] = []
    edges: Annotated[list[EdgeClaim], msgspec.Meta(max_length=CLAIMS_LIMIT // 4)] = []


class Admitted(msgspec.Struct, frozen=True, omit_defaults=True, tag="admitted", tag_field="t"):
    """Controller: you are one of mine. Accounts and Settings follow where they are others than yours."""

    name: _Label


class Accounts(msgspec.Struct, frozen=True, omit_defaults=True, tag="accounts", tag_field="t"):
    """Controller: accounts as they are from now on, and names of those that are gone. With `is_first` what is not in
    this message and those up to `is_last` is gone, too."""

    revision: _Count
    accounts: Annotated[list[Account], msgspec.Meta(max_length=ACCOUNTS_LIMIT)] = []
    removed: Annotated[list[_User], msgspec.Meta(max_length=ACCOUNTS_LIMIT)] = []
    is_first: bool = msgspec.field(default=False, name="first")
    is_last: bool = msgspec.field(default=True, name="last")

    def __repr__(self) -> str:
        return f"Accounts(revision={self.revision}, {len(self.accounts)})"


class GatewayPlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where edges reach a gateway, and the hash of its keys."""

    gateway: _Edge
    addresses: _Places
    key_hash: Annotated[bytes, msgspec.Meta(min_length=20, max_length=20)]
    is_tls: bool = msgspec.field(default=False, name="tls")
    region: _Label = ""
    edges: _Count = 0
    edges_limit: _Count = 50_000
    is_draining: bool = msgspec.field(default=False, name="draining")


class DeniedRange(msgspec.Struct, frozen=True, array_like=True):
    """Addresses from which neither users nor edges are taken."""

    range: Annotated[str, msgspec.Meta(max_length=50)]
    """As in 192.0.2.0/24."""
    ends_at: _Time = 0.0
    """Unix time; 0: never."""


class Settings(msgspec.Struct, frozen=True, omit_defaults=True, tag="settings", tag_field="t"):
    """Controller: which secrets edges may join with (SHA-256), which edges and addresses are denied, and all
    gateways."""

    secret_hashes: Annotated[list[_Hash], msgspec.Meta(max_length=64)] = []
    denied_edges: Annotated[list[_Edge], msgspec.Meta(max_length=10_000)] = []
    places: Annotated[list[GatewayPlace], msgspec.Meta(max_length=256)] = []
    denied_ranges: Annotated[list[DeniedRange], msgspec.Meta(max_length=DENIED_RANGES_LIMIT)] = []


class Lease(msgspec.Struct, frozen=True, omit_defaults=True, tag="lease", tag_field="t"):
    """Controller: so many bytes more for that user; 0: none are left, ask again after so many seconds. With `waiting`
    some are left, and leased to other gateways: hold the streams, and ask again. `number` is the request's."""

    user: _User
    number: _Count
    count: _Count = 0
    retry_seconds: _Seconds = 60.0
    is_waiting: bool = msgspec.field(default=False, name="waiting")


class Acked(msgspec.Struct, frozen=True, tag="acked", tag_field="t"):
    """Controller: that batch of usage is on disk."""

    number: _Count


class Share(msgspec.Struct, frozen=True, array_like=True):
    """Your part of a user's rates, bytes per second (0 is without limit), and the user's streams at other gateways."""

    user: _User
    up: _Count
    down: _Count
    elsewhere: _Count


class Shares(msgspec.Struct, frozen=True, tag="shares", tag_field="t"):
    """Controller: users that are at several gateways; who is not named has all of the account's rates."""

    users: Annotated[list[Share], msgspec.Meta(max_length=10_000)]


class Claimed(msgspec.Struct, frozen=True, omit_defaults=True, tag="claimed", tag_field="t"):
    """Controller: what came of the claims with this number, in their order; with `is_away` nothing did."""

    number: _Count
    sessions: Annotated[list[SessionHeld], msgspec.Meta(max_length=CLAIMS_LIMIT)] = []
    edges: Annotated[list[EdgeHeld], msgspec.Meta(max_length=CLAIMS_LIMIT // 4)] = []
    is_away: bool = msgspec.field(default=False, name="away")


class Forgotten(msgspec.Struct, frozen=True, tag="forgotten", tag_field="t"):
    """Controller: what gateways claimed may be lost; claim all of it again."""


class Kick(msgspec.Struct, frozen=True, omit_defaults=True, tag="kick", tag_field="t"):
    """Controller: end all streams of a user, or one stream, or send an edge away."""

    user: _User = ""
    edge: _Edge = ""
    stream: _Count = 0


class Ask(msgspec.Struct, frozen=True, omit_defaults=True, tag="ask", tag_field="t"):
    """Controller: answer with a document: `streams` (of the user `argument`, or all), or `explain` (what would be
    chosen for the user name `argument`)."""

    number: _Count
    what: _Label
    argument: Annotated[str, msgspec.Meta(max_length=400)] = ""


class Refused(msgspec.Struct, frozen=True, omit_defaults=True, tag="refused", tag_field="t"):
    """Controller: why not; the channel closes. `is_final` ones need a person."""

    sentence: _Sentence
    is_final: bool = msgspec.field(default=False, name="final")


GatewayMessage = Enter | Usage | LeaseRequest | Presence | Activity | ClaimRequest | Answered | Discrepancy | Pong
OfficeMessage = (
    Admitted | Accounts | Settings | Lease | Acked | Shares | Claimed | Forgotten | Kick | Ask | Refused | Ping
)


_WHAT = "a message between gateway and controller"
_OF_GATEWAY: TaggedReader[GatewayMessage] = TaggedReader(
    _WHAT,
    MEMBER_MESSAGE_LIMIT,
    Enter,
    Usage,
    LeaseRequest,
    Presence,
    Activity,
    ClaimRequest,
    Answered,
    Discrepancy,
    Pong,
)
_OF_OFFICE: TaggedReader[OfficeMessage] = TaggedReader(
    _WHAT,
    CONTROLLER_MESSAGE_LIMIT,
    Admitted,
    Accounts,
    Settings,
    Lease,
    Acked,
    Shares,
    Claimed,
    Forgotten,
    Kick,
    Ask,
    Refused,
    Ping,
)


def emit(message: GatewayMessage | OfficeMessage) -> bytes:
    """The bytes of a message."""
    return emit_tagged(message)


def parse_gateway_message(data: bytes) -> GatewayMessage | None:
    """Read a gateway's message; None for a type of a later release; raises `ParseError`."""
    return _OF_GATEWAY.read(data)


def parse_office_message(data: bytes) -> OfficeMessage | None:
    """Read a controller's message; None for a type of a later release; raises `ParseError`."""
    return _OF_OFFICE.read(data)
