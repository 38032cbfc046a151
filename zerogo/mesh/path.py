# -*- test-case-name: zerogo.test.mesh.test_path -*-
"""A candidate path to a peer and what is measured on it. Which path to use is decided in `zerogo.mesh.choice`."""

from __future__ import annotations

from attrs import Factory, define

from zerogo.ids import SocketAddress
from zerogo.mesh.events import PathKind
from zerogo.mesh.measure import Measurement
from zerogo.mesh.status import PathStatus

MTU_IPV4 = 1472
"""UDP payload of a 1,500-byte IPv4 packet without options."""
MTU_IPV6 = 1452
_SMALLER_MTUS = (1400, 1252, 1172, 1060)
"""Steps down when the kernel says "message too long"; 1,100-byte underlays exist."""


@define(kw_only=True, eq=False)
class Path:
    """One way to a peer. A path is *verified* once a probe on it was answered inside a session."""

    destination: SocketAddress
    local_candidate: str
    remote_candidate: str
    kind: PathKind = PathKind.DIRECT
    mtu: int = 0
    measurement: Measurement = Factory(Measurement)
    is_checked: bool
    """Whether a connectivity check of ICE succeeded on it; one that only an authentic datagram came by needs proof."""
    is_verified: bool = False
    is_alive: bool = True
    """Not alive: so many probes in a row went unanswered that nothing should be sent this way."""
    found_at: float
    next_probe_at: float
    died_at: float = 0.0

    def __attrs_post_init__(self) -> None:
        """A new path is taken for an Ethernet-sized one."""
        if not self.mtu:
            self.mtu = MTU_IPV6 if self.destination.is_ipv6 else MTU_IPV4

    @property
    def is_usable(self) -> bool:
        """Whether frames may be sent this way."""
        return self.is_alive and (self.is_checked or self.is_verified)

    def shrink(self) -> bool:
        """Step the MTU down; False where it is at the lowest step."""
        for smaller in _SMALLER_MTUS:
            if smaller < self.mtu:
                self.mtu = smaller
                return True
        return False

    def die(self, now: float) -> None:
        """Take the path for dead; a probe that is answered brings it back."""
        self.is_alive, self.died_at = False, now

    def revive(self, now: float) -> None:
        """Take the path for usable again and probe it at once."""
        self.is_alive = True
        self.measurement.unanswered = 0
        self.next_probe_at = now

    def status(self, *, is_active: bool) -> PathStatus:
        """A snapshot for people."""
        return PathStatus(
            destination=self.destination,
            kind=self.kind,
            local_candidate=self.local_candidate,
            remote_candidate=self.remote_candidate,
            is_active=is_active,
            is_alive=self.is_alive,
            rtt=self.measurement.smoothed,
            rtt_min=self.measurement.minimum,
            jitter=self.measurement.jitter,
            loss=self.measurement.loss,
            mtu=self.mtu,
        )
