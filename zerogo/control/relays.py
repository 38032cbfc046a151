# -*- test-case-name: zerogo.test.control.test_relays -*-
"""The relays of a network: where they are, for all members, and how one member may use them.

Places are in the network map, signed. Credentials and grants are for one node and never in the map: the controller
sends them over that node's own connection, where they are sealed.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve, field, frozen

from zerogo.ids import NodeId
from zerogo.turn.client import TurnCredential

RELAYS_LIMIT = 8
"""Of one network map."""
NAME_PATTERN = r"\A[A-Za-z0-9][A-Za-z0-9-]{0,31}\Z"
HOST_PATTERN = r"\A[A-Za-z0-9:._-]{0,253}\Z"
PIN_BYTES = 32


@frozen(kw_only=True)
class RelayPlace:
    """A TURN relay. A port of 0: not by that transport."""

    name: str
    """Stable: credentials and grants name it. Letters, digits, `-`, at most 32."""
    host: str = ""
    """A name, or an address without brackets; empty: the host under which the controller is dialled."""
    udp: int = 0
    tcp: int = 0
    tls: int = 0
    tls_pin: bytes | None = None
    """SHA-256 over the DER SubjectPublicKeyInfo of the relay's certificate, which is the only one trusted then; None:
    what the system's authorities have signed for `host`."""


@frozen(kw_only=True)
class Servers:
    """What helps members to reach each other, as a network map names it."""

    stun: tuple[str, ...] = ()
    """Each `host:port` or `:port`."""
    relays: tuple[RelayPlace, ...] = ()


@frozen
class RelayCredential:
    """How we may use a relay, for a while."""

    relay: str
    """Its name in the network map."""
    credential: TurnCredential
    expires_at: float
    """Of our own clock."""


@frozen(kw_only=True)
class PeerGrant:
    """A relay will let us exchange data with an address that a member was seen at."""

    peer: NodeId
    relay: str
    """The relay's name in the network map."""
    host: str
    """The address, whose every port is open to us."""
    grant: bytes = field(repr=False)
    expires_at: float
    """Of our own clock."""


def relays_near(relays: Iterable[RelayPlace], controller_hosts: Iterable[str]) -> tuple[RelayPlace, ...]:
    """The relays with their hosts filled in: one without a host stands once for each of `controller_hosts` (no
    brackets), under its one name."""
    hosts = list(controller_hosts)
    places: dict[RelayPlace, None] = {}
    for relay in relays:
        near = [relay] if relay.host else [evolve(relay, host=host) for host in hosts]
        places.update(dict.fromkeys(near))
    return tuple(places)
