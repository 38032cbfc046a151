# -*- test-case-name: zerogo.test.control.test_messages -*-
"""The messages inside the channel: msgpack maps with the type in `t` (docs/PROTOCOL.md, "Control channel").

Fields that a reader does not know are ignored, and so are messages of a type it does not know (`parse_*` gives None),
so that a later release may add both. What must be understood raises the protocol version in the Hello. Every string
and list has a bound, checked while it is read.
"""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

from zerogo.control.netmap import MapDelta
from zerogo.control.relays import NAME_PATTERN, RELAYS_LIMIT
from zerogo.control.subnets import SUBNETS_LIMIT, TEXT_LIMIT
from zerogo.control.token import ADDRESSES_LIMIT, PSK_BYTES, SECRET_BYTES
from zerogo.ids import KEY_BYTES
from zerogo.policy.decisions import PROTOCOL_LIMIT
from zerogo.turn.grant import GRANT_BYTES
from zerogo.wire.tagged import TaggedReader, emit_tagged

BLOB_LIMIT = 16 * 1024
"""Longest signalling blob, bytes."""
MEMBER_MESSAGE_LIMIT = 128 * 1024
"""Longest message of an agent, bytes."""
CONTROLLER_MESSAGE_LIMIT = 4 * 1024 * 1024
"""Longest message of a controller, bytes: a map of 10,000 members."""
LINKS_LIMIT = 64
"""Links of one report."""
LINKS_GONE_LIMIT = 1024
FLOWS_LIMIT = 512
"""Rows of one report of policy decisions."""
RELAY_TEST_SECONDS_MOST = 300
"""Longest test of a relay."""

_NodeBytes = Annotated[bytes, msgspec.Meta(min_length=10, max_length=10)]
_NetworkBytes = Annotated[bytes, msgspec.Meta(min_length=5, max_length=5)]
_Key = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
_Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
_HostName = Annotated[str, msgspec.Meta(max_length=255)]
_PLAIN = r"\A[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*\Z"
"""Text that people are shown: no control characters, nothing that turns the direction of writing."""
_Sentence = Annotated[str, msgspec.Meta(max_length=500, pattern=_PLAIN)]
_ShownName = Annotated[str, msgspec.Meta(max_length=255, pattern=_PLAIN)]
_Words = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=32)]], msgspec.Meta(max_length=16)]
_Subnets = Annotated[list[Annotated[str, msgspec.Meta(max_length=TEXT_LIMIT)]], msgspec.Meta(max_length=SUBNETS_LIMIT)]
_Opaque = Annotated[bytes, msgspec.Meta(max_length=BLOB_LIMIT)]
_Revision = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=3_600_000)]
_Age = Annotated[float, msgspec.Meta(ge=0, le=3_200_000_000)]
_Rate = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
_PathKind = Annotated[str, msgspec.Meta(max_length=16, pattern=r"\A[A-Za-z0-9-]*\Z")]
_RelayName = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=604_800)]
_Version = Annotated[str, msgspec.Meta(max_length=32, pattern=r"\A[!-~]*\Z")]


class RefusalCode(enum.StrEnum):
    """Why the controller turned a member away; part of the protocol and of `--json` output."""

    TOKEN_UNKNOWN = "token-unknown"  # noqa: S105 - names of reasons, not secrets
    TOKEN_USED = "token-used"  # noqa: S105
    TOKEN_EXPIRED = "token-expired"  # noqa: S105
    TOKEN_REVOKED = "token-revoked"  # noqa: S105
    TOKEN_FOREIGN = "token-foreign"  # noqa: S105
    NOT_A_MEMBER = "not-a-member"
    NETWORK_UNKNOWN = "network-unknown"
    NETWORK_FULL = "network-full"
    DENIED = "denied"
    REMOVED = "removed"
    REPLACED = "replaced"
    BINDING_INVALID = "binding-invalid"
    TOO_MANY = "too-many"
    UNAVAILABLE = "unavailable"


TEMPORARY = (RefusalCode.REPLACED, RefusalCode.TOO_MANY, RefusalCode.UNAVAILABLE)
"""Refusals after which it is worth trying again; all others need a person."""


class Register(msgspec.Struct, frozen=True, omit_defaults=True, tag="register", tag_field="t"):
    """Agent: who I am in which network; the first message of a channel. `binding` is a signature by `signing` over
    `binding_text`; `secret` comes with the first registration; `revision` is that of the map it holds (0: none)."""

    network: _NetworkBytes
    signing: _Key
    binding: _Signature
    name: _HostName
    caps: _Words = []
    version: _Version = ""
    revision: _Revision = 0
    secret: Annotated[bytes, msgspec.Meta(min_length=SECRET_BYTES, max_length=SECRET_BYTES)] | None = None
    nets: _Subnets = []
    filters: Annotated[bytes, msgspec.Meta(max_length=16)] = b""
    """Digest of the sheet of filters that it holds."""

    def __repr__(self) -> str:
        return f"Register(name={self.name!r}, revision={self.revision})"


class Publish(msgspec.Struct, frozen=True, omit_defaults=True, tag="publish", tag_field="t"):
    """Agent: my capabilities, or the networks behind me, changed."""

    caps: _Words = []
    nets: _Subnets = []


class SignalTo(msgspec.Struct, frozen=True, tag="signal-to", tag_field="t"):
    """Agent: pass this blob to that member."""

    to: _NodeBytes
    blob: _Opaque


class PunchRequest(msgspec.Struct, frozen=True, tag="punch-request", tag_field="t"):
    """Agent: have that member and me begin checks at the same moment."""

    to: _NodeBytes


class GrantRequest(msgspec.Struct, frozen=True, tag="grant-request", tag_field="t"):
    """Agent: let me reach that member by the relays, where it was seen."""

    to: _NodeBytes


class LinkReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of a member's links, as it sees it: what seldom changes."""

    peer: _NodeBytes
    path: _PathKind = "none"
    """`direct`, `peer`, `relay`, `tcp` (a relay over TCP or TLS) or `none`."""
    via: Annotated[list[_NodeBytes], msgspec.Meta(max_length=2)] = []
    """The members that carry it, in order."""
    relay: Annotated[str, msgspec.Meta(max_length=32, pattern=_PLAIN)] = ""
    state: _PathKind = ""
    """A value of `zerogo.mesh.events.PeerState`."""
    mtu: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    """Bytes of the largest sealed datagram."""
    cipher: _PathKind = ""
    local: _PathKind = ""
    """Kind of the candidate on this side."""
    remote: _PathKind = ""
    age: _Age | None = None
    """For how many seconds this path has been in use."""
    handshake_age: _Age | None = None
    reason: Annotated[str, msgspec.Meta(max_length=200, pattern=_PLAIN)] = ""
    """Why this path was chosen, or why there is none."""
    why: _Sentence = ""
    """The same for a person, with what stands in the way of a better one."""


class LinkSample(msgspec.Struct, frozen=True, array_like=True):
    """One of a member's links, as it sees it: what was measured. Rates are of both directions, bytes of datagrams."""

    peer: _NodeBytes
    rtt_ms: _Milliseconds | None = None
    jitter_ms: _Milliseconds | None = None
    loss: _Fraction | None = None
    received: _Rate = 0.0
    """Bytes a second."""
    sent: _Rate = 0.0
    score: Annotated[float, msgspec.Meta(ge=-10_000, le=10_000)] | None = None


class AgentFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an agent is made of and what surrounds it."""

    plane: _PathKind = ""
    """`native` or `reference`."""
    mapping: _PathKind = ""
    """How its NAT maps: a value of `zerogo.ice.nature.NatMapping`."""
    ports: _PathKind = ""
    """How its NAT chooses ports: a value of `PortPattern`."""


class LinksReport(msgspec.Struct, frozen=True, omit_defaults=True, tag="links", tag_field="t"):
    """Agent: what changed of my links. Each entry takes the place of what was told of that peer before."""

    is_whole: bool = False
    """Forget first what was told before."""
    links: Annotated[list[LinkReport], msgspec.Meta(max_length=LINKS_LIMIT)] = []
    samples: Annotated[list[LinkSample], msgspec.Meta(max_length=LINKS_LIMIT)] = []
    gone: Annotated[list[_NodeBytes], msgspec.Meta(max_length=LINKS_GONE_LIMIT)] = []
    """No members any more, or of no interest."""
    about: AgentFacts | None = None
    """None: as told before."""


class FlowRow(msgspec.Struct, frozen=True, array_like=True):
    """What a member's plane decided of one kind of traffic with one peer: `zerogo.policy.decisions`."""

    peer: _NodeBytes
    is_outbound: bool
    protocol: Annotated[int, msgspec.Meta(ge=0, le=PROTOCOL_LIMIT)]
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)]
    opened: _Count
    refused: _Count


class FlowsReport(msgspec.Struct, frozen=True, omit_defaults=True, tag="flows", tag_field="t"):
    """Agent: so many flows I let be opened, and so many frames I refused, in the last `seconds`; only where the map
    says that the network keeps a log of it."""

    seconds: _Seconds
    rows: Annotated[list[FlowRow], msgspec.Meta(max_length=FLOWS_LIMIT)] = []
    rest_opened: _Count = 0
    """What found no place in `rows`."""
    rest_refused: _Count = 0


class Pong(msgspec.Struct, frozen=True, tag="pong", tag_field="t"):
    """Agent: the answer to the ping of that number."""

    number: int


class Resync(msgspec.Struct, frozen=True, tag="resync", tag_field="t"):
    """Agent: I cannot follow, send the whole map."""


class Leave(msgspec.Struct, frozen=True, tag="leave", tag_field="t"):
    """Agent: I leave the network for good."""


class Welcome(msgspec.Struct, frozen=True, omit_defaults=True, tag="welcome", tag_field="t"):
    """Controller: you are a member under this name with these addresses. A map, a delta or MapUnchanged follows."""

    name: _ShownName
    addresses: Annotated[list[Annotated[str, msgspec.Meta(max_length=45)]], msgspec.Meta(max_length=16)]
    psk: Annotated[bytes, msgspec.Meta(min_length=PSK_BYTES, max_length=PSK_BYTES)] | None = None

    def __repr__(self) -> str:
        return f"Welcome(name={self.name!r}, addresses={self.addresses!r})"


class Waiting(msgspec.Struct, frozen=True, tag="waiting", tag_field="t"):
    """Controller: a person must approve you first; stay connected."""

    sentence: _Sentence


class WholeMap(msgspec.Struct, frozen=True, tag="map", tag_field="t"):
    """Controller: the network map, as `SignedMap.encode` wrote it."""

    signed: bytes


class Filters(msgspec.Struct, frozen=True, tag="filters", tag_field="t"):
    """Controller: what you hold the other members against, as `FilterSheet.encode` wrote it; before the map that it
    goes with."""

    signed: bytes


class MapUnchanged(msgspec.Struct, frozen=True, tag="map-unchanged", tag_field="t"):
    """Controller: the map you hold is the newest."""

    revision: _Revision


class SignalFrom(msgspec.Struct, frozen=True, tag="signal-from", tag_field="t"):
    """Controller: that member sends you this blob."""

    sender: _NodeBytes
    blob: _Opaque


class Punch(msgspec.Struct, frozen=True, tag="punch", tag_field="t"):
    """Controller: begin checks with that member so many milliseconds after this arrived."""

    peer: _NodeBytes
    delay_ms: Annotated[float, msgspec.Meta(ge=0, le=10_000)]


class RelayPassword(msgspec.Struct, frozen=True):
    """A user name and password of TURN for one relay of the map."""

    relay: _RelayName
    user: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    nonce: Annotated[bytes, msgspec.Meta(max_length=128)] = b""

    def __repr__(self) -> str:
        return f"RelayPassword(relay={self.relay!r}, user={self.user!r})"


class RelayPasswords(msgspec.Struct, frozen=True, tag="relay-credentials", tag_field="t"):
    """Controller: so you may use the relays, from now on for so many seconds; replaces what came before."""

    seconds: _Seconds
    relays: Annotated[list[RelayPassword], msgspec.Meta(max_length=RELAYS_LIMIT)]


class RelayGrant(msgspec.Struct, frozen=True):
    """A grant (`turn.grant`) that one relay of the map takes."""

    relay: _RelayName
    grant: Annotated[bytes, msgspec.Meta(min_length=GRANT_BYTES, max_length=GRANT_BYTES)]

    def __repr__(self) -> str:
        return f"RelayGrant(relay={self.relay!r})"


class PeerGrants(msgspec.Struct, frozen=True, tag="peer-grants", tag_field="t"):
    """Controller: the relays let you exchange data with that member at the address it was seen at, for so many
    seconds from now on."""

    peer: _NodeBytes
    address: Annotated[bytes, msgspec.Meta(min_length=4, max_length=16)]
    seconds: _Seconds
    relays: Annotated[list[RelayGrant], msgspec.Meta(max_length=RELAYS_LIMIT)]


class Ping(msgspec.Struct, frozen=True, tag="ping", tag_field="t"):
    """Controller: answer at once; measures the round trip and that you are there."""

    number: int


class Watch(msgspec.Struct, frozen=True, tag="watch", tag_field="t"):
    """Controller: for so many seconds from now, somebody looks at your links: report what changes at this interval, at
    most so many links at a time. 0 seconds: nobody looks."""

    seconds: Annotated[float, msgspec.Meta(ge=0, le=600)]
    interval: Annotated[float, msgspec.Meta(ge=0.5, le=60)] = 1.0
    links: Annotated[int, msgspec.Meta(ge=1, le=LINKS_LIMIT)] = LINKS_LIMIT


class RelayTest(msgspec.Struct, frozen=True, tag="relay-test", tag_field="t"):
    """Controller: for so many seconds from now, reach that member by relay servers only, as long as one carries; 0 ends
    it."""

    peer: _NodeBytes
    seconds: Annotated[float, msgspec.Meta(ge=0, le=RELAY_TEST_SECONDS_MOST)]


class Controllers(msgspec.Struct, frozen=True, tag="controllers", tag_field="t"):
    """Controller: where the controllers of this network are dialled, best first for you; replaces what came before."""

    places: Annotated[list[_HostName], msgspec.Meta(max_length=ADDRESSES_LIMIT)]


class Refusal(msgspec.Struct, frozen=True, tag="refusal", tag_field="t"):
    """Controller: why I turn you away; the channel closes after it."""

    code: Annotated[str, msgspec.Meta(max_length=32, pattern=r"\A[a-z0-9-]*\Z")]
    sentence: _Sentence


MemberMessage = (
    Register | Publish | SignalTo | PunchRequest | GrantRequest | LinksReport | FlowsReport | Pong | Resync | Leave
)
MapMessage = WholeMap | MapDelta | MapUnchanged | Filters
ControllerMessage = (
    Welcome
    | Waiting
    | MapMessage
    | SignalFrom
    | Punch
    | RelayPasswords
    | PeerGrants
    | Ping
    | Watch
    | RelayTest
    | Controllers
    | Refusal
)


_OF_MEMBER: TaggedReader[MemberMessage] = TaggedReader(
    "a control message",
    MEMBER_MESSAGE_LIMIT,
    Register,
    Publish,
    SignalTo,
    PunchRequest,
    GrantRequest,
    LinksReport,
    FlowsReport,
    Pong,
    Resync,
    Leave,
)
_OF_CONTROLLER: TaggedReader[ControllerMessage] = TaggedReader(
    "a control message",
    CONTROLLER_MESSAGE_LIMIT,
    Welcome,
    Waiting,
    WholeMap,
    MapDelta,
    MapUnchanged,
    Filters,
    SignalFrom,
    Punch,
    RelayPasswords,
    PeerGrants,
    Ping,
    Watch,
    RelayTest,
    Controllers,
    Refusal,
)


def emit_message(message: MemberMessage | ControllerMessage) -> bytes:
    """The bytes of a message."""
    return emit_tagged(message)


def parse_member_message(data: bytes) -> MemberMessage | None:
    """Read an agent's message; None for a type of a later release; raises `ParseError`."""
    return _OF_MEMBER.read(data)


def parse_controller_message(data: bytes) -> ControllerMessage | None:
    """Read a controller's message; None for a type of a later release; raises `ParseError`."""
    return _OF_CONTROLLER.read(data)


def binding_text(network: bytes, static_public: bytes, handshake_hash: bytes) -> bytes:
    """What a member's signing key signs to be bound to its static key, in one network, on one channel."""
    return b"zerogo member 1\x00" + network + static_public + handshake_hash
