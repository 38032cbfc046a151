# -*- test-case-name: zerogo.test.dataplane.test_places -*-
"""Endpoints of the agent to places of the worker (`zerogo.dataplane.place`) and back."""

from __future__ import annotations

from zerogo.dataplane.interface import PathPlan, PeerPath
from zerogo.dataplane.place import CHANNEL, ROUTE, SIDE, Place
from zerogo.ids import ChannelAddress, Endpoint, NodeId, RouteAddress, SideAddress, SocketAddress


def place_of(endpoint: Endpoint) -> Place:
    """The tuple that stands for an endpoint."""
    match endpoint:
        case SocketAddress(host, port):
            return host, port
        case SideAddress(number, remote):
            return SIDE, number, remote.host, remote.port
        case ChannelAddress(relay, number):
            return CHANNEL, number, relay.host, relay.port
        case RouteAddress(hops):
            return ROUTE, *(hop.raw for hop in hops)


def endpoint_of(place: Place) -> Endpoint:
    """The endpoint that a tuple stands for."""
    match place:
        case (1, number, host, port):
            return SideAddress(number, SocketAddress.of(host, port))
        case (2, number, host, port):
            return ChannelAddress(SocketAddress.of(host, port), number)
        case (3, *hops):
            return RouteAddress(tuple(map(NodeId, hops)))
        case _:
            return SocketAddress.of(*place)


def ways_of(plan: PathPlan | None) -> Place | None:
    """A plan as a message has it: best, twin, those that flows are spread over, that of late copies, that of FORWARD.

    Each is a place and an MTU, or None.
    """
    if plan is None:
        return None
    twin, late, hop = (None if path is None else _way(path) for path in (plan.twin, plan.late, plan.hop))
    return _way(plan.best), twin, tuple(map(_way, plan.spread)), late, hop


def _way(path: PeerPath) -> tuple[Place, int]:
    return place_of(path.endpoint), path.mtu
