# -*- test-case-name: zerogo.test.agent.test_routing_log -*-
"""What the log says of routes at each interval: one line that sums up, and one a peer."""

from __future__ import annotations

from collections.abc import Sequence

from zerogo.mesh.events import PathKind
from zerogo.mesh.status import PathStatus, PeerStatus

WORDS = {
    PathKind.DIRECT: "P2P-DIRECT",
    PathKind.TCP: "P2P-TCP",
    PathKind.PEER: "P2P-RELAY",
    PathKind.RELAY: "SERVER-RELAY",
}


def routing_stats(peers: Sequence[PeerStatus]) -> str:
    """`Routing stats: 3 peers, 1 direct, 1 relay, 1 server`; a relay is another member, a server a relay server. A TCP
    connection from end to end counts as direct."""
    kinds = [peer.path.kind for peer in peers if peer.path is not None]
    direct, relay, server = (kinds.count(kind) for kind in (PathKind.DIRECT, PathKind.PEER, PathKind.RELAY))
    direct += kinds.count(PathKind.TCP)
    return f"Routing stats: {len(peers)} peers, {direct} direct, {relay} relay, {server} server"


def routing_lines(peers: Sequence[PeerStatus]) -> list[str]:
    """`bob: P2P-DIRECT, quality 95, 12.3 ms, loss 0 %`, a line for each peer."""
    return [f"{peer.name}: {_line(peer.path) if peer.path is not None else peer.state.value}" for peer in peers]


def _line(path: PathStatus) -> str:
    latency = "not measured yet" if path.rtt is None else f"{path.rtt * 1000:.1f} ms"
    return f"{WORDS[path.kind]}, quality {path.score.points:.0f}, {latency}, loss {path.loss:.0%}"
