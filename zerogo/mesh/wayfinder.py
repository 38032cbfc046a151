# -*- test-case-name: zerogo.test.mesh.test_wayfinder -*-
"""The router of a node (`zerogo.routing`) among its peers: which are neighbours, which want a way through others.

After each change of a peer `note` tells the router what it must know: the direct path in use and its figures, whether
ways through others are wanted, and what became of those that were tried. `carry_out` turns what the router wants into
control messages and into paths of the peers, which probe them like any others. A way is wanted to a peer without a
direct path, if it ever was heard from (where a relay carries meanwhile: after `p2p_timeout`), and to one that is sent
data, so that there is a spare one when its path dies; never to one whose owner lets no member carry. A peer that is out
of reach is given up after ten minutes: it looks for ways itself when it is back.
"""

from __future__ import annotations

from attrs import define, field

from zerogo.core import Deadline
from zerogo.ids import NodeId
from zerogo.mesh.context import NodeContext
from zerogo.mesh.directory import Directory
from zerogo.mesh.events import ControlToSend, PeerState
from zerogo.mesh.peer import Peer
from zerogo.mesh.spec import PeerSpec
from zerogo.noise.errors import NotAuthentic
from zerogo.noise.identity import verify
from zerogo.routing.router import Router, RouterSettings
from zerogo.wire.links import LinkAdvert, LinkRequest

FORWARD_CAPABILITY = "forward"
"""In the signed record of a member that carries for others."""
GIVEN_UP_AFTER_SECONDS = 600.0


@define(eq=False)
class Wayfinder:
    """One per node."""

    _context: NodeContext
    _directory: Directory
    router: Router = field(init=False)
    _missed_since: dict[int, float] = field(factory=dict, init=False)
    """Since when a peer is out of reach."""
    _neighbours: dict[int, None] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """A router that knows nobody."""
        context = self._context
        settings = RouterSettings(
            node_id=context.identity.node_id,
            network=context.network,
            sign=context.identity.sign,
            verify=self._verify,
            carriers_limit=context.policy.carriers_limit,
            carries=context.policy.forward_rate > 0,
            update_interval=context.policy.route_update_interval,
        )
        self.router = Router(settings, context.timestamps.offset)

    def use_member(self, spec: PeerSpec) -> None:
        """A member's record came, or is another."""
        is_willing = FORWARD_CAPABILITY in spec.capabilities and bool(spec.signing_public)
        self.router.set_willing(spec.node_id, is_willing=is_willing)

    def remove(self, peer: Peer, now: float) -> None:
        """That node is no member any more."""
        self.router.remove_member(peer.spec.node_id, now)
        self._missed_since.pop(peer.number, None)
        self._neighbours.pop(peer.number, None)

    def receive(self, peer: Peer, message: LinkRequest | LinkAdvert, now: float) -> None:
        """A member asks or tells."""
        if isinstance(message, LinkRequest):
            self.router.receive_request(peer.spec.node_id, message, now)
        else:
            self.router.receive_advert(peer.spec.node_id, message, now)

    def note(self, peer: Peer, now: float) -> list[Peer]:
        """Something changed about a peer; the peers whose paths change with it."""
        node, link = peer.spec.node_id, peer.paths.direct_link
        self.router.set_link(node, link, now)
        for hops, latency in peer.paths.take_proven_routes():
            self.router.route_answered(hops, latency, now)
        for hops in peer.paths.take_failed_routes():
            self.router.route_failed(hops, now)
        self.router.set_wanted(node, now, is_wanted=self._wants_way(peer, now))
        if link is not None:
            self._neighbours[peer.number] = None
            return []
        if peer.number not in self._neighbours:
            return []
        del self._neighbours[peer.number]
        return self._lose_neighbour(peer)

    def carry_out(self, now: float) -> list[Peer]:
        """Send what the router wants sent; the peers that it has new ways for."""
        for to, payload in self.router.messages():
            peer = self._directory.of_node(to.raw)
            if peer is not None:
                self._context.outbox.tell(ControlToSend(peer.number, payload))
        changed = []
        for event in self.router.events():
            peer = self._directory.of_node(event.node.raw)
            if peer is not None:
                peer.paths.propose([route.hops for route in self.router.routes(event.node, now)], now)
                changed.append(peer)
        return changed

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self.router.handle_timer(now)

    def next_timer(self) -> Deadline | None:
        """When `handle_timer` is wanted."""
        return self.router.next_timer()

    def _wants_way(self, peer: Peer, now: float) -> bool:
        if not peer.search.signalling.remote_offer.carriers:
            return False
        if peer.state is PeerState.CONNECTED:
            self._missed_since.pop(peer.number, None)
            if peer.paths.is_direct or peer.paths.is_busy:
                return peer.paths.is_busy
            began_at = peer.search.began_at
            return began_at is None or now - began_at >= self._context.policy.p2p_timeout
        was_heard = peer.keying.established_at is not None or peer.search.signalling.remote is not None
        if not was_heard or peer.state is PeerState.WAITING:
            return False
        return now - self._missed_since.setdefault(peer.number, now) < GIVEN_UP_AFTER_SECONDS

    def _lose_neighbour(self, lost: Peer) -> list[Peer]:
        """Ways that began with that peer are none any more."""
        changed = [peer for peer in self._directory.peers() if peer.paths.has_routes]
        for peer in changed:
            peer.paths.neighbour_lost(lost.spec.node_id)
        return changed

    def _verify(self, origin: NodeId, message: bytes, signature: bytes) -> None:
        peer = self._directory.of_node(origin.raw)
        if peer is None:
            raise NotAuthentic(f"{origin} is no member")
        verify(peer.spec.signing_public, message, signature)
