# -*- test-case-name: zerogo.test.mesh.test_paths -*-
"""Probes on the paths of one peer: when each path is due, which probes are out, what became of them.

A path in use is probed every 0.2 seconds while it is young, and then at the node's steady pace, 1 to 5 seconds, slower
the more peers are connected; ten times as often while it carries data, and every 0.1 seconds after a probe of it went
unanswered. While it carries data, an answer need not be lost to have the other paths asked: it is enough that it is
late. Where those answer and this one does not, the far end is well and the path is not. Standbys and dead paths are
probed more rarely, but for what may soon be in use (`zerogo.mesh.choice`). Times are jittered so that two ends never
keep step. The path in use is also asked how large a datagram it carries (`zerogo.mesh.mtu`), by probes that no
measurement counts.
"""

from __future__ import annotations

import math

from attrs import define, field

from zerogo.mesh.context import NodeContext
from zerogo.mesh.events import ControlToSend
from zerogo.mesh.knocking import Knocking
from zerogo.mesh.path import Path
from zerogo.mesh.status import Refusal
from zerogo.wire.control import Probe, emit_control
from zerogo.wire.transport import OVERHEAD_BYTES

FAST_SECONDS = 0.2
BINDING_SECONDS = 0.1
"""After the first probe by a relay, which the peer has perhaps not yet been told of, and so cannot hear."""
DOUBTED_SECONDS = 0.1
STALL_SECONDS = 0.05
"""A probe that is judged later than this after its time is given so much longer, once."""
ONLY_PATH_FACTOR = 3
"""Where there is nothing to change over to, patience costs nothing."""
TAKEN_SECONDS = 0.3
"""After a standby came into use, which may have been planned to be probed much later."""
YOUNG_SECONDS = 2.0
YOUNG_STANDBY_SECONDS = 0.5
STANDBY_SECONDS = 5.0
RELAY_STANDBY_SECONDS = 12.0
"""Often enough to keep it known that it works; the relay keeps its own mapping in the NAT."""
RECENTLY_DEAD_SECONDS = 10.0
DEAD_FAST_SECONDS = 1.0
DATA_SHARE = 0.1
"""Of the time between probes that is left while data is sent: then somebody would notice that the path is dead."""
JITTER_SHARE = 0.1
OUTSTANDING_LIMIT = 64
"""Probes of one peer whose fate is open; beyond it the oldest counts as lost."""
LOST_REMEMBERED_SECONDS = 3.0
"""An answer that comes so late still shows that the path lives, and how long its queues are."""
BUSY_BYTES = 1000
"""Sent since it was told last, so many make a peer a busy one: more than pings, less than one full frame."""
_BARE_PROBE_BYTES = OVERHEAD_BYTES + len(emit_control(Probe(0)))


@define(eq=False)
class _Outstanding:
    path: Path
    sent_at: float
    late_at: float
    lost_at: float
    is_late: bool = False
    is_extended: bool = False
    is_knock: bool = False


@define(eq=False)
class Prober:
    """One peer's. It writes control messages to the node's outbox and fates into the measurements of paths."""

    _context: NodeContext
    _peer: int
    _outstanding: dict[int, _Outstanding] = field(factory=dict, init=False)
    _lost: dict[int, _Outstanding] = field(factory=dict, init=False)
    _sounded: Path | None = field(default=None, init=False)
    _bytes_sent: int | None = field(default=None, init=False)
    _carries_data: bool = field(default=False, init=False)
    _knocking: Knocking = field(factory=Knocking, init=False)
    _knocks: Path | None = field(default=None, init=False)
    """The path in use, where knocks may be due."""

    def probe(self, path: Path, now: float, *, is_active: bool) -> None:
        """Send a probe by `path` and plan its next."""
        while len(self._outstanding) >= OUTSTANDING_LIMIT:
            self._lose(next(iter(self._outstanding)))
        probe_id = self._context.number()
        late_at = now + path.measurement.late_after if is_active and self._carries_data else math.inf
        self._outstanding[probe_id] = _Outstanding(path, now, late_at, now + path.measurement.timeout)
        self._context.outbox.tell(ControlToSend(self._peer, emit_control(Probe(probe_id)), path.destination))
        path.next_probe_at = now + self._interval(path, now, is_active=is_active)

    def sound(self, path: Path | None, now: float) -> None:
        """Send the padded probes that are due on the path in use; None where there is none.

        A relay's is left until it has answered: ten long probes would hold up the first frames on a new connection.
        """
        self._sounded = path = None if path is None or (path.is_relayed and not path.is_verified) else path
        if path is None:
            return
        for size in path.path_mtu.due(now, path.measurement):
            probe_id = self._context.number()
            path.path_mtu.sent(probe_id, size)
            probe = emit_control(Probe(probe_id, size - _BARE_PROBE_BYTES))
            self._context.outbox.tell(ControlToSend(self._peer, probe, path.destination))

    def knock(self, path: Path | None, now: float) -> None:
        """Knock where that is due on the path in use; None where there is none."""
        self._knocks = path = path if self._carries_data else None
        if path is not None and self._knocking.take_due(path, now):
            probe_id = self._context.number()
            lost_at = now + path.measurement.timeout
            self._outstanding[probe_id] = _Outstanding(path, now, math.inf, lost_at, is_knock=True)
            self._context.outbox.tell(ControlToSend(self._peer, emit_control(Probe(probe_id)), path.destination))

    @property
    def carries_data(self) -> bool:
        """Whether the peer was sent data in the last second or so."""
        return self._carries_data

    def note_sent(self, total: int, now: float) -> bool:
        """The peer was sent `total` bytes of data so far; whether that makes it a busy one."""
        before, self._bytes_sent = self._bytes_sent, total
        self._carries_data = before is not None and total > before
        if self._sounded is None or before is None or total - before < BUSY_BYTES:
            return False
        self._sounded.path_mtu.busy(now)
        return True

    def answered(self, probe_id: int, now: float) -> Path | None:
        """The peer answered a probe; the path it was sent by, or None where that was not asked or is too long ago."""
        probe = self._outstanding.pop(probe_id, None) or self._lost.pop(probe_id, None)
        if probe is None:
            if self._sounded is not None and self._sounded.path_mtu.answered(probe_id, now):
                return self._sounded
            self._context.outbox.refuse(Refusal.STALE_ANSWER)
            return None
        probe.path.note_answer(probe.sent_at, now)
        return probe.path

    def has_overdue(self, now: float) -> bool:
        """Whether there is anything for `expire` to do."""
        return any(probe.lost_at <= now for probe in self._outstanding.values()) or bool(self._lost)

    def expire(self, now: float, *, is_only: bool = False, least: int = 0) -> list[Path]:
        """Count overdue probes as lost; the paths that this kills, oldest probe first.

        :param is_only: whether there is nothing to change over to.
        :param least: so many in a row at least kill a path.
        """
        self._lost = {key: probe for key, probe in self._lost.items() if now < probe.sent_at + LOST_REMEMBERED_SECONDS}
        overdue = [probe_id for probe_id, probe in self._outstanding.items() if probe.lost_at <= now]
        killed = []
        for probe_id in overdue:
            probe = self._outstanding[probe_id]
            if now - probe.lost_at > STALL_SECONDS and not probe.is_extended:
                # We come late ourselves: the answer may wait unread.
                probe.lost_at, probe.is_extended = now + STALL_SECONDS, True
                continue
            path = self._lose(probe_id)
            if probe.sent_at < path.settled_at or probe.is_knock:
                continue
            measurement = path.measurement
            needed = max(measurement.probes_until_dead, least) * (ONLY_PATH_FACTOR if is_only else 1)
            if path.is_alive and measurement.unanswered >= needed:
                path.die(now)
                killed.append(path)
            elif measurement.unanswered == 1:
                path.next_probe_at = min(path.next_probe_at, now)
        return killed

    def note_late(self, now: float) -> None:
        """Of answers that have become late, the first has its path probed once more at once."""
        for probe in self._outstanding.values():
            if probe.is_late or probe.late_at > now:
                continue
            if now - probe.late_at > STALL_SECONDS:
                # We come late ourselves: the answer may wait unread, and its loss would tell.
                probe.late_at = math.inf
                continue
            if not self.missing(probe.path):
                probe.path.next_probe_at = min(probe.path.next_probe_at, now)
            probe.is_late = True
            probe.path.note_missing(probe.sent_at)

    def missing(self, path: Path) -> int:
        """Probes of a path in a row that were not answered, or not yet although they should have been."""
        late = sum(probe.is_late for probe in self._outstanding.values() if probe.path is path)
        return path.measurement.unanswered + late

    def open_until(self, path: Path, asked_at: float) -> int:
        """Probes of a path, sent after the one that was answered last and at `asked_at` at the latest."""
        probes = (*self._outstanding.values(), *self._lost.values())
        asked = [probe for probe in probes if probe.path is path and not probe.is_knock]
        return sum(path.asked_at < probe.sent_at <= asked_at for probe in asked)

    def has_lost(self, path: Path, since: float) -> bool:
        """Whether a probe of a path that was sent at `since` or later was not answered in time, nor since."""
        lost = [probe for probe in self._lost.values() if probe.path is path and not probe.is_knock]
        return any(probe.sent_at >= since for probe in lost)

    def forget(self, path: Path) -> None:
        """Forget the probes of a path that is dropped."""
        self._outstanding = {key: probe for key, probe in self._outstanding.items() if probe.path is not path}
        self._lost = {key: probe for key, probe in self._lost.items() if probe.path is not path}
        self._sounded = None if self._sounded is path else self._sounded
        self._knocks = None if self._knocks is path else self._knocks

    def clear(self) -> None:
        """Forget all probes without judging them: the session they were sent in is gone."""
        self._outstanding.clear()
        self._lost.clear()
        self._knocks = None
        if self._sounded is not None:
            self._sounded.path_mtu.interrupt()
            self._sounded = None

    def next_at(self) -> float | None:
        """When the next probe is overdue, or one of the path's MTU is due."""
        probes = self._outstanding.values()
        times = [probe.lost_at if probe.is_late else min(probe.late_at, probe.lost_at) for probe in probes]
        knock_at = None if self._knocks is None else self._knocking.next_at(self._knocks)
        times += [] if knock_at is None else [knock_at]
        if self._sounded is not None:
            times.append(self._sounded.path_mtu.next_at())
        return min(times, default=None)

    def _lose(self, probe_id: int) -> Path:
        probe = self._outstanding.pop(probe_id)
        while len(self._lost) >= OUTSTANDING_LIMIT:
            del self._lost[next(iter(self._lost))]
        self._lost[probe_id] = probe
        if probe.sent_at >= probe.path.settled_at and not probe.is_knock:
            probe.path.measurement.lost()
            probe.path.note_missing(probe.sent_at)
        return probe.path

    def _interval(self, path: Path, now: float, *, is_active: bool) -> float:
        return self._plain_interval(path, now, is_active=is_active) * (
            1 + JITTER_SHARE * (self._context.fraction() - 0.5)
        )

    def _plain_interval(self, path: Path, now: float, *, is_active: bool) -> float:
        is_young = now - path.found_at < YOUNG_SECONDS
        if not path.is_alive:
            is_recent = now - path.died_at < RECENTLY_DEAD_SECONDS
            return DEAD_FAST_SECONDS if is_recent else STANDBY_SECONDS
        if path.is_relayed and not path.is_verified and now - path.found_at < BINDING_SECONDS:
            return BINDING_SECONDS
        if path.measurement.unanswered and is_active:
            return DOUBTED_SECONDS
        if path.measurement.unanswered or (is_active and is_young) or not (path.is_verified or path.is_checked):
            return FAST_SECONDS
        if is_active:
            return self._context.pace.steady_seconds * (DATA_SHARE if self._carries_data else 1.0)
        if is_young:
            return YOUNG_STANDBY_SECONDS
        return RELAY_STANDBY_SECONDS if path.is_relayed else STANDBY_SECONDS
