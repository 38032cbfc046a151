# -*- test-case-name: zerogo.test.ice.test_checklist -*-
"""The check list: candidate pairs, their states, and which is checked next (RFC 8445 section 6.1.2).

There is one data socket per address family, so the endpoint (`zerogo.ids.Endpoint`) tells a pair: several local
candidates of a family would make the very same datagrams. An endpoint by a side socket, or through a relay's channel,
is a pair of its own. Pairs are not frozen: foundations save checks where there are many components and streams, and
here is one.

Bounds, for the list grows by what peers say: 100 pairs, 100 admissions per round, 20 checks under way at a time that
were not triggered by a check of the peer. Beyond them a told candidate is dropped; when the list is full, a pair that
failed makes room.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator

from attrs import define, field

from zerogo.ice.candidate import Candidate, CandidateKind, candidate_priority, local_preference
from zerogo.ice.consent import Consent
from zerogo.ids import ChannelAddress, Endpoint, RouteAddress, SideAddress, SocketAddress
from zerogo.stun.transaction import ClientTransaction

PAIRS_LIMIT = 100
ADMISSIONS_LIMIT = 100
"""New pairs between two rounds."""
ORDINARY_CHECKS_LIMIT = 20
"""Ordinary checks under way at a time."""
LIKELY_BOUND_SECONDS = 0.2
SAMPLES_LIMIT = 8
"""Round trips remembered per pair."""


class PairState(enum.Enum):
    """RFC 8445 section 6.1.2.6, without Frozen."""

    WAITING = "waiting"
    IN_PROGRESS = "in progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Base(enum.Enum):
    """What a pair's datagrams leave from."""

    IPV4 = "the IPv4 data socket"
    IPV6 = "the IPv6 data socket"

    @classmethod
    def for_remote(cls, remote: SocketAddress) -> Base:
        """The data socket that reaches that address."""
        return cls.IPV6 if remote.is_ipv6 else cls.IPV4


def far_address(endpoint: Endpoint) -> SocketAddress:
    """The socket address at the far end of an endpoint, as far as it shows: of a channel that of its relay, of a route
    through members the unspecified one.
    """
    match endpoint:
        case SocketAddress():
            return endpoint
        case SideAddress(remote=remote):
            return remote
        case ChannelAddress(relay=relay):
            return relay
        case RouteAddress():
            return SocketAddress("0.0.0.0", 0)  # noqa: S104 no socket is bound to it


@define(eq=False)
class CandidatePair:
    """A base and a remote candidate, and what is known of them."""

    base: Base
    remote: Candidate
    endpoint: Endpoint
    """Where the pair's datagrams go."""
    priority: int = 0
    state: PairState = PairState.WAITING
    check: ClientTransaction | None = None
    """The check under way."""
    is_triggered: bool = False
    """Whether the check that waits or is under way was triggered by one of the peer's."""
    consent: Consent | None = None
    """There is one exactly while the pair is valid."""
    local_kind: CandidateKind = CandidateKind.HOST
    was_heard: bool = False
    """Whether an authentic check of the peer came in from there since the start."""
    unanswered: int = 0
    """Checks given up since the last answer, while valid."""
    is_suspect: bool = False
    """Whether the pair is lost if the check under way is given up."""
    _samples: deque[float] = field(factory=lambda: deque(maxlen=SAMPLES_LIMIT))
    _bound: float = 0.0

    @property
    def address(self) -> SocketAddress:
        """The remote candidate's."""
        return self.remote.address

    @property
    def is_valid(self) -> bool:
        """Whether the pair works and consent is fresh."""
        return self.consent is not None

    @property
    def rtt(self) -> float:
        """The smallest of the latest round trips, seconds; an upper bound while there is no exact one."""
        return min(self._samples) if self._samples else self._bound

    @property
    def likely_rtt(self) -> float | None:
        """The smallest of the latest round trips, seconds; None while there is but a bound that may be far off.

        A check that was repeated for half a second before the peer's NAT opened shows half a second.
        """
        return self.rtt if self._samples or self._bound <= LIKELY_BOUND_SECONDS else None

    def add_sample(self, rtt: float, is_exact: bool) -> None:
        """Note a round trip, seconds."""
        if is_exact:
            self._samples.append(rtt)
        else:
            self._bound = rtt

    def forget_samples(self) -> None:
        """What was measured may belong to a path that is gone; it stands in until there is a new round trip."""
        self._bound = self.rtt
        self._samples.clear()


class Checklist:
    """All pairs of one agent, by remote address."""

    def __init__(self, is_controlling: bool) -> None:
        self._is_controlling = is_controlling
        self._pairs: dict[Endpoint, CandidatePair] = {}
        self._triggered: deque[CandidatePair] = deque()
        self._local_priority: dict[Base, int] = {}
        self._admitted = 0

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[CandidatePair]:
        return iter(self._pairs.values())

    def enable(self, base: Base, priority: int) -> None:
        """The base has a local candidate of that priority; pairs of a base without any are not checked."""
        if priority > self._local_priority.get(base, -1):
            self._local_priority[base] = priority
            self.set_role(self._is_controlling)

    def set_role(self, is_controlling: bool) -> None:
        """Compute all priorities for that role."""
        self._is_controlling = is_controlling
        for pair in self._pairs.values():
            pair.priority = self._priority(pair)

    def find(self, endpoint: Endpoint) -> CandidatePair | None:
        """The pair whose datagrams go there."""
        return self._pairs.get(endpoint)

    def admit(self, remote: Candidate, endpoint: Endpoint | None = None) -> CandidatePair | None:
        """The pair for a remote candidate, new or known; None where the bounds leave no room.

        A peer-reflexive candidate that is told later takes over what is told of it.

        :param endpoint: how it is reached, if not straight by the data socket.
        """
        endpoint = endpoint or remote.address
        known = self._pairs.get(endpoint)
        if known is not None:
            if known.remote.kind is CandidateKind.PRFLX:
                known.remote = remote
                known.priority = self._priority(known)
            return known
        if self._admitted >= ADMISSIONS_LIMIT or (len(self._pairs) >= PAIRS_LIMIT and not self._evict()):
            return None
        self._admitted += 1
        pair = CandidatePair(Base.for_remote(remote.address), remote, endpoint)
        pair.priority = self._priority(pair)
        self._pairs[endpoint] = pair
        return pair

    def trigger(self, pair: CandidatePair) -> None:
        """Have the pair checked before all that wait."""
        pair.state = PairState.WAITING
        pair.is_triggered = True
        if pair not in self._triggered:
            self._triggered.append(pair)

    def begin_round(self) -> None:
        """Let all pairs that failed wait again."""
        self._admitted = 0
        for pair in self._pairs.values():
            if pair.state is PairState.FAILED:
                pair.state = PairState.WAITING

    def forget_heard(self) -> None:
        """The checks begin anew: what the peer's checks showed before is not of now."""
        for pair in self._pairs.values():
            pair.was_heard = False

    def take_next(self) -> CandidatePair | None:
        """The pair to check next: triggered ones in their order, then by priority."""
        pair = self._next_triggered()
        if pair is not None:
            self._triggered.popleft()
            return pair
        pair = self._next_ordinary()
        if pair is not None:
            pair.is_triggered = False
        return pair

    def has_next(self, only_triggered: bool = False) -> bool:
        """Whether a pair waits and may be checked."""
        return self._next_triggered() is not None or (not only_triggered and self._next_ordinary() is not None)

    def valid(self) -> list[CandidatePair]:
        """The pairs that work."""
        return [pair for pair in self._pairs.values() if pair.is_valid]

    def local_priority(self, base: Base, kind: CandidateKind) -> int:
        """Priority of a local candidate of that kind at a base."""
        return candidate_priority(kind, local_preference(base is Base.IPV6))

    def _next_triggered(self) -> CandidatePair | None:
        while self._triggered and self._triggered[0].state is not PairState.WAITING:
            self._triggered.popleft()
        return self._triggered[0] if self._triggered else None

    def _next_ordinary(self) -> CandidatePair | None:
        waiting: CandidatePair | None = None
        under_way = 0
        for pair in self._pairs.values():
            if pair.state is PairState.IN_PROGRESS and not pair.is_triggered:
                under_way += 1
            is_eligible = pair.state is PairState.WAITING and pair.base in self._local_priority
            if is_eligible and (waiting is None or pair.priority > waiting.priority):
                waiting = pair
        return waiting if under_way < ORDINARY_CHECKS_LIMIT else None

    def _priority(self, pair: CandidatePair) -> int:
        """RFC 8445 section 6.1.2.3."""
        local = self._local_priority.get(pair.base, 0)
        controlling, controlled = (
            (local, pair.remote.priority) if self._is_controlling else (pair.remote.priority, local)
        )
        low, high = min(controlling, controlled), max(controlling, controlled)
        return (low << 32) + 2 * high + (controlling > controlled)

    def _evict(self) -> bool:
        for endpoint, pair in self._pairs.items():
            if pair.state is PairState.FAILED:
                del self._pairs[endpoint]
                return True
        return False
