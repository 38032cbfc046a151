import math

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller import link_rings
from zerogo.controller.link_book import pair_of
from zerogo.controller.link_rings import TIERS, LinkRings, Ring, Tier
from zerogo.ids import NetworkId, NodeId

NETWORK = NetworkId(b"netwk")
NODES = [NodeId(bytes([number]) * 10) for number in range(20)]
PAIR = pair_of(NODES[0], NODES[1])


def values(number: float, rate: float = 1.0) -> list[float]:
    return [number, 0.0, 0.0, rate, rate]


class RingTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.integers(1, 30), max_size=60), st.integers(0, 1000))
    def test_it_holds_the_newest_values_at_their_times(self, gaps: list[int], begin: int) -> None:
        ring, known, now = Ring(Tier(2, 8)), {}, begin
        for number, gap in enumerate(gaps):
            now += gap
            ring.put(now, values(number))
            known[now // 2 * 2] = float(number)
        times, columns = ring.read(0, 10_000)
        newest = now // 2 * 2
        expected = {time: value for time, value in known.items() if time > newest - 16}
        found = {time: value for time, value in zip(times, columns[0], strict=True) if not math.isnan(value)}
        self.assertEqual(found, expected if gaps else {})
        self.assertEqual(times, sorted(times))

    def test_a_part_is_read(self) -> None:
        ring = Ring(Tier(10, 100))
        for time in range(0, 200, 10):
            ring.put(time, values(time))
        self.assertEqual(ring.read(45, 70)[0], [50, 60, 70])
        self.assertEqual(ring.read(300, 400)[0], [])

    def test_what_comes_late_is_left_out(self) -> None:
        ring = Ring(Tier(1, 10))
        ring.put(5, values(5))
        ring.put(3, values(3))
        self.assertEqual(ring.read(0, 10)[0], [5])


class LinkRingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rings = LinkRings()

    def test_seconds_where_somebody_looked_and_tens_elsewhere(self) -> None:
        for time in range(0, 60):
            tiers = [TIERS[0]] * (20 <= time < 30) + [TIERS[1]] * (time % 10 == 0)
            if tiers:
                self.rings.put(NETWORK, PAIR, time, values(time), tiers)
        course = self.rings.read(NETWORK, PAIR, 0, 60)
        self.assertEqual(course.times, [0, 10, *range(20, 30), 30, 40, 50])
        self.assertEqual(course.columns[0], [float(time) for time in course.times])
        self.assertEqual(self.rings.read(NETWORK, PAIR, 0, 86_400).times, [0, 10, 20, 30, 40, 50])

    def test_of_what_is_not_known_there_is_nothing(self) -> None:
        course = self.rings.read(NETWORK, PAIR, 0, 100)
        self.assertEqual((course.times, course.columns), ([], [[]] * 5))
        self.rings.put(NETWORK, PAIR, 500, values(1), TIERS)
        self.assertEqual(self.rings.read(NETWORK, PAIR, 0, 100).columns, [[]] * 5)

    def test_a_link_that_carries_pushes_out_the_one_that_was_quiet_longest(self) -> None:
        self.patch(link_rings, "LINKS_LIMIT", 2)
        pairs = [pair_of(NODES[0], NODES[number]) for number in (1, 2, 3, 4)]
        self.rings.put(NETWORK, pairs[0], 0, values(1, rate=0.0), TIERS)
        self.rings.put(NETWORK, pairs[1], 0, values(1), TIERS)
        self.rings.put(NETWORK, pairs[0], 1, values(1), TIERS)
        self.rings.put(NETWORK, pairs[2], 1, values(1, rate=0.0), TIERS)
        self.rings.put(NETWORK, pairs[3], 1, values(1), TIERS)
        known = [bool(self.rings.read(NETWORK, pair, 0, 10).times) for pair in pairs]
        self.assertEqual(known, [True, False, False, True])
