# -*- test-case-name: zerogo.test.mesh.test_mtu -*-
"""How large a datagram a path carries whole: Datagram Packetization Layer Path MTU Discovery (RFC 8899), per path.

Sizes are UDP payloads in bytes. Only an authentic answer to a padded probe of that size shows that a size passes; ICMP
errors are not looked at. Frames are cut to `PathMtu.size`, which begins at BASE_PLPMTU without having been proven.

Probes go out in *rounds* of several sizes at once, so that the right one is found within a round trip: first the sizes
of links that exist (Ethernet, PPPoE, WireGuard, IPv6's least ...), then what lies between the largest that passed and
the smallest that did not. A size is refused when it went unanswered as often as `MAX_PROBES` says. A size that passes
is used at once; one that does not is no loss: the measurement of the path never hears of these probes.

When the size is found it is *confirmed* by a probe now and then, every second while the peer is sent data. A
confirmation that fails casts doubt, and a round of all smaller sizes follows; if small ones pass and the current one
does not, however often it is asked, it is a black hole and the size steps down. A lossy path is asked more often before
that. Larger sizes are tried again after half a minute, then ever more rarely, down to every PMTU_RAISE_TIMER.

Section 5.1 of the RFC names the constants. The search of 5.3 is ours, as it allows.
"""

from __future__ import annotations

import math

from attrs import define, field

from zerogo.mesh.measure import Measurement

MIN_PLPMTU = 1052
"""A packet of 1,100 bytes by IPv6, less is not cut to."""
BASE_PLPMTU = 1200
MAX_PLPMTU_IPV4 = 1472
"""UDP payload of a 1,500-byte IPv4 packet without options."""
MAX_PLPMTU_IPV6 = 1452
MAX_PROBES = 3
CONFIRMATION_SECONDS = 60.0
BUSY_CONFIRMATION_SECONDS = 1.0
BUSY_FOR_SECONDS = 3.0
"""So long after data was sent last the path counts as busy."""
FIRST_RAISE_SECONDS = 30.0
PMTU_RAISE_SECONDS = 600.0
SILENCE_SECONDS = 1.0
"""Until the next round after one in which nothing at all was answered."""
GRAIN = 8
"""A gap of that many bytes is not searched: TCP is cut at multiples of it."""
FINE_SIZES_LIMIT = 8
SLIGHT_OVERHEAD = 4
OUTSTANDING_LIMIT = 128
_ETHERNET = 1500
_PACKETS = (1100, 1280, 1400, 1420, 1460, 1480, 1492, _ETHERNET)


def link_sizes(largest: int, overhead: int = 0) -> tuple[int, ...]:
    """What to try on a path of unknown kind, largest first.

    :param largest: what Ethernet carries in the path's family.
    :param overhead: what the way itself adds to each datagram; it is taken off all sizes.
    """
    headers = _ETHERNET - largest
    sizes = {MIN_PLPMTU, BASE_PLPMTU, *(packet - headers for packet in _PACKETS)}
    return tuple(sorted((size - overhead for size in sizes if MIN_PLPMTU <= size <= largest), reverse=True))


def sizes_between(passed: int, refused: int) -> tuple[int, ...]:
    """A few sizes above one and below the other, largest first; none where the gap is not worth it."""
    pieces = -(-(refused - passed) // GRAIN)
    step = -(-pieces // (FINE_SIZES_LIMIT + 1)) * GRAIN
    return tuple(range(passed + step, refused, step))[::-1]


@define(eq=False)
class _Round:
    """Probes of some sizes, largest first, repeated until the largest is answered or `attempts` are used up."""

    sizes: tuple[int, ...]
    attempts: int
    acts_at: float
    is_confirmation: bool = False
    passed: int = 0
    """The largest size that was answered; 0 for none."""

    @property
    def refused(self) -> int | None:
        """The smallest size that did not pass, at the end."""
        return min((size for size in self.sizes if size > self.passed), default=None)


@define(eq=False)
class PathMtu:
    """One path's. The caller sends probes of the sizes that `due` returns, and tells the fate of none but the answered.

    :param carried: what Ethernet carries in the path's family.
    :param overhead: what the way itself adds to each datagram (a relay's header, members that carry).
    """

    carried: int
    overhead: int = 0
    size: int = field(init=False)
    """What to cut frames to."""
    is_confirmed: bool = field(default=False, init=False)
    """Whether a probe of `size` or more was answered."""
    _round: _Round | None = field(default=None, init=False)
    _too_large: int | None = field(default=None, init=False)
    _outstanding: dict[int, int] = field(factory=dict, init=False)
    _search_at: float = field(default=-math.inf, init=False)
    _confirm_at: float = field(default=-math.inf, init=False)
    _raise_seconds: float = field(default=FIRST_RAISE_SECONDS, init=False)
    _proven_at: float = field(default=-math.inf, init=False)
    _busy_until: float = field(default=-math.inf, init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with the base; members that carry may know no more than the smallest size to fit their own paths."""
        self.size = self._base if self.overhead <= SLIGHT_OVERHEAD else self._smallest

    @property
    def largest(self) -> int:
        """The largest size to look for."""
        return self.carried - self.overhead

    @property
    def _base(self) -> int:
        return BASE_PLPMTU - self.overhead

    @property
    def _smallest(self) -> int:
        return MIN_PLPMTU - self.overhead

    def due(self, now: float, measurement: Measurement) -> tuple[int, ...]:
        """The sizes to probe now, largest first; `measurement` says how long answers take and how many get lost."""
        if self._round is not None and self._round.acts_at <= now:
            self._look_at(self._round, now, measurement)
        if self._round is None:
            self._begin_what_is_due(now)
        if self._round is None or self._round.acts_at > now:
            return ()
        self._round.attempts -= 1
        self._round.acts_at = now + measurement.timeout
        return tuple(size for size in self._round.sizes if size > self._round.passed)

    def sent(self, probe_id: int, size: int) -> None:
        """A probe of `size` bytes was sent."""
        self._outstanding[probe_id] = size
        while len(self._outstanding) > OUTSTANDING_LIMIT:
            del self._outstanding[next(iter(self._outstanding))]

    def answered(self, probe_id: int, now: float) -> bool:
        """A probe was answered; False where it was not one of these, or of a time that is over."""
        size = self._outstanding.pop(probe_id, None)
        if size is None:
            return False
        if size >= self.size:
            self.size, self.is_confirmed, self._proven_at = size, True, now
        if self._round is not None:
            self._round.passed = max(self._round.passed, size)
            if size >= self._round.sizes[0]:
                self._round.attempts, self._round.acts_at = 0, now
        return True

    def next_at(self) -> float:
        """When `due` is wanted."""
        return min(self._search_at, self._confirm_at) if self._round is None else self._round.acts_at

    def busy(self, now: float) -> None:
        """Data went this way just now: a black hole would hurt."""
        self._busy_until = now + BUSY_FOR_SECONDS
        if self.is_confirmed:
            self._confirm_at = min(self._confirm_at, self._proven_at + BUSY_CONFIRMATION_SECONDS)

    def too_long(self, now: float) -> None:
        """The kernel would not send what was cut to `size`: fall to what surely goes, and search."""
        self._step_down(self._base if self.size > self._base else self._smallest)
        self.search(now)

    def search(self, now: float) -> None:
        """Try all larger sizes, and what is known, whose answer is a confirmation; or all sizes if nothing is known.

        Call it where the way to the peer may be another than it was.
        """
        sizes = link_sizes(self.carried, self.overhead)
        if self.is_confirmed:
            sizes = (*(size for size in sizes if size > self.size), self.size)
        self._too_large = None
        self._round = _Round(sizes, MAX_PROBES, now)

    def interrupt(self) -> None:
        """Probes can no longer be sent, those under way are void; all is asked anew when they can."""
        self._round = None
        self._outstanding.clear()
        self._confirm_at = -math.inf
        if not self.is_confirmed:
            self._search_at = -math.inf

    def _begin_what_is_due(self, now: float) -> None:
        if self._search_at <= now:
            self.search(now)
        elif self._confirm_at <= now:
            self._round = _Round((self.size,), 1, now, is_confirmation=True)

    def _look_at(self, current: _Round, now: float, measurement: Measurement) -> None:
        """An attempt is over: settle for what passed, if nothing is known to; end a round that is complete."""
        if current.passed and not self.is_confirmed:
            self.size, self.is_confirmed, self._proven_at = current.passed, True, now
        if current.attempts > 0:
            return
        self._round = None
        if current.passed:
            self._end(current, now)
        elif current.is_confirmation or current.sizes[-1] > self._smallest:
            smaller = tuple(size for size in link_sizes(self.carried, self.overhead) if size < self.size)
            attempts = max(MAX_PROBES, measurement.probes_until_dead) - current.is_confirmation
            self._round = _Round((self.size, *smaller), attempts, now)
        else:
            self._step_down(self._smallest)
            self._search_at = now + SILENCE_SECONDS
            self._confirm_at = math.inf

    def _end(self, current: _Round, now: float) -> None:
        if current.passed < self.size:
            self._step_down(current.passed)
            self.is_confirmed, self._proven_at = True, now
        self._too_large = current.refused or self._too_large
        finer = () if self._too_large is None else sizes_between(self.size, self._too_large)
        if finer:
            self._round = _Round((*finer, self.size), MAX_PROBES, now)
            return
        is_busy = now < self._busy_until
        self._confirm_at = now + (BUSY_CONFIRMATION_SECONDS if is_busy else CONFIRMATION_SECONDS)
        if not current.is_confirmation and self._search_at <= now:
            self._plan_raise(now)

    def _plan_raise(self, now: float) -> None:
        if self.size >= self.largest:
            self._search_at, self._raise_seconds = math.inf, FIRST_RAISE_SECONDS
            return
        self._search_at = now + self._raise_seconds
        self._raise_seconds = min(2 * self._raise_seconds, PMTU_RAISE_SECONDS)

    def _step_down(self, size: int) -> None:
        self.size, self.is_confirmed = size, False
        self._outstanding.clear()
        self._search_at, self._raise_seconds = -math.inf, FIRST_RAISE_SECONDS
