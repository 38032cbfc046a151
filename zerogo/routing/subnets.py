# -*- test-case-name: zerogo.test.routing.test_subnets -*-
"""Which member leads to a network that lies behind members, where several say that they do. Pure.

A member that is reached wins over one that is not, and among those the one with the best path. The one in use is kept
until it is lost or another is better by `MARGIN`: connections through a gateway that translates addresses break when
another takes over. While none is reached the last one is kept, so that what was meant for the network does not go
elsewhere in the clear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from zerogo.ids import NodeId

MARGIN = 20.0
"""Points of score: more than what a direct path is worth over one through another member."""
UNDERLAY_MARK = 0x5A47
"""Set on the sockets that carry sealed datagrams: the kernel sends these by the machine's own routes, whatever leads
into the mesh, so that nothing sealed is sealed again."""


@frozen(kw_only=True)
class Offer:
    """A member leads to a network."""

    subnet: str
    node_id: NodeId
    is_reached: bool
    worth: float = 0.0
    """Score of the path to the member, 0 to 100."""


def choose_gateways(offers: Iterable[Offer], held: Mapping[str, NodeId]) -> dict[str, NodeId]:
    """The member to use for each network, in the order of the offers; `held` are those in use."""
    by_subnet: dict[str, list[Offer]] = {}
    for offer in offers:
        by_subnet.setdefault(offer.subnet, []).append(offer)
    return {subnet: _choose(found, held.get(subnet)) for subnet, found in by_subnet.items()}


def _choose(offers: list[Offer], held: NodeId | None) -> NodeId:
    current = next((offer for offer in offers if offer.node_id == held), None)
    reached = [offer for offer in offers if offer.is_reached]
    if not reached:
        return current.node_id if current is not None else min(offers, key=lambda offer: offer.node_id).node_id
    best = min(reached, key=lambda offer: (-offer.worth, offer.node_id))
    if current is not None and current.is_reached and best.worth <= current.worth + MARGIN:
        return current.node_id
    return best.node_id
