# -*- test-case-name: zerogo.test.cli.test_doctor -*-
"""`zerogo doctor`: what is wrong with this machine's connection, and what to do about it.

Like `netcheck` it works with and without a running agent; what it finds is put in order by `zerogo.reach.diagnosis`.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import msgspec
from rich.table import Table

from zerogo.agent.reports import StatusReport
from zerogo.agent.state_dir import StateDir, socket_path
from zerogo.cli.agent_client import AgentClient, AgentSilent, agent_config, agent_options
from zerogo.cli.netcheck import find_out, make_plan
from zerogo.cli.privilege import NeedsRoot, may_make_devices
from zerogo.cli.tables import print_unpadded, wide_console
from zerogo.cli.up import LINE_FILE
from zerogo.config.agent import AgentConfig
from zerogo.config.errors import PrivateFileError
from zerogo.config.private_file import check_mode
from zerogo.errors import ZeroGoError
from zerogo.net.netcheck import Plan
from zerogo.reach.diagnosis import AgentFacts, Finding, MachineFacts, Standing, diagnose, verdict
from zerogo.reach.network import NetworkFacts

TUN = Path("/dev/net/tun")
RESOLVE_SECONDS = 3.0
"""For all names together."""
_STYLES = {Standing.FINE: "green", Standing.NOTE: "yellow", Standing.FAULT: "red"}

Resolve = Callable[[str], object]


class FindingReport(msgspec.Struct, frozen=True):
    """One finding; part of `--json` output."""

    subject: str
    standing: str
    """`fine`, `note` or `fault`."""
    sentence: str
    advice: str


class DoctorReport(msgspec.Struct, frozen=True):
    """All of it."""

    verdict: str
    findings: list[FindingReport]


def _resolve(host: str) -> object:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)


def unresolved(hosts: Iterable[str], resolve: Resolve = _resolve) -> tuple[str, ...]:
    """Those of the names that the resolver does not know, or not in time; addresses are no names."""
    names = [host for host in dict.fromkeys(hosts) if not _is_address(host)]
    pool = ThreadPoolExecutor(max(len(names), 1))
    waiting = [(name, pool.submit(resolve, name)) for name in names]
    missing = []
    for name, future in waiting:
        try:
            future.result(RESOLVE_SECONDS)
        except (OSError, UnicodeError, TimeoutError):
            missing.append(name)
    pool.shutdown(wait=False, cancel_futures=True)
    return tuple(missing)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def look_at_machine(config: AgentConfig, plan: Plan) -> MachineFacts:
    """The machine itself."""
    directory = config.state_dir
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    hosts = [host for host, _ in plan.servers]
    hosts += [relay.host for relay in plan.relays] + [controller.host for controller in plan.controllers]
    return MachineFacts(
        has_tun=TUN.exists(),
        may_make_devices=may_make_devices(),
        state_complaint=_state_complaint(directory),
        disk_free=shutil.disk_usage(existing).free,
        unresolved=unresolved(hosts),
    )


def _state_complaint(directory: Path) -> str:
    """Why the agent would refuse its state directory, or `zerogo up` the one that holds it; empty: they would not."""
    if not directory.exists():
        return ""
    if not os.access(directory, os.W_OK) and may_make_devices():
        return f"{directory} cannot be written: have the agent's user own it."
    try:
        check_mode(directory)
        if (directory.parent / LINE_FILE).exists():
            check_mode(directory.parent)
    except PrivateFileError as error:
        return f"{error}."
    return ""


def look_at_agent(config: AgentConfig) -> AgentFacts:
    """What the agent says."""
    try:
        is_joined = StateDir(config.state_dir).membership() is not None
    except ZeroGoError:
        is_joined = True
    try:
        status = AgentClient(socket_path(config), config.state_dir).status()
    except AgentSilent as error:
        return AgentFacts(is_joined=is_joined, silence=str(error))
    return facts_of(status)


def facts_of(status: StatusReport) -> AgentFacts:
    """Of an agent that answers."""
    complaints = tuple(text for text in (status.complaint, status.names.complaint) if text)
    return AgentFacts(
        is_joined=True,
        state=status.state,
        sentence=status.sentence,
        controller=status.controller.state,
        complaints=complaints,
        plane="" if status.plane is None else status.plane.name,
        members=status.members,
        connected=status.connected,
    )


def examine(config: AgentConfig) -> list[Finding]:
    """Look at everything; raises `ZeroGoError` where what is on disk cannot be read."""
    plan = make_plan(config, ())
    machine, agent = look_at_machine(config, plan), look_at_agent(config)
    network: NetworkFacts = find_out(plan)
    return diagnose(machine, agent, network)


def report_of(findings: list[Finding]) -> DoctorReport:
    """For programs."""
    rows = [FindingReport(each.subject, each.standing.value, each.sentence, each.advice) for each in findings]
    return DoctorReport(verdict(findings), rows)


@click.command()
@agent_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(config: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """Find out what is wrong here, and what to do about it. Ends with 1 where something is."""
    try:
        findings = examine(agent_config(config, state_dir))
    except PermissionError as error:
        raise NeedsRoot(f"{error.filename} belongs to another user: run it with sudo") from None
    if as_json:
        click.echo(msgspec.json.encode(report_of(findings)))
    else:
        table = Table(box=None, show_header=False, pad_edge=False)
        for column in ("subject", "standing", "sentence"):
            table.add_column(column, no_wrap=column != "sentence", overflow="fold")
        for each in findings:
            text = f"{each.sentence} {each.advice}".strip()
            table.add_row(each.subject, f"[{_STYLES[each.standing]}]{each.standing}[/]", _plain(text))
        console = wide_console()
        print_unpadded(console, table)
        console.print()
        console.print(verdict(findings), markup=False)
    return int(any(each.standing is Standing.FAULT for each in findings))


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
