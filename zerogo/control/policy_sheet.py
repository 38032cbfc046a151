# -*- test-case-name: zerogo.test.control.test_policy_sheet -*-
"""A sheet of filters: what the members of one class hold their peers against, signed (docs/PROTOCOL.md, section 10.2).

A member is sent the sheet of its own class and no other. The map says of each member which class it is of, so who joins
an old class changes no sheet; a sheet is sent only where it says something else than the one the member holds. It
stands on the agent's disk beside the map and holds while no controller can be reached.

A map whose network has a policy closes all pairs for which there is no filter: a member that lacks its sheet, or meets
a class that its sheet does not know, lets nothing pass.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from attrs import field, frozen

from zerogo.control.netmap import FORMAT_VERSION, MEMBERS_LIMIT, REVISION_LIMIT, ForgedMap, NetworkMap
from zerogo.control.token import controller_key_hash
from zerogo.errors import LocalError, ParseError
from zerogo.ids import KEY_BYTES, NetworkId, NodeId
from zerogo.noise.identity import Identity, PublicIdentity, verify
from zerogo.policy.compile import CLASS_BYTES, CLOSED, ClassFilters
from zerogo.policy.filter import DESTINATIONS_LIMIT, RULES_LIMIT, PeerFilter, PolicyRule

SIGNATURE_CONTEXT = b"zerogo filters 1\x00"
CAPABILITY = "policy"
"""Of members whose agent holds filters."""
CONTENT_LIMIT = 1024 * 1024
"""Bytes of what a sheet says."""
DIGEST_BYTES = 16

_Key = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
_Class = Annotated[bytes, msgspec.Meta(max_length=CLASS_BYTES)]
_Prefixes = Annotated[list[Annotated[str, msgspec.Meta(max_length=49)]], msgspec.Meta(max_length=DESTINATIONS_LIMIT)]
_Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
_Rule = tuple[Annotated[int, msgspec.Meta(ge=0, le=255)] | None, tuple[_Port, _Port] | None, _Prefixes, bool]
_Rules = Annotated[list[_Rule], msgspec.Meta(max_length=RULES_LIMIT)]


class _Content(msgspec.Struct, frozen=True, array_like=True):
    of_class: _Class
    filters: Annotated[list[tuple[_Rules, _Rules]], msgspec.Meta(max_length=MEMBERS_LIMIT)]
    peers: Annotated[list[tuple[_Class, int | None]], msgspec.Meta(max_length=MEMBERS_LIMIT)]
    """Class of the peer, and the place of its filter, from 0; None: everything may pass."""


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    version: int
    static_public: _Key
    signing_public: _Key
    signature: Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
    network: Annotated[bytes, msgspec.Meta(min_length=5, max_length=5)]
    revision: Annotated[int, msgspec.Meta(ge=0, le=REVISION_LIMIT)]
    content: Annotated[bytes, msgspec.Meta(max_length=CONTENT_LIMIT)]


_MALFORMED = (msgspec.MsgspecError, LocalError, ValueError, RecursionError)
_encode = msgspec.msgpack.Encoder().encode
_decode_content = msgspec.msgpack.Decoder(_Content).decode
_decode_stored = msgspec.msgpack.Decoder(_Stored).decode


@frozen(eq=False)
class FilterSheet:
    """A sheet with the bytes and the signature it came with; `decode` proves nothing, `verify` does."""

    controller: PublicIdentity
    signature: bytes = field(repr=False)
    network: NetworkId
    revision: int
    """Of the first map that it goes with."""
    content: bytes = field(repr=False)
    of_class: bytes
    filters: ClassFilters = field(repr=False)

    @classmethod
    def sign(cls, network: NetworkId, revision: int, content: bytes, controller: Identity) -> FilterSheet:
        """The sheet of this content, signed."""
        public = PublicIdentity(controller.static_public, controller.signing_public)
        signature = controller.sign(_signed_text(network, revision, content))
        return cls(public, signature, network, revision, content, *_read_content(content))

    @classmethod
    def decode(cls, blob: bytes) -> FilterSheet:
        """Read what `encode` wrote; raises `ParseError`."""
        try:
            stored = _decode_stored(blob)
        except _MALFORMED as error:
            raise ParseError(f"a sheet of filters is malformed: {error}") from error
        if stored.version != FORMAT_VERSION:
            raise ParseError(f"the sheet of filters has format {stored.version}; this release reads {FORMAT_VERSION}")
        public = PublicIdentity(stored.static_public, stored.signing_public)
        said = _read_content(stored.content)
        return cls(public, stored.signature, NetworkId(stored.network), stored.revision, stored.content, *said)

    def encode(self) -> bytes:
        """The bytes to send and to keep."""
        public = (self.controller.static_public, self.controller.signing_public)
        return _encode(_Stored(FORMAT_VERSION, *public, self.signature, self.network.raw, self.revision, self.content))

    def verify(self, key_hash: bytes, network: NetworkId) -> None:
        """Raise `ForgedMap` unless the controller pinned by `key_hash` signed this sheet for `network`."""
        public = self.controller
        if controller_key_hash(public.static_public, public.signing_public) != key_hash:
            raise ForgedMap("the sheet of filters names another controller than the join token")
        if self.network != network:
            raise ForgedMap("the sheet of filters is of another network")
        verify(public.signing_public, _signed_text(self.network, self.revision, self.content), self.signature)

    @property
    def digest(self) -> bytes:
        """Of what it says."""
        return content_digest(self.content)


def emit_content(of_class: bytes, class_filters: ClassFilters) -> bytes:
    """What a sheet says, as bytes; the same for the same filters."""
    places: dict[PeerFilter, int] = {}
    peers = []
    for peer_class in sorted(class_filters.peers):
        peer_filter = class_filters.peers[peer_class]
        if peer_filter != CLOSED:
            place = None if peer_filter is None else places.setdefault(peer_filter, len(places))
            peers.append((peer_class, place))
    filters = [(_rows(each.outbound), _rows(each.inbound)) for each in places]
    return _encode(_Content(of_class, filters, peers))


def content_digest(content: bytes) -> bytes:
    """By which both ends know whether a member holds what it should."""
    return hashlib.blake2s(content, digest_size=DIGEST_BYTES, person=b"zg-sheet").digest()


def filters_in_force(network_map: NetworkMap, sheet: FilterSheet | None, us: NodeId) -> ClassFilters | None:
    """What we hold the members of this map against, by their class; None where the network has no policy."""
    if not network_map.policy:
        return None
    own = network_map.member(us)
    if sheet is None or own is None or sheet.of_class != own.policy_class:
        return ClassFilters()
    return sheet.filters


def _signed_text(network: NetworkId, revision: int, content: bytes) -> bytes:
    return SIGNATURE_CONTEXT + network.raw + revision.to_bytes(8, "big") + content


def _rows(rules: tuple[PolicyRule, ...]) -> list[_Rule]:
    return [(rule.protocol, rule.ports, list(rule.destinations), rule.allows) for rule in rules]


def _read_rules(rows: list[_Rule]) -> tuple[PolicyRule, ...]:
    return tuple(PolicyRule(protocol, ports, tuple(prefixes), allows) for protocol, ports, prefixes, allows in rows)


def _read_content(content: bytes) -> tuple[bytes, ClassFilters]:
    try:
        said = _decode_content(content)
        filters = [PeerFilter(_read_rules(outbound), _read_rules(inbound)) for outbound, inbound in said.filters]
    except _MALFORMED as error:
        raise ParseError(f"a sheet of filters is malformed: {error}") from error
    peers: dict[bytes, PeerFilter | None] = {}
    for peer_class, place in said.peers:
        if peer_class in peers or (place is not None and not 0 <= place < len(filters)):
            raise ParseError("a sheet of filters names a class twice, or a filter that is not there")
        peers[peer_class] = None if place is None else filters[place]
    return said.of_class, ClassFilters(peers)


class HeldFilters:
    """The sheets of an agent: the one that goes with its map, and a newer one whose map has not come yet."""

    def __init__(self) -> None:
        self._current: FilterSheet | None = None
        self._newest: FilterSheet | None = None

    @property
    def digest(self) -> bytes:
        """Of the newest; empty where there is none."""
        return b"" if self._newest is None else self._newest.digest

    def take(self, sheet: FilterSheet) -> None:
        """Hold a sheet that was verified, from its map on. It may be an older one that says what is right again."""
        self._newest = sheet

    def at(self, revision: int) -> FilterSheet | None:
        """The sheet for the map of that revision."""
        if self._newest is not None and self._newest.revision <= revision:
            self._current = self._newest
        return self._current
