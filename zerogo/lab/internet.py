# -*- test-case-name: zerogo.test.lab.test_internet -*-
"""The middle of the lab: routes IP packets between sites in virtual time. A core: no file, no clock.

Each site (each router with a way out of its own) is a *port*. A packet that enters at port A for an address of port B
passes up to three lines: A's way up, the path between A and B if the scenario gives it properties, B's way down. What
does not fit a line's MTU is cut (IPv4 without DF), answered by ICMP from the internet's own address, or vanishes.
Packets in flight are bounded; the newest is dropped beyond.

Driver: `receive` what comes out of a site's TUN, write what `deliver` yields, wake up at `next_at`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from random import Random

from attrs import define

from zerogo.lab import packet as ip
from zerogo.lab.errors import LabMisuse
from zerogo.lab.line import Line
from zerogo.lab.scenario import Link

IN_FLIGHT_LIMIT = 50_000
"""Packets; 75 MB of full-size ones."""
ROUTER_IPV4 = bytes([5, 0, 0, 1])
ROUTER_IPV6 = bytes.fromhex("2a10005a000000000000000000000001")
"""Who signs the ICMP errors of the internet."""


@define
class Counters:
    """What became of packets; all in packets except `bytes`."""

    received: int = 0
    bytes: int = 0
    delivered: int = 0
    unroutable: int = 0
    cut: int = 0
    too_big: int = 0
    overflowed: int = 0


@define
class _Port:
    up: Line
    down: Line
    is_cut: bool = False


_Flight = tuple[float, int, bytes, tuple[Line, ...], int, int]
"""A packet on a line: when it comes out, a running number, the packet, the lines still ahead, its ports from and to."""

Capture = Callable[[bytes, float], None]
"""Takes a packet and the time it entered the internet."""


class Internet:
    """Ports, routes between them, and packets on their way."""

    def __init__(self, seed: int) -> None:
        self.counters = Counters()
        self.capture: Capture | None = None
        self._seed = seed
        self._ports: list[_Port] = []
        self._routes: dict[bytes, int] = {}
        self._between: dict[tuple[int, int], Line] = {}
        self._parted: dict[tuple[int, int], None] = {}
        self._flights: list[_Flight] = []
        self._number = 0
        self._watched: dict[bytes, int] = {}

    # ----- how it is laid out

    def add_port(self, up: Link, down: Link) -> int:
        """Attach a site; returns the number of its port."""
        port = len(self._ports)
        self._ports.append(_Port(self._line(up, f"{port} up"), self._line(down, f"{port} down")))
        return port

    def set_route(self, prefix: bytes, port: int) -> None:
        """Send an address (4 or 16 bytes) or a network (3 bytes: an IPv4 /24; 8: an IPv6 /64) to `port`."""
        if len(prefix) not in (3, 4, 8, 16):
            raise LabMisuse(f"a route has 3, 4, 8 or 16 bytes, not {len(prefix)}")
        self._routes[prefix] = port

    def remove_route(self, prefix: bytes) -> None:
        """Forget a route, present or not."""
        self._routes.pop(prefix, None)

    def set_link(self, port: int, *, up: Link | None = None, down: Link | None = None) -> None:
        """Change the properties of a site's link."""
        if up is not None:
            self._ports[port].up.replace(up)
        if down is not None:
            self._ports[port].down.replace(down)

    def set_between(self, a: int, b: int, link: Link) -> None:
        """Give the way between two sites properties of its own, the same in both directions."""
        for ends in ((a, b), (b, a)):
            if ends in self._between:
                self._between[ends].replace(link)
            else:
                self._between[ends] = self._line(link, f"{ends[0]} to {ends[1]}")

    def cut(self, a: int, b: int | None = None) -> None:
        """Take a site off the internet, or two sites from each other."""
        if b is None:
            self._ports[a].is_cut = True
        else:
            self._parted[(a, b)] = self._parted[(b, a)] = None

    def heal(self, a: int, b: int | None = None) -> None:
        """Undo a cut."""
        if b is None:
            self._ports[a].is_cut = False
        else:
            self._parted.pop((a, b), None)
            self._parted.pop((b, a), None)

    def watch(self, pattern: bytes) -> None:
        """Count the packets that contain `pattern` from here on."""
        self._watched.setdefault(pattern, 0)

    def seen(self, pattern: bytes) -> int:
        """How many packets contained a watched pattern."""
        return self._watched.get(pattern, 0)

    def _line(self, link: Link, name: str) -> Line:
        return Line(link, Random(f"{self._seed} {name}"))  # noqa: S311 - must be repeatable, guards nothing

    # ----- packets

    def receive(self, port: int, packet: bytes, now: float) -> None:
        """A site sends a packet."""
        counters = self.counters
        counters.received += 1
        counters.bytes += len(packet)
        if self.capture is not None:
            self.capture(packet, now)
        for pattern in self._watched:
            if pattern in packet:
                self._watched[pattern] += 1
        target = self._target(packet)
        if target is None:
            counters.unroutable += 1
        elif self._ports[port].is_cut or self._ports[target].is_cut or (port, target) in self._parted:
            counters.cut += 1
        else:
            self._travel(packet, self._way(port, target), port, target, now)

    def _target(self, packet: bytes) -> int | None:
        address = ip.destination(packet)
        if address is None:
            return None
        exact = self._routes.get(address)
        return exact if exact is not None else self._routes.get(address[:3] if len(address) == 4 else address[:8])

    def _way(self, port: int, target: int) -> tuple[Line, ...]:
        between = self._between.get((port, target))
        up, down = self._ports[port].up, self._ports[target].down
        return (up, down) if between is None else (up, between, down)

    def _travel(self, packet: bytes, lines: tuple[Line, ...], origin: int, target: int, now: float) -> None:
        """Put a packet onto the first of `lines`."""
        line = lines[0]
        if len(packet) > line.link.mtu:
            self._squeeze(packet, lines, origin, target, now)
            return
        for at in line.offer(len(packet), now):
            if len(self._flights) >= IN_FLIGHT_LIMIT:
                self.counters.overflowed += 1
                return
            self._number += 1
            heapq.heappush(self._flights, (at, self._number, packet, lines[1:], origin, target))

    def _squeeze(self, packet: bytes, lines: tuple[Line, ...], origin: int, target: int, now: float) -> None:
        link = lines[0].link
        if ip.may_fragment(packet):
            for piece in ip.fragments(packet, link.mtu):
                self._travel(piece, lines, origin, target, now)
            return
        self.counters.too_big += 1
        if not link.mtu_signals:
            return
        error = ip.too_big(packet, link.mtu, ROUTER_IPV4 if packet[0] >> 4 == 4 else ROUTER_IPV6)
        if error is not None and len(error) <= self._ports[origin].down.link.mtu:
            self._travel(error, (self._ports[origin].down,), origin, origin, now)

    def deliver(self, now: float) -> Iterator[tuple[int, bytes]]:
        """Yield (port, packet) for everything that has arrived by `now`, in the order of arrival."""
        flights = self._flights
        while flights and flights[0][0] <= now:
            at, _, packet, lines, origin, target = heapq.heappop(flights)
            if lines:
                self._travel(packet, lines, origin, target, at)
            elif self._ports[target].is_cut:
                self.counters.cut += 1
            else:
                self.counters.delivered += 1
                yield target, packet

    def next_at(self) -> float | None:
        """When the next packet arrives somewhere (monotonic seconds)."""
        return self._flights[0][0] if self._flights else None
