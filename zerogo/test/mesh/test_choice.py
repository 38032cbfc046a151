"""Which path is used, and for how long it stays so."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.choice import PathChoice
from zerogo.mesh.events import PathKind
from zerogo.mesh.path import Path
from zerogo.routing.hysteresis import HELD_FOR_SECONDS
from zerogo.routing.policy import RoutingPolicy


def path(
    number: int, round_trip: float, *, remote: str = "srflx", verified: bool = True, kind: PathKind = PathKind.DIRECT
) -> Path:
    """A path that was measured."""
    made = Path(
        destination=SocketAddress.of(f"192.0.2.{number}", 9993),
        local_candidate="host",
        remote_candidate=remote,
        kind=kind,
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

    def test_a_direct_path_that_was_checked_takes_over_from_a_relay_at_once(self) -> None:
        relayed, direct = path(1, 0.080, kind=PathKind.RELAY), path(2, 0.080, verified=False)
        choice = PathChoice()
        choice.choose([relayed], 0.0)
        self.assertIs(choice.choose([relayed, direct], 0.1), direct)

    def test_the_direct_path_for_others_is_the_one_in_use_or_the_best_proven_one_beside_it(self) -> None:
        through = path(1, 0.010, kind=PathKind.PEER)
        slow, slower, unproven = path(2, 0.200), path(3, 0.300), path(4, 0.001, verified=False)
        choice = PathChoice()
        self.assertIs(choice.choose([through], 0.0), through)
        self.assertIsNone(choice.direct([through, unproven]))
        self.assertIs(choice.direct([through, slower, slow, unproven]), slow)
        choice = PathChoice()
        self.assertIs(choice.choose([slower], 0.0), slower)
        self.assertIs(choice.direct([slower, slow]), slower)

    def test_one_that_the_owner_forbids_carries_nothing_for_others(self) -> None:
        relayed, direct = path(1, 0.080, kind=PathKind.RELAY), path(2, 0.080)
        choice = PathChoice(RoutingPolicy(p2p_enabled=False))
        self.assertIs(choice.choose([relayed, direct], 0.0), relayed)
        self.assertIsNone(choice.direct([relayed, direct]))

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

    def test_loss_is_dear_and_a_relay_too(self) -> None:
        lossy, clean = path(3, 0.020), path(4, 0.190)
        for _ in range(4):
            lossy.measurement.lost()
        self.assertIs(PathChoice().choose([lossy, clean], 0.0), clean)
        relayed = path(5, 0.020, kind=PathKind.RELAY)
        self.assertIs(PathChoice().choose([relayed, path(6, 0.110)], 0.0).kind, PathKind.DIRECT)

    def test_the_score_says_what_it_is_made_of(self) -> None:
        self.assertEqual(str(PathChoice().score(path(1, 0.060))), "90 = base 100 - latency 30 + direct 20")

    def test_what_the_owner_does_not_allow_is_not_used_and_said(self) -> None:
        choice = PathChoice(RoutingPolicy(disable_relay=True))
        relayed = path(5, 0.020, kind=PathKind.RELAY)
        self.assertIsNone(choice.choose([relayed], 0.0))
        choice.force(relayed, 0.0)
        self.assertIsNone(choice.active)
        self.assertEqual(choice.complaint([relayed]), "unreachable: relay disabled")
        self.assertEqual(choice.complaint([relayed, path(1, 0.02)]), "")

    def test_a_direct_path_that_never_failed_takes_over_at_once_and_one_that_did_waits(self) -> None:
        relayed, direct = path(5, 0.020, kind=PathKind.RELAY), path(1, 0.020)
        choice = PathChoice()
        choice.choose([relayed], 0.0)
        self.assertIs(choice.choose([relayed, direct], 0.1), direct)
        direct.die(1.0)
        self.assertIs(choice.choose([relayed, direct], 1.0), relayed)
        direct.revive(2.0)
        self.assertIs(choice.choose([relayed, direct], 2.0), relayed)
        self.assertIs(choice.choose([relayed, direct], 2.0 + HELD_FOR_SECONDS), direct)

    def test_what_only_its_loss_holds_back_is_named_and_nothing_else(self) -> None:
        relayed, direct, unproven = path(5, 0.020, kind=PathKind.RELAY), path(1, 0.020), path(2, 0.020, verified=False)
        little, worse = path(3, 0.018, kind=PathKind.RELAY), path(4, 0.300, kind=PathKind.RELAY)
        others = [direct, unproven, little, worse]
        for each in others:
            each.has_failed = True
            for _ in range(4):
                each.measurement.lost()
                each.measurement.answered(each.measurement.minimum or 0.0, 0.0)
        choice = PathChoice()
        self.assertIs(choice.choose([relayed, *others], 0.0), relayed)
        self.assertEqual((choice.has_rival, choice.rivals(others)), (True, [direct]))
        self.assertIs(choice.choose([relayed, *others], 60.0), relayed)
        self.assertIs(choice.choose([relayed, unproven, little, worse], 61.0), relayed)
        self.assertEqual((choice.has_rival, choice.rivals(others)), (False, []))

    def test_just_after_a_failure_the_best_that_answers_is_taken_without_waiting(self) -> None:
        used, relayed = path(1, 0.020), path(5, 0.020, kind=PathKind.RELAY)
        through = path(2, 0.040, kind=PathKind.PEER)
        choice = PathChoice()
        choice.choose([used, relayed], 0.0)
        used.die(1.0)
        self.assertIs(choice.choose([used, relayed], 1.0), relayed)
        self.assertIs(choice.choose([used, relayed, through], 1.1), through)
        choice = PathChoice()
        choice.choose([relayed], 0.0)
        self.assertIs(choice.choose([relayed, through], 1.1), relayed)

    def test_direct_may_be_preferred_whatever_it_is_worth(self) -> None:
        slow, through = path(1, 0.500), path(2, 0.020, kind=PathKind.PEER)
        self.assertIs(PathChoice().choose([slow, through], 0.0), through)
        self.assertIs(PathChoice(RoutingPolicy(prefer_direct=True)).choose([slow, through], 0.0), slow)
