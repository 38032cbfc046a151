"""Tests for zerogo.noise.timestamp."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import LocalError
from zerogo.noise.errors import Replayed, StaleInitiation
from zerogo.noise.timestamp import PROOF_SECONDS, PROOFS_LIMIT, RESERVED_SECONDS, HandshakeClock, ReplayGuard

KEY = b"\xa1" * 32
YEAR = 365 * 86400.0


def stamp(seconds: float) -> bytes:
    return int(seconds * 2**32).to_bytes(12, "big")


class ClockTests(SynchronousTestCase):
    def test_a_timestamp_is_unix_time_in_2_to_minus_32_seconds(self) -> None:
        self.assertEqual(HandshakeClock().next(1700000000.5), stamp(1700000000.5))
        self.assertEqual(HandshakeClock().next(1700000000.5).hex(), "000000006553f10080000000")

    def test_a_clock_that_stands_still_yields_greater_timestamps(self) -> None:
        clock = HandshakeClock()
        stamps = [clock.next(1000.0) for _ in range(100)]
        self.assertEqual(stamps, sorted(set(stamps)))

    def test_a_clock_that_goes_back_yields_greater_timestamps(self) -> None:
        clock = HandshakeClock()
        self.assertLess(clock.next(1e9 + YEAR), clock.next(1e9))

    def test_a_restart_with_the_mark_yields_greater_timestamps(self) -> None:
        clock = HandshakeClock()
        last = clock.next(1e9 + YEAR)
        self.assertLess(last, HandshakeClock(clock.mark).next(1e9))

    def test_the_mark_changes_once_a_minute_at_most(self) -> None:
        clock = HandshakeClock()
        clock.next(1000.0)
        mark = clock.mark
        clock.next(1000.0 + RESERVED_SECONDS)
        self.assertEqual(clock.mark, mark)
        clock.next(1001.0 + RESERVED_SECONDS)
        self.assertGreater(clock.mark, mark)

    def test_a_time_before_1970_is_taken_as_1970(self) -> None:
        self.assertEqual(HandshakeClock().next(-5.0), (1).to_bytes(12, "big"))

    def test_a_mark_of_a_wrong_length_is_the_callers_fault(self) -> None:
        self.assertRaises(LocalError, HandshakeClock, b"\x00")

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(st.floats(min_value=-1e10, max_value=1e11), st.booleans()), max_size=40))
    def test_no_clock_and_no_restart_makes_it_go_back(self, steps: list[tuple[float, bool]]) -> None:
        clock, last = HandshakeClock(), b""
        for unix_now, restarts in steps:
            if restarts:
                clock = HandshakeClock(clock.mark)
            timestamp = clock.next(unix_now)
            self.assertGreater(timestamp, last)
            self.assertLessEqual(timestamp, clock.mark)
            last = timestamp


class GuardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.guard = ReplayGuard()

    def _accept(self, timestamp: bytes, now: float = 0.0, *, fresh: bool = False, key: bytes = KEY) -> None:
        self.guard.accept(key, timestamp, is_proven_fresh=fresh, now=now)

    def test_greater_timestamps_pass(self) -> None:
        for second in range(5):
            self._accept(stamp(second + 1))

    def test_the_same_timestamp_is_a_replay_even_with_a_cookie(self) -> None:
        self._accept(stamp(5))
        self.assertRaises(Replayed, self._accept, stamp(5))
        self.assertRaises(Replayed, self._accept, stamp(5), fresh=True)

    def test_a_smaller_timestamp_is_stale(self) -> None:
        self._accept(stamp(5))
        self.assertRaises(StaleInitiation, self._accept, stamp(4))

    def test_members_do_not_touch_each_other(self) -> None:
        self._accept(stamp(5))
        self._accept(stamp(4), key=b"\xb1" * 32)

    def test_a_clock_that_was_far_ahead_once_does_not_lock_a_node_out(self) -> None:
        self._accept(stamp(100 * YEAR))
        self.assertRaises(StaleInitiation, self._accept, stamp(1.0))
        self._accept(stamp(1.0), fresh=True)

    def test_the_recorded_initiation_of_the_wrong_clock_stays_worthless(self) -> None:
        self._accept(stamp(100 * YEAR))
        self._accept(stamp(1.0), fresh=True)
        self.assertRaises(Replayed, self._accept, stamp(100 * YEAR))
        self.assertRaises(StaleInitiation, self._accept, stamp(99 * YEAR))

    def test_a_proven_initiation_cannot_be_replayed_while_its_cookie_lives(self) -> None:
        self._accept(stamp(100))
        self._accept(stamp(1), fresh=True)
        self.assertRaises(Replayed, self._accept, stamp(1), PROOF_SECONDS - 1, fresh=True)

    def test_a_proven_and_greater_one_cannot_be_replayed_after_a_still_greater_one(self) -> None:
        self._accept(stamp(1), fresh=True)
        self._accept(stamp(2), fresh=True)
        self.assertRaises(Replayed, self._accept, stamp(1), fresh=True)

    def test_more_proofs_than_can_be_remembered_void_the_cookie_for_a_while(self) -> None:
        for second in range(PROOFS_LIMIT + 1):
            self._accept(stamp(second + 1), fresh=True)
        self.assertRaises(StaleInitiation, self._accept, stamp(1), fresh=True)
        self.assertRaises(StaleInitiation, self._accept, stamp(0.5), fresh=True)
        self._accept(stamp(0.5), PROOF_SECONDS, fresh=True)

    def test_a_node_can_renew_by_cookie_for_ever(self) -> None:
        self._accept(stamp(100 * YEAR))
        for number in range(50):
            self._accept(stamp(number + 1), number * 120.0, fresh=True)

    def test_a_forgotten_node_starts_over(self) -> None:
        self._accept(stamp(5))
        self.guard.forget(KEY)
        self.guard.forget(KEY)
        self._accept(stamp(4))

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.booleans(), st.integers(0, 30)), max_size=60))
    def test_no_initiation_passes_twice(self, steps: list[tuple[int, int, bool, int]]) -> None:
        """An attacker replays all that was ever sent, each with the cookie it was sealed with, after every step."""
        guard, now = ReplayGuard(), 0.0
        sent: list[tuple[bytes, float | None]] = []
        accepted: list[tuple[bytes, float | None]] = []
        for second, minutes, has_cookie, age in steps:
            now += minutes * 60.0
            sent.append((stamp(second), now - age if has_cookie else None))
            for initiation in [sent[-1], *sent]:
                timestamp, issued_at = initiation
                is_proven = issued_at is not None and now - issued_at < PROOF_SECONDS
                try:
                    guard.accept(KEY, timestamp, is_proven_fresh=is_proven, now=now)
                except (Replayed, StaleInitiation):
                    continue
                accepted.append(initiation)
        once = {(timestamp, issued_at) for timestamp, issued_at in accepted}
        self.assertEqual(len(accepted), len(once))
