# -*- test-case-name: zerogo.test.control.test_fellow_words -*-
"""What controllers of one database tell each other, as msgpack.

A word says that something changed, never what it is now: who hears it looks into the database. The exceptions are what
is on its way to a member (`ForMember`), what gateways are to do or say at once (`ForGateways`, `GatewaysAsked`), what
members tell of their links and gateways of their users, and what callers of the API used up of their limits, all of
which are in no database. Words may be lost, come twice and come late.
"""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

from zerogo.control.gateway_messages import ACTIVE_USERS_LIMIT, ROWS_LIMIT, UserActivity
from zerogo.errors import ParseError
from zerogo.ids import NETWORK_ID_BYTES, NODE_ID_BYTES, NetworkId, NodeId

WORD_LIMIT = 64 * 1024
MEMBERS_LIMIT = 5000
"""In one word."""
AREA_LIMIT = 32
"""Characters."""
LIMITS_LIMIT = 500
"""In one word."""
LIMIT_KEY_LIMIT = 128
"""Characters."""
_NetworkBytes = Annotated[bytes, msgspec.Meta(min_length=NETWORK_ID_BYTES, max_length=NETWORK_ID_BYTES)]
_NodeBytes = Annotated[bytes, msgspec.Meta(min_length=NODE_ID_BYTES, max_length=NODE_ID_BYTES)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class _Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t"):
    network_raw: _NetworkBytes = msgspec.field(name="network")

    @property
    def network(self) -> NetworkId:
        """Which network it is about."""
        return NetworkId(self.network_raw)


class _MemberWord(_Word, frozen=True):
    node_raw: _NodeBytes = msgspec.field(name="node")

    @property
    def node_id(self) -> NodeId:
        """Which member it is about."""
        return NodeId(self.node_raw)


class NetworkChanged(_Word, frozen=True, tag="changed"):
    """The network has a new revision."""


class NetworkDeleted(_Word, frozen=True, tag="deleted"):
    """The network is gone."""


class MemberDecided(_MemberWord, frozen=True, tag="decided"):
    """Something was decided about a member: it was let in, blocked, removed."""


class MemberHere(_MemberWord, frozen=True, tag="here"):
    """A member has connected to who says so; what others have of it is from before."""


class MemberGone(_MemberWord, frozen=True, tag="gone"):
    """A member is not connected to who says so any more."""


class MembersHere(_Word, frozen=True, tag="all-here"):
    """Members that are connected to who says so; said again and again, since words are lost."""

    nodes: Annotated[list[_NodeBytes], msgspec.Meta(max_length=MEMBERS_LIMIT)]


class MemberReported(_MemberWord, frozen=True, tag="reported"):
    """What a member told of its links, as it came (`zerogo.control.messages.LinksReport`)."""

    report: Annotated[bytes, msgspec.Meta(max_length=WORD_LIMIT)]


class Looking(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="looking"):
    """A dashboard is open at who says so, or none is any more; said again and again while one is."""

    is_open: bool


class AreaOutdated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="outdated"):
    """What the API gives in an area is other than it was, in a network or, where that is empty, everywhere."""

    area: Annotated[str, msgspec.Meta(max_length=AREA_LIMIT)]
    network_id: Annotated[str, msgspec.Meta(max_length=AREA_LIMIT)]


class ForMember(_MemberWord, frozen=True, tag="for"):
    """For a member, wherever it is connected (`zerogo.control.introductions`)."""

    content: Annotated[bytes, msgspec.Meta(max_length=WORD_LIMIT)]


class ForGateways(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="for-gateways"):
    """An order for a gateway, wherever it is connected, or, where none is named, for all of them
    (`zerogo.control.gateway_messages`)."""

    content: Annotated[bytes, msgspec.Meta(max_length=WORD_LIMIT)]
    gateway_raw: _NodeBytes | None = msgspec.field(default=None, name="gateway")

    @property
    def gateway(self) -> NodeId | None:
        """Which one."""
        return None if self.gateway_raw is None else NodeId(self.gateway_raw)


class _GatewayWord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t"):
    gateway_raw: _NodeBytes = msgspec.field(name="gateway")

    @property
    def gateway(self) -> NodeId:
        """Which one."""
        return NodeId(self.gateway_raw)


class GatewayTold(_GatewayWord, frozen=True, kw_only=True, omit_defaults=True, tag="gateway"):
    """A gateway is connected to who says so, and who is busy there; said again and again, since words are lost.

    Where users are many, words with `part` 0, 1 and so on say it, all but the last with `is_more`.
    """

    source: Annotated[str, msgspec.Meta(max_length=64)] = ""
    connected_seconds: _Seconds = 0.0
    version: Annotated[str, msgspec.Meta(max_length=32)] = ""
    streams: _Count = 0
    edges: _Count = 0
    is_draining: bool = False
    users: Annotated[list[UserActivity], msgspec.Meta(max_length=ROWS_LIMIT)] = []
    part: Annotated[int, msgspec.Meta(ge=0, lt=ACTIVE_USERS_LIMIT // ROWS_LIMIT)] = 0
    is_more: bool = False


class GatewayLeft(_GatewayWord, frozen=True, tag="gateway-left"):
    """A gateway is not connected to who says so any more."""


class ExitsChanged(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="exits-changed"):
    """Users of the exits, keys, denials or gateways are others."""


class GatewaysAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="gateways-asked"):
    """Somebody asks all gateways (`zerogo.control.gateway_messages.Ask`); the number is nobody else's."""

    number: _Count
    what: Annotated[str, msgspec.Meta(max_length=64)]
    argument: Annotated[str, msgspec.Meta(max_length=400)]


class GatewayAnswered(_GatewayWord, frozen=True, tag="gateway-answered"):
    """What a gateway answered, deflated (zlib)."""

    number: _Count
    document: Annotated[bytes, msgspec.Meta(max_length=WORD_LIMIT)] = b""


class Spent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="spent"):
    """Requests that who says so let through since it said so last, by what they count for."""

    counts: Annotated[
        dict[Annotated[str, msgspec.Meta(max_length=LIMIT_KEY_LIMIT)], Annotated[int, msgspec.Meta(ge=1, le=2**20)]],
        msgspec.Meta(max_length=LIMITS_LIMIT),
    ]


class Step(enum.Enum):
    """Of an attempt to log in."""

    BEGUN = "begun"
    FORGIVEN = "forgiven"
    SUCCEEDED = "succeeded"


class Attempted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="t", tag="attempted"):
    """Somebody tried to log in at who says so."""

    account: Annotated[str, msgspec.Meta(max_length=LIMIT_KEY_LIMIT)]
    source: Annotated[str, msgspec.Meta(max_length=LIMIT_KEY_LIMIT)]
    step: Step


Word = (
    NetworkChanged
    | NetworkDeleted
    | MemberDecided
    | MemberHere
    | MemberGone
    | MembersHere
    | MemberReported
    | Looking
    | AreaOutdated
    | ForMember
    | ForGateways
    | GatewayTold
    | GatewayLeft
    | ExitsChanged
    | GatewaysAsked
    | GatewayAnswered
    | Spent
    | Attempted
)
_DECODER = msgspec.msgpack.Decoder(Word)


def emit_word(word: Word) -> bytes:
    """The word's bytes."""
    return msgspec.msgpack.encode(word)


def parse_word(data: bytes) -> Word:
    """Raises `ParseError`."""
    try:
        word: Word = _DECODER.decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ParseError(f"not a word of a controller: {str(error)[:100]}") from error
    return word
