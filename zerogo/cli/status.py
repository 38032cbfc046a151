# -*- test-case-name: zerogo.test.cli.test_status -*-
"""`zerogo status`: how this machine stands in its network."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from zerogo.cli.agent_client import AgentClient, agent_options
from zerogo.cli.tables import status_rows


@click.command()
@agent_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with all counters.")
def status(config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Say how this machine stands in its network."""
    report = AgentClient.find(config, state_dir).status()
    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    for name, value in status_rows(report):
        click.echo(f"{name:<11} {value}")
