# -*- test-case-name: zerogo.test.control.test_netmap -*-
"""The network map: who is in a network, signed by the controller (docs/PROTOCOL.md, "Network map").

A map is a *header* (network, name, revision, prefixes, ...) and one *record* per member, each a msgpack map of its own.
What is signed is the concatenation of all these byte strings in a fixed order, so a reader may keep fields of a later
release, which it does not understand, and still verify. Node id and MAC of a member are not sent: they follow from its
static key, so nobody can claim a different one.

A delta carries a new header, records that changed, node ids that went, and the signature over the *resulting* map. An
agent applies it to the map it holds and verifies the result; where that fails it asks for the whole map. The revision
only grows: an older map is refused, so a recorded one cannot bring a removed member back.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from attrs import field, frozen

from zerogo.control.relays import HOST_PATTERN, NAME_PATTERN, PIN_BYTES, RELAYS_LIMIT, RelayPlace
from zerogo.control.subnets import SUBNETS_LIMIT, emit_subnet, read_subnet
from zerogo.control.token import controller_key_hash
from zerogo.errors import ParseError, RemoteError
from zerogo.ids import KEY_BYTES, MacAddress, NetworkId, NodeId
from zerogo.noise.identity import Identity, PublicIdentity
from zerogo.policy.compile import CLASS_BYTES

FORMAT_VERSION = 1
SIGNATURE_CONTEXT = b"zerogo network map 1\x00"
DEFAULT_MTU = 1400
"""Of the segment: with Ethernet header, our 36 bytes, UDP and IPv6 a full frame is 1498 bytes on the underlay."""
MEMBERS_LIMIT = 10_000
NAME_LIMIT = 63
REVISION_LIMIT = 2**53
NAMES_LIMIT = 64
ADDRESSES_OF_NAME_LIMIT = 4

_Key = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
_Name = Annotated[str, msgspec.Meta(max_length=NAME_LIMIT)]
_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
_Place = Annotated[str, msgspec.Meta(max_length=260)]
_Address = Annotated[bytes, msgspec.Meta(min_length=4, max_length=16)]
_Prefix = Annotated[str, msgspec.Meta(max_length=49)]
_Subnet = Annotated[bytes, msgspec.Meta(min_length=5, max_length=17)]
_Revision = Annotated[int, msgspec.Meta(ge=0, le=REVISION_LIMIT)]
_Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
_Blob = Annotated[bytes, msgspec.Meta(max_length=4096)]
_HeaderBlob = Annotated[bytes, msgspec.Meta(max_length=16_384)]
_Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
_NodeBytes = Annotated[bytes, msgspec.Meta(min_length=10, max_length=10)]


class StaleMap(RemoteError):
    """The network map is older than the one we hold, or the delta does not fit it."""

    code = "E-MAP-STALE"


class ForgedMap(RemoteError):
    """The network map is not signed by our controller."""

    code = "E-MAP-FORGED"


@frozen(kw_only=True)
class MemberRecord:
    """What every member may know of a member."""

    node_id: NodeId
    static_public: bytes = field(repr=False)
    """X25519, 32 bytes."""
    signing_public: bytes = field(repr=False)
    """Ed25519, 32 bytes."""
    name: str
    mac: MacAddress
    addresses: tuple[str, ...] = ()
    """In the segment: IPv4 and IPv6 in canonical text, without prefix length."""
    capabilities: tuple[str, ...] = ()
    """Short words, such as `aes`; unknown ones are ignored."""
    is_bridge: bool = False
    """Whether it may send frames of other source addresses."""
    subnets: tuple[str, ...] = ()
    """Networks behind it that a person approved, such as `192.168.7.0/24`."""
    policy_class: bytes = b""
    """Members of one class are held against the same filters (`zerogo.control.policy_sheet`)."""
    lock: bytes | None = field(default=None, repr=False)
    """The signature of the network's lock, 64 bytes (`zerogo.control.lock`)."""


@frozen
class MapName:
    """A name in the network beside those of its members (`zerogo.names`)."""

    label: str
    addresses: tuple[str, ...]


@frozen(kw_only=True)
class NetworkMap:
    """A network as its members see it."""

    network: NetworkId
    name: str
    revision: int
    prefixes: tuple[str, ...] = ()
    """Of the segment, such as `10.20.30.0/24`."""
    mtu: int = DEFAULT_MTU
    stun_servers: tuple[str, ...] = ()
    """Each `host:port`; `:port` stands for the host of the controller, see `stun_servers_near`."""
    relays: tuple[RelayPlace, ...] = ()
    """One without a host is at the controller's, see `relays_near`."""
    policy: int = 0
    """Revision of the policy that is in force; 0: there is none, everything may pass."""
    names: tuple[MapName, ...] = ()
    """Beside those of the members."""
    flow_log: bool = False
    """Whether members tell the controller what they decided by the policy."""
    lock: bytes | None = None
    """The public key of the network's lock, 32 bytes; None where it has none."""
    lock_end: bytes | None = field(default=None, repr=False)
    """The signature by which a lock ended, 64 bytes."""
    members: tuple[MemberRecord, ...] = ()
    """By node id, ascending."""

    def member(self, node_id: NodeId) -> MemberRecord | None:
        """The record of a member."""
        return next((record for record in self.members if record.node_id == node_id), None)

    def stun_servers_near(self, controller_hosts: Iterable[str]) -> tuple[str, ...]:
        """The STUN servers as `host:port`, `:port` filled in with each of the hosts (no brackets) under which the
        controller is dialled."""
        hosts = [f"[{host}]" if ":" in host else host for host in controller_hosts]
        places: dict[str, None] = {}
        for server in self.stun_servers:
            places.update(dict.fromkeys([host + server for host in hosts] if server.startswith(":") else [server]))
        return tuple(places)


class _Relay(msgspec.Struct, frozen=True, omit_defaults=True):
    name: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    host: Annotated[str, msgspec.Meta(pattern=HOST_PATTERN)] = ""
    udp: _Port = 0
    tcp: _Port = 0
    tls: _Port = 0
    pin: Annotated[bytes, msgspec.Meta(min_length=PIN_BYTES, max_length=PIN_BYTES)] | None = None


class _Named(msgspec.Struct, frozen=True, array_like=True):
    label: Annotated[str, msgspec.Meta(max_length=NAME_LIMIT, pattern=r"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z")]
    addresses: Annotated[list[_Address], msgspec.Meta(max_length=ADDRESSES_OF_NAME_LIMIT)]


class _Header(msgspec.Struct, frozen=True, omit_defaults=True):
    network: Annotated[bytes, msgspec.Meta(min_length=5, max_length=5)]
    name: _Name
    revision: _Revision
    prefixes: Annotated[list[_Prefix], msgspec.Meta(max_length=8)] = []
    mtu: Annotated[int, msgspec.Meta(ge=576, le=65521)] = DEFAULT_MTU
    stun: Annotated[list[_Place], msgspec.Meta(max_length=16)] = []
    relays: Annotated[list[_Relay], msgspec.Meta(max_length=RELAYS_LIMIT)] = []
    policy: _Revision = 0
    names: Annotated[list[_Named], msgspec.Meta(max_length=NAMES_LIMIT)] = []
    lock: _Key | None = None
    unlock: _Signature | None = None
    flows: bool = False


class _Record(msgspec.Struct, frozen=True, omit_defaults=True):
    key: _Key
    sign: _Key
    name: _Name
    addr: Annotated[list[_Address], msgspec.Meta(max_length=16)] = []
    caps: Annotated[list[_Word], msgspec.Meta(max_length=16)] = []
    bridge: bool = False
    nets: Annotated[list[_Subnet], msgspec.Meta(max_length=SUBNETS_LIMIT)] = []
    policy_class: Annotated[bytes, msgspec.Meta(max_length=CLASS_BYTES)] = msgspec.field(name="class", default=b"")
    lock: _Signature | None = None


class MapDelta(msgspec.Struct, frozen=True, tag="delta", tag_field="t"):
    """What turns the map of revision `base` into that of `header`; see the module's text. Also a message."""

    base: _Revision
    header: _HeaderBlob
    changed: Annotated[list[_Blob], msgspec.Meta(max_length=MEMBERS_LIMIT)]
    removed: Annotated[list[_NodeBytes], msgspec.Meta(max_length=MEMBERS_LIMIT)]
    signature: _Signature


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    version: int
    static_public: _Key
    signing_public: _Key
    signature: _Signature
    header: _HeaderBlob
    records: Annotated[list[_Blob], msgspec.Meta(max_length=MEMBERS_LIMIT)]


_MALFORMED = (msgspec.MsgspecError, ValueError, RecursionError)
"""What bad input raises: text that is not UTF-8 is a ValueError, deep nesting a RecursionError."""
_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode_header = msgspec.msgpack.Decoder(_Header).decode
_decode_record = msgspec.msgpack.Decoder(_Record).decode
_decode_stored = msgspec.msgpack.Decoder(_Stored).decode


def emit_record(record: MemberRecord) -> bytes:
    """The bytes of a member's record."""
    addresses = _packed(record.addresses)
    return _encode(
        _Record(
            key=record.static_public,
            sign=record.signing_public,
            name=record.name,
            addr=addresses,
            caps=list(record.capabilities),
            bridge=record.is_bridge,
            nets=[emit_subnet(subnet) for subnet in record.subnets],
            lock=record.lock,
            policy_class=record.policy_class,
        )
    )


def parse_record(blob: bytes, network: NetworkId) -> MemberRecord:
    """Read a member's record; raises `ParseError`."""
    try:
        record = _decode_record(blob)
        addresses = _unpacked(record.addr)
    except _MALFORMED as error:
        raise ParseError(f"a member's record in the network map is malformed: {error}") from error
    check_name(record.name)
    return MemberRecord(
        node_id=NodeId.from_key(record.key),
        static_public=record.key,
        signing_public=record.sign,
        name=record.name,
        mac=MacAddress.for_node(network, record.key),
        addresses=addresses,
        capabilities=tuple(record.caps),
        is_bridge=record.bridge,
        subnets=tuple(read_subnet(packed) for packed in record.nets),
        lock=record.lock,
        policy_class=record.policy_class,
    )


def _packed(addresses: Iterable[str]) -> list[bytes]:
    return [ipaddress.ip_address(text).packed for text in addresses]


def _unpacked(addresses: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_address(packed)) for packed in addresses)


def check_name(name: str) -> None:
    """Raise `ParseError` unless `name` is 1 to 63 letters, digits, `-`, `_`, `.`: safe in terminals and file names."""
    if not 0 < len(name) <= NAME_LIMIT or name[0] in "-." or not all(c.isalnum() or c in "-_." for c in name):
        raise ParseError(f"{name[:NAME_LIMIT]!r} is not a name: use 1 to {NAME_LIMIT} letters, digits, '-', '_' or '.'")


def emit_header(network_map: NetworkMap) -> bytes:
    """The bytes of a map's header."""
    return _encode(
        _Header(
            network=network_map.network.raw,
            name=network_map.name,
            revision=network_map.revision,
            prefixes=list(network_map.prefixes),
            mtu=network_map.mtu,
            stun=list(network_map.stun_servers),
            relays=[_emit_relay(relay) for relay in network_map.relays],
            names=[_Named(one.label, _packed(one.addresses)) for one in network_map.names],
            lock=network_map.lock,
            unlock=network_map.lock_end,
            policy=network_map.policy,
            flows=network_map.flow_log,
        )
    )


def _emit_relay(relay: RelayPlace) -> _Relay:
    return _Relay(name=relay.name, host=relay.host, udp=relay.udp, tcp=relay.tcp, tls=relay.tls, pin=relay.tls_pin)


def _parse_header(blob: bytes, members: Mapping[NodeId, MemberRecord]) -> NetworkMap:
    try:
        header = _decode_header(blob)
        prefixes = tuple(str(ipaddress.ip_network(prefix)) for prefix in header.prefixes)
        names = tuple(MapName(one.label, _unpacked(one.addresses)) for one in header.names)
    except _MALFORMED as error:
        raise ParseError(f"the header of the network map is malformed: {error}") from error
    check_name(header.name)
    _check_unique(members.values())
    relays = tuple(map(_parse_relay, header.relays))
    if len({relay.name for relay in relays}) != len(relays):
        raise ParseError("the network map gives one name to two relays")
    return NetworkMap(
        network=NetworkId(header.network),
        name=header.name,
        revision=header.revision,
        prefixes=prefixes,
        mtu=header.mtu,
        stun_servers=tuple(header.stun),
        relays=relays,
        policy=header.policy,
        names=names,
        flow_log=header.flows,
        lock=header.lock,
        lock_end=header.unlock,
        members=tuple(members.values()),
    )


def _parse_relay(relay: _Relay) -> RelayPlace:
    return RelayPlace(name=relay.name, host=relay.host, udp=relay.udp, tcp=relay.tcp, tls=relay.tls, tls_pin=relay.pin)


def _check_unique(members: Iterable[MemberRecord]) -> None:
    """Two members with one MAC or one address would be each other's thieves."""
    seen: dict[str, NodeId] = {}
    for record in members:
        for text in (str(record.mac), *record.addresses):
            if seen.setdefault(text, record.node_id) != record.node_id:
                raise ParseError(f"the network map gives {text} to two members")


def _signed_text(header: bytes, records: Iterable[bytes]) -> bytes:
    digest = hashlib.blake2b(header, digest_size=64, person=b"zg-netmap")
    text = [digest.digest()]
    text.extend(hashlib.blake2s(record).digest() for record in records)
    return SIGNATURE_CONTEXT + hashlib.blake2b(b"".join(text), digest_size=64, person=b"zg-netmap").digest()


@frozen(eq=False)
class SignedMap:
    """A map with the bytes and the signature it came with. `decode` gives one that is well-formed but proven by nobody;
    it is believed after `verify` or as the result of `apply` only."""

    controller: PublicIdentity
    signature: bytes = field(repr=False)
    header: bytes = field(repr=False)
    records: dict[NodeId, bytes] = field(repr=False)
    """Bytes of each record, by node id, ascending."""
    network_map: NetworkMap

    @classmethod
    def sign(cls, network_map: NetworkMap, controller: Identity) -> SignedMap:
        """The map, signed; members may come in any order."""
        members = {record.node_id: record for record in sorted(network_map.members, key=lambda one: one.node_id)}
        return cls.of_records(
            network_map, {node_id: emit_record(record) for node_id, record in members.items()}, controller
        )

    @classmethod
    def of_records(cls, network_map: NetworkMap, records: dict[NodeId, bytes], controller: Identity) -> SignedMap:
        """As `sign`, where the records' bytes are known already; `records` ascends like the map's members."""
        header = emit_header(network_map)
        public = PublicIdentity(controller.static_public, controller.signing_public)
        signature = controller.sign(_signed_text(header, records.values()))
        return cls(public, signature, header, records, network_map)

    @classmethod
    def decode(cls, blob: bytes) -> SignedMap:
        """Read what `encode` wrote; raises `ParseError`. Proves nothing: see `verify`."""
        try:
            stored = _decode_stored(blob)
        except _MALFORMED as error:
            raise ParseError(f"the network map is malformed: {error}") from error
        if stored.version != FORMAT_VERSION:
            raise ParseError(f"the network map has format {stored.version}; this release reads {FORMAT_VERSION}")
        controller = PublicIdentity(stored.static_public, stored.signing_public)
        return cls._assemble(controller, stored.signature, stored.header, stored.records, {})

    @classmethod
    def _assemble(
        cls,
        controller: PublicIdentity,
        signature: bytes,
        header: bytes,
        blobs: Iterable[bytes],
        known: Mapping[bytes, MemberRecord],
    ) -> SignedMap:
        network = _network_of(header)
        pairs = [(known.get(blob) or parse_record(blob, network), blob) for blob in blobs]
        pairs.sort(key=lambda pair: pair[0].node_id)
        members = {record.node_id: record for record, _ in pairs}
        if len(members) != len(pairs):
            raise ParseError("the network map names a member twice")
        records = {record.node_id: blob for record, blob in pairs}
        return cls(controller, signature, header, records, _parse_header(header, members))

    def encode(self) -> bytes:
        """The bytes to send and to keep on disk; they hold nothing secret."""
        public = self.controller
        return _encode(
            _Stored(
                FORMAT_VERSION,
                public.static_public,
                public.signing_public,
                self.signature,
                self.header,
                list(self.records.values()),
            )
        )

    def verify(self, key_hash: bytes, network: NetworkId) -> None:
        """Raise `ForgedMap` unless the controller pinned by `key_hash` (20 bytes) signed this map of `network`."""
        public = self.controller
        if controller_key_hash(public.static_public, public.signing_public) != key_hash:
            raise ForgedMap("the network map names another controller than the join token")
        if self.network_map.network != network:
            raise ForgedMap("the network map is of another network")
        try:
            public.verify(_signed_text(self.header, self.records.values()), self.signature)
        except RemoteError as error:
            raise ForgedMap("the signature of the network map is wrong") from error

    def delta_from(self, base: int, changed: Iterable[NodeId], removed: Iterable[NodeId]) -> MapDelta:
        """What brings revision `base` to this map; `changed` and `removed` since then, in any order."""
        blobs = [self.records[node_id] for node_id in changed if node_id in self.records]
        gone = [node_id.raw for node_id in removed if node_id not in self.records]
        return MapDelta(base=base, header=self.header, changed=blobs, removed=gone, signature=self.signature)

    def apply(self, delta: MapDelta) -> SignedMap:
        """The map after `delta`, verified; raises `StaleMap`, `ForgedMap` or `ParseError`. This map does not change."""
        held = self.network_map
        if delta.base != held.revision:
            raise StaleMap(f"a delta from revision {delta.base} does not fit our revision {held.revision}")
        known = {blob: record for record, blob in zip(held.members, self.records.values(), strict=True)}
        blobs = dict(self.records)
        for raw in delta.removed:
            blobs.pop(NodeId(raw), None)
        for blob in delta.changed:
            blobs[parse_record(blob, held.network).node_id] = blob
        result = self._assemble(self.controller, delta.signature, delta.header, blobs.values(), known)
        if result.network_map.revision <= held.revision:
            raise StaleMap(f"revision {result.network_map.revision} is not newer than ours, {held.revision}")
        public = self.controller
        result.verify(controller_key_hash(public.static_public, public.signing_public), held.network)
        return result


def _network_of(header: bytes) -> NetworkId:
    try:
        return NetworkId(_decode_header(header).network)
    except _MALFORMED as error:
        raise ParseError(f"the header of the network map is malformed: {error}") from error
