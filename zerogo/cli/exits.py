# -*- test-case-name: zerogo.test.cli.test_exits -*-
"""`zerogo exits`: at a controller, users, gateways, edges and what passes (`exits_users`, `exits_places`,
`exits_reports`); at a gateway, joining a controller, or the token and hashes of one that has none.
"""

from __future__ import annotations

from pathlib import Path

import click
from argon2 import PasswordHasher

from zerogo.cli.exits_denials import denials
from zerogo.cli.exits_places import edges, gateways, keys
from zerogo.cli.exits_reports import end_stream, explain, kick, stats, streams
from zerogo.cli.exits_users import packages, users
from zerogo.cli.groups import Commands
from zerogo.cli.passwords import ask_password
from zerogo.config.gateway import GatewayConfig
from zerogo.config.load import default_path, load
from zerogo.config.private_file import read_private
from zerogo.control.edge_token import GatewayToken
from zerogo.errors import LocalError
from zerogo.gateway.cache import save_token
from zerogo.gateway.tokens import TOKEN_FILE

SHORTEST = 8
"""Characters of a password."""


class PasswordRefused(LocalError):
    """The password is too short."""

    code = "E-PASSWORD"


@click.group(cls=Commands)
def exits() -> None:
    """Users, gateways and edges of the exits."""


for _command in (users, packages, gateways, edges, keys, denials, stats, streams, end_stream, explain, kick):
    exits.add_command(_command)


@exits.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The gateway's configuration file.")
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), help="The gateway's state directory.")
def token(config: Path | None, state_dir: Path | None) -> None:
    """Print the token of a gateway without a controller, with which machines become its edges. Who has it, can."""
    overrides = {} if state_dir is None else {"state-dir": str(state_dir)}
    directory = load(config or default_path("gateway"), GatewayConfig, overrides).state_dir
    click.echo(read_private(directory / TOKEN_FILE, 4096).decode("ascii").strip())


@exits.command()
@click.argument("token")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The gateway's configuration file.")
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), help="The gateway's state directory.")
def join(token: str, config: Path | None, state_dir: Path | None) -> None:
    """Have the gateway of this machine take users and edges from the controller of TOKEN, from its next start on."""
    overrides = {} if state_dir is None else {"state-dir": str(state_dir)}
    directory = load(config or default_path("gateway"), GatewayConfig, overrides).state_dir
    parsed = GatewayToken.parse(token)
    save_token(directory, parsed)
    click.echo(f"The gateway will join the controller at {', '.join(parsed.addresses)}: (re)start zerogo-gateway.")


@exits.command()
def password() -> None:
    """Ask for a password and print its hash, for `password-hash` of a user in gateway.yaml."""
    text = ask_password(is_new=True)
    if len(text) < SHORTEST:
        raise PasswordRefused(f"the password has fewer than {SHORTEST} characters, so it can be guessed")
    click.echo(PasswordHasher().hash(text))
