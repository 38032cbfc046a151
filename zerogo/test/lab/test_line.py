"""One direction of a link: statistics, order, and determinism by seed."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.line import REORDER_SECONDS, Line
from zerogo.lab.scenario import Link

SPACING = 0.001


def fates(link: Link, count: int, seed: object = 1, size: int = 1000) -> list[tuple[float, ...]]:
    """What becomes of `count` packets, one each millisecond; times are relative to their sending."""
    line = Line(link, Random(str(seed)))
    found = []
    for number in range(count):
        now = number * SPACING
        found.append(tuple(at - now for at in line.offer(size, now)))
    return found


class LineTests(SynchronousTestCase):
    def assert_near(self, value: float, wanted: float, tolerance: float) -> None:
        self.assertTrue(abs(value - wanted) <= tolerance, f"{value} is not {wanted} within {tolerance}")

    def test_perfect_link_delivers_at_once(self) -> None:
        self.assertEqual(fates(Link(), 3), [(0.0,), (0.0,), (0.0,)])

    def test_delay_is_exact(self) -> None:
        for fate in fates(Link(delay=0.02), 100):
            self.assertAlmostEqual(fate[0], 0.02)

    def test_same_seed_same_fate(self) -> None:
        link = Link(delay=0.02, jitter=0.01, loss=0.1, burst=3, reorder=0.1, duplicate=0.1)
        self.assertEqual(fates(link, 500, seed=7), fates(link, 500, seed=7))
        self.assertNotEqual(fates(link, 500, seed=7), fates(link, 500, seed=8))

    def test_loss_is_the_fraction_that_was_asked_for(self) -> None:
        lost = sum(1 for fate in fates(Link(loss=0.1), 20_000) if not fate)
        self.assert_near(lost / 20_000, 0.1, 0.01)

    def test_total_loss_loses_everything(self) -> None:
        for burst in (1.0, 4.0):
            self.assertEqual(fates(Link(loss=1.0, burst=burst), 50)[-40:], [()] * 40)

    def test_bursts_have_the_mean_length_and_the_same_loss(self) -> None:
        lost = [not fate for fate in fates(Link(loss=0.1, burst=5), 60_000)]
        starts = sum(1 for here, before in zip(lost[1:], lost, strict=False) if here and not before)
        self.assert_near(sum(lost) / len(lost), 0.1, 0.02)
        self.assert_near(sum(lost) / starts, 5, 0.5)

    def test_jitter_spreads_the_delay_and_keeps_order(self) -> None:
        link = Link(delay=0.05, jitter=0.02)
        line = Line(link, Random("1"))
        out = [line.offer(100, number * SPACING)[0] for number in range(2000)]
        self.assertEqual(out, sorted(out))
        delays = [at - number * SPACING for number, at in enumerate(out)]
        self.assertGreaterEqual(min(delays), 0.03 - 1e-9)
        self.assertLessEqual(max(delays), 0.07 + 1e-9)
        self.assertGreater(max(delays) - min(delays), 0.005)

    def test_reordered_packets_are_overtaken(self) -> None:
        delays = [fate[0] for fate in fates(Link(delay=0.02, reorder=0.2), 10_000)]
        held = [delay for delay in delays if delay > 0.021]
        self.assert_near(len(held) / len(delays), 0.2, 0.02)
        self.assertAlmostEqual(held[0], 0.02 + REORDER_SECONDS)

    def test_duplicates_arrive_twice(self) -> None:
        twice = sum(1 for fate in fates(Link(duplicate=0.25), 10_000) if len(fate) == 2)
        self.assert_near(twice / 10_000, 0.25, 0.02)

    def test_rate_spaces_packets(self) -> None:
        line = Line(Link(rate=8e6, queue=1.0), Random("1"))
        self.assertEqual([round(line.offer(1000, 0.0)[0], 6) for _ in range(3)], [0.001, 0.002, 0.003])

    def test_full_queue_drops_and_drains(self) -> None:
        line = Line(Link(rate=8e6, queue=0.005), Random("1"))
        accepted = sum(1 for _ in range(100) if line.offer(1000, 0.0))
        self.assertEqual((accepted, line.overflowed), (6, 94))
        self.assertEqual(len(line.offer(1000, 1.0)), 1)

    def test_replaced_properties_count_from_the_next_packet(self) -> None:
        line = Line(Link(), Random("1"))
        line.replace(Link(delay=0.5))
        self.assertEqual(line.offer(1, 1.0), (1.5,))

    @given(
        st.builds(
            Link,
            delay=st.floats(0, 1),
            jitter=st.floats(0, 1),
            loss=st.floats(0, 1),
            burst=st.floats(1, 20),
            reorder=st.floats(0, 1),
            duplicate=st.floats(0, 1),
            rate=st.sampled_from([0.0, 1e3, 1e9]),
        ),
        st.lists(st.tuples(st.integers(1, 9000), st.floats(0, 0.1)), max_size=30),
    )
    @settings(max_examples=100, deadline=None)
    def test_nothing_arrives_before_it_was_sent(self, link: Link, packets: list[tuple[int, float]]) -> None:
        line, now = Line(link, Random("1")), 0.0
        for size, gap in packets:
            now += gap
            times = line.offer(size, now)
            self.assertLessEqual(len(times), 2)
            for at in times:
                self.assertGreaterEqual(at, now)
