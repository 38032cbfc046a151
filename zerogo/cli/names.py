# -*- test-case-name: zerogo.test.cli.test_names -*-
"""`zerogo names`: names in a network beside those of its members."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

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


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@network_option
@json_option
@click.pass_context
def names(ctx: click.Context, state_dir: Path | None, network: str | None, as_json: bool) -> None:
    """Names such as printer.home.zg beside those of the members; without a command, list them."""
    ctx.obj = (state_dir, network)
    if ctx.invoked_subcommand is not None:
        return
    api = controller_api(state_dir)
    found: dict[str, Any] = api.call("GET", f"/networks/{find_network(api, network)['id']}/names")
    if as_json:
        print_json(found)
        return
    rows = [(one["full_name"], " ".join(one["addresses"])) for one in found["items"]]
    print_table(("NAME", "ADDRESSES"), rows, f"there is no name but those of the members, HOST.{found['origin']}")


@names.command("set")
@click.argument("name")
@click.argument("addresses", nargs=-1, required=True)
@state_dir_option
@network_option
@click.pass_obj
def set_(
    outer: tuple[Path | None, str | None],
    name: str,
    addresses: tuple[str, ...],
    state_dir: Path | None,
    network: str | None,
) -> None:
    """Have NAME lead to ADDRESSES, and to no others: of a machine behind a member, or of a member."""
    api = controller_api(state_dir or outer[0])
    found = find_network(api, network or outer[1])
    made = api.call("PUT", f"/networks/{found['id']}/names/{quote(name, safe='')}", {"addresses": list(addresses)})
    click.echo(f"{made['full_name']} is {' '.join(made['addresses'])}")


@names.command()
@click.argument("name")
@state_dir_option
@network_option
@click.pass_obj
def remove(outer: tuple[Path | None, str | None], name: str, state_dir: Path | None, network: str | None) -> None:
    """Forget NAME."""
    api = controller_api(state_dir or outer[0])
    found = find_network(api, network or outer[1])
    api.call("DELETE", f"/networks/{found['id']}/names/{quote(name, safe='')}")
    click.echo(f"{name} is no name any more")
