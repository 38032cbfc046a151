# -*- test-case-name: zerogo.test.cli.test_join -*-
"""`zerogo join TOKEN`: makes this machine a member of a network, and starts the agent that keeps it one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from attrs import frozen
from rich.console import Console

from zerogo.agent.joining import settle_membership
from zerogo.agent.record import Membership
from zerogo.agent.reports import StatusReport
from zerogo.agent.state_dir import StateDir, socket_path
from zerogo.cli.agent_client import AgentClient, AgentRefused, AgentSilent, agent_config, agent_options
from zerogo.cli.daemon import Daemon, RoleFailed
from zerogo.cli.privilege import require_devices
from zerogo.cli.routing_options import agent_arguments, routing_options
from zerogo.config.agent import AgentConfig
from zerogo.control.token import JoinToken
from zerogo.errors import ZeroGoError

JOIN_SECONDS = 30.0
CONTROLLER_SECONDS = 2.0
"""So long the command waits for the controller of a machine that was a member before."""
PEERS_SECONDS = 3.0
"""So long the command waits for the first path to each peer, to have something to show."""
_POLL_SECONDS = 0.1
_UNIT = Path("/etc/systemd/system/zerogo-agent.service")
_SYSTEMD = Path("/run/systemd/system")


@frozen(kw_only=True)
class AgentStart:
    """How the agent of this machine is started."""

    config_path: Path | None
    config: AgentConfig
    options: tuple[str, ...]
    """Further options of the role, such as `--name`, `anna`."""

    @property
    def daemon(self) -> Daemon:
        """Where it does not belong to systemd."""
        return Daemon("agent", self.config.state_dir)

    @property
    def client(self) -> AgentClient:
        """To ask it."""
        return AgentClient(socket_path(self.config))

    def arguments(self) -> list[str]:
        """The role's options."""
        chosen = [] if self.config_path is None else ["--config", str(self.config_path.absolute())]
        return [*chosen, "--state-dir", str(self.config.state_dir.absolute()), *self.options]

    def is_running(self) -> bool:
        """Whether an agent answers."""
        try:
            self.client.status()
        except (AgentSilent, AgentRefused):
            return False
        return True

    def begin(self) -> None:
        """Start it, by systemd where its unit is installed; raises `RoleFailed`."""
        if self._is_systemds:
            done = subprocess.run(["systemctl", "restart", _UNIT.name], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RoleFailed(f"systemd did not start the agent: {done.stderr.strip()}")
            return
        self.daemon.stop()
        self.daemon.start(self.arguments())

    def end(self) -> None:
        """Stop it where `begin` started it; raises `RoleFailed`."""
        if self._is_systemds:
            subprocess.run(["systemctl", "stop", _UNIT.name], capture_output=True, check=False)
        self.daemon.stop()

    @property
    def _is_systemds(self) -> bool:
        return self.config.state_dir == AgentConfig().state_dir and _UNIT.exists() and _SYSTEMD.exists()

    def foreground(self) -> None:
        """Become it; does not return."""
        command = self.daemon.command(self.arguments(), in_foreground=True)
        sys.stdout.flush()
        os.execv(command[0], command)  # noqa: S606 - no shell, our own interpreter


class NotJoined(RoleFailed):
    """The agent runs, but is not a member within the time that a person waits."""


def joined(start: AgentStart, seconds: float = JOIN_SECONDS) -> StatusReport:
    """Wait until the agent is a member, waits for approval, or has ended; raises `RoleFailed` with the reason, which is
    `NotJoined` where it goes on trying.

    An agent that was a member before runs from its last map without the controller, which is waited for only briefly.
    """
    begun = time.monotonic()
    status: StatusReport | None = None
    while (waited := time.monotonic() - begun) < seconds:
        try:
            status = start.client.status()
            if status.state == "refused":
                raise RoleFailed(status.sentence)
            if _is_settled(status, waited):
                return status
        except (AgentSilent, AgentRefused):
            refusal = refused(start)
            if refusal:
                raise RoleFailed(refusal) from None
        time.sleep(_POLL_SECONDS)
    if status is None:
        raise RoleFailed(f"the agent has ended; its log is {start.daemon.log_file}")
    reason = status.sentence or "the controller does not answer"
    raise NotJoined(f"not joined within {seconds:.0f} s: {reason}")


def _is_settled(status: StatusReport, waited: float) -> bool:
    if status.state == "pending":
        return True
    is_patient = status.state == "offline" and waited < CONTROLLER_SECONDS
    return status.state in ("member", "offline") and status.plane is not None and not is_patient


def begin_membership(start: AgentStart, membership: Membership) -> StatusReport:
    """Start the agent with a membership that is yet to be asked for, and wait for the answer. Raises `RoleFailed`;
    then the agent does not run, and the membership is the one that was there before, if it was a real one."""
    state = StateDir(start.config.state_dir)
    held = state.membership()
    try:
        state.save_membership(membership)
        start.begin()
        return joined(start)
    except (ZeroGoError, OSError, KeyboardInterrupt) as error:
        is_undone = _withdraw(start, state, held)
        if not isinstance(error, NotJoined):
            raise
        rest = "nothing is kept of it and no agent runs" if is_undone else "but this machine is a member"
        raise RoleFailed(f"{error}; {rest}: run the same command again when the controller answers") from error


def _withdraw(start: AgentStart, state: StateDir, held: Membership | None) -> bool:
    """False where the controller has welcomed us in the last moment, and knows us."""
    start.end()
    found = state.membership()
    if found is not None and found.is_joined and found.secret is None and not found.refusal:
        return False
    if held is not None and held.is_joined:
        state.save_membership(held)
    else:
        state.forget_network()
    return True


def rejoined(start: AgentStart, *, is_running: bool) -> StatusReport:
    """Start the agent of the membership that is on disk where it does not run, and wait. Raises `RoleFailed`."""
    if not is_running:
        start.begin()
    try:
        return joined(start)
    except NotJoined as error:
        raise RoleFailed(f"{error}; the agent goes on trying (`zerogo status`)") from error


def refused(start: AgentStart) -> str:
    """Why the controller turned this machine away; empty where it did not."""
    membership = StateDir(start.config.state_dir).membership()
    return "" if membership is None else membership.refusal


def show(start: AgentStart, status: StatusReport, echo: Callable[[str], object]) -> None:
    """Tell a person what came of it."""
    if status.state == "pending":
        echo(f"Waiting: {status.sentence}.")
        return
    echo(f"This machine is {status.name} in network {status.network_name or status.network}.")
    if status.state == "offline":
        echo(f"It runs from the last map it was given: {status.sentence or 'the controller does not answer yet'}.")
    echo(f"Its addresses: {', '.join(status.addresses)} on {status.device}")
    until = time.monotonic() + PEERS_SECONDS
    peers = start.client.peers()
    while any(peer.state != "connected" for peer in peers) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
        peers = start.client.peers()
    for peer in peers:
        way = f"{peer.path.kind} {peer.path.address}" if peer.path is not None else peer.reason or peer.state
        echo(f"  {peer.name:<20} {', '.join(peer.addresses):<40} {way}")
    if not peers:
        echo("There is no other member yet.")


@click.command()
@click.argument("token", required=False)
@agent_options
@click.option("--name", help="What this machine is to be called; else its host name.")
@click.option("--tap-device", help="The name of the Ethernet device.")
@click.option("--port", type=click.IntRange(0, 65535), help="The UDP port; 0 takes a random one.")
@routing_options
@click.option("--foreground", is_flag=True, help="Do not go to the background; log to the terminal.")
def join(token: str | None, config: Path | None, state_dir: Path | None, foreground: bool, **own: Any) -> None:
    """Join the network of TOKEN, the line that `zerogo up` or `zerogo invite` printed.

    Without TOKEN: start the agent of the network that this machine has joined.
    """
    require_devices("joining")
    given = {"--name": own["name"], "--tap-device": own["tap_device"], "--port": own["port"], **agent_arguments(own)}
    options = [text for key, value in given.items() if value is not None for text in (key, str(value))]
    start = AgentStart(config_path=config, config=agent_config(config, state_dir), options=tuple(options))
    state = StateDir(start.config.state_dir)
    state.prepare()
    held = state.membership()
    membership = settle_membership(held, None if token is None else JoinToken.parse(token))
    runs = held is not None and membership == held and not held.refusal and start.is_running()
    if runs:
        click.echo("This machine is a member already, and its agent runs.")
    elif foreground:
        state.save_membership(membership)
        start.foreground()
    with Console(stderr=True).status("Joining the network ..."):
        if runs or token is None or membership.secret is None:
            status = rejoined(start, is_running=runs)
        else:
            status = begin_membership(start, membership)
    show(start, status, click.echo)
