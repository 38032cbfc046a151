# -*- test-case-name: zerogo.test.cli.test_trace -*-
"""`zerogo trace PEER`: the way to a member hop by hop, the other ways, and how it came to be this one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from zerogo.agent.reports import PathReport, PeerReport
from zerogo.cli.agent_client import AgentClient, agent_options
from zerogo.cli.peer_names import find_peer
from zerogo.cli.routes import names_of, way_text
from zerogo.cli.tables import STRAIGHT, age_text, ms_text


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of the way; part of `--json` output."""

    name: str
    what: str
    """`this machine`, `member`, `relay` or `destination`."""
    rtt_ms: float | None
    """From this machine to there, as this machine measured it; None where only the carrier could."""


class TraceReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole; part of `--json` output."""

    peer: PeerReport
    hops: list[Hop]


def hops_to(peer: PeerReport, own_name: str, peers: Sequence[PeerReport]) -> list[Hop]:
    """The way in use, stage by stage; only this machine where there is none."""
    hops = [Hop(name=own_name, what="this machine", rtt_ms=0.0)]
    path = peer.path
    if path is None:
        return hops
    if path.kind == "relay":
        hops.append(Hop(name=path.relay or path.address, what="relay", rtt_ms=None))
    elif path.kind not in STRAIGHT:
        hops.extend(_carriers(path, peers))
    return [*hops, Hop(name=peer.name, what="destination", rtt_ms=path.rtt_ms)]


def _carriers(path: PathReport, peers: Sequence[PeerReport]) -> list[Hop]:
    by_id = {each.node_id: each for each in peers}
    hops = []
    for number, node_id in enumerate(path.address.split(" > ")[:-1]):
        carrier = by_id.get(node_id)
        direct = None if carrier is None else carrier.path
        rtt = direct.rtt_ms if number == 0 and direct is not None and direct.kind == "direct" else None
        hops.append(Hop(name=node_id if carrier is None else carrier.name, what="member", rtt_ms=rtt))
    return hops


@click.command()
@click.argument("name", metavar="PEER")
@agent_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def trace(name: str, config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Show the way to PEER hop by hop, the other ways, and the history of changes."""
    client = AgentClient.find(config, state_dir)
    peers, status = client.peers(), client.status()
    peer = find_peer(peers, name)
    hops = hops_to(peer, status.name, peers)
    if as_json:
        click.echo(msgspec.json.encode(TraceReport(peer=peer, hops=hops)))
        return
    for line in _lines(peer, hops, names_of(peers)):
        click.echo(line)


def _lines(peer: PeerReport, hops: Sequence[Hop], names: dict[str, str]) -> list[str]:
    lines = [f"{number}  {hop.name}  {hop.what}  {ms_text(hop.rtt_ms)}" for number, hop in enumerate(hops)]
    if peer.path is None:
        lines.append(f"there is no way to {peer.name}: {peer.reason or peer.state}")
    else:
        lines.append(f"score {peer.path.score}; datagrams of up to {peer.path.mtu} bytes")
    for path in peer.paths:
        if not path.is_active:
            state = "answers" if path.is_alive else "dead"
            lines.append(f"also {way_text(path, names)}: {state}, {ms_text(path.rtt_ms)}, score {path.score}")
    for change in peer.changes:
        way = " > ".join(names.get(part, part) for part in change.way.split(" > "))
        shown = f"{change.kind} {way}".strip() or "no path"
        lines.append(f"{age_text(change.age_seconds)} ago: {shown} ({change.reason})")
    return lines
