# -*- test-case-name: zerogo.test.cli.test_lab -*-
"""`zerogo lab`: run a small internet with NATs on this machine, with a mesh in it or without."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from zerogo.cli.groups import Commands
from zerogo.lab.errors import LabFault
from zerogo.lab.laboratory import Lab, require_root
from zerogo.lab.loader import load_scenario, shipped_scenarios
from zerogo.lab.report import LiveSpectator, as_json, show_result
from zerogo.lab.roles import Mesh
from zerogo.lab.run import Wishes, run_scenario
from zerogo.lab.scenario import Role
from zerogo.lab.watchdog import clean_leftovers, running_labs
from zerogo.lab.window import Window

VISITOR = "visitor"
"""The user by which the dashboard of a lab is looked at."""
_FILE_COLUMNS = 140
"""Where the output goes to a file or a pipe."""


@click.group(cls=Commands)
def lab() -> None:
    """A small internet in network namespaces: sites behind NATs, links, faults, and checks."""


@lab.command("list")
def list_scenarios() -> None:
    """List the scenarios that come with ZeroGo."""
    names = shipped_scenarios()
    width = max(len(name) for name in names)
    for name in names:
        click.echo(f"{name:{width}}  {load_scenario(name).title}")


@lab.command()
@click.argument("scenario")
@click.option("--json", "as_json_text", is_flag=True, help="Print the result as JSON, and nothing else.")
@click.option("--keep", is_flag=True, help="Keep the logs also if all checks hold.")
@click.option("--hold", is_flag=True, help="Leave the lab standing after the checks, until Ctrl-C.")
@click.option("--seed", type=click.IntRange(0, 2**31), help="For the emulated links, in place of the scenario's own.")
@click.option("--pcap", type=click.Path(dir_okay=False, path_type=Path), help="Write the internet's packets there.")
@click.option("--no-mesh", is_flag=True, help="Build the internet and start nothing in it.")
def run(
    scenario: str, as_json_text: bool, keep: bool, hold: bool, seed: int | None, pcap: Path | None, no_mesh: bool
) -> int:
    """Run SCENARIO, a file or a name from `zerogo lab list`. Exit status 0 only if all checks hold."""
    loaded = load_scenario(scenario)
    require_root()
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(stderr=as_json_text)
    if not console.is_terminal:
        console = Console(stderr=as_json_text, width=_FILE_COLUMNS)
    wishes = Wishes(
        seed=seed,
        with_mesh=not no_mesh,
        keep=keep,
        capture=pcap.absolute() if pcap else None,
        hold=(lambda standing, mesh: _hold(console, standing, mesh)) if hold else None,
    )
    with LiveSpectator(console, loaded) as spectator:
        result = run_scenario(loaded, spectator, wishes)
    if as_json_text:
        click.echo(json.dumps(as_json(result), indent=2))
    else:
        show_result(console, loaded, result)
    return 0 if result.passed else 1


@lab.command(context_settings={"ignore_unknown_options": True})
@click.argument("host")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(host: str, command: tuple[str, ...]) -> None:
    """Run COMMAND, or a shell, on HOST (or a site's router) of the lab that stands (`zerogo lab run --hold`)."""
    require_root()
    found = [name for prefix in running_labs() for name in [f"{prefix}-{host}"] if Path("/run/netns", name).exists()]
    if not found:
        raise LabFault(f"no lab stands that has a host or site {host!r}; `zerogo lab run --hold` leaves one standing")
    if len(found) > 1:
        raise LabFault(f"{len(found)} labs have a {host!r}: enter one with `ip netns exec`: {', '.join(found)}")
    argv = list(command) or [os.environ.get("SHELL", "/bin/sh")]
    os.execvp("ip", ["ip", "netns", "exec", found[0], *argv])  # noqa: S606 - becoming that command is the point


@lab.command()
def clean() -> None:
    """Remove what killed runs left behind; labs that run are left alone."""
    require_root()
    removed = clean_leftovers()
    click.echo(f"removed {', '.join(removed)}" if removed else "nothing was left behind")


def _hold(console: Console, standing: Lab, mesh: Mesh) -> None:
    names = [host.name for host in standing.scenario.hosts()]
    window = Window(mesh.connect_to_controller) if standing.scenario.with_role(Role.CONTROLLER) else None
    if window is not None:
        password = secrets.token_urlsafe(12)
        mesh.owner_api().request("POST", "/users", {"name": VISITOR, "password": password, "role": "owner"})
        console.print(f"dashboard: http://localhost:{window.port}", highlight=False)
        console.print(f"log in as {VISITOR} with {password}", highlight=False)
    console.print(f"the lab stands until Ctrl-C; `zerogo lab shell HOST` enters one of {', '.join(names)}")
    console.print(f"logs: {standing.directory}", highlight=False)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
    if window is not None:
        window.close()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
