"""Which path is used, and for how long it stays so."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.choice import HELD_FOR_SECONDS, PathChoice, cost
from zerogo.mesh.path import Path


def path(number: int, round_trip: float, *, remote: str = "srflx", verified: bool = True) -> Path:
    """A path that was measured."""
    made = Path(
        destination=SocketAddress.of(f"192.0.2.{number}", 9993),
        local_candidate="host",
        remote_candidate=remote,
        is_checked=True,
        is_verified=verified,
        found_at=0.0,
        next_probe_at=0.0,
    )
    made.measurement.answered(round_trip, 0.0)
    return made


class ChoiceTests(SynchronousTestCase):
    """Cheapest first, with hysteresis."""

    def test_the_cheapest_is_taken_at_first(self) -> None:
        slow, fast = path(1, 0.100), path(2, 0.020)
        self.assertIs(PathChoice().choose([slow, fast], 0.0), fast)

    def test_a_verified_path_comes_before_a_faster_unverified_one(self) -> None:
        verified, fast = path(1, 0.100), path(2, 0.020, verified=False)
        self.assertIs(PathChoice().choose([fast, verified], 0.0), verified)

    def test_a_better_path_must_be_better_for_three_seconds(self) -> None:
        slow, fast = path(1, 0.100), path(2, 0.020)
        choice = PathChoice()
        choice.choose([slow], 0.0)
        self.assertIs(choice.choose([slow, fast], 10.0), slow)
        self.assertIs(choice.choose([slow, fast], 10.0 + HELD_FOR_SECONDS - 0.1), slow)
        self.assertIs(choice.choose([slow, fast], 10.0 + HELD_FOR_SECONDS), fast)

    def test_a_rival_that_falls_back_begins_anew(self) -> None:
        slow, fast = path(1, 0.100), path(2, 0.020)
        choice = PathChoice()
        choice.choose([slow], 0.0)
        choice.choose([slow, fast], 10.0)
        choice.choose([slow], 12.0)
        choice.choose([slow, fast], 12.5)
        self.assertIs(choice.choose([slow, fast], 13.5), slow)

    def test_a_little_better_is_not_enough(self) -> None:
        used, rival = path(1, 0.040), path(2, 0.037)
        choice = PathChoice()
        choice.choose([used], 0.0)
        for second in range(20):
            self.assertIs(choice.choose([used, rival], float(second)), used)

    def test_a_dead_path_is_left_at_once(self) -> None:
        used, other = path(1, 0.020), path(2, 0.200)
        choice = PathChoice()
        choice.choose([used, other], 0.0)
        used.die(1.0)
        self.assertIs(choice.choose([used, other], 1.0), other)
        other.die(2.0)
        self.assertIsNone(choice.choose([used, other], 2.0))

    def test_lan_and_ipv6_are_a_little_cheaper_and_loss_is_dear(self) -> None:
        self.assertLess(cost(path(1, 0.020, remote="host")), cost(path(2, 0.020)))
        lossy = path(3, 0.020)
        for _ in range(4):
            lossy.measurement.lost()
        self.assertGreater(cost(lossy), cost(path(4, 0.200)))

    def test_another_scorer_takes_its_place(self) -> None:
        slow, fast = path(1, 0.100), path(2, 0.020)
        self.assertIs(PathChoice(scorer=lambda each: -cost(each)).choose([slow, fast], 0.0), slow)
