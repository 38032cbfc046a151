# -*- test-case-name: zerogo.test.cli.test_webhooks -*-
"""`zerogo webhooks`: what is told to other programs when something happens, signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from zerogo.cli.controller_option import (
    NoSuchName,
    controller_api,
    json_option,
    print_json,
    print_table,
    state_dir_option,
)
from zerogo.cli.groups import Commands
from zerogo.cli.owner_api import OwnerApi

_TITLES = ("ID", "URL", "KINDS", "ON", "WAITING", "DROPPED", "LAST")


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@json_option
@click.pass_context
def webhooks(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:
    """Webhooks of the controller; without a command, list them."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    found = controller_api(state_dir).items("/webhooks")
    if as_json:
        print_json(found)
        return
    print_table(_TITLES, [_row(webhook) for webhook in found], "there is no webhook yet", ("KINDS", "DROPPED"))


@webhooks.command()
@click.argument("url")
@click.argument("kinds", metavar="KIND...", nargs=-1, required=True)
@state_dir_option
@json_option
@click.pass_obj
def create(outer: Path | None, url: str, kinds: tuple[str, ...], state_dir: Path | None, as_json: bool) -> None:
    """Have URL told of events such as member.online, member.* or *; the secret is shown once."""
    api = controller_api(state_dir or outer)
    made = api.call("POST", "/webhooks", {"url": url, "kinds": list(kinds)})
    if as_json:
        print_json(made)
        return
    click.echo(f"{made['id']}: its requests are signed with {made['secret']}, which is not shown again")


@webhooks.command()
@click.argument("webhook")
@state_dir_option
@click.pass_obj
def test(outer: Path | None, webhook: str, state_dir: Path | None) -> None:
    """Send WEBHOOK (an id or its beginning) something that means nothing."""
    api, found = _chosen(state_dir or outer, webhook)
    api.call("POST", f"/webhooks/{found['id']}/test")
    click.echo("a test is on its way; zerogo webhooks shows what becomes of it")


@webhooks.command()
@click.argument("webhook")
@click.argument("kinds", metavar="[KIND]...", nargs=-1)
@click.option("--url", help="Another URL.")
@state_dir_option
@click.pass_obj
def change(outer: Path | None, webhook: str, kinds: tuple[str, ...], url: str | None, state_dir: Path | None) -> None:
    """Have WEBHOOK told of these KINDs and no others, or at another URL."""
    wanted: dict[str, object] = ({"kinds": list(kinds)} if kinds else {}) | ({"url": url} if url else {})
    if not wanted:
        raise click.UsageError("say what to change")
    api, found = _chosen(state_dir or outer, webhook)
    changed = api.call("PATCH", f"/webhooks/{found['id']}", wanted)
    click.echo(f"{changed['url']} is told of {' '.join(changed['kinds'])}")


@webhooks.command()
@click.argument("webhook")
@state_dir_option
@click.pass_obj
def enable(outer: Path | None, webhook: str, state_dir: Path | None) -> None:
    """Tell WEBHOOK what happens, from now on."""
    _switch(state_dir or outer, webhook, is_enabled=True)


@webhooks.command()
@click.argument("webhook")
@state_dir_option
@click.pass_obj
def disable(outer: Path | None, webhook: str, state_dir: Path | None) -> None:
    """Tell WEBHOOK nothing any more; what waits for it is kept."""
    _switch(state_dir or outer, webhook, is_enabled=False)


@webhooks.command()
@click.argument("webhook")
@state_dir_option
@click.pass_obj
def delete(outer: Path | None, webhook: str, state_dir: Path | None) -> None:
    """Remove WEBHOOK, with what waits for it."""
    api, found = _chosen(state_dir or outer, webhook)
    api.call("DELETE", f"/webhooks/{found['id']}")
    click.echo(f"deleted {found['id']}")


def _switch(state_dir: Path | None, webhook: str, *, is_enabled: bool) -> None:
    api, found = _chosen(state_dir, webhook)
    api.call("PATCH", f"/webhooks/{found['id']}", {"is_enabled": is_enabled})
    click.echo(f"{found['url']} is told {'what happens' if is_enabled else 'nothing any more'}")


def _chosen(state_dir: Path | None, text: str) -> tuple[OwnerApi, dict[str, Any]]:
    api = controller_api(state_dir)
    fitting = [webhook for webhook in api.items("/webhooks") if webhook["id"].startswith(text)]
    if len(fitting) != 1:
        raise NoSuchName(f"{text!r} fits several webhooks" if fitting else f"there is no webhook {text!r}")
    return api, fitting[0]


def _row(webhook: dict[str, Any]) -> tuple[str | Text, ...]:
    outcome = webhook["last_outcome"]
    return (
        webhook["id"],
        webhook["url"],
        " ".join(webhook["kinds"]),
        Text("yes", style="green") if webhook["is_enabled"] else "no",
        str(webhook["waiting"]),
        str(webhook["dropped"]),
        Text(outcome, style="green" if outcome == "ok" else "red") if outcome else "-",
    )
