# -*- test-case-name: zerogo.test.mesh.test_paths -*-
"""The candidate paths of one peer: found by ICE or by roaming, probed, chosen among, told to the data plane, dropped.

A path is known by its remote address: the node has one data socket per address family. Paths that ICE checked may be
used at once; one that only an authentic datagram came by is used after a probe on it was answered. When a peer is heard
from a new address and the path in use misses an answer, the new one is taken without waiting for the old one to die. So
is any other that answers while the one in use does not, on the evidence that `zerogo.mesh.doubt` wants.
"""

from __future__ import annotations

import errno
import math
from collections import deque
from collections.abc import Sequence

from attrs import define, field

from zerogo.ice.candidate import is_reachable_form
from zerogo.ice.checklist import far_address
from zerogo.ids import ChannelAddress, Endpoint, NodeId, RouteAddress
from zerogo.mesh.choice import PathChoice
from zerogo.mesh.context import NodeContext
from zerogo.mesh.doubt import SHARED_PROBES_UNTIL_LEFT, may_share
from zerogo.mesh.events import PathKind, PathSelected, Way
from zerogo.mesh.late_way import LateWay
from zerogo.mesh.path import Path
from zerogo.mesh.probing import TAKEN_SECONDS, Prober
from zerogo.mesh.status import PathChange, PathStatus
from zerogo.mesh.streaming import PeerStream
from zerogo.mesh.succession import Succession
from zerogo.routing.links import LinkState
from zerogo.routing.policy import Multipath

PATHS_LIMIT = 8
"""Direct ones per peer; a further one replaces the oldest dead or unproven one, or is not taken."""
ROUTES_LIMIT = 4
"""Ways through other members, per peer."""
HISTORY_LIMIT = 16
DROP_DEAD_AFTER_SECONDS = 60.0
COMPARED_LIMIT = 2
"""Others that are asked as often as the path in use while that one is in doubt."""

Hops = tuple[NodeId, ...]


@define(eq=False)
class Paths:
    """One peer's. `can_probe` says whether there is a session, `is_awaited` whether there is one to be confirmed."""

    _context: NodeContext
    _peer: int
    can_probe: bool = field(default=False, init=False)
    is_awaited: bool = field(default=False, init=False)
    _paths: dict[Endpoint, Path] = field(factory=dict, init=False)
    _choice: PathChoice = field(init=False)
    _prober: Prober = field(init=False)
    _succession: Succession = field(init=False)
    _told: PathSelected | None = field(default=None, init=False)
    _beside: tuple[Path, ...] = field(default=(), init=False)
    """Paths that carry data beside the one in use."""
    _late_way: LateWay = field(factory=LateWay, init=False)
    _late: Path | None = field(default=None, init=False)
    """By which urgent datagrams go once more."""
    _failed_routes: list[Hops] = field(factory=list, init=False)
    _carriers_limit: int = field(init=False)
    """Members on a way, at most, that both ends let carry."""
    _proven_routes: list[Hops] = field(factory=list, init=False)
    _was_in_doubt: bool = field(default=False, init=False)
    _was_left_in_doubt: bool = field(default=False, init=False)
    """Whether a path was in doubt that is not in use any more, since `take_doubt`."""
    _compared: tuple[Path, ...] = field(default=(), init=False)
    """Paths that are asked as often as the one in use, to be judged by the same load."""
    history: deque[PathChange] = field(factory=lambda: deque(maxlen=HISTORY_LIMIT), init=False)

    def __attrs_post_init__(self) -> None:
        """One prober for all paths of the peer."""
        self._carriers_limit = self._context.policy.carriers_limit
        self._prober = Prober(self._context, self._peer)
        self._choice = PathChoice(self._context.policy)
        self._succession = Succession(self._prober, self._choice)

    @property
    def active(self) -> Path | None:
        """The path in use."""
        return self._choice.active

    @property
    def is_direct(self) -> bool:
        """Whether there is a path in use, and nobody carries it on."""
        return self.active is not None and self.active.kind is PathKind.DIRECT

    @property
    def is_busy(self) -> bool:
        """Whether the peer is sent data."""
        return self._prober.carries_data

    @property
    def has_routes(self) -> bool:
        """Whether there are ways through members."""
        return any(path.kind is PathKind.PEER for path in self._paths.values())

    @property
    def dialled(self) -> Path | None:
        """The TCP connection to the peer that this end made last."""
        return next((path for path in reversed(self._paths.values()) if path.is_dialled), None)

    @property
    def direct_link(self) -> LinkState | None:
        """What was measured on the direct path that others' datagrams can go, where there is a proven one."""
        direct = self._choice.direct(self._paths.values())
        if self.active is None or not self.can_probe or direct is None or not direct.is_verified:
            return None
        measured = direct.measurement
        latency = measured.smoothed if measured.minimum is None else measured.minimum
        return None if latency is None else LinkState(latency, measured.certain_loss, measured.jitter or 0.0)

    @property
    def complaint(self) -> str:
        """Why none of the paths that live may be used; empty where one may, or none lives."""
        return self._choice.complaint(self._paths.values())

    @property
    def is_well(self) -> bool:
        """Whether the path in use is a direct one that answers its probes."""
        active = self.active
        return self.is_direct and active is not None and active.is_verified and not active.measurement.unanswered

    @property
    def is_in_doubt(self) -> bool:
        """Whether the path in use was proven, and then left a probe without an answer, or without one in good time."""
        active = self.active
        return active is not None and active.is_verified and self._prober.missing(active) > 0

    def take_doubt(self) -> bool:
        """Whether the path in use is in doubt, or the one before it was when it was left."""
        is_doubted = self._was_left_in_doubt or self.is_in_doubt
        self._was_left_in_doubt = False
        return is_doubted

    def destinations(self) -> tuple[Endpoint, ...]:
        """Where a handshake may go: the path in use, the others that are usable, then those that only ICE believes in.

        The last kind matters after a restart of the peer: it answers checks, but no probe of a session it has lost.
        """
        worth = [path for path in self._paths.values() if path.is_usable or path.is_checked or path.is_hope]
        if len(worth) > 1:
            worth.sort(key=lambda path: (path is not self.active, not path.is_usable, self._choice.rank(path)))
        return tuple(path.destination for path in worth)

    def propose(self, routes: Sequence[Hops], now: float) -> None:
        """These ways through members are worth a try; others that are not proven are no more."""
        wanted = dict.fromkeys(RouteAddress(hops) for hops in routes)
        for path in list(self._paths.values()):
            if path.kind is PathKind.PEER and path.destination not in wanted and not path.is_verified:
                self._drop(path)
            elif path.kind is PathKind.PEER and path is not self.active:
                path.next_probe_at = min(path.next_probe_at, now)
        for route in wanted:
            self._add_route(route, now)

    def limit_carriers(self, limit: int) -> None:
        """The peer lets so many members carry what is sent to it."""
        self._carriers_limit = min(limit, self._context.policy.carriers_limit)
        for path in list(self._paths.values()):
            if isinstance(path.destination, RouteAddress) and len(path.destination.hops) - 1 > self._carriers_limit:
                self._drop(path)

    def neighbour_lost(self, carrier: NodeId) -> None:
        """This node has no direct path to `carrier` any more, so no way begins there."""
        for path in list(self._paths.values()):
            if isinstance(path.destination, RouteAddress) and path.destination.hops[0] == carrier:
                self._drop(path)

    def take_proven_routes(self) -> list[tuple[Hops, float]]:
        """Routes that answered for the first time, with their latency."""
        proven, self._proven_routes = self._proven_routes, []
        paths = [(hops, self._paths.get(RouteAddress(hops))) for hops in proven]
        return [(hops, path.measurement.smoothed or 0.0) for hops, path in paths if path is not None]

    def take_failed_routes(self) -> list[Hops]:
        """Routes that did not answer, or no longer."""
        failed, self._failed_routes = self._failed_routes, []
        return failed

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
        path = self._paths.get(channel) or self._new(channel, "relay", "relay", now, PathKind.RELAY)
        path.is_checked, path.relay = True, relay
        path.revive(now)

    def streamed(self, stream: PeerStream, now: float) -> None:
        """There is a TCP connection to the peer, which may be used."""
        self.void(stream.address)
        ends = ("active", "passive") if stream.is_dialled else ("passive", "active")
        path = self._new(stream.address, *ends, now, PathKind.TCP)
        path.is_checked, path.far = True, stream.far

    def void(self, way: Endpoint) -> None:
        """That channel or connection is no more."""
        path = self._paths.get(way)
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

    def heard(self, source: Endpoint, now: float, *, is_vouched: bool = False) -> None:
        """An authentic message came from `source`, which the peer may have told of: see `zerogo.mesh.succession`."""
        path = self._paths.get(source)
        if isinstance(source, RouteAddress):
            self._add_route(source, now)
            return
        if path is None and (isinstance(source, ChannelAddress) or not is_reachable_form(far_address(source))):
            return  # A channel or a connection that was closed meanwhile.
        if path is None:
            path = self._add(source, "host", "prflx", now)
        elif not path.is_alive:
            path.next_probe_at = min(path.next_probe_at, now)
        if path is not None and path is not self.active and not path.is_verified:
            self._roam(path, now)
            if is_vouched:
                self._succession.vouched(path, now)

    def answered(self, probe_id: int, now: float) -> bool:
        """A probe was answered; False where it was not ours or too late."""
        path = self._prober.answered(probe_id, now)
        if path is None or self._paths.get(path.destination) is not path:
            return False
        path.is_alive = True
        if isinstance(path.destination, RouteAddress) and not path.is_reported:
            path.is_reported = True
            self._proven_routes.append(path.destination.hops)
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

    def moved(self, now: float) -> None:
        """One end has other addresses than before."""
        self._choice.forgive(self._paths.values(), now)

    def peer_began_anew(self, now: float) -> None:
        """The peer looks for this node anew: where the path in use is in doubt already, that is why."""
        self._succession.peer_began_anew(now)

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
        self._succession.forget()
        self.tell()

    def handle_timer(self, now: float) -> None:
        """Judge overdue probes, send those that are due, drop what is long dead."""
        if self._prober.has_overdue(now):
            self._judge_overdue(now)
        self._prober.note_late(now)
        self._compare(now)
        for path in list(self._paths.values()):
            if path.is_given_up and now >= path.died_at + DROP_DEAD_AFTER_SECONDS:
                self._drop(path)
            elif self.can_probe and path.next_probe_at <= now:
                self._prober.probe(path, now, is_active=path is self.active or path in self._at_pace)
        self._prober.knock(self.active if self.can_probe else None, now)
        self._prober.sound(self.active if self.can_probe else None, now)

    def _judge_overdue(self, now: float) -> None:
        least = SHARED_PROBES_UNTIL_LEFT if self._is_line_doubtful() else 0
        for path in self._prober.expire(now, is_only=not self._has_better_news(), least=least):
            if isinstance(path.destination, RouteAddress):
                self._failed_routes.append(path.destination.hops)
                self._drop(path)

    def next_at(self) -> float | None:
        """When `handle_timer` is wanted."""
        times = [path.next_probe_at for path in self._paths.values()] if self.can_probe else []
        times += [path.died_at + DROP_DEAD_AFTER_SECONDS for path in self._paths.values() if path.is_given_up]
        parts = (self._prober, self._choice, self._succession)
        times += [at for at in (part.next_at() for part in parts) if at is not None]
        return min(times, default=None)

    def choose(self, now: float) -> Path | None:
        """Decide which path is in use."""
        self._succession.handle_timer(now)
        self._was_left_in_doubt = self._was_left_in_doubt or self.is_in_doubt
        heir = self._succession.heir(self._others(), now)
        if heir is not None and heir.is_usable:
            self._choice.force(heir, now)
            self._succession.taken()
        before = self.history[-1].at if self.history else -math.inf
        chosen = self._choice.choose(self._paths.values(), now)
        if self._choice.changed_at != before:
            self._note_change(chosen)
        self._choose_late(chosen, now)
        return chosen

    def test_relay(self, seconds: float, now: float) -> None:
        """Use relay servers only for so long, as long as one carries; 0 ends it."""
        self._choice.test_relays(now + seconds if seconds > 0 else -math.inf)

    def tell(self) -> None:
        """Tell the data plane the ways to use, where that is news."""
        selected = self._selected()
        known = self._told or PathSelected(peer=self._peer, destination=None, mtu=0)
        if selected != known:
            self._told = selected
            self._context.outbox.tell(selected)

    def statuses(self) -> tuple[PathStatus, ...]:
        """Snapshots, the path in use first."""
        paths = sorted(self._paths.values(), key=lambda path: path is not self.active)
        return tuple(path.status(is_active=path is self.active, score=self._choice.score(path)) for path in paths)

    def __len__(self) -> int:
        return len(self._paths)

    def _compare(self, now: float) -> None:
        """An answer by the path in use is late or lost: find out at once which others carry, and of the best, how well.

        A rival that is better from what is known of it, or would be without its loss, is judged under the same load.
        """
        before = self._compared
        if not (before or self._was_in_doubt or self._choice.has_rival or self.is_in_doubt):
            return
        others = self._others()
        doubted = sorted(others, key=self._choice.rank)[:COMPARED_LIMIT] if self.is_in_doubt else []
        self._compared = tuple(dict.fromkeys((*doubted, *self._choice.rivals(others))))
        news = others if doubted and not self._was_in_doubt else [each for each in self._compared if each not in before]
        self._was_in_doubt = bool(doubted)
        for path in news:
            path.next_probe_at = min(path.next_probe_at, now)

    @property
    def _at_pace(self) -> tuple[Path, ...]:
        """Paths that are probed as often as the one in use."""
        return (*self._beside, *self._compared)

    def _others(self) -> list[Path]:
        return [path for path in self._paths.values() if path is not self.active and path.is_usable]

    def _is_line_doubtful(self) -> bool:
        """Whether another path suffers like the one in use."""
        active = self.active
        return active is not None and any(may_share(self._prober, active, other) for other in self._others())

    def _has_better_news(self) -> bool:
        """Whether another path than the one in use has answered since that one fell silent."""
        silent_since = None if self.active is None else self.active.silent_since
        return any(silent_since is None or path.answered_at > silent_since for path in self._others())

    def _roam(self, path: Path, now: float) -> None:
        self._succession.roamed(path, now)
        if not path.is_verified:
            path.next_probe_at = min(path.next_probe_at, now)
        if self.active is not None:
            self.active.next_probe_at = min(self.active.next_probe_at, now)

    def _add(self, destination: Endpoint, local: str, remote: str, now: float) -> Path | None:
        direct = sum(path.kind is PathKind.DIRECT for path in self._paths.values())
        if direct >= PATHS_LIMIT and not self._make_room():
            return None
        return self._new(destination, local, remote, now)

    def _selected(self) -> PathSelected:
        path, policy = self.active if self.can_probe or self.is_awaited else None, self._context.policy
        self._beside = ()
        if path is None:
            return PathSelected(peer=self._peer, destination=None, mtu=0)
        twin, late = self._twin(), self._late
        hop = None if self.is_direct else self._choice.direct(self._paths.values())
        is_spread = policy.bulk is Multipath.BALANCE
        spread = self._choice.near_equals(self._paths.values()) if is_spread else ()
        self._beside = (*(() if twin is None else (twin,)), *spread)
        return PathSelected(
            peer=self._peer,
            destination=path.destination,
            mtu=path.mtu,
            kind=path.kind,
            local_candidate=path.local_candidate,
            remote_candidate=path.remote_candidate,
            relay=path.relay,
            twin=None if twin is None else Way(twin.destination, twin.mtu),
            spread=tuple(Way(each.destination, each.mtu) for each in spread),
            late=None if late is None else Way(late.destination, late.mtu),
            hop=None if hop is None else Way(hop.destination, hop.mtu),
        )

    def _twin(self) -> Path | None:
        """The path that urgent datagrams go too."""
        is_wanted = self._context.policy.realtime is Multipath.DUPLICATE
        return self._choice.second(self._paths.values()) if is_wanted else None

    def _choose_late(self, chosen: Path | None, now: float) -> None:
        """Decide whether urgent datagrams go once more."""
        policy = self._context.policy
        is_wanted = policy.realtime is Multipath.DUPLICATE and policy.late_copies
        self._late = self._late_way.choose(chosen, self._twin(), now) if chosen and is_wanted else None

    def _add_route(self, route: RouteAddress, now: float) -> None:
        routes = [path for path in self._paths.values() if path.kind is PathKind.PEER]
        if route in self._paths or len(route.hops) - 1 > self._carriers_limit:
            return
        if len(routes) >= ROUTES_LIMIT:
            idle = next((path for path in routes if path is not self.active and not path.is_verified), None)
            if idle is None:
                return
            self._drop(idle)
        self._new(route, "route", "route", now, PathKind.PEER)

    def _new(
        self, destination: Endpoint, local: str, remote: str, now: float, kind: PathKind = PathKind.DIRECT
    ) -> Path:
        path = Path(
            destination=destination,
            local_candidate=local,
            remote_candidate=remote,
            kind=kind,
            is_checked=False,
            found_at=now,
            next_probe_at=now,
        )
        self._paths[destination] = path
        return path

    def _make_room(self) -> bool:
        for path in self._paths.values():
            if path is not self.active and not path.is_usable and path.kind is PathKind.DIRECT:
                self._drop(path)
                return True
        return False

    def _note_change(self, path: Path | None) -> None:
        if path is not None:  # A standby's next probe was planned.
            path.next_probe_at = min(path.next_probe_at, self._choice.changed_at + TAKEN_SECONDS)
        kind, way = (None, "") if path is None else (path.kind, path.way)
        self.history.append(PathChange(self._choice.changed_at, kind, way, self._choice.reason.value))

    def _drop(self, path: Path) -> None:
        del self._paths[path.destination]
        self._prober.forget(path)
        self._late = None if self._late is path else self._late
        self._succession.forget(path)
        if self.active is path:
            self._choice.lost()
