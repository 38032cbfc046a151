# -*- test-case-name: zerogo.test.cli.test_ping -*-
"""`zerogo ping NAME`: a member's round trip through the network, with the path that it takes."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import click
import msgspec

from zerogo.agent.reports import PeerReport
from zerogo.cli.agent_client import AgentClient, agent_options
from zerogo.cli.icmp import Pinger
from zerogo.cli.tables import path_text
from zerogo.errors import LocalError

GAP_SECONDS = 0.5
TIMEOUT_SECONDS = 2.0


class NoSuchPeer(LocalError):
    """No member has that name."""

    code = "E-NO-PEER"


class PingReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; part of `--json` output."""

    name: str
    address: str
    state: str
    reason: str
    path: str
    """`direct 192.0.2.7:9993 (host to srflx)`; empty where there is none."""
    sent: int
    received: int
    rtt_min_ms: float | None
    rtt_median_ms: float | None
    rtt_max_ms: float | None


def find_peer(peers: list[PeerReport], name: str) -> PeerReport:
    """The peer of that name, node id or address; raises `NoSuchPeer`."""
    for peer in peers:
        if name in (peer.name, peer.node_id, *peer.addresses):
            return peer
    known = ", ".join(peer.name for peer in peers[:8]) or "none yet"
    raise NoSuchPeer(f"no other member is called {name[:60]!r}; there are: {known}")


def _path_of(peer: PeerReport) -> str:
    return path_text(peer.path) if peer.path is not None and peer.state == "connected" else ""


def _report(peer: PeerReport, address: str, sent: int, round_trips: list[float]) -> PingReport:
    times = [round(seconds * 1000, 3) for seconds in round_trips]
    return PingReport(
        name=peer.name,
        address=address,
        state=peer.state,
        reason=peer.reason,
        path=_path_of(peer),
        sent=sent,
        received=len(times),
        rtt_min_ms=min(times, default=None),
        rtt_median_ms=round(statistics.median(times), 3) if times else None,
        rtt_max_ms=max(times, default=None),
    )


@click.command()
@click.argument("name")
@agent_options
@click.option("-c", "--count", type=click.IntRange(1, 1000), default=4, show_default=True, help="How many.")
@click.option("-6", "ipv6", is_flag=True, help="The member's IPv6 address.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def ping(name: str, config: Path | None, state_dir: Path | None, count: int, ipv6: bool, as_json: bool) -> int:
    """Ping the member NAME through the network, and say which way it goes."""
    client = AgentClient.find(config, state_dir)
    peer = find_peer(client.peers(), name)
    address = next((one for one in peer.addresses if (":" in one) == ipv6), None)
    if address is None:
        raise NoSuchPeer(f"{peer.name} has no IPv{6 if ipv6 else 4} address in the network")
    round_trips: list[float] = []
    with Pinger(address) as pinger:
        for sequence in range(1, count + 1):
            seconds = pinger.ping(sequence, TIMEOUT_SECONDS)
            peer = find_peer(client.peers(), peer.node_id)
            if seconds is not None:
                round_trips.append(seconds)
            if not as_json:
                outcome = "no answer" if seconds is None else f"{seconds * 1000:.2f} ms"
                click.echo(f"{peer.name} ({address}): {outcome}, {_path_of(peer) or peer.reason or peer.state}")
            if sequence < count and seconds is not None:
                time.sleep(GAP_SECONDS)
    report = _report(peer, address, count, round_trips)
    if as_json:
        click.echo(msgspec.json.encode(report))
    elif round_trips:
        span = f"{report.rtt_min_ms:.2f}/{report.rtt_median_ms:.2f}/{report.rtt_max_ms:.2f} ms"
        click.echo(f"{report.received} of {count} answered; round trip min/median/max {span}")
    else:
        click.echo(
            f"{peer.name} does not answer: {peer.reason or 'the path is there, its own firewall may refuse pings'}"
        )
    return 0 if round_trips else 1
