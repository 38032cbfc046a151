# -*- test-case-name: zerogo.test.cli.test_exits_admin -*-
"""`zerogo exits users` and `zerogo exits packages`: who may use the exits, and how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from zerogo.cli.controller_option import controller_api, json_option, print_json, print_table, state_dir_option
from zerogo.cli.exit_settings import SETTINGS, parse_duration, parse_settings, parse_size
from zerogo.cli.groups import Commands
from zerogo.cli.passwords import ask_password
from zerogo.cli.tables import size_text

_KEYS = f"Settings are KEY=VALUE: {', '.join(SETTINGS)}."


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@json_option
@click.pass_context
def users(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:
    """Users of the exits; without a command, list them with what is left of their packages."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    found = controller_api(state_dir).items("/exits/users")
    if as_json:
        print_json(found)
        return
    titles = ("NAME", "STATE", "PACKAGE", "USED", "LEFT", "UP", "DOWN", "STREAMS", "TOTAL")
    print_table(titles, [_row(user) for user in found], "there is no user of the exits yet", ("TOTAL", "UP", "DOWN"))


def _row(user: dict[str, Any]) -> tuple[str, ...]:
    left = user["left_bytes"]
    return (
        user["name"],
        "paused" if user["is_paused"] else "used up" if left == 0 else "good",
        user["package"] or "-",
        "-" if left is None else size_text(user["used_bytes"]),
        "-" if left is None else size_text(left),
        f"{size_text(user['upload'])}/s" if user["upload"] else "-",
        f"{size_text(user['download'])}/s" if user["download"] else "-",
        f"{user['live_streams']} of {user['streams'] or 'any'}",
        size_text(user["total_up"] + user["total_down"]),
    )


@users.command(epilog=_KEYS)
@click.argument("name")
@click.argument("settings", nargs=-1)
@json_option
@click.pass_obj
def create(state_dir: Path | None, name: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Make the user NAME; the password is asked for, or read from standard input."""
    body = parse_settings(settings) | {"name": name, "password": ask_password(is_new=True)}
    made = controller_api(state_dir).call("POST", "/exits/users", body)
    print_json(made) if as_json else click.echo(f"{made['name']} may use the exits")


@users.command("set", epilog=_KEYS)
@click.argument("name")
@click.argument("settings", nargs=-1, required=True)
@json_option
@click.pass_obj
def change(state_dir: Path | None, name: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Change the user NAME; live streams are held to it within a second."""
    changed = controller_api(state_dir).call("PATCH", f"/exits/users/{quote(name)}", parse_settings(settings))
    print_json(changed) if as_json else click.echo(f"{changed['name']} is changed")


@users.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(state_dir: Path | None, name: str, as_json: bool) -> None:
    """All that is known of the user NAME."""
    user = controller_api(state_dir).call("GET", f"/exits/users/{quote(name)}")
    if as_json:
        print_json(user)
        return
    for key, value in user.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{key.replace('_', ' '):<18} {'-' if shown in (None, '') else shown}")


@users.command()
@click.argument("name")
@click.pass_obj
def password(state_dir: Path | None, name: str) -> None:
    """Give the user NAME a new password."""
    controller_api(state_dir).call("PATCH", f"/exits/users/{quote(name)}", {"password": ask_password(is_new=True)})
    click.echo(f"{name} has a new password")


@users.command()
@click.argument("name")
@click.pass_obj
def delete(state_dir: Path | None, name: str) -> None:
    """Remove the user NAME; live streams end."""
    controller_api(state_dir).call("DELETE", f"/exits/users/{quote(name)}")
    click.echo(f"{name} is removed")


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@json_option
@click.pass_context
def packages(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:
    """Traffic packages; without a command, list them."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    found = controller_api(state_dir).items("/exits/packages")
    if as_json:
        print_json(found)
        return
    rows = [
        (one["name"], size_text(one["bytes"]), f"{one['seconds'] / 86_400:g} days" if one["seconds"] else "once")
        for one in found
    ]
    print_table(("NAME", "SIZE", "EVERY"), rows, "there is no package yet")


@packages.command("create")
@click.argument("name")
@click.argument("size")
@click.option("--every", default="once", help="A new one after so long, as in 30d.", show_default=True)
@click.pass_obj
def create_package(state_dir: Path | None, name: str, size: str, every: str) -> None:
    """Make the package NAME of SIZE, as in 100G."""
    body = {"name": name, "bytes": parse_size(size), "seconds": parse_duration(every)}
    made = controller_api(state_dir).call("POST", "/exits/packages", body)
    click.echo(f"{made['name']} is {size_text(made['bytes'])}")


@packages.command("set")
@click.argument("name")
@click.argument("size")
@click.pass_obj
def change_package(state_dir: Path | None, name: str, size: str) -> None:
    """Make the package NAME one of SIZE, for all who have it, at once."""
    changed = controller_api(state_dir).call("PATCH", f"/exits/packages/{quote(name)}", {"bytes": parse_size(size)})
    click.echo(f"{changed['name']} is {size_text(changed['bytes'])}")


@packages.command("delete")
@click.argument("name")
@click.pass_obj
def delete_package(state_dir: Path | None, name: str) -> None:
    """Remove the package NAME, which nobody has."""
    controller_api(state_dir).call("DELETE", f"/exits/packages/{quote(name)}")
    click.echo(f"{name} is removed")
