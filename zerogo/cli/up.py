# -*- test-case-name: zerogo.test.cli.test_up -*-
"""`zerogo up`: controller, relay and agent on this machine in one go, everything embedded; prints the join line.

State is kept below one directory: `controller/`, `relay/`, `agent/`, and `join-line`, the invite that was printed last.
A second `zerogo up` starts what does not run and prints the line again.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import segno
from attrs import frozen
from rich.console import Console

from zerogo.agent.joining import settle_membership
from zerogo.agent.state_dir import StateDir
from zerogo.cli.agent_client import agent_config
from zerogo.cli.daemon import Daemon, RoleFailed
from zerogo.cli.join import AgentStart, begin_membership, rejoined
from zerogo.cli.owner_api import OwnerApi
from zerogo.cli.privilege import require_devices
from zerogo.cli.relay_set_up import RelaySetUp
from zerogo.config.errors import PrivateFileError
from zerogo.config.load import ENVIRONMENT_KEYS
from zerogo.config.private_file import make_private_directory, read_private, write_private
from zerogo.control.token import JoinToken, join_host_port, split_host_port
from zerogo.net.addresses import choose_addresses, main_address, read_interfaces

BASE_DIRECTORY = Path("/var/lib/zerogo")
LINE_FILE = "join-line"
INVITE_USES = 100
INVITE_SECONDS = 7 * 86_400.0
CONTROLLER_SECONDS = 20.0
CONTROLLER_PORT = 9394
ADDRESSES_LIMIT = 4
_LINE_BYTES = 4096


@frozen(kw_only=True)
class Plan:
    """What is to run where."""

    base: Path
    listen_port: int
    relay_port: int
    public_addresses: tuple[str, ...]
    agent_options: tuple[str, ...]
    agent_config: Path | None

    @property
    def controller(self) -> Daemon:
        """The role that knows the members."""
        return Daemon("controller", self.base / "controller")

    @property
    def relay(self) -> Daemon:
        """The role that tells members their outer address, and carries what finds no other way."""
        return Daemon("relay", self.base / "relay")

    @property
    def relay_set_up(self) -> RelaySetUp:
        """What controller and relay share."""
        return RelaySetUp(self.base / "relay", self.relay_port)

    @property
    def agent(self) -> AgentStart:
        """This machine's own membership."""
        directory = self.base / "agent"
        config = agent_config(self.agent_config, directory)
        return AgentStart(config_path=self.agent_config, config=config, options=self.agent_options)

    @property
    def api(self) -> OwnerApi:
        """The controller's REST API."""
        return OwnerApi(self.base / "controller")

    def controller_arguments(self) -> list[str]:
        """Options of the controller."""
        return [
            *("--state-dir", str(self.base / "controller")),
            *("--listen", f"0.0.0.0:{self.listen_port}"),
            # Its owner looks at the dashboard here, or through ssh; from elsewhere a browser wants a certificate.
            *("--local-browsers", "true"),
            *self.relay_set_up.controller_arguments(),
        ]

    def addresses(self) -> list[str]:
        """How others reach the controller: as given, else a best guess."""
        if self.public_addresses:
            return [join_host_port(*split_host_port(text, self.listen_port)) for text in self.public_addresses]
        found = read_interfaces()
        hosts = [main_address(found), *choose_addresses(found)]
        usable = dict.fromkeys(host for host in hosts if host is not None and ":" not in host)
        return [join_host_port(host, self.listen_port) for host in usable][:ADDRESSES_LIMIT]


def base_directory(state_dir: Path | None, environ: Mapping[str, str]) -> Path:
    """The directory of everything: the option, else the environment, else the usual place."""
    names = [name for name, key in ENVIRONMENT_KEYS.items() if key == "state-dir"]
    given = state_dir or next((Path(environ[name]) for name in names if environ.get(name)), BASE_DIRECTORY)
    return given.absolute()


def run_controller(plan: Plan) -> None:
    """Start controller and relay where they do not run, and wait until the controller answers."""
    make_private_directory(plan.base)
    plan.relay_set_up.prepare(is_running=plan.relay.pid() is not None)
    if plan.controller.pid() is None:
        plan.controller.start(plan.controller_arguments())
    if plan.relay.pid() is None:
        plan.relay.start(plan.relay_set_up.relay_arguments())
    plan.api.wait(CONTROLLER_SECONDS)


def invite(plan: Plan, network: str, addresses: list[str], uses: int, seconds: float) -> dict[str, Any]:
    """Make an invite; the answer holds its id and its join URL."""
    body = {"uses": uses, "expires_seconds": seconds, "addresses": addresses}
    made: dict[str, Any] = plan.api.call("POST", f"/networks/{network}/invites", body)
    return made


def first_network(plan: Plan) -> str:
    """The id of the network that the controller made at its first start."""
    networks = plan.api.call("GET", "/networks")["items"]
    if not networks:
        raise RoleFailed("the controller has no network: make one with `zerogo networks create`")
    oldest = min(networks, key=lambda network: str(network["created_at"]))
    return str(oldest["id"])


def run_agent(plan: Plan, network: str, addresses: list[str]) -> None:
    """Make this machine a member, and start its agent where it does not run."""
    start = plan.agent
    state = StateDir(start.config.state_dir)
    state.prepare()
    held = state.membership()
    if held is not None and held.is_joined and not held.refusal:
        rejoined(start, is_running=start.is_running())
    else:
        # By the public addresses, as others see it; by loopback where a router does not let us reach ourselves.
        own = [*addresses, f"127.0.0.1:{plan.listen_port}"]
        token = JoinToken.parse(invite(plan, network, own, 1, 3600.0)["join_url"])
        begin_membership(start, settle_membership(held, token))


@contextlib.contextmanager
def stopped_on_failure(daemons: Sequence[Daemon]) -> Iterator[None]:
    """Where what is inside fails, stop those of the daemons that did not run before, the last one first."""
    idle = [daemon for daemon in daemons if daemon.pid() is None]
    try:
        yield
    except BaseException:
        for daemon in reversed(idle):
            daemon.stop()
        raise


def join_line(plan: Plan, network: str, addresses: list[str]) -> tuple[str, dict[str, Any]]:
    """The join line for other machines and its invite: those printed before while they are good, else new ones."""
    path = plan.base / LINE_FILE
    try:
        held = read_private(path, _LINE_BYTES).decode("ascii", "replace").split()
    except PrivateFileError:
        held = []
    if len(held) == 2 and tuple(addresses) == JoinToken.parse(held[1]).addresses:
        printed = _good_invite(plan, network, held[0])
        if printed is not None:
            return held[1], printed
    made = invite(plan, network, addresses, INVITE_USES, INVITE_SECONDS)
    write_private(path, f"{made['id']} {made['join_url']}\n".encode())
    return str(made["join_url"]), made


def _good_invite(plan: Plan, network: str, invite_id: str) -> dict[str, Any] | None:
    now = datetime.datetime.now(datetime.UTC)
    found: list[dict[str, Any]] = plan.api.call("GET", f"/networks/{network}/invites")["items"]
    for one in found:
        expires = datetime.datetime.fromisoformat(one["expires_at"])
        if one["id"] == invite_id and one["uses_left"] > 0 and not one["is_revoked"] and expires > now:
            return one
    return None


_Function = TypeVar("_Function", bound=Callable[..., object])
_OPTIONS = (
    click.option(
        "--state-dir",
        type=click.Path(path_type=Path, file_okay=False, readable=False),
        help=f"Where all is kept; else {BASE_DIRECTORY}.",
    ),
    click.option(
        "--public-address", "public", multiple=True, help="HOST or HOST:PORT by which others reach this machine."
    ),
    click.option("--listen-port", type=click.IntRange(1, 65535), default=CONTROLLER_PORT, show_default=True),
    click.option("--relay-port", type=click.IntRange(1, 65534), default=3478, show_default=True),
    click.option("--port", type=click.IntRange(0, 65535), help="The agent's UDP port; 0 takes a random one."),
    click.option("--tap-device", help="The name of the Ethernet device."),
    click.option("--name", help="What this machine is to be called; else its host name."),
    click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False, readable=False),
        help="The agent's configuration file.",
    ),
    click.option("--foreground", is_flag=True, help="Keep the agent in the foreground; log to the terminal."),
)


def network_options(function: _Function) -> _Function:
    """What a machine that runs a whole network is told."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command()
@network_options
def up(**given: Any) -> None:
    """Run a whole network from this machine: controller, relay and agent. Prints the line that others join with."""
    run_network(given)


def run_network(given: Mapping[str, Any], routing: Mapping[str, str | None] | None = None, joining: str = "") -> None:
    """Start all, and print the join line; `routing` are further options of the agent, `joining` is what others add to
    that line."""
    require_devices("this")
    options = {"--name": given["name"], "--tap-device": given["tap_device"], "--port": given["port"], **(routing or {})}
    plan = Plan(
        base=base_directory(given["state_dir"], os.environ),
        listen_port=given["listen_port"],
        relay_port=given["relay_port"],
        public_addresses=given["public"],
        agent_options=tuple(text for key, value in options.items() if value is not None for text in (key, str(value))),
        agent_config=given["config"],
    )
    agent = plan.agent  # its configuration is read before anything is started
    console = Console(stderr=True)
    with stopped_on_failure((plan.controller, plan.relay, agent.daemon)):
        with console.status("Starting controller and relay ..."):
            run_controller(plan)
        addresses = plan.addresses()
        network = first_network(plan)
        with console.status("Starting the agent ..."):
            run_agent(plan, network, addresses)
    _print(plan, network, addresses, joining)
    if given["foreground"]:
        agent.daemon.stop()
        agent.foreground()


def _print(plan: Plan, network: str, addresses: list[str], joining: str) -> None:
    status = plan.agent.client.status()
    line, terms = join_line(plan, network, addresses)
    click.echo(f"This machine is {status.name} in network {status.network_name or network}.")
    click.echo(f"Its addresses: {', '.join(status.addresses)} on {status.device}")
    click.echo("\nOn every other machine, as root:\n")
    click.echo(f"  zerogo join '{line}'{joining}\n")
    until = str(terms["expires_at"]).partition("T")[0]
    click.echo(f"Good for {terms['uses_left']} more machines until {until}; `zerogo invite` makes others.\n")
    segno.make(line, error="l").terminal(compact=True)
    port = plan.listen_port
    click.echo(f"\nThe dashboard is at http://localhost:{port} for browsers on this machine; from another one:")
    click.echo(f"\n  ssh -L {port}:localhost:{port} {socket.gethostname()}\n")
    if not plan.api.call("GET", "/health").get("has_users"):
        click.echo("To log in, make a user: zerogo users create NAME --role owner")
