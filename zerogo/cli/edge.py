# -*- test-case-name: zerogo.test.cli.test_exits -*-
"""`zerogo edge join TOKEN`, `leave`, `status`: makes this machine an exit for the users of a gateway. Needs no root."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NoReturn

import click

from zerogo.agent.own_edge import EDGE_DIRECTORY, forget
from zerogo.agent.reports import EdgeReport
from zerogo.cli.agent_client import AgentAbsent, AgentClient, AgentRefused, AgentSilent, agent_config
from zerogo.cli.daemon import Daemon, RoleFailed
from zerogo.cli.privilege import NeedsRoot
from zerogo.config.edge import EdgeConfig
from zerogo.config.load import default_path, load
from zerogo.control.edge_token import EdgeToken
from zerogo.edge.state_dir import EdgeState

JOIN_SECONDS = 20.0
_POLL_SECONDS = 0.1
_CONSENT = (
    "Traffic of the gateway's users will leave from this machine, under its address. Private networks are closed to "
    "them, and so are mail, Windows shares and databases. Stop it at any time with `zerogo edge leave`."
)


def _config(path: Path | None, state_dir: Path | None) -> EdgeConfig:
    overrides = {} if state_dir is None else {"state-dir": str(state_dir)}
    place = path or default_path("edge")
    config = load(place, EdgeConfig, overrides)
    if config.state_dir == EdgeConfig().state_dir and os.geteuid() != 0 and not os.access(config.state_dir, os.W_OK):
        home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        config = load(place, EdgeConfig, {"state-dir": str(home / "zerogo" / "edge")})
    return config


def _ask(config: EdgeConfig, path: str, *, is_verb: bool = False) -> Any:
    """The local page's answer; None where no edge runs."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{config.status_port}{path}", method="POST" if is_verb else "GET", headers={"X-ZeroGo": "1"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            body = answer.read(100_000)
    except (urllib.error.URLError, OSError):
        return None
    return body if is_verb else json.loads(body)


_options = (
    click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The edge's configuration file."),
    click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), help="Where its key and token are."),
)


_agent_option = click.option(
    "--agent-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="The agent's state directory, where it is not the usual one.",
)


def _edge_options(function: Any) -> Any:
    for option in reversed(_options):
        function = option(function)
    return function


@click.group()
def edge() -> None:
    """This machine as an exit for the users of a gateway."""


@edge.command()
@click.argument("token")
@_edge_options
@click.option("--name", help="What this edge is called.")
@click.option("--country", help="Where it is, as in de.")
@click.option(
    "--as-agent",
    is_flag=True,
    help="As a role of this machine's agent: in its process, under its key. Needs the agent's rights.",
)
@_agent_option
@click.option("--foreground", is_flag=True, help="Do not go to the background; log to the terminal.")
def join(
    token: str,
    config: Path | None,
    state_dir: Path | None,
    name: str | None,
    country: str | None,
    as_agent: bool,
    agent_dir: Path | None,
    foreground: bool,
) -> None:
    """Join the gateways of TOKEN, the line that `zerogo exits edges token` printed at the controller, or
    `zerogo exits token` at a gateway that has none."""
    parsed = EdgeToken.parse(token)
    if as_agent:
        if state_dir is not None or foreground:
            raise click.UsageError(
                "--as-agent goes with neither --state-dir nor --foreground: the agent runs the edge."
            )
        _join_as_agent(agent_dir, token=token, config=config, name=name, country=country)
        return
    found = _config(config, state_dir)
    state = EdgeState(found.state_dir)
    state.save_token(parsed)
    state.save_consent(time.time(), _CONSENT)
    click.echo(_CONSENT)
    arguments = [] if config is None else ["--config", str(config.absolute())]
    arguments += ["--state-dir", str(found.state_dir.absolute())]
    for key, value in (("--name", name), ("--country", country)):
        arguments += [] if value is None else [key, value]
    daemon = Daemon("edge", found.state_dir)
    if foreground:
        command = daemon.command(arguments, in_foreground=True)
        os.execv(command[0], command)  # noqa: S606 - no shell, our own interpreter
    daemon.stop()
    daemon.start(arguments)
    _await(found, daemon)


def _join_as_agent(agent_dir: Path | None, *, token: str, config: Path | None, **said: str | None) -> None:
    agent = AgentClient.find(None, agent_dir)
    agent.status()
    click.echo(_CONSENT)
    file = "" if config is None else str(config.absolute())
    arguments = {"verb": "join", "token": token, "consent": _CONSENT, "config": file, **said}
    report = agent.ask("edge", EdgeReport, arguments)
    until = time.monotonic() + JOIN_SECONDS
    while report.state == "dialling" and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
        report = agent.ask("edge", EdgeReport)
    if report.state == "refused":
        _undo_join(agent, report.reason)
    page = f" Its page: http://127.0.0.1:{report.page}/" if report.page else ""
    if report.state == "dialling":
        click.echo(f"The agent goes on trying ({report.reason or 'no gateway answers'}).{page}")
    else:
        click.echo(f"This machine's agent is an exit as well.{page}")


def _undo_join(agent: AgentClient, refusal: str) -> NoReturn:
    try:
        before = agent.ask("edge", EdgeReport, {"verb": "undo"})
    except AgentRefused as error:
        raise RoleFailed(f"{refusal}; and the agent goes on trying: {error}") from error
    raise RoleFailed(refusal if before.state == EdgeReport().state else f"{refusal}; it is an exit as it was before")


def _leave_as_agent(agent_dir: Path | None) -> bool | None:
    """Whether the agent was an exit, also where none runs: the next one would go on with the token. None where only
    root may say."""
    try:
        directory = agent_config(None, agent_dir).state_dir / EDGE_DIRECTORY
        return AgentClient.find(None, agent_dir).ask("edge", EdgeReport, {"verb": "leave"}).was_one
    except NeedsRoot:
        return None
    except AgentSilent as error:
        if not directory.exists():
            return False
        if not os.access(directory, os.W_OK):
            return None
        if not isinstance(error, AgentAbsent):
            raise RoleFailed(f"the agent runs, and this machine may still be an exit as its role: {error}") from error
        return forget(directory)


def _await(config: EdgeConfig, daemon: Daemon) -> None:
    until = time.monotonic() + JOIN_SECONDS
    while config.status_port and time.monotonic() < until:
        status = _ask(config, "/status")
        if status is not None and daemon.pid() not in (None, status.get("process")):
            click.echo(
                f"The edge runs, without a page: another one has port {config.status_port} (set status-port). "
                f"Its log is {daemon.log_file}"
            )
            return
        if status is not None and status["state"] == "ready":
            click.echo(f"This machine is an exit. Its page: http://127.0.0.1:{config.status_port}/")
            return
        if status is not None and status["state"] == "refused":
            daemon.stop()
            raise RoleFailed(status["reason"])
        if daemon.pid() is None:
            raise RoleFailed(daemon.complaint() or f"the edge has ended; its log is {daemon.log_file}")
        time.sleep(_POLL_SECONDS)
    click.echo(f"The edge runs and goes on trying; its log is {daemon.log_file}")


@edge.command()
@_edge_options
@_agent_option
def leave(config: Path | None, state_dir: Path | None, agent_dir: Path | None) -> None:
    """Stop being an exit, by itself or as a role of the agent; the token is forgotten. Where --config or --state-dir
    names one edge, the agent is asked only with --agent-dir. Fails where there was no exit."""
    found = _config(config, state_dir)
    state = EdgeState(found.state_dir)
    was_one = state.token() is not None
    was_one = Daemon("edge", found.state_dir).stop() or was_one
    state.forget_token()
    if agent_dir is None and (config is not None or state_dir is not None):
        if not was_one:
            raise RoleFailed(f"the edge in {found.state_dir} is no exit")
        click.echo(f"The edge in {found.state_dir} is no exit any more.")
        return
    was_agent = _leave_as_agent(agent_dir)
    roots = "the agent of this machine may be an exit, which is root's to end: run as root"
    if was_agent is None and not was_one:
        raise RoleFailed(roots)
    if not was_agent and not was_one:
        raise RoleFailed(_why_none(found))
    click.echo(
        "This machine is no exit any more." if was_agent is not None else f"The edge is no exit any more; {roots}."
    )


def _why_none(config: EdgeConfig) -> str:
    """There was nothing to end, which others may have begun."""
    status = _ask(config, "/status")
    if status is None:
        return "this machine is no exit"
    return (
        f"an edge runs here that `zerogo edge join` did not start (process {status.get('process')}): stop it yourself"
    )


@edge.command()
@_edge_options
@click.option("--json", "as_json", is_flag=True, help="JSON.")
def status(config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """What the edge of this machine does."""
    answer = _ask(_config(config, state_dir), "/status")
    if answer is None:
        raise RoleFailed("no edge answers on this machine")
    if as_json:
        click.echo(json.dumps(answer))
        return
    for key, value in answer.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{key.replace('_', ' '):<20} {'-' if shown in (None, '') else shown}")


@edge.command()
@_edge_options
def pause(config: Path | None, state_dir: Path | None) -> None:
    """End all streams and take none until `resume`."""
    _verb(_config(config, state_dir), "/pause")
    click.echo("This machine takes no streams until `zerogo edge resume`.")


@edge.command()
@_edge_options
def resume(config: Path | None, state_dir: Path | None) -> None:
    """Take streams again."""
    _verb(_config(config, state_dir), "/resume")
    click.echo("This machine is an exit again.")


def _verb(config: EdgeConfig, path: str) -> None:
    if _ask(config, path, is_verb=True) is None:
        raise RoleFailed("no edge answers on this machine")
