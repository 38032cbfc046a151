# -*- test-case-name: zerogo.test.ice.test_spray -*-
"""The easy end's part in connecting to a hard one: checks from its one socket to many ports of the peer.

The ports are those of a window that the peer told. A narrow window is tried from its low end up, several times over; a
wide one in an order without a pattern, each port at most once, until `PROBES_LIMIT`. The pace is one probe a
millisecond, in batches of four.

Each probe makes an entry in the tables of the routers on the way, about 250 on average until a fan of 256 sockets is
hit, and that is the whole of what it costs; the opposite, many sockets that each try many ports, fills the tables of
home routers (a product of both).

A peer may lie about where it is, so that its probes hit somebody else. `ProbeBudget` bounds, over all peers of a node,
what goes to one address and what goes out in all; `zerogo.mesh.punching` bounds how often a peer can ask for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from attrs import define, field

from zerogo.ice.prediction import PortWindow
from zerogo.ids import SocketAddress

PROBES_LIMIT = 1472
"""Of one spray. A fan of 256 sockets is hit with a probability of 99.7 %; with its 512 checks, and 64 datagrams that
sound the NAT before, that makes 2,048."""
NARROW_PORTS = 128
"""Windows of at most so many ports are tried several times."""
NARROW_ROUNDS = 5
NARROW_ROUND_SECONDS = 0.15
BATCH_PROBES = 4
BATCH_SECONDS = 0.004
SPRAY_SECONDS = 3.0
BUDGET_SECONDS = 60.0
BUDGET_PROBES_PER_ADDRESS = 2048
BUDGET_PROBES = 4096
"""Of a node, in `BUDGET_SECONDS`."""
BUDGET_ADDRESSES_LIMIT = 64


@define(eq=False)
class Spray:
    """One try."""

    window: PortWindow
    _start: int
    """A random number of 32 bits, which decides the order."""
    _began_at: float
    sent: int = field(default=0, init=False)
    limit: int = field(init=False)
    """How many probes it may send; whoever owns it may lower that."""
    _stride: int = field(init=False)
    _next_at: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        """The order steps through the window by about the golden section, which meets every port once."""
        self._next_at = self._began_at
        size = self.window.size
        self.limit = size * NARROW_ROUNDS if self._is_narrow else min(size, PROBES_LIMIT)
        self._stride = max(1, round(self.window.size * 0.618)) if not self._is_narrow else 1
        while math.gcd(self._stride, self.window.size) != 1:
            self._stride += 1

    @property
    def is_over(self) -> bool:
        """Whether all was tried that is going to be."""
        return self.sent >= self.limit

    def take_due(self, now: float) -> Iterator[SocketAddress]:
        """Where probes are to go now."""
        while not self.is_over and self._next_at <= now:
            for _ in range(min(BATCH_PROBES, self.limit - self.sent)):
                yield SocketAddress(self.window.host, self._port(self.sent))
                self.sent += 1
            self._next_at = self._began_at + self._offset(self.sent)
        if now >= self._began_at + SPRAY_SECONDS:
            self.sent = max(self.sent, self.limit)

    def next_at(self) -> float | None:
        """When the next probes are due; None where it is over."""
        return None if self.is_over else self._next_at

    @property
    def _is_narrow(self) -> bool:
        return self.window.size <= NARROW_PORTS

    def _port(self, place: int) -> int:
        start = 0 if self._is_narrow else self._start
        return self.window.low + (start + place * self._stride) % self.window.size

    def _offset(self, place: int) -> float:
        if not self._is_narrow:
            return place // BATCH_PROBES * BATCH_SECONDS
        rounds, within = divmod(place, self.window.size)
        return rounds * NARROW_ROUND_SECONDS + within // BATCH_PROBES * BATCH_SECONDS


@define(eq=False)
class ProbeBudget:
    """How many probes may still go where; one per node, for all peers. Forgets an address after a minute."""

    _spent: dict[str, list[tuple[float, int]]] = field(factory=dict, init=False)

    def take(self, host: str, count: int, now: float) -> int:
        """Spend up to `count` probes on an address; how many are granted."""
        self._forget(now)
        if host not in self._spent and len(self._spent) >= BUDGET_ADDRESSES_LIMIT:
            return 0
        here = sum(number for _, number in self._spent.get(host, ()))
        everywhere = sum(number for entries in self._spent.values() for _, number in entries)
        granted = max(0, min(count, BUDGET_PROBES_PER_ADDRESS - here, BUDGET_PROBES - everywhere))
        if granted:
            self._spent.setdefault(host, []).append((now, granted))
        return granted

    def give_back(self, host: str, count: int) -> None:
        """So many of those that were granted last were not sent."""
        entries = self._spent.get(host)
        if entries:
            at, number = entries[-1]
            entries[-1] = (at, max(0, number - count))

    def _forget(self, now: float) -> None:
        for host in list(self._spent):
            self._spent[host] = [entry for entry in self._spent[host] if entry[0] > now - BUDGET_SECONDS]
            if not self._spent[host]:
                del self._spent[host]
