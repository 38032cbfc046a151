# -*- test-case-name: zerogo.test.testing.test_conntrack -*-
"""A router of Linux that masquerades and takes what comes in for itself: connection tracking without a drop of input.

Linux maps flow by flow. A flow keeps the port of the host inside where no other flow has that port towards the same
remote address; so servers see one port for all destinations. A datagram from outside that belongs to no flow is for the
router itself, which answers that nobody listens, and is a flow too: it holds the port towards its sender while more of
them come, and what a host inside then sends there leaves by a port drawn at random.
"""

from __future__ import annotations

import random

from attrs import define, field

from zerogo.ids import SocketAddress
from zerogo.testing.nat import FIRST_PORT, LAST_PORT, NatBehaviour

UNREPLIED_SECONDS = 30.0
"""A flow that is not used ends: `nf_conntrack_udp_timeout`."""
REPLIED_SECONDS = 120.0
"""The same of one that went both ways: `nf_conntrack_udp_timeout_stream`."""


@define
class _Flow:
    inside: SocketAddress | None
    """None: the router's own."""
    used_at: float
    is_replied: bool = False

    def is_alive(self, now: float) -> bool:
        return now - self.used_at <= (REPLIED_SECONDS if self.is_replied else UNREPLIED_SECONDS)


@define(eq=False)
class ConntrackNat:
    """One router with one outside address; its verbs are those of `zerogo.testing.nat.Nat`."""

    address: str
    behaviour: NatBehaviour
    _random: random.Random
    _flows: dict[tuple[int, SocketAddress], _Flow] = field(factory=dict, init=False)
    """By outside port and remote address."""
    _ports: dict[tuple[SocketAddress, SocketAddress], int] = field(factory=dict, init=False)
    """Of flows from inside, by inside and remote address."""

    def outbound(self, inside: SocketAddress, destination: SocketAddress, now: float) -> SocketAddress:
        """A datagram leaves; the source address it has outside."""
        port = self._ports.get((inside, destination), inside.port)
        flow = self._flow(port, destination, now)
        if flow is None or flow.inside != inside:
            port = inside.port
            while self._flow(port, destination, now) is not None:
                port = self._random.randint(FIRST_PORT, LAST_PORT)
            flow = self._flows[port, destination] = _Flow(inside, now)
            self._ports[inside, destination] = port
        flow.used_at = now
        return SocketAddress(self.address, port)

    def inbound(self, outside: SocketAddress, source: SocketAddress, now: float) -> SocketAddress | None:
        """A datagram arrives at the outside address; whose it is inside, or None where the router takes it."""
        flow = self._flow(outside.port, source, now)
        if flow is None:
            flow = self._flows[outside.port, source] = _Flow(None, now)
        flow.used_at = now
        flow.is_replied = flow.inside is not None
        return flow.inside

    def reboot(self) -> None:
        """Forget all flows; those made afterwards keep their ports as before."""
        self._flows.clear()
        self._ports.clear()

    def readdress(self, address: str) -> None:
        """The outside address is another one, for flows that there are, too."""
        self.address = address

    @property
    def mapping_count(self) -> int:
        """Flows from inside that are remembered, live or not."""
        return len(self._ports)

    def _flow(self, port: int, remote: SocketAddress, now: float) -> _Flow | None:
        flow = self._flows.get((port, remote))
        return flow if flow is not None and flow.is_alive(now) else None
