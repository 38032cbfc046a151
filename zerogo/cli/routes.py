# -*- test-case-name: zerogo.test.cli.test_routes -*-
"""`zerogo routes`: which way each member is reached, what that is worth, since when, and why it was changed to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.table import Table

from zerogo.agent.reports import PathReport, PeerReport, StatusReport, SubnetReport
from zerogo.cli.agent_client import AgentClient, agent_options
from zerogo.cli.groups import Commands
from zerogo.cli.tables import STRAIGHT, age_text, fitted_table, ms_text, print_whole, size_text, terminal_width

_LESSER_COLUMNS = ("JITTER", "SINCE", "LOSS")
_NUMBERS = ("HOPS", "SCORE", "RTT", "JITTER", "LOSS", "SINCE")


def way_text(path: PathReport | None, names: dict[str, str]) -> str:
    """`direct`, `tcp`, `through bob, cat`, `relay fra`; a dash where there is none."""
    if path is None:
        return "-"
    if path.kind in STRAIGHT:
        return f"{path.kind} {path.address}"
    if path.kind == "relay":
        return f"relay {path.relay or path.address}"
    carriers = path.address.split(" > ")[:-1]
    return "through " + ", ".join(names.get(carrier, carrier) for carrier in carriers)


def hops_of(path: PathReport) -> int:
    """Links of a path: 1 where nobody carries it, 2 by a relay."""
    if path.kind in STRAIGHT:
        return 1
    return 2 if path.kind == "relay" else len(path.address.split(" > "))


def names_of(peers: Sequence[PeerReport]) -> dict[str, str]:
    """Names by node id."""
    return {peer.node_id: peer.name for peer in peers}


def routes_table(peers: Sequence[PeerReport], width: int | None = None) -> Table:
    """One row a peer; columns that `width` has no room for are left out."""
    paths, names = [peer.path for peer in peers], names_of(peers)
    lasts = [peer.changes[-1] if peer.changes else None for peer in peers]
    return fitted_table(
        {
            "PEER": [peer.name for peer in peers],
            "PATH": [way_text(path, names) for path in paths],
            "HOPS": ["-" if path is None else str(hops_of(path)) for path in paths],
            "SCORE": ["-" if path is None else path.score.partition(" ")[0] for path in paths],
            "RTT": [ms_text(None if path is None else path.rtt_ms) for path in paths],
            "JITTER": [ms_text(None if path is None else path.jitter_ms) for path in paths],
            "LOSS": ["-" if path is None else f"{path.loss:.0%}" for path in paths],
            "SINCE": [age_text(None if last is None else last.age_seconds) for last in lasts],
            "WHY": [
                peer.reason if peer.path is None else last.reason if last else "-"
                for peer, last in zip(peers, lasts, strict=True)
            ],
        },
        width,
        _LESSER_COLUMNS,
        _NUMBERS,
    )


@click.group(cls=Commands, invoke_without_command=True)
@agent_options
@click.option("-v", "--verbose", is_flag=True, help="Also what each score is made of, and what is carried for others.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.pass_context
def routes(ctx: click.Context, config: Path | None, state_dir: Path | None, verbose: bool, as_json: bool) -> None:
    """List which way each member is reached, and networks behind members; or announce networks behind this one."""
    if ctx.invoked_subcommand is not None:
        return
    client = AgentClient.find(config, state_dir)
    found = client.peers()
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    if not found:
        click.echo("There is no other member yet.")
        _print_subnets(client.status())
        return
    width = terminal_width()
    print_whole(routes_table(found, width), width)
    _print_subnets(client.status())
    for peer in found:
        if peer.complaint:
            click.echo(f"{peer.name} is not trusted to carry: it {peer.complaint}")
    if verbose:
        for line in _more(found):
            click.echo(line)


def _print_subnets(status: StatusReport) -> None:
    if status.subnets:
        columns = {
            "NETWORK": [each.subnet for each in status.subnets],
            "BEHIND": [each.member for each in status.subnets],
            "STATE": [each.state for each in status.subnets],
        }
        click.echo()
        print_whole(fitted_table(columns, terminal_width()), terminal_width())
    if status.exit:
        click.echo(f"This machine reaches the internet through {status.exit}.")
    if status.complaint:
        click.echo(f"Not as wanted: {status.complaint}.")


def _announce(config: Path | None, state_dir: Path | None, subnet: str, *, is_withdrawn: bool) -> StatusReport:
    client = AgentClient.find(config, state_dir)
    client.ask("announce", list[SubnetReport], {"subnet": subnet, "is_withdrawn": is_withdrawn})
    return client.status()


@routes.command()
@click.argument("subnet")
@agent_options
def announce(subnet: str, config: Path | None, state_dir: Path | None) -> None:
    """Let members reach the network SUBNET, such as 192.168.7.0/24, through this machine."""
    status = _announce(config, state_dir, subnet, is_withdrawn=False)
    if status.complaint:
        click.echo(f"Not as wanted: {status.complaint}.", err=True)
    else:
        click.echo(f"Announced. On the controller: zerogo members approve-route {status.name} {subnet}")


@routes.command()
@click.argument("subnet")
@agent_options
def withdraw(subnet: str, config: Path | None, state_dir: Path | None) -> None:
    """Announce SUBNET no more."""
    _announce(config, state_dir, subnet, is_withdrawn=True)
    click.echo(f"{subnet} is not announced by this machine.")


def _more(peers: Sequence[PeerReport]) -> list[str]:
    scores = [f"{peer.name}: {peer.path.score}" for peer in peers if peer.path is not None]
    carried = [
        f"carried on for others from {peer.name}: {size_text(peer.carried_bytes)}"
        for peer in peers
        if peer.carried_bytes
    ]
    return scores + carried
