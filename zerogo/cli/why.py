# -*- test-case-name: zerogo.test.cli.test_why -*-
"""`zerogo why PEER`: why a member is reached the way it is, or not at all, and what would change that.

The sentences are made by `zerogo.reach.pair`, from what the agent reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec

from zerogo.agent.pair_facts import pair_facts
from zerogo.agent.reports import OfferReport, PathReport, PeerReport, PolicyReport, StatusReport
from zerogo.cli.agent_client import AgentClient, agent_options
from zerogo.cli.peer_names import find_peer
from zerogo.cli.tables import ms_text, names_of, path_text
from zerogo.reach.pair import Explanation, explain

_DROPPED_WORDS = {
    "route_flood": "beyond what one member may say",
    "route_forged": "with a wrong signature",
    "route_stale": "older than what was known",
    "route_foreign": "that nobody had asked for",
}


class WhyReport(msgspec.Struct, frozen=True, kw_only=True):
    """The explanation; part of `--json` output."""

    name: str
    state: str
    sentence: str
    advice: list[str]
    details: list[str]
    path: PathReport | None
    not_trusted: dict[str, str]
    """Members that this machine does not trust to carry, by name, and what is held against each."""
    policy: PolicyReport | None
    """What the network's policy lets pass; None: everything."""
    ours: OfferReport
    theirs: OfferReport


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
    facts = pair_facts(
        peer,
        status.offer,
        port=next(iter(status.ports), 0),
        servers=status.stun_servers,
        mapping=status.port_mapping,
        tcp_mapping=status.tcp_mapping,
        names=names_of(peers),
    )
    explanation = explain(facts)
    if as_json:
        click.echo(msgspec.json.encode(_report(peer, status, explanation, not_trusted(peers))))
        return
    click.echo(explanation.sentence)
    for advice in explanation.advice:
        click.echo(f"  - {advice}")
    if peer.policy is not None:
        click.echo(policy_sentence(peer.name, peer.policy))
    for carrier, complaint in not_trusted(peers).items():
        # Of no matter to a pair that needs nobody in between, unless it is asked for.
        if verbose or carrier == peer.name or peer.path is None or peer.path.kind != "direct":
            click.echo(f"{carrier} is not trusted to carry for this machine: it {complaint}.")
    if verbose:
        for line in (*_more(peer, explanation, names_of(peers)), *_dropped_words(status)):
            click.echo(f"  {line}")


def not_trusted(peers: Sequence[PeerReport]) -> dict[str, str]:
    """Members that routes go through only where there is no other way, by name, and what is held against each."""
    return {peer.name: peer.complaint for peer in peers if peer.complaint}


def _dropped_words(status: StatusReport) -> list[str]:
    """What members said of links and was not listened to."""
    counts = {words: status.refusals.get(key, 0) for key, words in _DROPPED_WORDS.items()}
    said = ", ".join(f"{count:,} {words}" for words, count in counts.items() if count)
    return [f"words of members about their links that were dropped: {said}"] if said else []


def policy_sentence(name: str, policy: PolicyReport) -> str:
    """What the network's policy lets pass, for a person."""
    # Rules for both families of IP are told in the same words.
    ours, theirs = ("; ".join(dict.fromkeys(words)) for words in (policy.we_may_open, policy.it_may_open))
    if not ours and not theirs:
        return f"The network's policy lets nothing pass between this machine and {name}."
    return (
        f"By the network's policy this machine may open {ours or 'nothing'} there, {name} {theirs or 'nothing'} here."
    )


def _report(peer: PeerReport, status: StatusReport, explanation: Explanation, distrusted: dict[str, str]) -> WhyReport:
    return WhyReport(
        name=peer.name,
        state=peer.state,
        sentence=explanation.sentence,
        advice=list(explanation.advice),
        details=list(explanation.details),
        path=peer.path,
        not_trusted=distrusted,
        policy=peer.policy,
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
    if peer.seconds_to_direct is not None:
        signals = f", {peer.seconds_to_offer:.2f} s of them for signals" if peer.seconds_to_offer is not None else ""
        lines.append(f"the first direct path was found after {peer.seconds_to_direct:.2f} s{signals}")
    if peer.next_try_in_seconds is not None:
        lines.append(f"next try in {peer.next_try_in_seconds:.0f} s")
    return lines
