# -*- test-case-name: zerogo.test.cli.test_exits -*-
"""`zerogo exits`: what the owner of a gateway needs: the token for edges, hashes for users' passwords."""

from __future__ import annotations

from pathlib import Path

import click
from argon2 import PasswordHasher

from zerogo.config.gateway import GatewayConfig
from zerogo.config.load import default_path, load
from zerogo.config.private_file import read_private
from zerogo.errors import LocalError
from zerogo.gateway.tokens import TOKEN_FILE

SHORTEST = 8
"""Characters of a password."""


class PasswordRefused(LocalError):
    """The password is too short."""

    code = "E-PASSWORD"


@click.group()
def exits() -> None:
    """The gateway of this machine: edges and users."""


@exits.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The gateway's configuration file.")
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), help="The gateway's state directory.")
def token(config: Path | None, state_dir: Path | None) -> None:
    """Print the token with which machines become edges of this gateway. Who has it, can."""
    overrides = {} if state_dir is None else {"state-dir": str(state_dir)}
    directory = load(config or default_path("gateway"), GatewayConfig, overrides).state_dir
    click.echo(read_private(directory / TOKEN_FILE, 4096).decode("ascii").strip())


@exits.command()
def password() -> None:
    """Ask for a password and print its hash, for `password-hash` of a user in gateway.yaml."""
    text = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if len(text) < SHORTEST:
        raise PasswordRefused(f"the password has fewer than {SHORTEST} characters, so it can be guessed")
    click.echo(PasswordHasher().hash(text))
