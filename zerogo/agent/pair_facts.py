# -*- test-case-name: zerogo.test.cli.test_why -*-
"""What `zerogo.reach.pair` explains a pair by, read off what the agent reports of it."""

from __future__ import annotations

from collections.abc import Mapping

from zerogo.agent.reports import OfferReport, PathReport, PeerReport, PortMappingReport
from zerogo.ice.candidate import CandidateKind
from zerogo.ice.nature import NatBehaviour, NatMapping, PortPattern
from zerogo.reach.pair import End, PairFacts, PathFacts, Place, Way

WAYS = {"direct": Way.DIRECT, "tcp": Way.TCP, "relay": Way.RELAY}
"""By kind of path; all others lead through members."""


def pair_facts(
    peer: PeerReport,
    ours: OfferReport,
    *,
    port: int,
    servers: int,
    mapping: PortMappingReport | None,
    tcp_mapping: PortMappingReport | None,
    names: Mapping[str, str],
) -> PairFacts:
    """The pair of this machine and `peer`. `port` is our UDP port, `names` are members' by node id.

    :param servers: STUN servers that are asked.
    """
    return PairFacts(
        name=peer.name,
        state=peer.state,
        reason=peer.reason,
        heard_age=peer.last_receive_age_seconds,
        path=_path_facts(peer.path, names),
        has_direct=any(WAYS.get(path.kind) is Way.DIRECT and path.is_alive for path in peer.paths),
        ours=end_of(ours),
        theirs=end_of(peer.offer),
        port=port,
        servers=servers,
        wants_mapping=mapping is not None,
        has_gateway=mapping is None or bool(mapping.gateway),
        tcp_refusal="" if tcp_mapping is None else tcp_mapping.refusal,
    )


def carriers(path: PathReport, names: Mapping[str, str]) -> tuple[str, ...]:
    """Who carries what goes by a path through other members; `names` are theirs by node id."""
    # The last hop is the member itself.
    return tuple(names.get(hop, hop) for hop in path.address.split(" > ")[:-1])


def end_of(offer: OfferReport) -> End:
    """One end, of what it offers; words of a later release are left out."""
    places = [_place(text) for text in offer.candidates]
    relayed = [Place(CandidateKind.RELAY, "[" in text) for text in offer.relayed]
    nat = NatBehaviour(mapping=_member(NatMapping, offer.mapping), ports=_member(PortPattern, offer.ports))
    streams = [text.partition(" ") for text in offer.streams]
    return End(
        places=(*(place for place in places if place is not None), *relayed),
        nat=nat,
        ports=tuple(address for _, _, address in streams),
        is_port_mapped=any(kind == CandidateKind.MAPPED for kind, _, _ in streams),
    )


def _place(text: str) -> Place | None:
    kind, _, address = text.partition(" ")
    try:
        return Place(CandidateKind(kind), address.startswith("["))
    except ValueError:
        return None


def _member(kind: type[NatMapping] | type[PortPattern], text: str):  # type: ignore[no-untyped-def]
    try:
        return kind(text)
    except ValueError:
        return kind("unknown")


def _path_facts(path: PathReport | None, names: Mapping[str, str]) -> PathFacts | None:
    if path is None:
        return None
    way = WAYS.get(path.kind, Way.MEMBERS)
    via: tuple[str, ...] = ()
    if way is Way.RELAY:
        via = (path.relay,) if path.relay else ()
    elif way is Way.MEMBERS:
        via = carriers(path, names)
    return PathFacts(
        way=way,
        address=path.address if way in (Way.DIRECT, Way.TCP) else "",
        local_kind=path.local_candidate,
        remote_kind=path.remote_candidate,
        is_ipv6=path.address.startswith("["),
        via=via,
    )
