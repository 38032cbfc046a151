# -*- test-case-name: zerogo.test.cli.test_exit_node -*-
"""`zerogo exit-node`: reach the internet through another member, or offer this machine as the way there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zerogo.agent.reports import StatusReport
from zerogo.cli.agent_client import AgentClient, agent_options
from zerogo.cli.groups import Commands


@click.group(cls=Commands)
def exit_node() -> None:
    """The way to the internet through a member: use one, or offer this machine."""


def _ask(config: Path | None, state_dir: Path | None, **arguments: Any) -> StatusReport:
    return AgentClient.find(config, state_dir).ask("exit", StatusReport, arguments)


def _complain(status: StatusReport) -> None:
    if status.complaint:
        click.echo(f"But {status.complaint}.", err=True)


@exit_node.command()
@click.argument("member")
@agent_options
def use(member: str, config: Path | None, state_dir: Path | None) -> None:
    """Reach the internet through MEMBER, which offers itself as an exit."""
    status = _ask(config, state_dir, via=member)
    click.echo(f"This machine reaches the internet through {status.exit}. `zerogo exit-node off` ends that.")
    click.echo("Names are still looked up where they were before (/etc/resolv.conf).")
    _complain(status)


@exit_node.command()
@agent_options
def off(config: Path | None, state_dir: Path | None) -> None:
    """Reach the internet as without a mesh."""
    _ask(config, state_dir, via="")
    click.echo("This machine reaches the internet by itself.")


@exit_node.command()
@agent_options
def offer(config: Path | None, state_dir: Path | None) -> None:
    """Offer this machine as an exit; the network's owner must approve it."""
    status = _ask(config, state_dir, is_offered=True)
    if not status.complaint:
        click.echo(f"Offered. On the controller: zerogo members approve-exit {status.name}")
    _complain(status)


@exit_node.command()
@agent_options
def withdraw(config: Path | None, state_dir: Path | None) -> None:
    """Offer this machine as an exit no more."""
    _ask(config, state_dir, is_offered=False)
    click.echo("This machine is no exit.")
