# -*- test-case-name: zerogo.test.mesh.test_paths -*-
"""The candidate paths of one peer: found by ICE or by roaming, probed, chosen among, told to the data plane, dropped.

A path is known by its remote address: the node has one data socket per address family. Paths that ICE checked may be
used at once; one that only an authentic datagram came by is used after a probe on it was answered. When a peer roamed
to such a path and the one in use misses an answer, the new one is taken without waiting for the old one to die; so is
any other that has answered since the one in use did.
"""

from __future__ import annotations

import errno

from attrs import define, field

from zerogo.ids import ChannelAddress, Endpoint
from zerogo.mesh.choice import PathChoice
from zerogo.mesh.context import NodeContext
from zerogo.mesh.events import PathKind, PathSelected
from zerogo.mesh.path import Path
from zerogo.mesh.probing import Prober
from zerogo.mesh.status import PathStatus

PATHS_LIMIT = 8
"""Per peer, without those by relays; a further one replaces the oldest dead or unproven one, or is not taken."""
ROAMED_FOR_SECONDS = 5.0
LATER_SECONDS = 0.1
DROP_DEAD_AFTER_SECONDS = 60.0
REVIEW_SECONDS = 1.0
"""How often the choice is looked at again while more than one path is usable."""


@define(eq=False)
class Paths:
    """One peer's. `can_probe` says whether there is a session to probe in."""

    _context: NodeContext
    _peer: int
    can_probe: bool = field(default=False, init=False)
    _paths: dict[Endpoint, Path] = field(factory=dict, init=False)
    _choice: PathChoice = field(factory=PathChoice, init=False)
    _prober: Prober = field(init=False)
    _roamed: Path | None = field(default=None, init=False)
    _roamed_at: float = field(default=0.0, init=False)
    _told: tuple[Endpoint, int] | None = field(default=None, init=False)
    _review_at: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        """One prober for all paths of the peer."""
        self._prober = Prober(self._context, self._peer)

    @property
    def active(self) -> Path | None:
        """The path in use."""
        return self._choice.active

    @property
    def is_direct(self) -> bool:
        """Whether there is a path in use, and no relay carries it."""
        return self.active is not None and not self.active.is_relayed

    @property
    def is_well(self) -> bool:
        """Whether the path in use is a direct one that answers its probes."""
        active = self.active
        return self.is_direct and active is not None and active.is_verified and not active.measurement.unanswered

    @property
    def is_in_doubt(self) -> bool:
        """Whether the path in use was proven, and then left a probe without an answer."""
        active = self.active
        return active is not None and active.is_verified and active.measurement.unanswered > 0

    def destinations(self) -> tuple[Endpoint, ...]:
        """Where a handshake may go: the path in use, the others that are usable, then those that only ICE believes in.

        The last kind matters after a restart of the peer: it answers checks, but no probe of a session it has lost.
        """
        worth = [path for path in self._paths.values() if path.is_usable or path.is_checked]
        worth.sort(key=lambda path: (path is not self.active, not path.is_usable, self._choice.scorer(path)))
        return tuple(path.destination for path in worth)

    def found(self, destination: Endpoint, local: str, remote: str, round_trip: float | None, now: float) -> None:
        """ICE checked a pair: the path may be used."""
        path = self._paths.get(destination) or self._add(destination, local, remote, now)
        if path is None:
            return
        path.is_checked = True
        path.local_candidate, path.remote_candidate = local, remote
        if round_trip is not None:
            path.measurement.hint(round_trip)
        if not path.is_alive:
            path.revive(now)

    def relayed(self, channel: ChannelAddress, relay: str, now: float) -> None:
        """The peer is met at a relay: this channel may be used."""
        path = self._paths.get(channel)
        if path is None:
            path = self._new(channel, "relay", "relay", now, PathKind.RELAY, relay)
        path.is_checked = True
        path.revive(now)

    def unrelayed(self, channel: ChannelAddress) -> None:
        """The channel is void."""
        path = self._paths.get(channel)
        if path is not None:
            self._drop(path)

    def lost(self, destination: Endpoint, now: float) -> None:
        """ICE lost its consent for a pair; what probes say inside the session weighs more."""
        path = self._paths.get(destination)
        if path is None:
            return
        path.is_checked = False
        if self.can_probe and path.is_verified:
            path.next_probe_at = min(path.next_probe_at, now)
        else:
            self._drop(path)

    def heard(self, source: Endpoint, now: float) -> None:
        """An authentic message came from `source`: a new address must be proven, a dead one gets another chance."""
        path = self._paths.get(source)
        if path is None and isinstance(source, ChannelAddress):
            return
        if path is None:
            path = self._add(source, "host", "prflx", now)
        elif not path.is_alive:
            path.next_probe_at = min(path.next_probe_at, now)
        if path is not None and path is not self.active and not path.is_verified:
            self._roam(path, now)

    def roamed(self, source: Endpoint, now: float) -> None:
        """The peer's data comes from `source` and not from the path in use."""
        self.heard(source, now)
        path = self._paths.get(source)
        if path is not None and path is not self.active:
            self._roam(path, now)

    def answered(self, probe_id: int, now: float) -> bool:
        """A probe was answered; False where it was not ours or too late."""
        path = self._prober.answered(probe_id, now)
        if path is None or self._paths.get(path.destination) is not path:
            return False
        path.is_alive = True
        return True

    def refused(self, error: int, now: float) -> None:
        """The kernel would not send by the path in use: step its MTU down, or ask whether it is alive."""
        path = self.active
        if path is None:
            return
        if error != errno.EMSGSIZE:
            path.next_probe_at = now
        else:
            path.path_mtu.too_long(now)
            self.tell()

    def probe_all(self, now: float) -> None:
        """Something changed at one end: find out at once which paths still carry."""
        for path in self._paths.values():
            path.next_probe_at = now
            path.path_mtu.search(now)

    def note_sent(self, total: int, now: float) -> bool:
        """The peer was sent `total` bytes of data so far; whether that makes it a busy one."""
        return self._prober.note_sent(total, now)

    def start_probing(self, now: float) -> None:
        """There is a session to probe in."""
        self.can_probe = True
        self.revive(now)

    def revive(self, now: float) -> None:
        """Keys are fresh: what was dead for want of common keys may live. All paths are probed at once."""
        for path in self._paths.values():
            if path.is_alive or path.is_checked:
                path.revive(now)

    def stop_probing(self) -> None:
        """There is no session any more."""
        self.can_probe = False
        self._prober.clear()

    def clear(self) -> None:
        """Drop all paths, and tell the data plane."""
        for path in list(self._paths.values()):
            self._drop(path)
        self._roamed = None
        self.tell()

    def handle_timer(self, now: float) -> None:
        """Judge overdue probes, send those that are due, drop what is long dead."""
        self._prober.expire(now)
        for path in list(self._paths.values()):
            if not path.is_alive and now >= path.died_at + DROP_DEAD_AFTER_SECONDS:
                self._drop(path)
            elif self.can_probe and path.next_probe_at <= now:
                self._prober.probe(path, now, is_active=path is self.active)
        self._prober.sound(self.active if self.can_probe else None, now)

    def next_at(self) -> float | None:
        """When `handle_timer` is wanted."""
        times = [path.next_probe_at for path in self._paths.values()] if self.can_probe else []
        times += [path.died_at + DROP_DEAD_AFTER_SECONDS for path in self._paths.values() if not path.is_alive]
        overdue_at = self._prober.next_at()
        if overdue_at is not None:
            times.append(overdue_at)
        return min(times, default=None)

    def choose(self, now: float) -> Path | None:
        """Decide which path is in use."""
        if self._roamed is not None and now - self._roamed_at >= ROAMED_FOR_SECONDS:
            self._roamed = None
        roamed, active = self._roamed or self._proven(), self.active
        if roamed is not None and roamed.is_usable and (active is None or active.measurement.unanswered):
            self._choice.force(roamed)
            self._roamed = None
        return self._choice.choose(self._paths.values(), now)

    def tell(self) -> None:
        """Tell the data plane the path in use, where that is news."""
        path = self.active if self.can_probe else None
        told = None if path is None else (path.destination, path.mtu)
        if told == self._told:
            return
        self._told = told
        if path is None:
            self._context.outbox.tell(PathSelected(peer=self._peer, destination=None, mtu=0))
            return
        self._context.outbox.tell(
            PathSelected(
                peer=self._peer,
                destination=path.destination,
                mtu=path.mtu,
                kind=path.kind,
                local_candidate=path.local_candidate,
                remote_candidate=path.remote_candidate,
                relay=path.relay,
            )
        )

    def statuses(self) -> tuple[PathStatus, ...]:
        """Snapshots, the path in use first."""
        paths = sorted(self._paths.values(), key=lambda path: path is not self.active)
        return tuple(path.status(is_active=path is self.active) for path in paths)

    def __len__(self) -> int:
        return len(self._paths)

    def _proven(self) -> Path | None:
        """Where the path in use misses an answer: another one that has answered, later than that one did."""
        active = self.active
        if active is None or not active.measurement.unanswered:
            return None
        others = [path for path in self._paths.values() if path is not active and path.is_usable and path.is_verified]
        rested = [path for path in others if not path.measurement.unanswered]
        newest = max(rested, key=lambda path: path.answered_at, default=None)
        return newest if newest is not None and newest.answered_at > active.answered_at + LATER_SECONDS else None

    def _roam(self, path: Path, now: float) -> None:
        self._roamed, self._roamed_at = path, now
        if not path.is_verified:
            path.next_probe_at = min(path.next_probe_at, now)
        if self.active is not None:
            self.active.next_probe_at = min(self.active.next_probe_at, now)

    def _add(self, destination: Endpoint, local: str, remote: str, now: float) -> Path | None:
        direct = sum(not path.is_relayed for path in self._paths.values())
        if direct >= PATHS_LIMIT and not self._make_room():
            return None
        return self._new(destination, local, remote, now)

    def _new(
        self,
        destination: Endpoint,
        local: str,
        remote: str,
        now: float,
        kind: PathKind = PathKind.DIRECT,
        relay: str = "",
    ) -> Path:
        path = Path(
            destination=destination,
            local_candidate=local,
            remote_candidate=remote,
            kind=kind,
            relay=relay,
            is_checked=False,
            found_at=now,
            next_probe_at=now,
        )
        self._paths[destination] = path
        return path

    def _make_room(self) -> bool:
        for path in self._paths.values():
            if path is not self.active and not path.is_usable and not path.is_relayed:
                self._drop(path)
                return True
        return False

    def _drop(self, path: Path) -> None:
        del self._paths[path.destination]
        self._prober.forget(path)
        if self._roamed is path:
            self._roamed = None
        if self.active is path:
            self._choice.force(None)
