"""Tests for zerogo.noise.replay: a numbered table after WireGuard's self-test, and a naive model."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane import interface
from zerogo.noise.replay import REJECT_AFTER_MESSAGES, WINDOW, ReplayWindow

LIMIT = WINDOW + 1
REJECT = REJECT_AFTER_MESSAGES

# Counters in the order they arrive, and whether each is taken.
TABLE = [
    (1, 0, True),
    (2, 1, True),
    (3, 1, False),
    (4, 9, True),
    (5, 8, True),
    (6, 7, True),
    (7, 7, False),
    (8, LIMIT, True),
    (9, LIMIT - 1, True),
    (10, LIMIT - 1, False),
    (11, LIMIT - 2, True),
    (12, 2, True),
    (13, 2, False),
    (14, LIMIT + 16, True),
    (15, 3, False),
    (16, LIMIT + 16, False),
    (17, LIMIT * 4, True),
    (18, LIMIT * 4 - (LIMIT - 1), True),
    (19, 10, False),
    (20, LIMIT * 4 - LIMIT, False),
    (21, LIMIT * 4 - (LIMIT + 1), False),
    (22, LIMIT * 4 - (LIMIT - 2), True),
    (23, LIMIT * 4 + 1 - LIMIT, False),
    (24, 0, False),
    (25, REJECT, False),
    (26, REJECT - 1, True),
    (27, REJECT, False),
    (28, REJECT - 1, False),
    (29, REJECT - 2, True),
    (30, REJECT + 1, False),
    (31, REJECT + 2, False),
    (32, REJECT - 2, False),
    (33, REJECT - 3, True),
    (34, 0, False),
    (35, 2**64 - 1, False),
    (36, 2**64, False),
    (37, -1, False),
]


class NaiveWindow:
    """What the window means, without a thought for memory."""

    def __init__(self) -> None:
        self._seen: list[int] = []

    def commit(self, counter: int) -> bool:
        too_old = bool(self._seen) and counter < max(self._seen) - WINDOW
        if counter >= REJECT or too_old or counter in self._seen:
            return False
        self._seen.append(counter)
        return True


class TableTests(SynchronousTestCase):
    def test_numbered_cases_in_one_run(self) -> None:
        window = ReplayWindow()
        for number, counter, is_taken in TABLE:
            self.assertEqual(window.accepts(counter), is_taken, f"case {number}: look")
            self.assertEqual(window.commit(counter), is_taken, f"case {number}: commit")

    def test_a_full_window_upwards_is_taken_once(self) -> None:
        window = ReplayWindow()
        for counter in range(1, LIMIT):
            self.assertTrue(window.commit(counter))
        self.assertTrue(window.commit(0))
        self.assertFalse(any(window.commit(counter) for counter in range(LIMIT)))

    def test_a_full_window_downwards_is_taken_once(self) -> None:
        window = ReplayWindow()
        for counter in range(LIMIT, 0, -1):
            self.assertTrue(window.commit(counter))
        self.assertTrue(window.commit(LIMIT + 1))
        self.assertFalse(window.commit(0))

    def test_a_look_changes_nothing(self) -> None:
        window = ReplayWindow()
        window.accepts(REJECT - 1)
        self.assertTrue(window.commit(0))

    def test_a_jump_of_any_number_of_words_forgets_what_it_must(self) -> None:
        for words in (1, 2, 126, 127, 128, 129, 1000):
            window = ReplayWindow()
            for counter in range(128):
                window.commit(counter)
            window.commit(words * 64 + 63)
            self.assertEqual(window.accepts(words * 64 + 62), words > 1)
            self.assertTrue(window.accepts(words * 64 + 64 + 8192))

    def test_after_a_full_ring_every_skipped_counter_is_taken(self) -> None:
        for jump in (1, 2, 63, 64, 65, 128, 200, 8000, 8128):
            window = ReplayWindow()
            for counter in range(8192):
                window.commit(counter)
            greatest = 8191 + jump
            self.assertTrue(window.commit(greatest))
            self.assertTrue(all(window.accepts(counter) for counter in range(8192, greatest)), jump)
            self.assertFalse(any(window.accepts(counter) for counter in range(8192)), jump)


class ModelTests(SynchronousTestCase):
    @settings(max_examples=200, deadline=None)
    @given(st.data())
    def test_agrees_with_the_naive_window(self, data: st.DataObject) -> None:
        start = data.draw(st.sampled_from([0, 1, 2**32, REJECT - 40000]))
        near = st.integers(min_value=0, max_value=40000)
        edges = st.sampled_from([0, 1, 63, 64, 65, WINDOW - 1, WINDOW, WINDOW + 1, 8191, 8192, 8193, 16384])
        steps = data.draw(st.lists(st.one_of(near, edges, st.integers(0, 200)), max_size=60))
        window, naive = ReplayWindow(), NaiveWindow()
        for step in steps:
            counter = start + step
            expected = naive.commit(counter)
            self.assertEqual(window.accepts(counter), expected)
            self.assertEqual(window.commit(counter), expected)


class RunTests(SynchronousTestCase):
    @settings(max_examples=50, deadline=None)
    @given(st.data())
    def test_a_run_counts_as_its_counters_one_by_one_or_not_at_all(self, data: st.DataObject) -> None:
        start = data.draw(st.sampled_from([0, 1, 63, 2**32, REJECT - 20000]))
        near = st.integers(0, 20000)
        counts = st.one_of(st.integers(1, 200), st.sampled_from([63, 64, 65, WINDOW]))
        runs, plain = ReplayWindow(), ReplayWindow()
        greatest = -1
        for step, count in data.draw(st.lists(st.tuples(near, counts), max_size=5)):
            counter = start + step
            is_ahead = counter > greatest and counter + count <= REJECT
            self.assertEqual(runs.is_ahead(counter, count), is_ahead)
            self.assertEqual(runs.commit_run(counter, count), is_ahead)
            if is_ahead:
                greatest = counter + count - 1
                self.assertTrue(all(plain.commit(each) for each in range(counter, counter + count)))
            for looked in range(max(greatest - 8300, 0), greatest + 3, 13):
                self.assertEqual(runs.accepts(looked), plain.accepts(looked), looked)

    def test_a_run_that_begins_with_the_newest_counter_is_not_ahead(self) -> None:
        window = ReplayWindow()
        self.assertTrue(window.commit_run(10, 5))
        self.assertEqual([window.is_ahead(counter, 2) for counter in (9, 14, 15)], [False, False, True])
        self.assertFalse(window.commit_run(14, 2))
        self.assertTrue(window.accepts(15))

    def test_a_run_may_end_at_the_limit_and_not_beyond(self) -> None:
        self.assertFalse(ReplayWindow().commit_run(REJECT - 9, 10))
        window = ReplayWindow()
        self.assertTrue(window.commit_run(REJECT - 10, 10))
        self.assertFalse(any(window.accepts(counter) for counter in range(REJECT - 10, REJECT + 1)))


class LimitTests(SynchronousTestCase):
    def test_the_limit_is_the_one_the_data_plane_knows(self) -> None:
        self.assertEqual(REJECT_AFTER_MESSAGES, interface.REJECT_AFTER_MESSAGES)
