# -*- test-case-name: zerogo.test.cli.test_networks -*-
"""`zerogo members`: who is in a network of the controller on this machine, and what becomes of them."""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import Any

import click
from attrs import frozen
from rich.text import Text

from zerogo.cli.controller_option import (
    NoSuchName,
    controller_api,
    find_network,
    json_option,
    network_option,
    print_json,
    print_table,
    state_dir_option,
)
from zerogo.cli.groups import Commands
from zerogo.cli.owner_api import OwnerApi
from zerogo.cli.tables import age_text, ms_text
from zerogo.control.subnets import EXITS, parse_subnet

SHORTEST_ID = 4
_STYLES = {"approved": "green", "pending": "yellow", "denied": "red", "blocked": "red"}


_TITLES = ("NAME", "ID", "STATE", "HERE", "IPV4", "IPV6", "FROM", "RTT", "LAST SEEN")
_LESSER = ("FROM", "RTT", "IPV6", "HERE", "LAST SEEN")


@frozen
class _Chosen:
    """The controller and the network that a command is about."""

    state_dir: Path | None
    network: str | None

    def within(self, state_dir: Path | None, network: str | None) -> _Chosen:
        """The options may stand before or after the command."""
        return _Chosen(state_dir or self.state_dir, self.network if network is None else network)

    @property
    def api(self) -> OwnerApi:
        return controller_api(self.state_dir)

    def path(self) -> str:
        found = find_network(self.api, self.network)
        return f"/networks/{found['id']}/members"

    def change(self, member: str, change: dict[str, object]) -> dict[str, Any]:
        path = self.path()
        found = find_member(self.api.items(path), member)
        changed: dict[str, Any] = self.api.call("PATCH", f"{path}/{found['id']}", change)
        return changed

    def decide(self, member: str, subnet: str, *, is_approved: bool) -> None:
        path = self.path()
        found = find_member(self.api.items(path), member)
        self.api.call("POST", f"{path}/{found['id']}/subnets", {"subnet": subnet, "is_approved": is_approved})

    def announced(self, member: str) -> set[str]:
        found = find_member(self.api.items(self.path()), member)
        return {one["subnet"] for one in found["subnets"] if one["is_announced"]}


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@network_option
@json_option
@click.pass_context
def members(ctx: click.Context, state_dir: Path | None, network: str | None, as_json: bool) -> None:
    """Members of a network; without a command, list them."""
    ctx.obj = _Chosen(state_dir, network)
    if ctx.invoked_subcommand is not None:
        return
    found = ctx.obj.api.items(ctx.obj.path())
    if as_json:
        print_json(found)
        return
    now = time.time()
    nothing = "the network has no members: make a token with zerogo invite"
    print_table(_TITLES, [_row(member, now) for member in found], nothing, _LESSER)


@members.command()
@click.argument("member")
@state_dir_option
@network_option
@json_option
@click.pass_obj
def show(chosen: _Chosen, member: str, state_dir: Path | None, network: str | None, as_json: bool) -> None:
    """All that is known of MEMBER (a name, an id or its beginning)."""
    chosen = chosen.within(state_dir, network)
    path = chosen.path()
    found = chosen.api.call("GET", f"{path}/{find_member(chosen.api.items(path), member)['id']}")
    if as_json:
        print_json(found)
        return
    for key, value in found.items():
        click.echo(f"{key.replace('_', '-'):<22} {_shown(value)}")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value) or "-"
    if isinstance(value, dict):
        return " ".join(f"{key.replace('_', '-')}={_shown(one)}" for key, one in value.items())
    return "-" if value in (None, "") else str(value)


@members.command()
@click.argument("member")
@click.argument("switch", type=click.Choice(["on", "off"]))
@state_dir_option
@network_option
@click.pass_obj
def bridge(chosen: _Chosen, member: str, switch: str, state_dir: Path | None, network: str | None) -> None:
    """Let MEMBER be a bridge, which sends frames of the machines behind it, or not any more."""
    changed = chosen.within(state_dir, network).change(member, {"is_bridge": switch == "on"})
    click.echo(f"{changed['name']} is {'a' if changed['is_bridge'] else 'no'} bridge")


@members.command()
@click.argument("member")
@state_dir_option
@network_option
@click.pass_obj
def approve(chosen: _Chosen, member: str, state_dir: Path | None, network: str | None) -> None:
    """Let MEMBER (a name, an id or its beginning) in."""
    changed = chosen.within(state_dir, network).change(member, {"state": "approved"})
    click.echo(f"{changed['name']} is a member: {', '.join(changed['addresses'])}")


@members.command()
@click.argument("member")
@state_dir_option
@network_option
@click.pass_obj
def deny(chosen: _Chosen, member: str, state_dir: Path | None, network: str | None) -> None:
    """Keep MEMBER out, whatever token it comes with."""
    changed = chosen.within(state_dir, network).change(member, {"state": "denied"})
    click.echo(f"{changed['name']} is kept out")


@members.command()
@click.argument("member")
@state_dir_option
@network_option
@click.pass_obj
def block(chosen: _Chosen, member: str, state_dir: Path | None, network: str | None) -> None:
    """Cut MEMBER off at once; it keeps its name and addresses until it is approved again."""
    changed = chosen.within(state_dir, network).change(member, {"state": "blocked"})
    click.echo(f"{changed['name']} is cut off; zerogo members approve lets it in again")


@members.command()
@click.argument("member")
@click.argument("tags", nargs=-1)
@state_dir_option
@network_option
@click.pass_obj
def tag(chosen: _Chosen, member: str, tags: tuple[str, ...], state_dir: Path | None, network: str | None) -> None:
    """Give MEMBER these TAGS and no others."""
    changed = chosen.within(state_dir, network).change(member, {"tags": list(tags)})
    click.echo(f"{changed['name']}: {' '.join(changed['tags']) or 'no tags'}")


@members.command()
@click.argument("member")
@click.argument("addresses", nargs=-1, required=True)
@state_dir_option
@network_option
@click.pass_obj
def address(
    chosen: _Chosen, member: str, addresses: tuple[str, ...], state_dir: Path | None, network: str | None
) -> None:
    """Give MEMBER these ADDRESSES of the network's ranges; of a family that is not named it keeps its own."""
    changed = chosen.within(state_dir, network).change(member, {"addresses": list(addresses)})
    click.echo(f"{changed['name']} has {' '.join(changed['addresses'])}")


@members.command()
@click.argument("member")
@click.argument("name")
@state_dir_option
@network_option
@click.pass_obj
def rename(chosen: _Chosen, member: str, name: str, state_dir: Path | None, network: str | None) -> None:
    """Call MEMBER by another NAME."""
    changed = chosen.within(state_dir, network).change(member, {"name": name})
    click.echo(f"{member} is called {changed['name']}")


@members.command()
@click.argument("member")
@state_dir_option
@network_option
@click.pass_obj
def remove(chosen: _Chosen, member: str, state_dir: Path | None, network: str | None) -> None:
    """Forget MEMBER; it needs a new token to come back."""
    chosen = chosen.within(state_dir, network)
    path = chosen.path()
    found = find_member(chosen.api.items(path), member)
    chosen.api.call("DELETE", f"{path}/{found['id']}")
    click.echo(f"{found['name']} is removed")


@members.command("routes")
@state_dir_option
@network_option
@json_option
@click.pass_obj
def list_routes(chosen: _Chosen, state_dir: Path | None, network: str | None, as_json: bool) -> None:
    """List the networks behind members, and which of them others reach."""
    chosen = chosen.within(state_dir, network)
    found = chosen.api.items(chosen.path())
    rows = [{"member": member["name"], **one} for member in found for one in member["subnets"]]
    if as_json:
        print_json(rows)
        return
    titles = ("NETWORK", "BEHIND", "ANNOUNCED", "APPROVED")
    words = {True: Text("yes", style="green"), False: Text("no", style="yellow")}
    cells = [(row["subnet"], row["member"], words[row["is_announced"]], words[row["is_approved"]]) for row in rows]
    print_table(titles, cells, "no member announces a network: `zerogo routes announce 192.168.7.0/24` does", ())


@members.command("approve-route")
@click.argument("member")
@click.argument("subnet")
@state_dir_option
@network_option
@click.pass_obj
def approve_route(chosen: _Chosen, member: str, subnet: str, state_dir: Path | None, network: str | None) -> None:
    """Let all members reach the network SUBNET through MEMBER."""
    chosen = chosen.within(state_dir, network)
    chosen.decide(member, subnet, is_approved=True)
    if parse_subnet(subnet) in chosen.announced(member):
        click.echo(f"{subnet} is reached through {member}")
        return
    click.echo(f"{subnet} is approved, but {member} does not announce it yet.")
    click.echo(f"On that machine: `zerogo routes announce {subnet}`, which says what is in the way")


@members.command("refuse-route")
@click.argument("member")
@click.argument("subnet")
@state_dir_option
@network_option
@click.pass_obj
def refuse_route(chosen: _Chosen, member: str, subnet: str, state_dir: Path | None, network: str | None) -> None:
    """Let nobody reach the network SUBNET through MEMBER."""
    chosen.within(state_dir, network).decide(member, subnet, is_approved=False)
    click.echo(f"{subnet} is not reached through {member}")


@members.command("approve-exit")
@click.argument("member")
@state_dir_option
@network_option
@click.pass_obj
def approve_exit(chosen: _Chosen, member: str, state_dir: Path | None, network: str | None) -> None:
    """Let members that choose it reach the internet through MEMBER."""
    chosen = chosen.within(state_dir, network)
    for subnet in EXITS:
        chosen.decide(member, subnet, is_approved=True)
    if chosen.announced(member) & set(EXITS):
        click.echo(f"{member} is an exit: `zerogo exit-node use {member}` on other members")
        return
    click.echo(f"{member} is approved, but does not offer itself as an exit yet.")
    click.echo("On that machine: `zerogo exit-node offer`, which says what is in the way")


def find_member(found: list[dict[str, Any]], text: str) -> dict[str, Any]:
    """A whole id wins. A name does not win over the beginning of another's id: machines choose their own names."""
    fitting = [member for member in found if text == member["id"]] or [
        member
        for member in found
        if text == member["name"] or (len(text) >= SHORTEST_ID and member["id"].startswith(text))
    ]
    if len(fitting) == 1:
        return fitting[0]
    raise NoSuchName(f"{text!r} fits several members: use the id" if fitting else f"there is no member {text!r}")


def seen_text(rfc3339: str, now: float) -> str:
    """`12 s ago`; `now` is seconds since 1970."""
    return f"{age_text(max(0.0, now - datetime.datetime.fromisoformat(rfc3339).timestamp()))} ago"


def _row(member: dict[str, Any], now: float) -> tuple[str | Text, ...]:
    addresses = member["addresses"]
    return (
        member["name"],
        member["id"],
        Text(member["state"], style=_STYLES[member["state"]]),
        Text("yes", style="green") if member["is_online"] else "no",
        ", ".join(address for address in addresses if ":" not in address) or "-",
        ", ".join(address for address in addresses if ":" in address) or "-",
        member["source"] or "-",
        ms_text(member["rtt_ms"]),
        seen_text(member["last_seen_at"], now),
    )
