# -*- test-case-name: zerogo.test.agent.test_reports -*-
"""What `zerogo status` and `zerogo peers` are told, as plain values.

The names here are part of `--json` output: they may be added to, never changed. Times end in `_ms` or `_seconds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import attrs
import msgspec

from zerogo.control.lock import MemberLock
from zerogo.control.token import emit_base32
from zerogo.dataplane.interface import PeerCounters, PlaneCounters
from zerogo.ids import NodeId
from zerogo.mesh.signal import Offer
from zerogo.mesh.status import PathChange, PathStatus, PeerStatus
from zerogo.policy.filter import PeerFilter
from zerogo.policy.words import rules_in_words
from zerogo.portmap.mapper import MapperStatus, ProtocolStatus, Standing


class PathReport(msgspec.Struct, frozen=True, kw_only=True):
    """One way to a peer."""

    kind: str
    """`direct`, `tcp` (a connection from end to end), `peer` (through members) or `relay`."""
    address: str
    """Of a connection, where it leads to or comes from."""
    relay: str = ""
    """The name of the relay that it goes by; empty for none."""
    local_candidate: str
    remote_candidate: str
    is_active: bool
    is_alive: bool
    rtt_ms: float | None
    rtt_min_ms: float | None
    jitter_ms: float | None
    loss: float
    """0 to 1."""
    mtu: int
    score: str = ""
    """What it is worth, 0 to 100, and why: `89.5 = base 100 - latency 10.5`."""


class NamesReport(msgspec.Struct, frozen=True):
    """The names of members, as programs look them up."""

    origin: str = ""
    """What all of them end with, such as `home.zg`; empty where names are off."""
    servers: list[str] = []
    """The addresses of this machine that answer them."""
    complaint: str = ""
    """Why names are not answered."""


class LockReport(msgspec.Struct, frozen=True):
    """The network's lock, as far as this machine insists on one."""

    key: str = ""
    """Its public key in base32; empty where there is none."""
    is_signed: bool = True
    """Whether others that insist on it take this machine for a member."""
    refused: list[str] = []
    """Names on the map that it has not signed."""


class EdgeReport(msgspec.Struct, frozen=True):
    """The edge that an agent is as well."""

    state: str = "off"
    """`off`, `dialling`, `ready`, `refused` or `paused`."""
    reason: str = ""
    page: int = 0
    """The port of the owner's page; 0: none."""
    was_one: bool = False
    """In the answer to `leave`: whether there was one to end."""


class OfferReport(msgspec.Struct, frozen=True, kw_only=True):
    """Where an end says it may be reached, and what its NAT was seen to do."""

    candidates: list[str] = []
    """Each `KIND ADDRESS:PORT`; `host`, `mapped` or `srflx`."""
    streams: list[str] = []
    """Where it takes TCP connections; each `KIND ADDRESS:PORT`, `host` or `mapped`."""
    relayed: list[str] = []
    """Each `RELAY ADDRESS:PORT`; the relay at home first."""
    mapping: str = "unknown"
    """`none`, `stable`, `per-destination` or `unknown`."""
    ports: str = "unknown"
    """`preserved`, `sequential`, `block`, `random` or `unknown`."""


class ChangeReport(msgspec.Struct, frozen=True, kw_only=True):
    """Another path was used from then on."""

    age_seconds: float
    kind: str
    """Empty where no path was left."""
    way: str
    """Address, name of the relay, or the members that carry and the peer itself."""
    reason: str


class PolicyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the network's policy lets pass between this machine and a peer: rules in words, in order, the first that is
    about a packet decides. An empty list: nothing."""

    we_may_open: list[str]
    it_may_open: list[str]


class PeerReport(msgspec.Struct, frozen=True, kw_only=True):
    """One member other than this machine."""

    name: str
    node_id: str
    addresses: list[str]
    state: str
    reason: str
    """Why it is not connected; one sentence."""
    path: PathReport | None
    paths: list[PathReport]
    handshake_age_seconds: float | None
    seconds_to_direct: float | None
    next_try_in_seconds: float | None
    seconds_to_offer: float | None = None
    """Until it had told of itself, of `seconds_to_direct`."""
    seconds_to_checks: float | None = None
    """Until both ends began their checks, of the same."""
    offer: OfferReport = OfferReport()
    """What it told of itself."""
    changes: list[ChangeReport] = []
    """Of the path in use, the newest last."""
    complaint: str = ""
    """Why we do not trust it as a carrier; empty while we do."""
    carried_bytes: int = 0
    """That we carried on for others and that came from it."""
    bytes_in: int
    bytes_out: int
    datagrams_in: int
    datagrams_out: int
    last_receive_age_seconds: float | None
    known_seconds: float | None = None
    """For how long the map has named it to this agent."""
    policy: PolicyReport | None = None
    """None: everything may pass."""


class ControllerReport(msgspec.Struct, frozen=True, kw_only=True):
    """The control connection."""

    state: str
    address: str
    reason: str
    next_try_in_seconds: float | None


class PlaneReport(msgspec.Struct, frozen=True, kw_only=True):
    """The data plane."""

    name: str
    offloads: dict[str, bool]
    """In use, after probing and fallbacks."""
    counters: dict[str, int]


class PortMappingReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway does for us."""

    gateway: str
    """Empty where there is none."""
    protocols: dict[str, str]
    """By protocol: `yes`, `asked`, `no`, or why it does not."""
    used: str
    """The protocol by which there is a mapping; empty where there is none."""
    outer: str
    seconds_left: float | None

    @property
    def refusal(self) -> str:
        """Why the gateway maps nothing; empty where it does, was not heard of yet, or is not there."""
        said = dict.fromkeys(self.protocols.values())
        if self.outer or not self.gateway or not said or "asked" in said or "yes" in said:
            return ""
        reasons = [reason for reason in said if reason != "no"]
        return ", ".join(reasons) or f"it does not speak {' or '.join(self.protocols)}"


class SubnetReport(msgspec.Struct, frozen=True, kw_only=True):
    """A network behind a member."""

    subnet: str
    member: str
    state: str
    """`used`, `spare` (another one is used, or none was chosen), `ours`, `waits for approval`, or `-`: not accepted."""


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about an agent but its peers."""

    version: str
    state: str
    """`joining`, `pending`, `member`, `offline` (a member whose controller does not answer) or `refused`."""
    sentence: str
    """What a person should know about that state; may be empty."""
    node_id: str
    name: str
    addresses: list[str]
    mac: str
    network: str
    network_name: str
    map_revision: int
    members: int
    connected: int
    device: str
    mtu: int
    ports: list[int]
    controller: ControllerReport
    offer: OfferReport = OfferReport()
    """What the members are told of us."""
    stun_servers: int = 0
    """So many are asked, by UDP, where we are seen from."""
    port_mapping: PortMappingReport | None = None
    """Of the UDP port; None where the configuration wants none."""
    tcp_mapping: PortMappingReport | None = None
    """Of the open TCP port; None where there is no such port, or the configuration wants no mapping."""
    subnets: list[SubnetReport] = []
    """Networks behind members."""
    exit: str = ""
    """The member that was chosen as the way to the internet."""
    complaint: str = ""
    """Why a network behind a member, or the exit, is not as wanted; one sentence."""
    names: NamesReport = NamesReport()
    lock: LockReport = LockReport()
    flow_log: bool = False
    """Whether the controller is told what is decided here by the policy."""
    fingerprint: str = ""
    """Of this machine's public keys, to compare before its owner signs them (`zerogo lock sign`)."""
    plane: PlaneReport | None
    refusals: dict[str, int]
    """Datagrams and messages that the core did not act on, by reason."""


def lock_report(lock: MemberLock) -> LockReport:
    """The lock, for people and programs."""
    key = "" if lock.held is None else emit_base32(lock.held)
    return LockReport(key, lock.is_own_signed, [record.name for record in lock.refused])


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _age(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def path_report(path: PathStatus) -> PathReport:
    """A path, for people and programs."""
    return PathReport(
        kind=path.kind.value,
        address=path.far or str(path.destination),
        relay=path.relay,
        local_candidate=path.local_candidate,
        remote_candidate=path.remote_candidate,
        is_active=path.is_active,
        is_alive=path.is_alive,
        rtt_ms=_ms(path.rtt),
        rtt_min_ms=_ms(path.rtt_min),
        jitter_ms=_ms(path.jitter),
        loss=round(path.loss, 4),
        mtu=path.mtu,
        score=str(path.score),
    )


def offer_report(offer: Offer) -> OfferReport:
    """What an end tells of itself, for people and programs."""
    return OfferReport(
        candidates=[f"{each.kind.value} {each.address}" for each in offer.candidates],
        streams=[f"{each.kind.value} {each.address}" for each in offer.streams],
        relayed=[f"{each.relay} {each.address}" for each in offer.relayed],
        mapping=offer.nat.mapping.value,
        ports=offer.nat.ports.value,
    )


def peer_report(
    peer: PeerStatus,
    counters: PeerCounters,
    known_for: float | None = None,
    peer_filter: PeerFilter | None = None,
) -> PeerReport:
    """A peer, for people and programs."""
    return PeerReport(
        name=peer.name,
        node_id=str(peer.node_id),
        addresses=list(peer.addresses),
        state=peer.state.value,
        reason=peer.reason,
        path=None if peer.path is None else path_report(peer.path),
        paths=[path_report(path) for path in peer.paths],
        handshake_age_seconds=_age(peer.handshake_age),
        seconds_to_direct=_age(peer.seconds_to_direct),
        seconds_to_offer=_age(peer.seconds_to_offer),
        seconds_to_checks=_age(peer.seconds_to_checks),
        next_try_in_seconds=_age(peer.next_try_in),
        offer=offer_report(peer.theirs),
        changes=[_change_report(change, peer.at) for change in peer.history],
        complaint=peer.complaint,
        carried_bytes=counters.forwarded_bytes,
        bytes_in=counters.bytes_in,
        bytes_out=counters.bytes_out,
        datagrams_in=counters.datagrams_in,
        datagrams_out=counters.datagrams_out,
        last_receive_age_seconds=_age(counters.last_receive_age),
        known_seconds=_age(known_for),
        policy=None if peer_filter is None else policy_report(peer_filter),
    )


def policy_report(peer_filter: PeerFilter) -> PolicyReport:
    """A peer's filter, for people and programs."""
    return PolicyReport(
        we_may_open=rules_in_words(peer_filter.outbound), it_may_open=rules_in_words(peer_filter.inbound)
    )


def _change_report(change: PathChange, now: float) -> ChangeReport:
    kind = "" if change.kind is None else change.kind.value
    return ChangeReport(age_seconds=round(now - change.at, 3), kind=kind, way=change.way, reason=change.reason)


def peer_reports(
    peers: Iterable[PeerStatus],
    counters: PlaneCounters,
    known_for: Mapping[int, float] | None = None,
    filter_of: Callable[[NodeId], PeerFilter | None] = lambda node_id: None,
) -> list[PeerReport]:
    """All peers, by name. `known_for`: for how many seconds each has been a member here."""
    known, none = known_for or {}, PeerCounters()
    reports = [
        peer_report(peer, counters.peers.get(peer.peer, none), known.get(peer.peer), filter_of(peer.node_id))
        for peer in peers
    ]
    return sorted(reports, key=lambda report: (report.name, report.node_id))


def plane_report(name: str, counters: PlaneCounters) -> PlaneReport:
    """The data plane, for people and programs."""
    return PlaneReport(
        name=name,
        offloads=attrs.asdict(counters.offloads),
        counters={counter.value: count for counter, count in counters.plane.items()},
    )


def port_mapping_report(status: MapperStatus) -> PortMappingReport:
    """Port mapping, for people and programs."""
    return PortMappingReport(
        gateway=status.gateway or "",
        protocols={str(protocol): _standing(found) for protocol, found in status.protocols.items()},
        used="" if status.used is None else str(status.used),
        outer="" if status.outer is None else str(status.outer),
        seconds_left=_age(status.seconds_left),
    )


def _standing(found: ProtocolStatus) -> str:
    words = {Standing.ASKED: "asked", Standing.PRESENT: "yes", Standing.ABSENT: "no"}
    return words.get(found.standing, found.reason)
