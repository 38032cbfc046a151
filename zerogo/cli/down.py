# -*- test-case-name: zerogo.test.cli.test_down -*-
"""`zerogo down`: stops what `zerogo up` or `zerogo join` started on this machine; nothing is forgotten."""

from __future__ import annotations

import os
from pathlib import Path

import click

from zerogo.agent.state_dir import RECORD_FILE
from zerogo.cli.daemon import Daemon
from zerogo.cli.privilege import is_there
from zerogo.cli.up import base_directory

ROLES = ("agent", "relay", "controller")


@click.command()
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    help="As given to `up` or `join`.",
)
def down(state_dir: Path | None) -> None:
    """Stop the controller, relay and agent that run from this machine's state directory."""
    base = base_directory(state_dir, os.environ)
    daemons = [Daemon(role, base / role) for role in ROLES]
    if is_there(base / RECORD_FILE):
        daemons.append(Daemon("agent", base))
    stopped = [daemon.role for daemon in daemons if daemon.stop()]
    click.echo(f"Stopped: {', '.join(stopped)}." if stopped else f"Nothing of {base} was running.")
