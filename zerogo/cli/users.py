# -*- test-case-name: zerogo.test.cli.test_admin -*-
"""`zerogo users`: who may use the API of the controller on this machine, and as what."""

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
from zerogo.cli.groups import Commands
from zerogo.cli.owner_api import ControllerRefused, OwnerApi
from zerogo.cli.passwords import ask_password

ROLES = click.Choice(["owner", "admin", "operator", "auditor", "user"])


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@json_option
@click.pass_context
def users(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:
    """Users of this machine's controller; without a command, list them."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    found = controller_api(state_dir).items("/users")
    if as_json:
        print_json(found)
        return
    rows = [
        (user["name"], user["id"], user["role"], "disabled" if user["is_disabled"] else "good", user["created_at"])
        for user in found
    ]
    print_table(("NAME", "ID", "ROLE", "STATE", "SINCE"), rows, "there is no user yet", ("SINCE", "ID"))


@users.command()
@click.argument("name")
@click.option("--role", type=ROLES, default="user", show_default=True)
@state_dir_option
@json_option
@click.pass_obj
def create(outer: Path | None, name: str, role: str, state_dir: Path | None, as_json: bool) -> None:
    """Make a user; the password is asked for, or read from standard input."""
    body = {"name": name, "password": ask_password(is_new=True), "role": role}
    made = controller_api(state_dir or outer).call("POST", "/users", body)
    print_json(made) if as_json else click.echo(f"{made['name']} is {made['role']}")


@users.command()
@click.argument("name")
@state_dir_option
@json_option
@click.pass_obj
def show(outer: Path | None, name: str, state_dir: Path | None, as_json: bool) -> None:
    """Show the user NAME, and which account at the provider logs in as them."""
    api = controller_api(state_dir or outer)
    found = api.call("GET", f"/users/{find_user(api, name)['id']}")
    try:
        found["identity"] = api.call("GET", f"/users/{found['id']}/identity")
    except ControllerRefused as refused:
        # Auditors see users, but not which accounts lead to them.
        if refused.problem not in ("not-found", "forbidden"):
            raise
        found["identity"] = None
    if as_json:
        print_json(found)
        return
    identity = found["identity"]
    click.echo(f"{found['name']} ({found['id']}), {found['role']}, {'disabled' if found['is_disabled'] else 'good'}")
    click.echo(f"since {found['created_at']}")
    click.echo("no account elsewhere" if identity is None else f"{identity['subject']} at {identity['issuer']}")


@users.command()
@click.argument("name")
@click.argument("role", type=ROLES)
@state_dir_option
@click.pass_obj
def role(outer: Path | None, name: str, role: str, state_dir: Path | None) -> None:
    """Give the user NAME another ROLE, at once."""
    changed = _change(controller_api(state_dir or outer), name, {"role": role})
    click.echo(f"{changed['name']} is {changed['role']}")


@users.command()
@click.argument("name")
@state_dir_option
@click.pass_obj
def password(outer: Path | None, name: str, state_dir: Path | None) -> None:
    """Give the user NAME a new password; all its sessions end."""
    changed = _change(controller_api(state_dir or outer), name, {"password": ask_password(is_new=True)})
    click.echo(f"{changed['name']} has a new password")


@users.command()
@click.argument("name")
@state_dir_option
@click.pass_obj
def disable(outer: Path | None, name: str, state_dir: Path | None) -> None:
    """Keep the user NAME out, at once."""
    click.echo(f"{_change(controller_api(state_dir or outer), name, {'is_disabled': True})['name']} is kept out")


@users.command()
@click.argument("name")
@state_dir_option
@click.pass_obj
def enable(outer: Path | None, name: str, state_dir: Path | None) -> None:
    """Let the user NAME in again."""
    click.echo(f"{_change(controller_api(state_dir or outer), name, {'is_disabled': False})['name']} may log in")


@users.command()
@click.argument("name")
@state_dir_option
@click.pass_obj
def delete(outer: Path | None, name: str, state_dir: Path | None) -> None:
    """Remove the user NAME, with sessions and API tokens."""
    api = controller_api(state_dir or outer)
    found = find_user(api, name)
    api.call("DELETE", f"/users/{found['id']}")
    click.echo(f"{found['name']} is removed")


@users.command("reset-second-factor")
@click.argument("name")
@state_dir_option
@click.pass_obj
def reset_second_factor(outer: Path | None, name: str, state_dir: Path | None) -> None:
    """Let a user who lost the second factor log in with the password alone."""
    api = controller_api(state_dir or outer)
    found = find_user(api, name)
    api.call("DELETE", f"/users/{found['id']}/second-factor")
    click.echo(f"{found['name']} logs in with the password alone")


@users.command()
@click.argument("name")
@click.argument("subject")
@state_dir_option
@click.pass_obj
def link(outer: Path | None, name: str, subject: str, state_dir: Path | None) -> None:
    """Let the account SUBJECT at the provider (what its tokens have as `sub`) log in as the user NAME."""
    api = controller_api(state_dir or outer)
    found = find_user(api, name)
    made = api.call("PUT", f"/users/{found['id']}/identity", {"subject": subject})
    click.echo(f"{found['name']} is {made['subject']} at {made['issuer']}")


@users.command()
@click.argument("name")
@state_dir_option
@click.pass_obj
def unlink(outer: Path | None, name: str, state_dir: Path | None) -> None:
    """Let NAME log in by password alone; the sessions of that user end."""
    api = controller_api(state_dir or outer)
    found = find_user(api, name)
    api.call("DELETE", f"/users/{found['id']}/identity")
    click.echo(f"{found['name']} logs in by password alone")


def find_user(api: OwnerApi, text: str) -> dict[str, Any]:
    """The user of that id or name; raises `NoSuchName`."""
    for user in api.items("/users"):
        if text in (user["id"], user["name"]):
            return user
    raise NoSuchName(f"there is no user {text!r}")


def _change(api: OwnerApi, name: str, change: dict[str, object]) -> dict[str, Any]:
    changed: dict[str, Any] = api.call("PATCH", f"/users/{find_user(api, name)['id']}", change)
    return changed
