# -*- test-case-name: integration.netns.test_lab -*-
"""The mesh in the lab: controller, relays and agents as the processes that a person would start, on the lab's hosts.

Each role of each host has a directory `<host>/<role>/` in the run's directory: `<role>.yaml`, the state directory and
`log`. Agents join by a real invite. What an agent says about itself is read from its local socket, which is a file and
so can be reached from outside its network namespace.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import yaml
from attrs import define

from zerogo.control.subnets import EXITS
from zerogo.lab.errors import LabFault, LabMisuse
from zerogo.lab.laboratory import Lab
from zerogo.lab.local_api import ask, peer_views, segment_address
from zerogo.lab.namespaces import set_sysctls
from zerogo.lab.owner_api import OwnerApi
from zerogo.lab.result import PeerView
from zerogo.lab.scenario import Role

CONTROLLER_PORT = 9394
STUN_PORT = 3478
AGENT_PORT = 9993
MESH_DEVICE = "zerogo0"
_READY_SECONDS = 120.0
_STOP_SECONDS = 8.0
"""After SIGTERM; then SIGKILL."""
_FORWARDING = {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}
"""Of machines with networks behind them: their owner's decision, which no agent makes."""
_LOG_LINES = 5
"""Of a role's log in the error that says that it ended."""


@define
class _Process:
    host: str
    role: Role
    directory: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Mesh:
    """All role processes of a lab. `controller_settings` are added to those that the lab needs."""

    def __init__(self, lab: Lab, controller_settings: Mapping[str, object] | None = None) -> None:
        self._lab = lab
        self._more_settings = dict(controller_settings or {})
        self._processes: dict[tuple[str, Role], _Process] = {}
        self._addresses: dict[str, str] = {}
        self._answered: set[str] = set()
        self._relay_secret = secrets.token_hex(32)
        self._is_closing = False

    # ----- life

    def start_all(self) -> None:
        """Controller first, then relays, then agents, each of which joins by an invite of its own."""
        scenario = self._lab.scenario
        for role in (Role.CONTROLLER, Role.RELAY):
            for host in scenario.with_role(role):
                self.start(host, role)
        for host in scenario.with_role(Role.AGENT):
            self._join(host)
        for host in scenario.with_role(Role.AGENT):
            self._approve(host)

    def join(self, host: str, token: str) -> None:
        """An agent joins by this invite."""
        self._join(host, token)

    def rejoin(self, host: str) -> None:
        """An agent leaves the network, forgets its key, and joins anew."""
        agent = self._processes.pop((host, Role.AGENT))
        if agent.process is not None:
            ask(self._socket(host), "leave")
            _wait_or_kill(agent.process)
        self._addresses.pop(host, None)
        agent.directory.rename(agent.directory.with_name(f"agent-{agent.started_at:.3f}"))
        self._join(host)

    def start(self, host: str, role: Role | None) -> None:
        """Start the roles of a host that do not run."""
        for each in self._roles(host, role):
            process = self._processes.get((host, each)) or self._prepare(host, each)
            self._processes[(host, each)] = process
            if not process.is_running:
                self._launch(process)
                if each is Role.CONTROLLER:
                    self._await_controller(process)

    def stop(self, host: str, role: Role | None) -> None:
        """End processes the polite way."""
        self._end(host, role, signal.SIGTERM)

    def kill(self, host: str, role: Role | None) -> None:
        """End processes with SIGKILL."""
        self._end(host, role, signal.SIGKILL)

    def close(self) -> None:
        """End everything, agents first."""
        self._is_closing = True
        running = [process for process in reversed(self._processes.values()) if process.is_running]
        for process in running:
            assert process.process is not None
            process.process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in running:
            assert process.process is not None
            try:
                process.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.process.kill()
                process.process.wait()

    def check(self) -> None:
        """Raises `LabFault` if a process has ended that nobody asked to end."""
        for process in list(self._processes.values()):
            if process.process is not None and process.process.poll() is not None and not self._is_closing:
                self._complain(process)

    # ----- what is known

    def joined_at(self, host: str) -> float:
        """When the agent's process was started first (seconds since 1970)."""
        process = self._processes.get((host, Role.AGENT))
        return process.started_at if process is not None else time.time()

    def has_started(self) -> bool:
        """Whether every agent that runs answers at its local socket."""
        agents = [each for each in self._processes.values() if each.role is Role.AGENT and each.is_running]
        waiting = [each for each in agents if each.host not in self._answered]
        self._answered.update(each.host for each in waiting if ask(self._socket(each.host), "status") is not None)
        return all(each.host in self._answered for each in agents)

    def address(self, host: str) -> str | None:
        """The agent's address in the mesh, IPv4 if it has one; None before it is known."""
        known = self._addresses.get(host)
        if known is None and (host, Role.AGENT) in self._processes:
            known = segment_address(self._socket(host))
            if known is not None:
                self._addresses[host] = known
        return known

    def peers(self, host: str) -> Mapping[str, PeerView]:
        """What the agent says about its peers, by host; nothing if it does not answer."""
        process = self._processes.get((host, Role.AGENT))
        if process is None or not process.is_running:
            return {}
        by_address = {address: view for view in peer_views(self._socket(host)) for address in view.addresses}
        return {name: by_address[address] for name, address in self._addresses.items() if address in by_address}

    # ----- processes

    def _roles(self, host: str, role: Role | None) -> tuple[Role, ...]:
        roles = self._lab.host(host).host.roles
        if role is not None and role not in roles:
            raise LabMisuse(f"{host} is no {role.value}")
        return roles if role is None else (role,)

    def _prepare(self, host: str, role: Role) -> _Process:
        directory = self._lab.directory / host / role.value
        directory.mkdir(mode=0o700, parents=True)
        process = _Process(host, role, directory)
        if role is Role.CONTROLLER:
            self._write(process, self._controller_settings(host, directory))
        elif role is Role.RELAY:
            self._write(process, self._relay_settings(host))
        else:
            raise LabMisuse(f"the agent of {host} has not joined yet")
        return process

    def _write(self, process: _Process, settings: Mapping[str, object]) -> None:
        path = process.directory / f"{process.role.value}.yaml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(dict(settings), sort_keys=False), encoding="utf-8")

    def _launch(self, process: _Process) -> None:
        name, directory = process.role.value, process.directory
        argv = [_program("twistd"), "-n", f"--pidfile={directory / 'pid'}"]
        argv += [f"zerogo-{name}", "--config", str(directory / f"{name}.yaml")]
        environment = {**os.environ, "ZEROGO_STATE_DIR": str(directory / "state"), "PYTHONUNBUFFERED": "1"}
        with (directory / "log").open("ab") as log:
            process.process = self._lab.popen(
                process.host, argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def _end(self, host: str, role: Role | None, number: signal.Signals) -> None:
        for each in self._roles(host, role):
            process = self._processes.get((host, each))
            if process is None or process.process is None:
                continue
            ending, process.process = process.process, None
            if ending.poll() is None:
                ending.send_signal(number)
                _wait_or_kill(ending)

    def _complain(self, process: _Process) -> None:
        assert process.process is not None
        lines = (process.directory / "log").read_text(encoding="utf-8", errors="replace").splitlines()
        last = " | ".join(lines[-_LOG_LINES:])[-800:]
        raise LabFault(f"the {process.role.value} of {process.host} ended with status {process.process.poll()}: {last}")

    # ----- the controller

    def _controller_settings(self, host: str, directory: Path) -> dict[str, object]:
        relays = [name for name in self._lab.scenario.with_role(Role.RELAY) if name != host]
        runs_relay = Role.RELAY in self._lab.host(host).host.roles
        return {
            "listen": self._listen(CONTROLLER_PORT)[-1],
            "public-addresses": [_host_port(address, CONTROLLER_PORT) for address in self._lab.host(host).addresses],
            "relay-port": STUN_PORT if runs_relay else 0,
            "relay-secret": self._relay_secret,
            "relays": [
                {"name": f"{name}-{place}", "host": address, "auth-secret": self._relay_secret}
                for name in relays
                for place, address in enumerate(self._lab.host(name).addresses, start=1)
            ],
            "state-dir": str(directory / "state"),
            "log-level": self._lab.scenario.log_level,
            **self._more_settings,
        }

    def _relay_settings(self, host: str) -> dict[str, object]:
        return {
            "listen": self._listen(STUN_PORT) + self._listen(STUN_PORT + 1),
            "tcp-listen": self._listen(STUN_PORT),
            "auth-secret": self._relay_secret,
            "public-ip": list(self._lab.host(host).addresses),
            "log-level": self._lab.scenario.log_level,
        }

    def _listen(self, port: int) -> list[str]:
        """The wildcard addresses; the last one takes all families of the scenario."""
        family = self._lab.scenario.family
        return [f"0.0.0.0:{port}"] * family.has_ipv4 + [f"[::]:{port}"] * family.has_ipv6

    def _await_controller(self, process: _Process) -> None:
        """Until it answers."""
        deadline = time.monotonic() + _READY_SECONDS
        while not self.owner_api().is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise LabFault(f"the controller does not answer within {_READY_SECONDS:g} s")
            time.sleep(0.05)

    def owner_api(self) -> OwnerApi:
        """The controller's API with the rights of its owner."""
        host = self._lab.scenario.with_role(Role.CONTROLLER)[0]

        def make_socket(for_ipv6: bool) -> socket.socket:
            return self._lab.socket(host, socket.AF_INET6 if for_ipv6 else socket.AF_INET, socket.SOCK_STREAM)

        return OwnerApi(self._lab.directory / host / Role.CONTROLLER.value / "state", make_socket)

    def connect_to_controller(self) -> socket.socket:
        """A TCP connection to the controller's port, from its own machine; raises `OSError`."""
        host = self._lab.scenario.with_role(Role.CONTROLLER)[0]
        address = self._lab.host(host).addresses[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = self._lab.socket(host, family, socket.SOCK_STREAM)
        made.connect((address, CONTROLLER_PORT))
        return made

    # ----- agents

    def _join(self, host: str, token: str | None = None) -> None:
        token = token or self.owner_api().invite()
        directory = self._lab.directory / host / Role.AGENT.value
        directory.mkdir(mode=0o700, parents=True)
        process = _Process(host, Role.AGENT, directory)
        settings = {
            "token": token,
            "name": host,
            "tap-device": MESH_DEVICE,
            "port": AGENT_PORT,
            "state-dir": str(directory / "state"),
            "socket": str(directory / "agent.sock"),
            "log-level": self._lab.scenario.log_level,
            **self._lab.host(host).host.settings,
        }
        if self._subnets(host):
            set_sysctls(self._lab.host(host).namespace, _FORWARDING)
        self._write(process, settings)
        process.started_at = time.time()
        self._launch(process)
        self._processes[(host, Role.AGENT)] = process

    def _subnets(self, host: str) -> tuple[str, ...]:
        """Networks that the agent's settings say are behind it."""
        settings = self._lab.host(host).host.settings
        announced = settings.get("announce", ())
        exits = EXITS if settings.get("exit-node") is True else ()
        return (*(map(str, announced) if isinstance(announced, (list, tuple)) else ()), *exits)

    def _approve(self, host: str) -> None:
        """What the network's owner does about networks behind an agent, as soon as it is a member."""
        subnets, deadline = self._subnets(host), time.monotonic() + _READY_SECONDS
        while subnets and all(member["name"] != host for member in self.owner_api().members()):
            if time.monotonic() > deadline:
                raise LabFault(f"{host} is no member within {_READY_SECONDS:g} s")
            time.sleep(0.1)
        for subnet in subnets:
            self.owner_api().approve(host, subnet)

    def _socket(self, host: str) -> Path:
        return self._lab.directory / host / Role.AGENT.value / "agent.sock"


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    """Until a process that was asked to end has ended."""
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _program(name: str) -> str:
    """The program beside this Python, which need not be on the PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def _host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
