# -*- test-case-name: zerogo.test.cli.test_agent_client -*-
"""Asking the agent on this machine, over its local socket (`zerogo.net.local_api`)."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from zerogo.agent.reports import PeerReport, StatusReport
from zerogo.agent.state_dir import RECORD_FILE, StateDir, socket_path
from zerogo.cli.privilege import is_there
from zerogo.config.agent import AgentConfig
from zerogo.config.load import default_path, load
from zerogo.errors import EnvironmentFault, RemoteError

ANSWER_LIMIT = 64 * 1024 * 1024
ANSWER_SECONDS = 10.0
_NOBODY = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR)
"""Nobody listens on the socket."""

AGENT_DIRECTORY = "agent"
"""Where `zerogo up` keeps the agent, below its own state directory."""

Result = TypeVar("Result")
Command = TypeVar("Command", bound=Callable[..., Any])


class AgentSilent(EnvironmentFault):
    """No agent answers on this machine."""

    code = "E-AGENT"


class AgentAbsent(AgentSilent):
    """No agent runs on this machine."""


class AgentRefused(RemoteError):
    """The agent refused a command."""

    code = "E-AGENT-REFUSED"


def agent_config(config: Path | None, state_dir: Path | None) -> AgentConfig:
    """The agent's configuration as its own process sees it; raises `ConfigError`, or `NeedsRoot` where it is not ours.

    A state directory of `zerogo up` means the agent below it.
    """
    overrides = {} if state_dir is None else {"state-dir": str(state_dir.absolute())}
    found = load(config or default_path("agent"), AgentConfig, overrides)
    below = found.state_dir / AGENT_DIRECTORY
    if not is_there(found.state_dir / RECORD_FILE) and is_there(below / RECORD_FILE):
        return load(config or default_path("agent"), AgentConfig, {"state-dir": str(below)})
    return found


def agent_options(command: Command) -> Command:
    """The options by which every command finds the agent."""
    command = click.option(
        "--state-dir",
        type=click.Path(path_type=Path, file_okay=False, readable=False),
        help="The agent's state directory, where it is not the usual one.",
    )(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False, readable=False),
        help="The agent's configuration file.",
    )(command)


class AgentClient:
    """One agent. Each call is a connection of its own; raises `AgentSilent` or `AgentRefused`."""

    def __init__(self, path: Path, state_dir: Path | None = None) -> None:
        """`state_dir` is where the reason may be found why no agent answers at `path`."""
        self._path = path
        self._state_dir = state_dir

    @classmethod
    def find(cls, config: Path | None, state_dir: Path | None) -> AgentClient:
        """The agent that a configuration or a state directory names, else this machine's usual one."""
        found = agent_config(config, state_dir)
        return cls(socket_path(found), found.state_dir)

    def status(self) -> StatusReport:
        """Everything but the peers."""
        return self.ask("status", StatusReport)

    def peers(self) -> list[PeerReport]:
        """All members but this machine."""
        return self.ask("peers", list[PeerReport])

    def leave(self, force: bool) -> bool:
        """Have it leave the network; whether the controller was told."""
        return self.ask("leave", bool, {"force": force})

    def ask(self, command: str, kind: type[Result], arguments: dict[str, Any] | None = None) -> Result:
        """One request, its answer read as `kind`."""
        line = self._exchange(msgspec.json.encode({"command": command, "arguments": arguments or {}}) + b"\n")
        try:
            answer = msgspec.json.decode(line, type=_Answer)
            if not answer.ok:
                raise AgentRefused(answer.error)
            return msgspec.json.decode(answer.result, type=kind)
        except msgspec.MsgspecError as error:
            raise AgentRefused("the agent's answer was not understood: is it of another release?") from error

    def _exchange(self, request: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
            connection.settimeout(ANSWER_SECONDS)
            try:
                connection.connect(os.fspath(self._path))
                connection.sendall(request)
                return self._read_line(connection)
            except TimeoutError as error:
                raise AgentSilent(f"the agent does not answer on {self._path}") from error
            except OSError as error:
                kind = AgentAbsent if error.errno in _NOBODY else AgentSilent
                raise kind(self._why(error)) from error

    def _read_line(self, connection: socket.socket) -> bytes:
        received = bytearray()
        while not received.endswith(b"\n"):
            piece = connection.recv(65536)
            if not piece or len(received) > ANSWER_LIMIT:
                raise AgentSilent(f"the agent on {self._path} does not talk to this user: run as root")
            received += piece
        return bytes(received)

    def _why(self, error: OSError) -> str:
        if error.errno in (errno.EACCES, errno.EPERM):
            return f"no permission to speak to the agent on {self._path}: run as root"
        if error.errno in _NOBODY:
            refusal = self._refusal()
            if refusal:
                return f"no agent runs here, since the controller turned this machine away: {refusal}"
            return f"no agent runs here (nothing answers on {self._path}): start one with `zerogo join` or `zerogo up`"
        return f"the agent on {self._path} cannot be reached: {error.strerror}"

    def _refusal(self) -> str:
        if self._state_dir is None:
            return ""
        try:
            membership = StateDir(self._state_dir).membership()
        except (EnvironmentFault, OSError):
            return ""
        return "" if membership is None else membership.refusal


class _Answer(msgspec.Struct):
    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
