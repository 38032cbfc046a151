# -*- test-case-name: zerogo.test.cli.test_exits_admin -*-
"""`zerogo exits denials`: addresses from which the exits take neither users nor edges."""

from __future__ import annotations

from pathlib import Path

import click

from zerogo.cli.controller_option import (
    NoSuchName,
    controller_api,
    json_option,
    print_json,
    print_table,
    state_dir_option,
)
from zerogo.cli.exit_settings import parse_duration
from zerogo.cli.groups import Commands


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@json_option
@click.pass_context
def denials(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:
    """Addresses that are kept out of the exits; without a command, list them."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    found = controller_api(state_dir).items("/exits/denials")
    if as_json:
        print_json(found)
        return
    rows = [
        (one["range"], one["reason"] or "-", one["expires_at"] or "deleted", one["created_by"], one["id"])
        for one in found
    ]
    print_table(("RANGE", "REASON", "UNTIL", "BY", "ID"), rows, "no address is kept out", ("ID",))


@denials.command()
@click.argument("range_", metavar="RANGE")
@click.option("--reason", default="", help="Why, for the audit.")
@click.option("--for", "lifetime", help="For so long, as in 12h or 7d; left out, until it is removed.")
@click.pass_obj
def add(state_dir: Path | None, range_: str, reason: str, lifetime: str | None) -> None:
    """Keep RANGE (an address, or as in 192.0.2.0/24) out: users' streams from there and edges there end at once."""
    body = {
        "range": range_,
        "reason": reason,
        "expires_seconds": None if lifetime is None else parse_duration(lifetime),
    }
    made = controller_api(state_dir).call("POST", "/exits/denials", body)
    click.echo(f"{made['range']} is kept out")


@denials.command()
@click.argument("range_", metavar="RANGE")
@click.pass_obj
def remove(state_dir: Path | None, range_: str) -> None:
    """Let RANGE (as it is listed, or its id) in again."""
    api = controller_api(state_dir)
    found = [one for one in api.items("/exits/denials") if range_ in (one["id"], *_spellings(one["range"]))]
    if len(found) != 1:
        raise NoSuchName(f"{range_!r} is not kept out" if not found else f"{range_!r} is several: say the whole range")
    api.call("DELETE", f"/exits/denials/{found[0]['id']}")
    click.echo(f"{found[0]['range']} may come")


def _spellings(network: str) -> tuple[str, str]:
    return network, network.partition("/")[0]
