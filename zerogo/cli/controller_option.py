# -*- test-case-name: zerogo.test.cli.test_networks -*-
"""What the commands that administer a controller have in common: which controller, which network, how lists look."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.text import Text

from zerogo.cli.logins import stored_access
from zerogo.cli.owner_api import OWNER_FILE, OwnerApi, RemoteApi
from zerogo.cli.tables import fitted_table, print_whole, terminal_width
from zerogo.config.controller import ControllerConfig
from zerogo.config.load import default_path, load
from zerogo.errors import LocalError, RemoteError

STATE_DIR_VARIABLE = "ZEROGO_STATE_DIR"
_Function = TypeVar("_Function", bound=Callable[..., object])


class NoSuchName(RemoteError):
    """The controller knows nothing by that name."""

    code = "E-NAME"


class AmbiguousNetwork(LocalError):
    """The controller has several networks: say which."""

    code = "E-NETWORK"


def state_dir_option(function: _Function) -> _Function:
    """`--state-dir`."""
    return click.option(
        "--state-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help=f"The controller's state directory, or the one given to `zerogo up`. [env: {STATE_DIR_VARIABLE}]",
    )(function)


def json_option(function: _Function) -> _Function:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="JSON.")(function)


def network_option(function: _Function) -> _Function:
    """`--network`."""
    return click.option("-n", "--network", help="Name or id; may be left out where there is one network.")(function)


def controller_api(state_dir: Path | None) -> OwnerApi:
    """The controller whose state directory is named; else the one that was logged in to with `zerogo login`, else the
    one of this machine."""
    directory = state_dir
    if directory is None and not os.environ.get(STATE_DIR_VARIABLE):
        access = stored_access()
        if access is not None:
            return RemoteApi(access)
    if directory is None:
        named = os.environ.get(STATE_DIR_VARIABLE)
        config = None if named else load(default_path("controller"), ControllerConfig, environ={})
        directory = Path(named) if config is None else config.state_dir  # type: ignore[arg-type]
    below = directory / "controller"
    return OwnerApi(below if (below / OWNER_FILE).exists() else directory)


def find_network(api: OwnerApi, text: str | None) -> dict[str, Any]:
    """The network of that name or id, or the only one; raises `NoSuchName` or `AmbiguousNetwork`."""
    found: list[dict[str, Any]] = api.items("/networks")
    if text is None:
        if len(found) == 1:
            return found[0]
        names = ", ".join(network["name"] for network in found)
        raise AmbiguousNetwork(f"say which network with --network: {names}" if found else "there is no network yet")
    for network in found:
        if text in (network["id"], network["name"]):
            return network
    raise NoSuchName(f"there is no network {text!r}")


def print_json(value: object) -> None:
    """For programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    titles: Sequence[str], rows: Sequence[Sequence[str | Text]], nothing: str, lesser: Sequence[str] = ()
) -> None:
    """For people; `nothing` is said where there is no row. On a narrow terminal the columns in `lesser` go first."""
    if not rows:
        click.echo(nothing)
        return
    width = terminal_width()
    print_whole(fitted_table(dict(zip(titles, zip(*rows, strict=True), strict=True)), width, lesser), width)
