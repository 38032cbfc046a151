# -*- test-case-name: zerogo.test.cli.test_main -*-
"""`zerogo config`: what the roles' configuration files say, and whether they can be used."""

from __future__ import annotations

from pathlib import Path

import click

from zerogo.cli.groups import Commands
from zerogo.config.load import default_path, load
from zerogo.config.sample import ROLES, effective, sample


@click.group(cls=Commands)
def config() -> None:
    """Configuration files: check one, see what is in force, print a sample."""


_role = click.argument("role", type=click.Choice(list(ROLES)))


@config.command()
@_role
@click.option("--config", "path", type=click.Path(path_type=Path, dir_okay=False), help="The file to read.")
def show(role: str, path: Path | None) -> None:
    """Print every key of a role with the value in force, secrets hidden."""
    click.echo(effective(load(path or default_path(role), ROLES[role])), nl=False)


@config.command()
@_role
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def check(role: str, path: Path) -> None:
    """Say whether a role could start with this file."""
    load(path, ROLES[role])
    click.echo(f"{path}: fine")


@config.command("sample")
@_role
def print_sample(role: str) -> None:
    """Print a complete, commented file for a role."""
    click.echo(sample(role), nl=False)
