"""Which path is used, and for how long it stays so."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from zerogo.routing.damping import PROOF_SECONDS
from zerogo.routing.hysteresis import HELD_FOR_SECONDS, ChangeReason, Option, Preference
from zerogo.routing.score import Facts, PathType, Scorer


def option(
    key: str, latency_ms: float, type_: PathType = PathType.DIRECT, *, loss: float = 0.0, proven: bool = True
) -> Option[str]:
    """A usable path."""
    facts = Facts(type=type_, latency=latency_ms / 1000, loss=loss)
    return Option(key=key, facts=facts, score=Scorer().score(facts), is_proven=proven)


class PreferenceTests(SynchronousTestCase):
    """Best first, and steady."""

    def setUp(self) -> None:
        self.preference: Preference[str] = Preference()

    def at(self, now: float, *options: Option[str]) -> str | None:
        """The choice at that moment."""
        return self.preference.choose(options, now)

    def test_the_best_is_taken_at_first(self) -> None:
        self.assertEqual(self.at(0.0, option("slow", 100), option("fast", 20)), "fast")

    def test_a_dead_one_is_left_at_once(self) -> None:
        self.at(0.0, option("direct", 20), option("server", 30, PathType.SERVER))
        self.assertEqual(self.at(0.1, option("server", 30, PathType.SERVER)), "server")
        self.assertIs(self.preference.reason, ChangeReason.DIED)

    def test_better_for_three_seconds_wins(self) -> None:
        self.at(0.0, option("server", 30, PathType.SERVER))
        both = (option("server", 30, PathType.SERVER), option("direct", 20))
        self.assertEqual(self.at(1.0, *both), "server")
        self.assertEqual(self.preference.next_at(), 1.0 + HELD_FOR_SECONDS)
        self.assertEqual(self.at(0.9 + HELD_FOR_SECONDS, *both), "server")
        self.assertEqual(self.at(1.0 + HELD_FOR_SECONDS, *both), "direct")
        self.assertIs(self.preference.reason, ChangeReason.BETTER)

    def test_it_wants_to_be_asked_at_a_moment_at_which_it_decides(self) -> None:
        both = (option("server", 30, PathType.SERVER), option("direct", 20))
        for tick in range(1000):
            self.preference = Preference()
            self.at(0.0, both[0])
            self.at(13.0 + tick / 977, *both)
            at = self.preference.next_at()
            assert at is not None
            self.assertEqual(self.at(at, *both), "direct")

    def test_a_rival_that_flapped_is_not_asked_for_before_it_may_win(self) -> None:
        both = (option("server", 30, PathType.SERVER), option("direct", 20))
        self.at(0.0, both[0])
        for now in (1.0, 4.0, 5.0):
            self.at(now, *both[: 1 if now == 5.0 else 2])
        self.assertIs(self.preference.reason, ChangeReason.DIED)
        self.at(6.0, *both)
        self.assertEqual(self.preference.next_at(), 6.0 + PROOF_SECONDS)
        self.assertEqual(self.at(5.9 + PROOF_SECONDS, *both), "server")
        self.assertEqual(self.at(6.0 + PROOF_SECONDS, *both), "direct")

    def test_one_that_is_held_back_does_not_stand_in_the_way_of_another(self) -> None:
        server, often, other = option("server", 90, PathType.SERVER), option("often", 20), option("other", 21)
        self.at(0.0, server)
        for now in (1.0, 4.0, 5.0):
            self.at(now, *[server, often][: 1 if now == 5.0 else 2])
        self.at(6.0, server, often)
        self.assertEqual(self.preference.next_at(), 6.0 + PROOF_SECONDS)
        self.assertEqual(self.at(10.0, server, often, other), "server")
        self.assertEqual((self.preference.rival, self.preference.next_at()), ("other", 10.0 + HELD_FOR_SECONDS))
        # One that comes and goes does not have the one before begin anew.
        self.at(11.0, server, often)
        self.assertEqual((self.preference.rival, self.preference.next_at()), ("often", 6.0 + PROOF_SECONDS))
        self.at(12.0, server, often, other)
        self.assertEqual(self.at(12.0 + HELD_FOR_SECONDS, server, often, other), "other")

    def test_one_that_was_left_for_missing_answers_has_flapped_as_well_until_the_network_is_another_one(self) -> None:
        both = (option("server", 30, PathType.SERVER), option("direct", 20))
        self.at(0.0, both[0])
        for now in (1.0, 4.0):
            self.at(now, *both)
        self.preference.force("server", 5.0)
        self.at(6.0, *both)
        self.assertEqual(self.preference.next_at(), 6.0 + PROOF_SECONDS)
        self.preference.forgive()
        self.at(7.0, *both)
        self.assertEqual(self.preference.next_at(), 7.0 + HELD_FOR_SECONDS)

    def test_a_rival_that_falls_back_begins_anew(self) -> None:
        self.at(0.0, option("a", 60))
        self.at(1.0, option("a", 60), option("b", 20))
        self.at(3.0, option("a", 60), option("b", 58))
        self.assertEqual(self.at(5.0, option("a", 60), option("b", 20)), "a")
        self.assertEqual(self.at(8.0, option("a", 60), option("b", 20)), "b")

    def test_less_than_five_milliseconds_or_fifteen_percent_is_not_enough(self) -> None:
        for used, rival, wins in ((20.0, 15.1, False), (20.0, 15.0, True), (100.0, 86.0, False), (100.0, 85.0, True)):
            self.preference = Preference()
            self.at(0.0, option("a", used))
            self.at(1.0, option("a", used), option("b", rival))
            self.assertEqual(self.at(9.0, option("a", used), option("b", rival)), "b" if wins else "a", (used, rival))

    def test_of_equal_scores_the_type_decides(self) -> None:
        worthless = (option("server", 400, PathType.SERVER), option("direct", 600))
        self.at(0.0, worthless[0])
        self.at(1.0, *worthless)
        self.assertEqual(self.at(4.0, *worthless), "direct")

    def test_an_unproven_path_comes_last_and_goes_first(self) -> None:
        proven, fast = option("proven", 200), option("fast", 10, proven=False)
        self.assertEqual(self.at(0.0, proven, fast), "proven")
        self.preference = Preference("fast")
        self.at(1.0, proven, fast)
        self.assertEqual(self.at(4.0, proven, fast), "proven")

    def test_forcing_and_losing(self) -> None:
        self.at(0.0, option("a", 20), option("b", 30))
        self.preference.force("b", 1.0)
        self.assertEqual((self.preference.active, self.preference.reason), ("b", ChangeReason.DECIDED))
        self.assertIsNone(self.at(2.0))
        self.assertIs(self.preference.reason, ChangeReason.LOST)

    def test_a_link_whose_quality_oscillates_changes_paths_twice_a_minute_at_most(self) -> None:
        changes = self.changes_in(600, lambda second: [option("a", 20 if second // 5 % 2 else 200), option("b", 100)])
        self.assertTrue(len(changes) >= 2)
        self.assert_at_most_two_a_minute(changes)

    def test_a_link_that_dies_and_returns_is_left_alone_and_a_slow_one_changes_paths_twice_a_minute_at_most(
        self,
    ) -> None:
        relay = option("relay", 100, PathType.SERVER)
        for up, down, most in ((10, 10, 2), (20, 1, 4), (40, 10, 4), (70, 10, 30)):
            self.preference = Preference()

            def options(second: int, up: int = up, period: int = up + down) -> list[Option[str]]:
                return [relay] if second % period >= up else [relay, option("a", 20)]

            changes = self.changes_in(1200, options)
            self.assertTrue(2 <= len(changes) <= most + 1, (up, down, changes))
            self.assert_at_most_two_a_minute(changes[3:])

    def changes_in(self, seconds: int, options_at: object) -> list[float]:
        """When the path in use changed, looking ten times a second."""
        changes: list[float] = []
        before: str | None = None
        for step in range(seconds * 10):
            now = step / 10
            chosen = self.at(now, *options_at(int(now)))  # type: ignore[operator]
            if chosen != before and before is not None:
                changes.append(now)
            before = chosen
        return changes

    def assert_at_most_two_a_minute(self, changes: list[float]) -> None:
        for first, third in zip(changes, changes[2:], strict=False):
            self.assertGreaterEqual(third - first, 59.9)


class OscillationTests(SynchronousTestCase):
    """A direct path that comes and goes beside a server that stays, at the moments that the core asks for."""

    def changes(self, up: float, down: float, jitter: float, rng: random.Random) -> list[float]:
        """When the path in use became another one within ten minutes."""
        direct, server = option("direct", 20), option("server", 30, PathType.SERVER)
        preference: Preference[str] = Preference()
        preference.choose([direct, server], 0.0)
        changed, is_up, now, turn_at = [], True, 0.0, rng.uniform(1.0, 300.0)
        end = turn_at + 600.0
        while now < end:
            wanted_at = preference.next_at()
            if wanted_at is not None and now < wanted_at < turn_at:
                now = wanted_at
            else:
                now, is_up = turn_at, not is_up
                turn_at += (up if is_up else down) * (1 + jitter * rng.random())
            before = preference.active
            if preference.choose([direct, server] if is_up else [server], now) != before:
                changed.append(now)
        return changed

    def test_it_makes_three_changes_in_its_first_minute_at_most_and_two_in_any_other(self) -> None:
        for seed in range(300):
            rng = random.Random(seed)
            up, down, jitter = rng.uniform(1.0, 120.0), rng.choice((0.5, 2.0, 20.0)), rng.choice((0.0, 0.5, 2.0))
            changed = self.changes(up, down, jitter, rng)
            for begin in changed:
                count = sum(begin <= at < begin + 60.0 for at in changed)
                self.assertLessEqual(count, 3 if begin == changed[0] else 2, (seed, up, down, jitter, changed))

    def test_one_that_is_never_well_for_a_minute_is_left_alone_after_three(self) -> None:
        for period in (4.0, 7.0, 15.0, 30.0, 45.0):
            self.assertLessEqual(len(self.changes(period, 2.0, 0.0, random.Random(1))), 3, period)
