# -*- test-case-name: zerogo.test.cli.test_why -*-
"""`zerogo why PEER`: why a member is reached the way it is, or not at all, and what would change that.

The sentences are made by `zerogo.reach.pair`; here its facts are read off what the agent reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec

from zerogo.agent.reports import OfferReport, PathReport, PeerReport, StatusReport
from zerogo.cli.agent_client import AgentClient, agent_options
from zerogo.cli.peer_names import find_peer
from zerogo.cli.tables import carriers, ms_text, names_of, path_text
from zerogo.ice.candidate import CandidateKind
from zerogo.ice.nature import NatBehaviour, NatMapping, PortPattern
from zerogo.reach.pair import End, Explanation, PairFacts, PathFacts, Place, Way, explain

WAYS = {"direct": Way.DIRECT, "relay": Way.RELAY}
"""By kind of path; all others lead through members."""


class WhyReport(msgspec.Struct, frozen=True, kw_only=True):
    """The explanation; part of `--json` output."""

    name: str
    state: str
    sentence: str
    advice: list[str]
    details: list[str]
    path: PathReport | None
    ours: OfferReport
    theirs: OfferReport


def end_of(offer: OfferReport) -> End:
    """One end, of what it offers; words of a later release are left out."""
    places = [_place(text) for text in offer.candidates]
    relayed = [Place(CandidateKind.RELAY, "[" in text) for text in offer.relayed]
    nat = NatBehaviour(mapping=_member(NatMapping, offer.mapping), ports=_member(PortPattern, offer.ports))
    return End(places=(*(place for place in places if place is not None), *relayed), nat=nat)


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


def _path_facts(path: PathReport | None, peers: Sequence[PeerReport]) -> PathFacts | None:
    if path is None:
        return None
    way = WAYS.get(path.kind, Way.MEMBERS)
    via: tuple[str, ...] = ()
    if way is Way.RELAY:
        via = (path.relay,) if path.relay else ()
    elif way is Way.MEMBERS:
        via = carriers(path, names_of(peers))
    return PathFacts(
        way=way,
        address=path.address if way is Way.DIRECT else "",
        local_kind=path.local_candidate,
        remote_kind=path.remote_candidate,
        is_ipv6=path.address.startswith("["),
        via=via,
    )


def pair_facts(peer: PeerReport, status: StatusReport, peers: Sequence[PeerReport]) -> PairFacts:
    """The pair of this machine and `peer`; `peers` lend their names to what lies in between."""
    mapping = status.port_mapping
    return PairFacts(
        name=peer.name,
        state=peer.state,
        reason=peer.reason,
        path=_path_facts(peer.path, peers),
        has_direct=any(WAYS.get(path.kind) is Way.DIRECT and path.is_alive for path in peer.paths),
        ours=end_of(status.offer),
        theirs=end_of(peer.offer),
        port=next(iter(status.ports), 0),
        wants_mapping=mapping is not None,
        has_gateway=mapping is None or bool(mapping.gateway),
    )


@click.command()
@click.argument("name", metavar="PEER")
@agent_options
@click.option("-v", "--verbose", is_flag=True, help="Also what was tried, and all paths.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with everything.")
def why(name: str, config: Path | None, state_dir: Path | None, verbose: bool, as_json: bool) -> None:
    """Say why PEER is reached directly, through a relay, or not at all, and what would change that."""
    client = AgentClient.find(config, state_dir)
    peers, status = client.peers(), client.status()
    peer = find_peer(peers, name)
    explanation = explain(pair_facts(peer, status, peers))
    if as_json:
        click.echo(msgspec.json.encode(_report(peer, status, explanation)))
        return
    click.echo(explanation.sentence)
    for advice in explanation.advice:
        click.echo(f"  - {advice}")
    if verbose:
        for line in _more(peer, explanation, names_of(peers)):
            click.echo(f"  {line}")


def _report(peer: PeerReport, status: StatusReport, explanation: Explanation) -> WhyReport:
    return WhyReport(
        name=peer.name,
        state=peer.state,
        sentence=explanation.sentence,
        advice=list(explanation.advice),
        details=list(explanation.details),
        path=peer.path,
        ours=status.offer,
        theirs=peer.offer,
    )


def _more(peer: PeerReport, explanation: Explanation, names: Mapping[str, str]) -> list[str]:
    lines = list(explanation.details)
    for path in peer.paths:
        state = "in use" if path.is_active else "answers" if path.is_alive else "dead"
        lines.append(f"path {path_text(path, names)}: {state}, round trip {ms_text(path.rtt_ms)}, MTU {path.mtu}")
        if path.score:
            lines.append(f"  score {path.score}")
    if peer.complaint:
        lines.append(f"not trusted to carry for this machine: it {peer.complaint}")
    if peer.seconds_to_direct is not None:
        lines.append(f"the first direct path was found after {peer.seconds_to_direct:.2f} s")
    if peer.next_try_in_seconds is not None:
        lines.append(f"next try in {peer.next_try_in_seconds:.0f} s")
    return lines
