# -*- test-case-name: zerogo.test.mesh.test_path -*-
"""A candidate path to a peer and what is measured on it. Which path to use is decided in `zerogo.mesh.choice`."""

from __future__ import annotations

import math

from attrs import Factory, define, field

from zerogo.ice.checklist import far_address
from zerogo.ids import Endpoint, RouteAddress
from zerogo.mesh.events import PathKind
from zerogo.mesh.measure import Measurement
from zerogo.mesh.mtu import MAX_PLPMTU_IPV4, MAX_PLPMTU_IPV6, PathMtu
from zerogo.mesh.status import PathStatus
from zerogo.routing.score import Score
from zerogo.turn.message import CHANNEL_HEADER_BYTES
from zerogo.wire.route import overhead_bytes


@define(kw_only=True, eq=False)
class Path:
    """One way to a peer. A path is *verified* once a probe on it was answered inside a session."""

    destination: Endpoint
    local_candidate: str
    remote_candidate: str
    kind: PathKind = PathKind.DIRECT
    relay: str = ""
    """The relay's name, where it goes by one."""
    far: str = ""
    """The other end of a TCP connection, where it goes by one."""
    measurement: Measurement = Factory(Measurement)
    is_checked: bool
    """Whether a connectivity check of ICE succeeded on it; one that only an authentic datagram came by needs proof."""
    is_verified: bool = False
    is_vouched: bool = False
    """Whether the peer told of this address itself and was heard from it; then it may be used for a moment unproven."""
    is_alive: bool = True
    """Not alive: so many probes in a row went unanswered that nothing should be sent this way."""
    found_at: float
    next_probe_at: float
    died_at: float = 0.0
    has_failed: bool = False
    """Whether it ever died, or was left because it missed an answer."""
    is_reported: bool = False
    """Whether the router knows that this way through members answers."""
    answered_at: float = -math.inf
    """When the last answer to a probe came by it."""
    asked_at: float = -math.inf
    """When the probe was sent that was answered last."""
    silent_since: float | None = None
    """When the first probe was sent of those whose answers are late or lost, with none that came since."""
    moved_at: float = -math.inf
    """When one end was last found to be elsewhere."""
    settled_at: float = -math.inf
    """When the probe was sent that was the first to be answered after such a move. Those before it met a NAT of the far
    end that did not know us yet: they say nothing of the loss of this path."""
    path_mtu: PathMtu = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Nothing is known of how large a datagram it carries."""
        destination = self.destination
        if isinstance(destination, RouteAddress):
            self.path_mtu = PathMtu(MAX_PLPMTU_IPV4, overhead_bytes(len(destination.hops) + 1))
            return
        largest = MAX_PLPMTU_IPV6 if far_address(destination).is_ipv6 else MAX_PLPMTU_IPV4
        self.path_mtu = PathMtu(largest, CHANNEL_HEADER_BYTES if self.is_relayed else 0)

    @property
    def mtu(self) -> int:
        """Largest UDP payload that it carries whole, as far as is known, bytes."""
        return self.path_mtu.size

    @property
    def is_relayed(self) -> bool:
        """Whether a relay of the network carries it."""
        return self.kind is PathKind.RELAY

    @property
    def is_dialled(self) -> bool:
        """Whether it is a TCP connection that this end made."""
        return self.kind is PathKind.TCP and self.local_candidate == "active"

    @property
    def is_usable(self) -> bool:
        """Whether frames may be sent this way."""
        return self.is_alive and (self.is_checked or self.is_verified or self.is_vouched)

    @property
    def is_hope(self) -> bool:
        """Whether a handshake over it may be the first thing that shows that it works: a way through members."""
        return self.kind is PathKind.PEER and self.is_alive

    @property
    def way(self) -> str:
        """Where it leads, for people."""
        return self.relay or self.far or str(self.destination)

    @property
    def is_given_up(self) -> bool:
        """Whether it is dead, and nothing else says that it works: ICE would not tell again of a pair that it holds for
        working all along, nor the relay of a channel."""
        return not self.is_alive and not self.is_checked

    def die(self, now: float) -> None:
        """Take the path for dead; a probe that is answered brings it back."""
        self.is_alive, self.has_failed, self.died_at = False, True, now

    def revive(self, now: float) -> None:
        """Take the path for usable again and probe it at once."""
        self.is_alive = True
        self.measurement.silence_is_over(was_dead=True)
        self.next_probe_at = now

    def note_missing(self, asked_at: float) -> None:
        """The answer to the probe that was sent at `asked_at` is late or lost."""
        if self.silent_since is None and asked_at > self.asked_at:
            self.silent_since = asked_at

    def note_answer(self, asked_at: float, now: float) -> None:
        """The probe that was sent at `asked_at` is answered."""
        if asked_at >= self.moved_at > self.settled_at:
            self.settled_at = asked_at
            self.measurement.silence_is_over(was_dead=True)
            self.measurement.forget_long_ago()
        self.measurement.answered(now - asked_at, now)
        self.is_verified, self.answered_at, self.asked_at = True, now, max(self.asked_at, asked_at)
        if self.silent_since is not None and asked_at >= self.silent_since:
            self.silent_since = None

    def status(self, *, is_active: bool, score: Score) -> PathStatus:
        """A snapshot for people."""
        return PathStatus(
            destination=self.destination,
            kind=self.kind,
            relay=self.relay,
            far=self.far,
            local_candidate=self.local_candidate,
            remote_candidate=self.remote_candidate,
            is_active=is_active,
            is_alive=self.is_alive,
            rtt=self.measurement.smoothed,
            rtt_min=self.measurement.minimum,
            jitter=self.measurement.jitter,
            loss=self.measurement.loss,
            mtu=self.mtu,
            score=score,
        )
