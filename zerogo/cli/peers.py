# -*- test-case-name: zerogo.test.cli.test_peers -*-
"""`zerogo peers`: the other members, and how they are reached."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.live import Live

from zerogo.cli.agent_client import AgentClient, agent_options
from zerogo.cli.tables import peers_table

WATCH_SECONDS = 1.0
PIPED_WIDTH = 160


@click.command()
@agent_options
@click.option("--json", "as_json", is_flag=True, help="One JSON array; with --watch, one a line.")
@click.option("--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
def peers(config: Path | None, state_dir: Path | None, as_json: bool, watch: bool) -> None:
    """List the other members: path, round trip, loss, traffic, age of the keys."""
    client = AgentClient.find(config, state_dir)
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    if as_json:
        while True:
            click.echo(msgspec.json.encode(client.peers()))
            if not watch:
                return
            time.sleep(WATCH_SECONDS)
    found = client.peers()
    if not watch:
        console.print(peers_table(found) if found else "There is no other member yet.")
        return
    with Live(peers_table(found), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(WATCH_SECONDS)
            live.update(peers_table(client.peers()), refresh=True)
