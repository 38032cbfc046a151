# -*- test-case-name: zerogo.test.cli.test_netcheck -*-
"""`zerogo netcheck`: what this machine's network does to connections, and what to expect of it.

Whom to ask is read from the membership and the map on disk, so it works with and without a running agent; all is asked
from sockets of its own. A machine in no network is told about its gateway, and about servers that are named.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from zerogo.agent.control import controller_addresses
from zerogo.agent.reports import PortMappingReport, port_mapping_report
from zerogo.agent.state_dir import StateDir, socket_path
from zerogo.cli.agent_client import AgentClient, AgentSilent, agent_config, agent_options
from zerogo.cli.tables import print_unpadded, wide_console
from zerogo.config.agent import AgentConfig
from zerogo.control.netmap import NetworkMap, SignedMap
from zerogo.control.relays import relays_near
from zerogo.control.token import split_host_port
from zerogo.errors import ParseError, ZeroGoError
from zerogo.net.addresses import read_interfaces
from zerogo.net.netcheck import Netcheck, Plan
from zerogo.net.onion import is_onion
from zerogo.reach.network import Grade, NetworkFacts, Verdict, judge, report_lines

_GRADE_STYLES = {Grade.DIRECT: "green", Grade.RELAYED: "yellow", Grade.CUT_OFF: "red"}


class ServerReport(msgspec.Struct, frozen=True, kw_only=True):
    """A STUN server."""

    address: str
    outer: str
    """Where it sees us; empty where it did not answer."""
    rtt_ms: float | None


class RelayReport(msgspec.Struct, frozen=True, kw_only=True):
    """Round trips to a relay."""

    name: str
    udp_ms: float | None
    tcp_ms: float | None
    tls_ms: float | None


class ControllerReport(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers at an address of the controller."""

    address: str
    answers: str
    """`genuine`, `foreign`, `intercepted` or `silent`."""
    detail: str
    rtt_ms: float | None
    clock_skew_seconds: float | None


class NetcheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; `--json` output."""

    grade: str
    """`direct`, `relayed` or `cut_off`."""
    seconds: float
    """So long the checks took."""
    sentences: list[str]
    advice: list[str]
    agent: str
    addresses: list[str]
    udp: bool
    outer_ipv4: str
    outer_ipv6: str
    mapping: str
    mapping_varies_by_port: bool | None
    ports: str
    port_step: int
    filtering: str
    hairpin: bool | None
    mtu: int | None
    servers: list[ServerReport]
    gateway: PortMappingReport | None
    relays: list[RelayReport]
    controllers: list[ControllerReport]


def make_plan(config: AgentConfig, servers: Sequence[str]) -> Plan:
    """Whom to ask: the servers that were named, and those of the network on disk. Raises `ZeroGoError`."""
    asked = [split_host_port(text) for text in servers]
    ignored = (config.tap_device, *config.ignore_interfaces)
    state = StateDir(config.state_dir)
    membership = state.membership()
    if membership is None:
        return Plan(servers=tuple(asked), ignored=ignored, port=config.port)
    # An onion service answers after many seconds, and shows nothing of this network.
    controllers = [one for one in controller_addresses(membership, config.controller) if not is_onion(one.host)]
    hosts = [address.host for address in controllers]
    network_map = _map_on_disk(state)
    if network_map is not None:
        asked += [place for text in network_map.stun_servers_near(hosts) if (place := _place(text)) is not None]
    return Plan(
        servers=tuple(dict.fromkeys(asked)),
        relays=relays_near(() if network_map is None else network_map.relays, hosts),
        controllers=tuple(controllers),
        key_hash=membership.key_hash,
        ignored=ignored,
        port=config.port,
    )


def _map_on_disk(state: StateDir) -> NetworkMap | None:
    """The map that was verified when it was written."""
    try:
        blob = state.signed_map()
        return None if blob is None else SignedMap.decode(blob).network_map
    except ZeroGoError:
        return None


def _place(text: str) -> tuple[str, int] | None:
    try:
        return split_host_port(text)
    except ParseError:
        return None


def find_out(plan: Plan) -> NetworkFacts:
    """Run the reactor until everything is known."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    results: list[NetworkFacts | Failure] = []

    def begin() -> None:
        check = Netcheck(reactor, plan, read_interfaces(), rng=os.urandom, unix_time=time.time)
        done: Deferred[NetworkFacts] = check.run()
        done.addBoth(results.append)
        done.addBoth(lambda ignored: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    assert isinstance(result, NetworkFacts)
    return result


@click.command()
@agent_options
@click.option("--server", "servers", multiple=True, metavar="HOST:PORT", help="A STUN server to ask as well.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def netcheck(config: Path | None, state_dir: Path | None, servers: tuple[str, ...], as_json: bool) -> int:
    """Find out what this machine's network does to connections: NAT, UDP, IPv6, router, relays, controller.

    Ends with 0 where direct connections may be expected, 1 where only relays are left, 2 where nobody is heard.
    """
    found = agent_config(config, state_dir)
    plan = make_plan(found, servers)
    began = time.monotonic()
    facts = find_out(plan)
    took = time.monotonic() - began
    verdict, agent = judge(facts), _agent(found)
    if as_json:
        click.echo(msgspec.json.encode(make_report(facts, verdict, agent, took)))
    else:
        _print(facts, verdict, agent)
    return int(verdict.grade)


def _agent(config: AgentConfig) -> str:
    """What the agent says of itself."""
    try:
        status = AgentClient(socket_path(config), config.state_dir).status()
    except ZeroGoError as error:
        return "not running" if isinstance(error, AgentSilent) else str(error)
    mapping = status.port_mapping
    mapped = f", reached at {mapping.outer} by {mapping.used}" if mapping is not None and mapping.outer else ""
    tcp = ", ".join(text.partition(" ")[2] for text in status.offer.streams)
    open_port = f", takes TCP at {tcp}" if tcp else ""
    if status.tcp_mapping is not None and status.tcp_mapping.refusal:
        open_port += f" (the router does not map that port: {status.tcp_mapping.refusal})"
    ports = ", ".join(map(str, status.ports))
    return f"{status.state} of {status.network_name or status.network}, port {ports}{mapped}{open_port}"


def _print(facts: NetworkFacts, verdict: Verdict, agent: str) -> None:
    console = wide_console()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in [("agent", agent), *report_lines(facts)]:
        table.add_row(name, value)
    print_unpadded(console, table)
    console.print()
    for number, sentence in enumerate(verdict.sentences):
        console.print(sentence, style=_GRADE_STYLES[verdict.grade] if number == 0 else "", markup=False)
    for advice in verdict.advice:
        console.print(f"  - {advice}", markup=False)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def make_report(facts: NetworkFacts, verdict: Verdict, agent: str, took: float) -> NetcheckReport:
    """For programs; `took` is in seconds."""
    survey = facts.survey
    return NetcheckReport(
        grade=verdict.grade.name.lower(),
        seconds=round(took, 3),
        sentences=list(verdict.sentences),
        advice=list(verdict.advice),
        agent=agent,
        addresses=list(facts.hosts),
        udp=facts.has_udp,
        outer_ipv4=str(facts.outer or ""),
        outer_ipv6=str(facts.outer6 or ""),
        mapping=survey.mapping.value,
        mapping_varies_by_port=survey.varies_by_port,
        ports=survey.ports.value,
        port_step=survey.step,
        filtering=survey.filtering.value,
        hairpin=survey.hairpin,
        mtu=survey.mtu,
        servers=[
            ServerReport(address=str(view.server), outer=str(view.mapped or ""), rtt_ms=_ms(view.rtt))
            for view in survey.servers
        ],
        gateway=None if facts.mapper is None else port_mapping_report(facts.mapper),
        relays=[
            RelayReport(name=each.name, udp_ms=_ms(each.udp), tcp_ms=_ms(each.tcp), tls_ms=_ms(each.tls))
            for each in facts.relays
        ],
        controllers=[
            ControllerReport(
                address=each.address,
                answers=each.greeting.name.lower(),
                detail=each.detail,
                rtt_ms=_ms(each.rtt),
                clock_skew_seconds=None if each.skew is None else round(each.skew, 1),
            )
            for each in facts.controllers
        ],
    )
