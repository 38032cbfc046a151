# -*- test-case-name: zerogo.test.cli.test_peer_names -*-
"""Which member a person means, among those that the agent knows."""

from __future__ import annotations

from collections.abc import Sequence

from zerogo.agent.reports import PeerReport
from zerogo.cli.groups import guess
from zerogo.errors import LocalError

NAMES_SHOWN = 8


class NoSuchPeer(LocalError):
    """No member has that name."""

    code = "E-NO-PEER"


def find_peer(peers: Sequence[PeerReport], name: str) -> PeerReport:
    """The peer of that name, node id or address; raises `NoSuchPeer`."""
    for peer in peers:
        if name in (peer.name, peer.node_id, *peer.addresses):
            return peer
    known = [peer.name for peer in peers]
    suggestion = guess(name, known)
    if not suggestion:
        more = ", ..." if len(known) > NAMES_SHOWN else ""
        suggestion = f" There are: {', '.join(known[:NAMES_SHOWN]) or 'none yet'}{more}"
    raise NoSuchPeer(f"no other member is called {name[:60]!r}.{suggestion}")
