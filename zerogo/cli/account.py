# -*- test-case-name: zerogo.test.cli.test_account -*-
"""`zerogo account`: one's own account at a controller: who one is there, password, second factor, sessions.

An API token, such as `zerogo login` keeps, changes nothing of these, or whoever stole it could keep its owner out. So
these commands ask for the password, log in for a moment and log out again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import segno
from attrs import field, frozen

from zerogo.cli.controller_option import controller_api, json_option, print_json, state_dir_option
from zerogo.cli.groups import Commands
from zerogo.cli.login import log_in
from zerogo.cli.owner_api import ControllerRefused, ControllerSilent, OwnerApi
from zerogo.cli.passwords import ask_password

_FACTOR = "/me/second-factor"
_TRIES = 3
"""Codes that may be typed: authenticators change them in the middle of it."""


@frozen
class _Session:
    """A user, logged in for a moment."""

    api: OwnerApi
    name: str
    password: str = field(repr=False)


def user_option(function: Any) -> Any:
    """`--user`."""
    return click.option("--user", help="Your name there; else whose login or API token is used.")(function)


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@json_option
@click.pass_context
def account(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:
    """Your own account at the controller; without a command, who you are there."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    api = controller_api(state_dir)
    found = api.call("GET", "/me")
    if found["id"]:
        found["second_factor"] = api.call("GET", _FACTOR)
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['name']}, {found['role']}")
    if not found["id"]:
        click.echo("this is whoever may read the controller's files; users have names: see `zerogo users`")
        return
    factor = found["second_factor"]
    left = f", {factor['recovery_codes_left']} recovery codes left" if factor["is_on"] else ""
    click.echo(f"second factor: {'on' if factor['is_on'] else 'off'}{left}")


@account.command()
@user_option
@state_dir_option
@click.pass_obj
def password(outer: Path | None, user: str | None, state_dir: Path | None) -> None:
    """Give yourself another password; all your sessions end, API tokens stay."""
    with _logged_in(state_dir or outer, user) as session:
        new = ask_password("New password", is_new=True)
        session.api.call("PUT", "/me/password", {"password": session.password, "new_password": new})
        click.echo(f"{session.name} has a new password")


@account.command("log-out-everywhere")
@user_option
@state_dir_option
@click.pass_obj
def log_out_everywhere(outer: Path | None, user: str | None, state_dir: Path | None) -> None:
    """End all your sessions, in browsers and programs; API tokens stay, see `zerogo tokens`."""
    with _logged_in(state_dir or outer, user) as session:
        session.api.call("DELETE", "/auth/sessions")
        click.echo(f"all sessions of {session.name} have ended")


@account.group("second-factor", cls=Commands)
def second_factor() -> None:
    """Codes of an authenticator, which logging in then wants beside the password."""


@second_factor.command()
@user_option
@state_dir_option
@click.pass_obj
def enable(outer: Path | None, user: str | None, state_dir: Path | None) -> None:
    """Show a secret for your authenticator, and let it count once a code of it is right."""
    with _logged_in(state_dir or outer, user) as session:
        made = session.api.call("POST", _FACTOR, {"password": session.password})
        segno.make(made["uri"], error="l").terminal(compact=True)
        click.echo(f"scan this with your authenticator, or type {made['secret']}")
        codes = _confirmed(session.api)
        click.echo("on. Each of these is good once in place of a code; they are shown this once, so keep them:")
        for code in codes:
            click.echo(f"  {code}")


@second_factor.command()
@user_option
@state_dir_option
@click.pass_obj
def disable(outer: Path | None, user: str | None, state_dir: Path | None) -> None:
    """Log in with the password alone again."""
    with _logged_in(state_dir or outer, user) as session:
        session.api.call("POST", f"{_FACTOR}/removal", {"password": session.password})
        click.echo(f"{session.name} logs in with the password alone")


def _confirmed(api: OwnerApi) -> list[str]:
    """The recovery codes, once a code was right."""
    for left in reversed(range(_TRIES)):
        try:
            codes: list[str] = api.call("PUT", _FACTOR, {"code": click.prompt("Code").strip()})["recovery_codes"]
        except ControllerRefused as refused:
            if not left:
                raise
            click.echo(f"{refused}", err=True)
        else:
            return codes
    raise AssertionError("the last try returns or raises")


@contextmanager
def _logged_in(state_dir: Path | None, user: str | None) -> Iterator[_Session]:
    api = controller_api(state_dir)
    name = user or _own_name(api)
    asked = ask_password(f"Password of {name}")
    session = log_in(api.as_caller(""), {"name": name, "password": asked})
    try:
        yield _Session(api.as_caller(session["token"]), name, asked)
    finally:
        # It ends by itself too, and what the command was about may have ended it already.
        with suppress(ControllerRefused, ControllerSilent):
            api.as_caller("").call("POST", "/auth/logout", {"refresh_token": session["refresh_token"]})


def _own_name(api: OwnerApi) -> str:
    found = api.call("GET", "/me")
    if not found["id"]:
        raise click.UsageError("say who you are with --user: on the controller's own machine nobody has logged in")
    return str(found["name"])
