# -*- test-case-name: zerogo.test.mesh.test_choice -*-
"""Which of a peer's paths to use: what `zerogo.routing` says of their facts, within what the owner allows.

A direct path that never failed in use takes over from any other kind as soon as it is proven: nobody waits for it at
the start. One that failed comes back as `zerogo.routing.hysteresis` wants it.

A path that nothing but what it lost holds back is *suspected*: it may be as bad as it looks, or have had bad luck once.
The best of those is named, so that more is found out about it at once; standbys are probed so rarely that the loss of a
moment would be held against them for minutes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from attrs import Factory, define, evolve, field

from zerogo.ice.checklist import far_address
from zerogo.ids import Endpoint, RouteAddress
from zerogo.mesh.events import PathKind
from zerogo.mesh.path import Path
from zerogo.routing.hysteresis import (
    BETTER_BY_MILLISECONDS,
    BETTER_BY_SHARE,
    ChangeReason,
    Option,
    Preference,
    is_much_better,
)
from zerogo.routing.policy import RoutingPolicy, verdict
from zerogo.routing.score import Facts, PathType, Rank, Score, Scorer

SPREAD_LIMIT = 3
UNSETTLED_SECONDS = 0.5
"""After a failure, in which a better path than the first that was at hand is taken without waiting."""
_FAILURES = (ChangeReason.DIED, ChangeReason.DECIDED, ChangeReason.UNPROVEN)
_TYPES = {
    PathKind.DIRECT: PathType.DIRECT,
    PathKind.TCP: PathType.STREAM,
    PathKind.PEER: PathType.PEER,
    PathKind.RELAY: PathType.SERVER,
}


def facts_of(path: Path, loss: float | None = None) -> Facts:
    """What the scorer wants to know. The latency is the least of the last seconds: our own traffic does not count.

    :param loss: what to judge its loss by; None for what is certain.
    """
    measured, destination = path.measurement, path.destination
    carriers = len(destination.hops) - 1 if isinstance(destination, RouteAddress) else 0
    return Facts(
        type=_TYPES[path.kind],
        latency=measured.smoothed if measured.minimum is None else measured.minimum,
        loss=measured.certain_loss if loss is None else loss,
        jitter=measured.jitter or 0.0,
        carriers=carriers,
        is_lan=path.kind is PathKind.DIRECT and path.remote_candidate == "host",
        is_ipv6=carriers == 0 and far_address(destination).is_ipv6,
    )


def _is_fresh(path: Path) -> bool:
    """Whether checks of ICE have just shown that a direct path carries both ways: a probe would say the same, later."""
    return path.kind is PathKind.DIRECT and path.is_checked and not path.is_verified and not path.has_failed


@define(eq=False)
class PathChoice:
    """Remembers the path in use, since when another one was better, and which one may be."""

    _wanted: RoutingPolicy = Factory(RoutingPolicy)
    policy: RoutingPolicy = field(init=False)
    """What is wanted, or what holds while relays are tested."""
    active: Path | None = field(default=None, init=False)
    _preference: Preference[Endpoint] = field(factory=Preference, init=False)
    _scorer: Scorer = field(init=False)
    _takes_fresh: bool = field(default=True, init=False)
    """Whether no direct path was proven by a probe, so that one that was checked is the best news there is."""
    _suspect: Path | None = field(default=None, init=False)
    """What would be much better than the path in use, had it lost nothing."""
    _tested_until: float = field(default=-math.inf, init=False)
    """Until then, relay servers are used where one carries."""

    def __attrs_post_init__(self) -> None:
        """The scorer is part of the policy."""
        self.policy = self._wanted
        self._scorer = Scorer(self.policy.score_terms)

    @property
    def reason(self) -> ChangeReason:
        """Why the path in use is the one."""
        return self._preference.reason

    @property
    def changed_at(self) -> float:
        """Since when it is, monotonic seconds; minus infinity where it never was another."""
        return self._preference.changed_at

    def choose(self, paths: Iterable[Path], now: float) -> Path | None:
        """The path to use from now on out of `paths`; None where none is usable. Becomes `active`."""
        usable = {path.destination: path for path in paths if path.is_usable}
        self._limit_to_test(usable.values(), now)
        self._takes_fresh = not any(path.kind is PathKind.DIRECT and path.is_verified for path in usable.values())
        judged = [self._option(path) for path in usable.values()]
        options = [option for option in judged if self.policy.broken_by(option.facts) is None]
        upgrade = self._upgrade(usable, options, now)
        if upgrade is not None:
            is_direct = usable[upgrade].kind is PathKind.DIRECT
            self._preference.force(upgrade, now, ChangeReason.UPGRADED if is_direct else ChangeReason.SETTLED)
        gone = ChangeReason.UNPROVEN if self._is_unproven else ChangeReason.DIED
        key = self._preference.choose(options, now, gone=gone)
        self.active = None if key is None else usable[key]
        suspect = self._suspected(options)
        self._suspect = None if suspect is None else usable[suspect.key]
        return self.active

    def force(self, path: Path | None, now: float) -> None:
        """Use `path`, whatever it is worth, if it is allowed."""
        if path is not None and self.policy.broken_by(facts_of(path)) is not None:
            return
        is_unproven = self._is_unproven
        if self.active is not None and not is_unproven:
            self.active.has_failed = True
        reason = ChangeReason.UNPROVEN if is_unproven else ChangeReason.DECIDED
        self._preference.force(None if path is None else path.destination, now, reason)
        self.active = path

    def test_relays(self, until: float) -> None:
        """Use relay servers only until then, as long as one carries."""
        self._tested_until = until

    def forgive(self, paths: Iterable[Path], now: float) -> None:
        """One end is elsewhere: no path is held back for having failed before, or for failing until both know that."""
        self._preference.forgive()
        for path in paths:
            path.moved_at = now

    def lost(self) -> None:
        """The path in use is no more; the next choice counts as one after a death."""
        self.active = None

    def score(self, path: Path) -> Score:
        """What a path is worth, and why."""
        return self._scorer.score(facts_of(path))

    def second(self, paths: Iterable[Path]) -> Path | None:
        """The best proven path beside the one in use; None where there is none that may be used."""
        others = self._others(paths)
        return min(others, key=self.rank, default=None)

    def direct(self, paths: Iterable[Path]) -> Path | None:
        """The direct path in use; where another kind is, the best proven direct one beside it."""
        if self.active is not None and self.active.kind is PathKind.DIRECT:
            return self.active
        others = (path for path in self._others(paths) if path.kind is PathKind.DIRECT)
        return min(others, key=self.rank, default=None)

    def near_equals(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Proven paths beside the one in use that are of its kind and not much worse; at most three."""
        if self.active is None:
            return ()
        limit = self.score(self.active).cost * (1 + BETTER_BY_SHARE) + BETTER_BY_MILLISECONDS
        near = [
            path
            for path in self._others(paths)
            if path.kind is self.active.kind and not path.measurement.unanswered and self.score(path).cost <= limit
        ]
        return tuple(near[:SPREAD_LIMIT])

    def rank(self, path: Path) -> tuple[bool, int, Rank]:
        """A key to sort paths by, the best first."""
        return self._option(path).rank

    @property
    def has_rival(self) -> bool:
        """Whether something may soon take the place of the path in use."""
        return self._preference.rival is not None or self._suspect is not None

    def rivals(self, paths: Iterable[Path]) -> list[Path]:
        """What may soon take the place of the path in use, if it stays better, or loses less than it did."""
        return [path for path in paths if path.destination == self._preference.rival or path is self._suspect]

    def next_at(self) -> float | None:
        """When the choice may be another one although nothing happens."""
        tested_until = None if self.policy is self._wanted else self._tested_until
        return min((at for at in (self._preference.next_at(), tested_until) if at is not None), default=None)

    def complaint(self, paths: Iterable[Path]) -> str:
        """Why none of the paths that live may be used; empty where one may, or none lives."""
        broken = [self.policy.broken_by(facts_of(path)) for path in paths if path.is_usable]
        return verdict(each for each in broken if each is not None) if None not in broken else ""

    @property
    def _is_unproven(self) -> bool:
        """Whether the path in use was taken on the peer's word, and its time to prove that is over: no failure."""
        return self.active is not None and self.active.is_alive and not self.active.is_usable

    def _limit_to_test(self, usable: Iterable[Path], now: float) -> None:
        self.policy, wanted = self._wanted, self._wanted
        if now >= self._tested_until or wanted.disable_relay or not wanted.relay_fallback:
            return
        proven = [path for path in usable if path.kind is PathKind.RELAY and path.is_verified]
        if not proven:
            return
        self.policy = evolve(wanted, p2p_enabled=False)
        if self.active not in proven:
            # The one before has not failed.
            self.active = min(proven, key=self.rank)
            self._preference.force(self.active.destination, now, ChangeReason.TESTED)

    def _others(self, paths: Iterable[Path]) -> list[Path]:
        return [
            path
            for path in paths
            if path is not self.active
            and path.is_usable
            and path.is_verified
            and self.policy.broken_by(facts_of(path)) is None
        ]

    def _option(self, path: Path) -> Option[Endpoint]:
        """How a path competes: of loss the one in use has the benefit of the doubt, and its rivals have not."""
        measured = path.measurement
        facts = facts_of(path, measured.least_loss if path is self.active else measured.most_loss)
        return Option(
            key=path.destination,
            facts=facts,
            score=self._scorer.score(facts),
            is_proven=path.is_verified or (self._takes_fresh and _is_fresh(path)),
            tier=int(self.policy.prefer_direct and facts.type is not PathType.DIRECT),
        )

    def _suspected(self, options: list[Option[Endpoint]]) -> Option[Endpoint] | None:
        """The best of the proven options that would be much better than the one in use, had they lost nothing.

        What varied much may have done so while it lost, so that is not counted either.
        """
        active = next((option for option in options if option.key == self._preference.active), None)
        if active is None:
            return None
        lossy = [option for option in options if option is not active and option.is_proven and option.facts.loss]
        hopes = [self._without_loss(option) for option in lossy]
        better = [hope for hope in hopes if hope.rank < active.rank and is_much_better(active, hope)]
        return min(better, key=lambda option: option.rank, default=None)

    def _without_loss(self, option: Option[Endpoint]) -> Option[Endpoint]:
        facts = evolve(option.facts, loss=0.0, jitter=0.0)
        return evolve(option, facts=facts, score=self._scorer.score(facts))

    def _upgrade(self, usable: dict[Endpoint, Path], options: list[Option[Endpoint]], now: float) -> Endpoint | None:
        """The best path, where it takes over at once: a proven direct one that never failed, from any other kind; and
        just after a failure, when all that carry are being asked, any that has answered.
        """
        active = None if self.active is None else usable.get(self.active.destination)
        best = min(options, key=lambda option: option.rank, default=None)
        if active is None or best is None:
            return None
        path = usable[best.key]
        is_unsettled = self.reason in _FAILURES and now - self.changed_at < UNSETTLED_SECONDS
        if is_unsettled and path.is_verified and not path.has_failed and not path.measurement.unanswered:
            return best.key
        if active.kind is PathKind.DIRECT:
            return None
        is_well = path.is_verified and not path.has_failed and not path.measurement.unanswered
        return best.key if path.kind is PathKind.DIRECT and (is_well or _is_fresh(path)) else None
