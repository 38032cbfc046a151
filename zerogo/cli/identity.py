# -*- test-case-name: zerogo.test.cli.test_main -*-
"""`zerogo identity`: who this machine is, as others see it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zerogo.cli.groups import Commands
from zerogo.config.agent import AgentConfig
from zerogo.config.identity_file import IDENTITY_FILE, create_identity, load_identity
from zerogo.config.load import default_path, load
from zerogo.noise.identity import Identity


@click.group(cls=Commands)
def identity() -> None:
    """This machine's identity: show it, or make one."""


def _path(path: Path | None) -> Path:
    return path or load(default_path("agent"), AgentConfig).state_dir / IDENTITY_FILE


_path_option = click.option(
    "--path",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The key file; without it, {IDENTITY_FILE} in the agent's state directory.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@identity.command()
@_path_option
@_json_option
def show(path: Path | None, as_json: bool) -> None:
    """Print the node id and the public keys."""
    file = _path(path)
    _print(load_identity(file), file, as_json)


@identity.command()
@_path_option
@_json_option
def generate(path: Path | None, as_json: bool) -> None:
    """Make a new identity; one that is there already is never touched."""
    file = _path(path)
    _print(create_identity(file), file, as_json)


def _print(found: Identity, path: Path, as_json: bool) -> None:
    rows = {
        "node-id": str(found.node_id),
        "static-public": found.static_public.hex(),
        "signing-public": found.signing_public.hex(),
        "path": str(path),
    }
    if as_json:
        click.echo(json.dumps(rows))
        return
    for name, value in rows.items():
        click.echo(f"{name:<15} {value}")
