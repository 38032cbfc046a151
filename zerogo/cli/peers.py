# -*- test-case-name: zerogo.test.cli.test_peers -*-
"""`zerogo peers`: the other members, and how they are reached."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Group
from rich.live import Live

from zerogo.agent.reports import PeerReport
from zerogo.cli.agent_client import AgentClient, agent_options
from zerogo.cli.tables import peer_reasons, peers_table, print_whole, terminal_width, wide_console

WATCH_SECONDS = 1.0


@click.command()
@agent_options
@click.option("--json", "as_json", is_flag=True, help="One JSON array; with --watch, one a line.")
@click.option("--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
def peers(config: Path | None, state_dir: Path | None, as_json: bool, watch: bool) -> None:
    """List the other members: path, round trip, loss, traffic, age of the keys."""
    client = AgentClient.find(config, state_dir)
    if as_json:
        while True:
            click.echo(msgspec.json.encode(client.peers()))
            if not watch:
                return
            time.sleep(WATCH_SECONDS)
    found = client.peers()
    if not watch:
        _print(found)
        return
    with Live(_picture(found), console=wide_console(), auto_refresh=False) as live:
        while True:
            time.sleep(WATCH_SECONDS)
            live.update(_picture(client.peers()), refresh=True)


def _print(found: Sequence[PeerReport]) -> None:
    if not found:
        click.echo("There is no other member yet.")
        return
    width = terminal_width()
    print_whole(peers_table(found, width), width)
    for line in peer_reasons(found):
        wide_console().print(line)


def _picture(found: Sequence[PeerReport]) -> Group:
    return Group(peers_table(found, terminal_width()), *peer_reasons(found))
