# -*- test-case-name: zerogo.test.mesh.test_paths -*-
"""Probes on the paths of one peer: when each path is due, which probes are out, what became of them.

A path in use is probed every 0.2 seconds while it is young or a probe of it went unanswered, and then at the node's
steady pace, 1 to 5 seconds, slower the more peers are connected. Standbys and dead paths are probed more rarely. Times
are jittered so that two ends never keep step.
"""

from __future__ import annotations

from attrs import define, field, frozen

from zerogo.mesh.context import NodeContext
from zerogo.mesh.events import ControlToSend
from zerogo.mesh.path import Path
from zerogo.mesh.status import Refusal
from zerogo.wire.control import Probe, emit_control

FAST_SECONDS = 0.2
YOUNG_SECONDS = 2.0
YOUNG_STANDBY_SECONDS = 0.5
STANDBY_SECONDS = 5.0
RECENTLY_DEAD_SECONDS = 10.0
DEAD_FAST_SECONDS = 1.0
JITTER_SHARE = 0.1
OUTSTANDING_LIMIT = 64
"""Probes of one peer whose fate is open; beyond it the oldest counts as lost."""


@frozen(eq=False)
class _Outstanding:
    path: Path
    sent_at: float
    lost_at: float


@define(eq=False)
class Prober:
    """One peer's. It writes control messages to the node's outbox and fates into the measurements of paths."""

    _context: NodeContext
    _peer: int
    _outstanding: dict[int, _Outstanding] = field(factory=dict, init=False)

    def probe(self, path: Path, now: float, *, is_active: bool) -> None:
        """Send a probe by `path` and plan its next."""
        while len(self._outstanding) >= OUTSTANDING_LIMIT:
            self._lose(next(iter(self._outstanding)))
        probe_id = self._context.number()
        self._outstanding[probe_id] = _Outstanding(path, now, now + path.measurement.timeout)
        self._context.outbox.tell(ControlToSend(self._peer, emit_control(Probe(probe_id)), path.destination))
        path.next_probe_at = now + self._interval(path, now, is_active=is_active)

    def answered(self, probe_id: int, now: float) -> Path | None:
        """The peer answered a probe; the path it was sent by, or None where that was not asked or is too long ago."""
        probe = self._outstanding.pop(probe_id, None)
        if probe is None:
            self._context.outbox.refuse(Refusal.STALE_ANSWER)
            return None
        probe.path.measurement.answered(now - probe.sent_at, now)
        probe.path.is_verified = True
        return probe.path

    def expire(self, now: float) -> list[Path]:
        """Count overdue probes as lost; the paths that this kills, oldest probe first."""
        overdue = [probe_id for probe_id, probe in self._outstanding.items() if probe.lost_at <= now]
        killed = []
        for probe_id in overdue:
            path = self._lose(probe_id)
            measurement = path.measurement
            if path.is_alive and measurement.unanswered >= measurement.probes_until_dead:
                path.die(now)
                killed.append(path)
            elif measurement.unanswered == 1:
                path.next_probe_at = min(path.next_probe_at, now)
        return killed

    def forget(self, path: Path) -> None:
        """Forget the probes of a path that is dropped."""
        self._outstanding = {key: probe for key, probe in self._outstanding.items() if probe.path is not path}

    def clear(self) -> None:
        """Forget all probes without judging them: the session they were sent in is gone."""
        self._outstanding.clear()

    def next_at(self) -> float | None:
        """When the next probe is overdue."""
        return min((probe.lost_at for probe in self._outstanding.values()), default=None)

    def _lose(self, probe_id: int) -> Path:
        path = self._outstanding.pop(probe_id).path
        path.measurement.lost()
        return path

    def _interval(self, path: Path, now: float, *, is_active: bool) -> float:
        return self._plain_interval(path, now, is_active=is_active) * (
            1 + JITTER_SHARE * (self._context.fraction() - 0.5)
        )

    def _plain_interval(self, path: Path, now: float, *, is_active: bool) -> float:
        is_young = now - path.found_at < YOUNG_SECONDS
        if not path.is_alive:
            is_recent = now - path.died_at < RECENTLY_DEAD_SECONDS
            return DEAD_FAST_SECONDS if is_recent else STANDBY_SECONDS
        if path.measurement.unanswered or (is_active and is_young) or not (path.is_verified or path.is_checked):
            return FAST_SECONDS
        if is_active:
            return self._context.pace.steady_seconds
        return YOUNG_STANDBY_SECONDS if is_young else STANDBY_SECONDS
