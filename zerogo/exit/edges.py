# -*- test-case-name: zerogo.test.exit.test_choose -*-
"""What a gateway knows of each edge, for choosing: what it is, how it has done lately, how busy it is.

*Peak EWMA* (Finagle): a dial that took longer than the average replaces it at once, a shorter one draws it down with
the time constant `DECAY_SECONDS`. Dials are measured, not lives of streams: a stream may last for hours because its
user wants it to.

An edge that fails `EJECT_FAILURES` times in a row, by its own fault, is left out for `EJECT_SECONDS` times the number
of such rows, at most `EJECT_LIMIT_SECONDS`; then it takes one stream at a time until one succeeds. `choose` takes
ejected ones where there is nothing else.
"""

from __future__ import annotations

import math

from attrs import define, field, frozen

from zerogo.exit.greeting import Join
from zerogo.exit.username import ANYWHERE, Wish

DECAY_SECONDS = 10.0
EJECT_FAILURES = 5
EJECT_SECONDS = 30.0
EJECT_LIMIT_SECONDS = 300.0
RTT_SAMPLES = 5
UNKNOWN_DIAL_SECONDS = 0.2
"""Assumed of an edge that has not dialled yet."""


@frozen(kw_only=True)
class EdgeProfile:
    """What an edge is."""

    edge: str
    """Its node id."""
    name: str = ""
    address: str = ""
    """Where the gateway sees it: the exit's address."""
    country: str = ""
    region: str = ""
    city: str = ""
    asn: int = 0
    tags: frozenset[str] = frozenset()
    has_udp: bool = True
    has_bind: bool = False
    has_ipv6: bool = False
    ports: tuple[tuple[int, int], ...] = ((1, 65535),)
    streams: int = 1024
    weight: float = 1.0
    version: str = ""
    consent_at: float = 0.0
    """When its owner agreed, unix time; 0: not told."""

    @classmethod
    def of(cls, edge: str, join: Join, address: str) -> EdgeProfile:
        """From what the edge says about itself."""
        return cls(
            edge=edge,
            name=join.name,
            address=address,
            country=join.country,
            region=join.region,
            city=join.city,
            asn=join.asn,
            tags=frozenset(join.tags),
            has_udp=join.has_udp,
            has_bind=join.has_bind,
            has_ipv6=join.has_ipv6,
            ports=tuple(join.ports) or ((1, 65535),),
            streams=join.streams,
            version=join.version,
            consent_at=join.consent_at,
        )

    def permits(self, port: int) -> bool:
        """Whether its policy lets that port through, as far as it told."""
        return any(low <= port <= high for low, high in self.ports)

    def mismatch(self, wish: Wish) -> str | None:
        """The key of `wish` that it does not meet; None where it meets all."""
        if wish is ANYWHERE:
            return None
        for key in ("country", "region", "city", "asn"):
            wanted = getattr(wish, key)
            if wanted and getattr(self, key) != wanted:
                return key
        if wish.zone and wish.zone not in self.tags:
            return "zone"
        return None


@define(eq=False)
class EdgeState:
    """How an edge does."""

    profile: EdgeProfile
    index: int = -1
    """Its place in the pool."""
    in_flight: int = 0
    """Dials that have not been answered."""
    streams: int = 0
    is_draining: bool = False
    is_away: bool = False
    """Its carrier is broken and may come back."""
    is_silent: bool = False
    """It does not answer what was sent: avoided while there are others."""
    dial: float | None = None
    """Peak EWMA, seconds."""
    dial_at: float = 0.0
    rtts: list[float] = field(factory=list)
    """Of the carrier, the last few, seconds."""
    failures: int = 0
    """In a row."""
    ejections: int = 0
    ejected_until: float = 0.0
    opened: int = 0
    failed: int = 0

    @property
    def rtt(self) -> float | None:
        """Mean of the last round trips of the carrier."""
        return sum(self.rtts) / len(self.rtts) if self.rtts else None

    def dial_began(self) -> None:
        """A stream was asked for."""
        self.in_flight += 1
        self.streams += 1

    def dial_succeeded(self, seconds: float, now: float) -> None:
        """It is there, so long after it was asked for."""
        self.in_flight = max(0, self.in_flight - 1)
        self.opened += 1
        self.failures = self.ejections = 0
        self.note_dial(seconds, now)

    def dial_failed(self, is_own_fault: bool, seconds: float, now: float) -> None:
        """It could not be opened; the target's faults do not count."""
        self.in_flight = max(0, self.in_flight - 1)
        self.streams = max(0, self.streams - 1)
        if not is_own_fault:
            self.failures = 0
            return
        self.failed += 1
        self.failures += 1
        self.note_dial(max(seconds, UNKNOWN_DIAL_SECONDS), now)
        if self.failures >= EJECT_FAILURES:
            self.ejections += 1
            self.failures = EJECT_FAILURES - 1
            self.ejected_until = now + min(EJECT_SECONDS * self.ejections, EJECT_LIMIT_SECONDS)

    def stream_ended(self) -> None:
        """A stream that was open is over."""
        self.streams = max(0, self.streams - 1)

    def note_dial(self, seconds: float, now: float) -> None:
        """A sample for the peak EWMA."""
        if self.dial is None or seconds >= self.dial:
            self.dial = seconds
        else:
            kept = math.exp(-max(0.0, now - self.dial_at) / DECAY_SECONDS)
            self.dial = self.dial * kept + seconds * (1 - kept)
        self.dial_at = now

    def note_rtt(self, seconds: float) -> None:
        """A sample of the carrier."""
        self.rtts.append(seconds)
        del self.rtts[:-RTT_SAMPLES]

    def cost(self) -> float:
        """What one more stream would suffer: dial time and round trip, times those that wait already."""
        expected = (UNKNOWN_DIAL_SECONDS if self.dial is None else self.dial) + (self.rtt or 0.0)
        return expected * (self.in_flight + 1) * (1 + self.streams / max(1, self.profile.streams)) / self.profile.weight

    def is_avoided(self, now: float) -> bool:
        """Whether it is taken only where there is nothing else."""
        return self.is_silent or self.is_ejected(now)

    def is_ejected(self, now: float) -> bool:
        """Whether it is left out; on probation it takes one stream at a time."""
        if now < self.ejected_until:
            return True
        return self.ejections > 0 and self.in_flight > 0
