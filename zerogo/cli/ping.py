# -*- test-case-name: zerogo.test.cli.test_ping -*-
"""`zerogo ping NAME`: a member's round trip through the network, with the path that it takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from zerogo.agent.reports import PeerReport
from zerogo.cli.agent_client import AgentClient, agent_options
from zerogo.cli.icmp import Pinger
from zerogo.cli.peer_names import NoSuchPeer, find_peer
from zerogo.cli.tables import names_of, path_text

GAP_SECONDS = 0.5
TIMEOUT_SECONDS = 2.0


class PingReply(msgspec.Struct, frozen=True, kw_only=True):
    """One of several; part of `--json` output."""

    sequence: int
    rtt_ms: float | None
    """None where no answer came in time."""
    path: str
    """In use when the answer came; empty where there was none."""


class PingReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; part of `--json` output."""

    name: str
    address: str
    state: str
    reason: str
    path: str
    """The last one in use, `direct 192.0.2.7:9993 (host to srflx)`; empty where there is none."""
    sent: int
    received: int
    rtt_min_ms: float | None
    rtt_median_ms: float | None
    rtt_max_ms: float | None
    replies: list[PingReply] = []


def _path_of(peer: PeerReport, peers: Sequence[PeerReport]) -> str:
    if peer.path is None or peer.state != "connected":
        return ""
    return path_text(peer.path, names_of(peers))


def _report(peer: PeerReport, address: str, replies: list[PingReply]) -> PingReport:
    times = [reply.rtt_ms for reply in replies if reply.rtt_ms is not None]
    return PingReport(
        name=peer.name,
        address=address,
        state=peer.state,
        reason=peer.reason,
        path=replies[-1].path if replies else "",
        sent=len(replies),
        received=len(times),
        rtt_min_ms=min(times, default=None),
        rtt_median_ms=round(statistics.median(times), 3) if times else None,
        rtt_max_ms=max(times, default=None),
        replies=replies,
    )


@click.command()
@click.argument("name", metavar="PEER")
@agent_options
@click.option("-c", "--count", type=click.IntRange(1, 1000), default=4, show_default=True, help="How many.")
@click.option("-6", "ipv6", is_flag=True, help="The member's IPv6 address.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def ping(name: str, config: Path | None, state_dir: Path | None, count: int, ipv6: bool, as_json: bool) -> int:
    """Ping PEER through the network, and say which way it goes, each time that changes."""
    client = AgentClient.find(config, state_dir)
    peers = client.peers()
    peer = find_peer(peers, name)
    address = next((one for one in peer.addresses if (":" in one) == ipv6), None)
    if address is None:
        raise NoSuchPeer(f"{peer.name} has no IPv{6 if ipv6 else 4} address in the network")
    replies: list[PingReply] = []
    before = _path_of(peer, peers)
    with Pinger(address) as pinger:
        for sequence in range(1, count + 1):
            seconds = pinger.ping(sequence, TIMEOUT_SECONDS)
            peers = client.peers()
            peer = find_peer(peers, peer.node_id)
            rtt = None if seconds is None else round(seconds * 1000, 3)
            replies.append(PingReply(sequence=sequence, rtt_ms=rtt, path=_path_of(peer, peers)))
            if not as_json:
                _tell(peer, address, replies[-1], before)
            before = replies[-1].path
            if sequence < count and seconds is not None:
                time.sleep(GAP_SECONDS)
    report = _report(peer, address, replies)
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _tell_end(peer, report)
    return 0 if report.received else 1


def _tell(peer: PeerReport, address: str, reply: PingReply, before: str) -> None:
    if reply.path != before:
        click.echo(f"path: {before or 'none'} -> {reply.path or 'none'}")
    outcome = "no answer" if reply.rtt_ms is None else f"{reply.rtt_ms:.2f} ms"
    click.echo(f"{peer.name} ({address}): {outcome}, {reply.path or peer.state}")


def _tell_end(peer: PeerReport, report: PingReport) -> None:
    if report.received:
        span = f"{report.rtt_min_ms:.2f}/{report.rtt_median_ms:.2f}/{report.rtt_max_ms:.2f} ms"
        click.echo(f"{report.received} of {report.sent} answered; round trip min/median/max {span}")
    else:
        reason = peer.reason or "the path is there, its own firewall may refuse pings"
        click.echo(f"{peer.name} does not answer: {reason}")
    if not report.path.startswith("direct"):
        click.echo(f"`zerogo why {peer.name}` says why there is no direct path.")
