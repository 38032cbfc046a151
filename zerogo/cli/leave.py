# -*- test-case-name: zerogo.test.cli.test_leave -*-
"""`zerogo leave`: takes this machine out of its network for good."""

from __future__ import annotations

import time
from pathlib import Path

import click

from zerogo.agent.joining import NoNetwork
from zerogo.agent.state_dir import StateDir, socket_path
from zerogo.cli.agent_client import AgentClient, AgentSilent, agent_config, agent_options
from zerogo.cli.daemon import Daemon
from zerogo.control.netmap import SignedMap
from zerogo.errors import ZeroGoError

STOP_SECONDS = 10.0


@click.command()
@agent_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--force", is_flag=True, help="Also if the controller cannot be told; it will go on listing this machine."
)
def leave(config: Path | None, state_dir: Path | None, yes: bool, force: bool) -> None:
    """Leave the network: the controller frees this machine's name and addresses, the agent stops."""
    found = agent_config(config, state_dir)
    state = StateDir(found.state_dir)
    membership = state.membership()
    if membership is None:
        raise NoNetwork("this machine is in no network")
    client = AgentClient(socket_path(found))
    network = _network_name(client, state) or str(membership.network)
    if not yes:
        name = membership.name or "this machine"
        click.confirm(f"Take {name} out of the network {network}?", abort=True)
    try:
        was_told = client.leave(force)
    except AgentSilent:
        if not force:
            raise AgentSilent(
                "the agent does not run, so the controller cannot be told: start it with `zerogo join`, or use --force"
            ) from None
        was_told = False
    _wait(client)
    Daemon("agent", found.state_dir).stop()
    state.forget_network()
    left = f"This machine has left the network {network}"
    click.echo(f"{left}." if was_told else f"{left}; the controller was not told.")


def _network_name(client: AgentClient, state: StateDir) -> str:
    """As the agent knows it, or the map on disk does; empty where neither is there."""
    try:
        return client.status().network_name
    except AgentSilent:
        pass
    try:
        blob = state.signed_map()
        return "" if blob is None else SignedMap.decode(blob).network_map.name
    except (ZeroGoError, OSError):
        return ""


def _wait(client: AgentClient) -> None:
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        try:
            client.status()
        except AgentSilent:
            return
        time.sleep(0.1)
