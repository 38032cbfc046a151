# -*- test-case-name: zerogo.test.cli.test_admin -*-
"""`zerogo keys`: the join tokens that `zerogo invite` made, and their end."""

from __future__ import annotations

from pathlib import Path

import click

from zerogo.cli.controller_option import (
    controller_api,
    find_network,
    json_option,
    network_option,
    print_json,
    print_table,
    state_dir_option,
)
from zerogo.cli.groups import Commands

_TITLES = ("ID", "LEFT", "APPROVAL", "TAGS", "EPHEMERAL", "BY", "EXPIRES", "STATE")
_LESSER = ("BY", "EPHEMERAL", "TAGS")


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@network_option
@json_option
@click.pass_context
def keys(ctx: click.Context, state_dir: Path | None, network: str | None, as_json: bool) -> None:
    """Join tokens of a network; without a command, list them."""
    ctx.obj = (state_dir, network)
    if ctx.invoked_subcommand is not None:
        return
    api = controller_api(state_dir)
    found = api.items(f"/networks/{find_network(api, network)['id']}/invites")
    if as_json:
        print_json(found)
        return
    rows = [
        (
            key["id"],
            f"{key['uses_left']} of {key['uses']}",
            key["approval"],
            " ".join(key["tags"]) or "-",
            "yes" if key["is_ephemeral"] else "no",
            key["created_by"],
            key["expires_at"],
            "revoked" if key["is_revoked"] else "good" if key["uses_left"] else "used up",
        )
        for key in found
    ]
    print_table(_TITLES, rows, "there is no join token: make one with zerogo invite", _LESSER)


@keys.command()
@click.argument("key")
@state_dir_option
@network_option
@click.pass_obj
def revoke(outer: tuple[Path | None, str | None], key: str, state_dir: Path | None, network: str | None) -> None:
    """Let the join token with the id KEY be of no use any more."""
    api = controller_api(state_dir or outer[0])
    found = find_network(api, outer[1] if network is None else network)
    api.call("DELETE", f"/networks/{found['id']}/invites/{key}")
    click.echo(f"{key} is of no use any more")
