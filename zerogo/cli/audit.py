# -*- test-case-name: zerogo.test.cli.test_admin -*-
"""`zerogo audit`: who changed what on the controller of this machine, and whether somebody changed that log."""

from __future__ import annotations

from pathlib import Path

import click

from zerogo.cli.controller_option import controller_api, json_option, print_json, print_table, state_dir_option
from zerogo.cli.groups import Commands
from zerogo.errors import RemoteError

_TITLES = ("NUMBER", "TIME", "WHO", "WHAT", "NETWORK", "SUBJECT", "DETAIL")


class AuditBroken(RemoteError):
    """The audit log was changed."""

    code = "E-AUDIT"


@click.group(cls=Commands, invoke_without_command=True)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many lines, newest first.")
@state_dir_option
@json_option
@click.pass_context
def audit(ctx: click.Context, limit: int, state_dir: Path | None, as_json: bool) -> None:
    """The audit log; without a command, its newest lines."""
    ctx.obj = state_dir
    if ctx.invoked_subcommand is not None:
        return
    found = controller_api(state_dir).items("/audit", limit)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            str(line["number"]),
            line["at"],
            line["actor"],
            line["action"],
            line["network"] or "-",
            line["subject"] or "-",
            line["detail"] or "-",
        )
        for line in found
    ]
    print_table(_TITLES, rows, "nothing was changed yet", ("NETWORK", "NUMBER", "DETAIL"))


@audit.command()
@state_dir_option
@json_option
@click.pass_obj
def check(outer: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Compute the log's chain of hashes again. Keep the newest hash elsewhere: a later check must still pass it."""
    verdict = controller_api(state_dir or outer).call("GET", "/audit/check")
    if as_json:
        print_json(verdict)
    if not verdict["is_whole"]:
        raise AuditBroken(f"the audit log was changed: line {verdict['broken_at']} does not fit the ones before")
    if not as_json:
        click.echo(f"{verdict['lines']} lines, none changed; newest hash {verdict['newest_hash']}")
