# -*- test-case-name: zerogo.test.cli.test_completion -*-
"""`zerogo completion SHELL`: what a shell must read to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    For bash: zerogo completion bash > /etc/bash_completion.d/zerogo
    """
    from zerogo.cli.main import zerogo

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(zerogo, {}, "zerogo", "_ZEROGO_COMPLETE").source())
