# -*- test-case-name: zerogo.test.cli.test_admin -*-
"""`zerogo tokens`: API tokens of the users of the controller on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from zerogo.cli.controller_option import controller_api, json_option, print_json, print_table, state_dir_option
from zerogo.cli.groups import Commands
from zerogo.cli.invite import Duration
from zerogo.cli.users import find_user

_TITLES = ("NAME", "ID", "USER", "SCOPES", "EXPIRES", "USED")


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@json_option
@click.pass_context
def tokens(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:
    """API tokens of all users; without a command, list them."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    api = controller_api(state_dir)
    found = api.items("/tokens")
    if as_json:
        print_json(found)
        return
    names = {user["id"]: user["name"] for user in api.items("/users")}
    rows = [
        (
            token["name"],
            token["id"],
            names.get(token["user"], token["user"]),
            " ".join(token["scopes"]),
            token["expires_at"],
            token["used_at"] or "never",
        )
        for token in found
    ]
    print_table(_TITLES, rows, "there is no API token", ("USED", "EXPIRES", "ID"))


@tokens.command()
@click.argument("name")
@click.option("--user", required=True, help="Whose token: a user's name or id.")
@click.option("--scope", "scopes", multiple=True, required=True, help="Such as members:read; repeatable.")
@click.option("--expires", type=Duration(), default="90d", show_default=True, help="How long it is good: 24h, 90d.")
@state_dir_option
@json_option
@click.pass_obj
def create(
    outer: Path | None,
    name: str,
    user: str,
    scopes: tuple[str, ...],
    expires: float,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Make an API token; it is shown once and stored only as a hash."""
    api = controller_api(state_dir or outer)
    owner = find_user(api, user)
    body = {"name": name, "user": owner["id"], "scopes": list(scopes), "expires_seconds": expires}
    made = api.call("POST", "/tokens", body)
    if as_json:
        print_json(made)
        return
    click.echo(made["token"])
    click.echo(f"for {owner['name']}, until {made['expires_at']}, {' '.join(made['scopes'])}", err=True)


@tokens.command()
@click.argument("token")
@state_dir_option
@click.pass_obj
def delete(outer: Path | None, token: str, state_dir: Path | None) -> None:
    """Let the API token with the id TOKEN be of no use any more."""
    controller_api(state_dir or outer).call("DELETE", f"/tokens/{token}")
    click.echo(f"{token} is of no use any more")
