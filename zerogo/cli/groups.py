# -*- test-case-name: zerogo.test.cli.test_groups -*-
"""How groups of commands look: summaries in whole, and a guess at what was meant where a command is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import click

LIKENESS = 0.55
"""Of names that are close enough to be meant, 0 to 1."""
_UNLIMITED_CHARACTERS = 1000


def guess(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'peers'?`, where one of the known names is close; else nothing."""
    found = difflib.get_close_matches(name, list(known), 1, LIKENESS)
    return f" Did you mean {found[0]!r}?" if found else ""


class Commands(click.Group):
    """A group; Click's own cuts summaries at the end of the line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, command.get_short_help_str(_UNLIMITED_CHARACTERS))
            for name, command in commands
            if command is not None and not command.hidden
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            ctx.fail(f"No such command {name!r}.{guess(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)
