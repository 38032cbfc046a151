# -*- test-case-name: zerogo.test.cli.test_networks -*-
"""`zerogo networks`: list, make, show, change and delete networks of the controller on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from zerogo.cli.controller_option import (
    controller_api,
    find_network,
    json_option,
    print_json,
    print_table,
    state_dir_option,
)
from zerogo.cli.groups import Commands
from zerogo.cli.owner_keys import OwnerKeys, keep_owner_keys
from zerogo.cli.tables import clock_text, ms_text, size_text
from zerogo.control.token import PSK_BYTES
from zerogo.store.values import Approval, PskMode

_FIELDS = (
    "id",
    "name",
    "ipv4",
    "ipv6",
    "mtu",
    "approval",
    "psk_mode",
    "flow_log",
    "members",
    "pending",
    "revision",
    "created_at",
)
_COURSE = ("AT", "ONLINE", "LINKS", "DIRECT", "RTT", "TRAFFIC")
_COURSE_ROWS = 60
"""Ten minutes; `--json` has the hour."""


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@json_option
@click.pass_context
def networks(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:
    """Networks of this machine's controller; without a command, list them."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    found = controller_api(state_dir).items("/networks")
    if as_json:
        print_json(found)
        return
    rows = [
        (one["name"], one["id"], one["ipv4"] or "-", one["ipv6"] or "-", str(one["members"]), str(one["pending"]))
        for one in found
    ]
    print_table(("NAME", "ID", "IPV4", "IPV6", "MEMBERS", "WAITING"), rows, "there is no network yet", ("IPV6",))


@networks.command()
@click.argument("name")
@click.option("--ipv4", help="Range of the members' IPv4 addresses, such as 10.20.0.0/20; else a random one.")
@click.option("--ipv6", help="Range of the members' IPv6 addresses, such as fd12:3456:789a::/64; else a random one.")
@click.option("--mtu", type=int, default=1400, show_default=True)
@click.option("--approval", is_flag=True, help="Every machine must be approved, whatever its token says.")
@click.option("--end-to-end", is_flag=True, help="Keep the pre-shared key here, and from the controller.")
@state_dir_option
@json_option
@click.pass_obj
def create(outer: Path | None, /, end_to_end: bool, state_dir: Path | None, as_json: bool, **wanted: Any) -> None:
    """Make a network."""
    body = wanted | {
        "approval": "manual" if wanted["approval"] else "automatic",
        "psk_mode": PskMode.END_TO_END if end_to_end else PskMode.MANAGED,
    }
    made = controller_api(state_dir or outer).call("POST", "/networks", body)
    if end_to_end:
        path = keep_owner_keys(made["id"], OwnerKeys(psk=os.urandom(PSK_BYTES)))
        click.echo(f"the network's key is in {path}: keep a copy of it; invites are made here", err=True)
    _print_one(made, as_json)


@networks.command()
@click.argument("network")
@state_dir_option
@json_option
@click.pass_obj
def show(outer: Path | None, network: str, state_dir: Path | None, as_json: bool) -> None:
    """Show a network by name or id."""
    _print_one(find_network(controller_api(state_dir or outer), network), as_json)


@networks.command()
@click.argument("network")
@click.option("--name", help="Another name.")
@click.option("--mtu", type=int, help="Of the segment.")
@click.option("--approval", type=click.Choice([each.value for each in Approval]), help="Of machines that join.")
@click.option(
    "--flow-log/--no-flow-log",
    default=None,
    help="Have members tell which flows the policy allows and refuses; members see that it is on.",
)
@state_dir_option
@json_option
@click.pass_obj
def change(outer: Path | None, /, network: str, state_dir: Path | None, as_json: bool, **wanted: Any) -> None:
    """Change settings of a network by name or id; those that are not named stay."""
    api = controller_api(state_dir or outer)
    changes = {key: value for key, value in wanted.items() if value is not None}
    if not changes:
        raise click.UsageError("say what to change")
    path = f"/networks/{find_network(api, network)['id']}"
    _print_one(api.call("PATCH", path, changes, if_match="*"), as_json)


@networks.command()
@click.argument("network")
@state_dir_option
@json_option
@click.pass_obj
def course(outer: Path | None, network: str, state_dir: Path | None, as_json: bool) -> None:
    """How a network by name or id went in the last hour: members online, links, round trip, traffic."""
    api = controller_api(state_dir or outer)
    found = api.call("GET", f"/networks/{find_network(api, network)['id']}/course")
    if as_json:
        print_json(found)
        return
    print_table(_COURSE, course_rows(found, _COURSE_ROWS), "nothing is known: no member reports a link")


def course_rows(columns: dict[str, list[Any]], most: int) -> list[tuple[str, ...]]:
    """The newest `most` rows of a course, the newest first."""
    names = ("time", "online", "links", "direct", "rtt_ms", "bytes_per_second")
    rows = list(zip(*(columns[name][-most:] for name in names), strict=True))
    return [
        (clock_text(at), str(online), str(links), str(direct), ms_text(rtt), f"{size_text(rate)}/s")
        for at, online, links, direct, rtt, rate in reversed(rows)
    ]


@networks.command()
@click.argument("network")
@click.option("--yes", is_flag=True, help="Do not ask.")
@state_dir_option
@click.pass_obj
def delete(outer: Path | None, network: str, yes: bool, state_dir: Path | None) -> None:
    """Delete a network by name or id; its members are turned away at once."""
    api = controller_api(state_dir or outer)
    found = find_network(api, network)
    if not yes:
        click.confirm(f"Delete {found['name']} with its {found['members']} members?", abort=True)
    api.call("DELETE", f"/networks/{found['id']}")
    click.echo(f"deleted {found['name']}")


def _print_one(network: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(network)
        return
    for field in _FIELDS:
        click.echo(f"{field.replace('_', '-'):<12} {network[field] if network[field] is not None else '-'}")
