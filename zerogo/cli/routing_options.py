# -*- test-case-name: zerogo.test.cli.test_hub -*-
"""The options about paths that `zerogo join` and `zerogo hub` have in common, as the agent takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., object])
_OPTIONS = (
    click.option("--p2p/--no-p2p", default=None, help="Send straight to other members; else all goes by the hub."),
    click.option("--p2p-port", type=click.IntRange(0, 65535), help="The UDP port for other members; 0 for --port."),
    click.option("--mesh-routing/--no-mesh-routing", default=None, help="Let other members carry what we send."),
    click.option("--max-hops", type=click.IntRange(1, 3), help="Links of a way through other members, at most."),
    click.option("--route-update", type=click.IntRange(5, 3600), help="Seconds between renewals of such ways."),
)


def routing_options(function: _Function) -> _Function:
    """Which ways are used."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def agent_arguments(given: Mapping[str, Any]) -> dict[str, str | None]:
    """The agent's options for what was given; None for what was not."""
    names = ("p2p", "p2p_port", "mesh_routing", "max_hops", "route_update")
    return {f"--{name.replace('_', '-')}": _text(given.get(name)) for name in names}


def _text(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower()


def join_words(given: Mapping[str, Any]) -> str:
    """What other machines add to their `zerogo join` to use the same ways; a port is each machine's own."""
    words = []
    for name in ("p2p", "mesh_routing"):
        if given.get(name) is not None:
            words.append(f" --{'' if given[name] else 'no-'}{name.replace('_', '-')}")
    for name in ("max_hops", "route_update"):
        if given.get(name) is not None:
            words.append(f" --{name.replace('_', '-')} {given[name]}")
    return "".join(words)
