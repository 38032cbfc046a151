# -*- test-case-name: zerogo.test.cli.test_exits_admin -*-
"""`zerogo exits gateways`, `edges` and `keys`: the machines of the exits, and the tokens that they join with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from zerogo.cli.owner_api import OwnerApi


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@json_option
@click.pass_context
def gateways(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:
    """Gateways of the controller; without a command, list them."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    found = controller_api(state_dir).items("/exits/gateways")
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["name"] or "-",
            one["id"],
            _state(one),
            one["region"] or "-",
            ", ".join(one["addresses"]),
            str(one["edges"]),
            str(one["users"]),
            str(one["streams"]),
        )
        for one in found
    ]
    titles = ("NAME", "ID", "STATE", "REGION", "ADDRESS", "EDGES", "USERS", "STREAMS")
    print_table(titles, rows, "no gateway has joined yet", ("REGION", "ID"))


def _state(gateway: dict[str, Any]) -> str:
    if not gateway["is_online"]:
        return f"away since {gateway['last_seen_at']}"
    return "draining" if gateway["is_draining"] else "here"


_expires = click.option("--expires", default="90d", show_default=True, help="Good for so long.")
_address = click.option("--address", multiple=True, help="How to reach whom is joined, HOST:PORT; may be repeated.")


@gateways.command("token")
@_expires
@_address
@click.pass_obj
def gateway_token(state_dir: Path | None, expires: str, address: tuple[str, ...]) -> None:
    """Print a token with which gateways join: `zerogo exits join TOKEN` there."""
    click.echo(_token(controller_api(state_dir), "gateway", expires, address))


@gateways.command()
@click.argument("gateway")
@click.option("--undo", is_flag=True, help="Give it edges again.")
@click.pass_obj
def drain(state_dir: Path | None, gateway: str, undo: bool) -> None:
    """Have edges leave GATEWAY (a name or an id), and give it no more."""
    api = controller_api(state_dir)
    found = _find(api, "gateways", gateway)
    api.call("PATCH", f"/exits/gateways/{found['id']}", {"is_draining": not undo})
    click.echo(f"{found['name'] or found['id']} {'takes edges again' if undo else 'drains'}")


@gateways.command("delete")
@click.argument("gateway")
@click.pass_obj
def delete_gateway(state_dir: Path | None, gateway: str) -> None:
    """Turn GATEWAY away from now on; the token that it joined with is good for nobody any more."""
    api = controller_api(state_dir)
    found = _find(api, "gateways", gateway)
    api.call("DELETE", f"/exits/gateways/{found['id']}")
    click.echo(f"{found['name'] or found['id']} is removed")


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@json_option
@click.pass_context
def edges(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:
    """Edges of the controller's gateways; without a command, list them."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    api = controller_api(state_dir)
    found = api.items("/exits/edges")
    if as_json:
        print_json(found)
        return
    names = {one["id"]: one["name"] or one["id"] for one in api.items("/exits/gateways")}
    rows = [
        (
            one["name"] or "-",
            one["id"],
            "denied" if one["is_denied"] else "here" if one["is_online"] else "away",
            one["country"] or "-",
            one["address"],
            ", ".join(names.get(gateway, gateway) for gateway in one["gateways"]) or "-",
            one["consent_at"] or "-",
        )
        for one in found
    ]
    titles = ("NAME", "ID", "STATE", "COUNTRY", "ADDRESS", "GATEWAYS", "CONSENT")
    print_table(titles, rows, "no edge has joined yet", ("CONSENT", "ID"))


@edges.command("token")
@_expires
@_address
@click.pass_obj
def edge_token(state_dir: Path | None, expires: str, address: tuple[str, ...]) -> None:
    """Print a token with which machines become edges: `zerogo edge join TOKEN` there. Who has it, can."""
    click.echo(_token(controller_api(state_dir), "edge", expires, address))


@edges.command()
@click.argument("edge")
@click.pass_obj
def deny(state_dir: Path | None, edge: str) -> None:
    """Send EDGE (a name or an id) away at once, and keep it out."""
    click.echo(f"{_decide(state_dir, edge, is_denied=True)} is kept out")


@edges.command()
@click.argument("edge")
@click.pass_obj
def allow(state_dir: Path | None, edge: str) -> None:
    """Let EDGE in again."""
    click.echo(f"{_decide(state_dir, edge, is_denied=False)} may come")


@edges.command("kick")
@click.argument("edge")
@click.pass_obj
def kick_edge(state_dir: Path | None, edge: str) -> None:
    """Break off the tunnels of EDGE, which may come again."""
    api = controller_api(state_dir)
    found = _find(api, "edges", edge)
    api.call("POST", f"/exits/edges/{found['id']}/kick")
    click.echo(f"{found['name'] or found['id']} was sent away")


@edges.command("delete")
@click.argument("edge")
@click.pass_obj
def delete_edge(state_dir: Path | None, edge: str) -> None:
    """Forget EDGE and send it away."""
    api = controller_api(state_dir)
    found = _find(api, "edges", edge)
    api.call("DELETE", f"/exits/edges/{found['id']}")
    click.echo(f"{found['name'] or found['id']} is forgotten")


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@json_option
@click.pass_context
def keys(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:
    """Keys in tokens of gateways and edges; without a command, list those that are good."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    found = controller_api(state_dir).call("GET", "/exits/keys")["items"]
    if as_json:
        print_json(found)
        return
    rows = [(one["id"], one["kind"], one["expires_at"], one["created_by"]) for one in found]
    print_table(("ID", "FOR", "GOOD UNTIL", "BY"), rows, "there is no key")


@keys.command("revoke")
@click.argument("key")
@click.pass_obj
def revoke_key(state_dir: Path | None, key: str) -> None:
    """Let KEY be of no use any more; edges that join with it are refused from then on."""
    controller_api(state_dir).call("DELETE", f"/exits/keys/{key}")
    click.echo(f"{key} is revoked")


def _token(api: OwnerApi, kind: str, expires: str, addresses: tuple[str, ...]) -> str:
    body = {"kind": kind, "expires_seconds": parse_duration(expires), "addresses": list(addresses)}
    return str(api.call("POST", "/exits/keys", body)["join_url"])


def _decide(state_dir: Path | None, edge: str, *, is_denied: bool) -> str:
    api = controller_api(state_dir)
    found = _find(api, "edges", edge)
    api.call("PATCH", f"/exits/edges/{found['id']}", {"is_denied": is_denied})
    return str(found["name"] or found["id"])


def _find(api: OwnerApi, what: str, text: str) -> dict[str, Any]:
    """The gateway or edge of that id, or of that name where only one has it; raises `NoSuchName`."""
    found = [one for one in api.items(f"/exits/{what}") if text in (one["id"], one["name"])]
    exact = [one for one in found if one["id"] == text]
    if len(exact or found) != 1:
        number = "no" if not found else f"{len(found)}"
        raise NoSuchName(f"there is {number} of the {what} called {text!r}: say it by its id")
    return (exact or found)[0]
