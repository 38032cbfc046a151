"""Path MTU discovery: the search alone, and whole members on links of every width, in virtual time."""

from __future__ import annotations

import errno
import random
from itertools import pairwise

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.interface import PathRefused
from zerogo.mesh.measure import Measurement
from zerogo.mesh.mtu import (
    BASE_PLPMTU,
    GRAIN,
    MAX_PLPMTU_IPV4,
    MAX_PLPMTU_IPV6,
    MIN_PLPMTU,
    OUTSTANDING_LIMIT,
    PMTU_RAISE_SECONDS,
    PathMtu,
    link_sizes,
    sizes_between,
)
from zerogo.testing.internet import LinkQuality
from zerogo.testing.mesh import Member, VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED
from zerogo.wire.transport import OVERHEAD_BYTES

ROUND_TRIP = 0.04
ETHERNET_BYTES = 14


class SizesTests(SynchronousTestCase):
    """What is tried."""

    def test_links_that_exist_are_met_exactly(self) -> None:
        sizes = link_sizes(MAX_PLPMTU_IPV4)
        for packet in (1100, 1280, 1400, 1420, 1492, 1500):
            self.assertIn(packet - 28, sizes)
        for packet in (1280, 1400, 1492, 1500):
            self.assertIn(packet - 48, link_sizes(MAX_PLPMTU_IPV6))

    def test_the_largest_comes_first(self) -> None:
        self.assertEqual(list(link_sizes(MAX_PLPMTU_IPV4)), sorted(link_sizes(MAX_PLPMTU_IPV4), reverse=True))

    @settings(deadline=None, max_examples=100)
    @given(st.integers(MIN_PLPMTU, 1500), st.integers(1, 500))
    def test_a_gap_shrinks_until_it_is_not_worth_it(self, passed: int, gap: int) -> None:
        sizes = sizes_between(passed, passed + gap)
        self.assertEqual(bool(sizes), gap > GRAIN)
        self.assertTrue(all(passed < size < passed + gap for size in sizes))
        steps = [larger - smaller for larger, smaller in pairwise((passed + gap, *sizes, passed))]
        self.assertTrue(gap <= GRAIN or max(steps) < gap)


class OverheadTests(SynchronousTestCase):
    def test_what_a_way_adds_is_taken_off_every_size_so_that_the_smallest_line_carries_it(self) -> None:
        plain, route = PathMtu(MAX_PLPMTU_IPV4), PathMtu(MAX_PLPMTU_IPV4, 64)
        self.assertEqual((plain.size, plain.largest), (1200, 1472))
        self.assertEqual((route.size, route.largest), (1052 - 64, 1472 - 64))
        self.assertEqual(link_sizes(1472, 64), tuple(size - 64 for size in link_sizes(1472)))


class PathMtuTests(SynchronousTestCase):
    """The search alone: `passes` is what the path carries; time goes from one deadline to the next."""

    def setUp(self) -> None:
        self.path = PathMtu(MAX_PLPMTU_IPV4)
        self.measurement = Measurement()
        for _ in range(10):
            self.measurement.answered(ROUND_TRIP, 0.0)
        self.passes = 1472
        self.loss = 0.0
        self.chance = random.Random(5)
        self.now = 0.0
        self.probes: list[tuple[float, int]] = []
        self.answers: list[tuple[float, int]] = []

    def run_for(self, seconds: float) -> None:
        """Let time pass; answers come a round trip later."""
        end = self.now + seconds
        while True:
            at = min([self.path.next_at(), *(at for at, _ in self.answers)])
            if at > end:
                break
            self.now = max(self.now, at)
            for arrival in [arrival for arrival in self.answers if arrival[0] <= self.now]:
                self.answers.remove(arrival)
                self.path.answered(arrival[1], self.now)
            self.probe()
        self.now = end

    def probe(self) -> None:
        """Send what is due."""
        for size in self.path.due(self.now, self.measurement):
            self.probes.append((self.now, size))
            number = len(self.probes)
            self.path.sent(number, size)
            if size <= self.passes and self.chance.random() >= self.loss:
                self.answers.append((self.now + ROUND_TRIP, number))

    def bytes_since(self, then: float) -> int:
        """Sent in probes since `then`."""
        return sum(size for at, size in self.probes if at >= then)

    def test_before_any_answer_the_size_is_the_base(self) -> None:
        self.assertEqual((self.path.size, self.path.is_confirmed), (BASE_PLPMTU, False))

    def test_an_ethernet_path_is_known_after_one_round_trip_and_one_probe_of_each_size(self) -> None:
        self.run_for(ROUND_TRIP)
        self.assertEqual(self.path.size, 1472)
        self.run_for(5.0)
        self.assertEqual([size for _, size in self.probes], list(link_sizes(MAX_PLPMTU_IPV4)))

    @settings(deadline=None, max_examples=60)
    @given(st.integers(MIN_PLPMTU, 1600))
    def test_any_size_is_found_in_two_seconds_but_for_a_grain(self, passes: int) -> None:
        self.setUp()
        self.passes = passes
        self.run_for(2.0)
        self.assertLessEqual(self.path.size, passes)
        self.assertGreaterEqual(self.path.size, min(1472, passes) - GRAIN + 1)
        self.assertTrue(self.path.is_confirmed)

    def test_a_path_narrower_than_the_base_is_found_after_one_attempt(self) -> None:
        self.passes = 1072
        self.run_for(self.measurement.timeout)
        self.assertEqual(self.path.size, 1072)

    def test_a_path_that_answers_no_size_gets_the_least(self) -> None:
        self.passes = 900
        self.run_for(1.0)
        self.assertEqual(self.path.size, MIN_PLPMTU)
        self.passes = 1400
        self.run_for(2.5)
        self.assertEqual(self.path.size, 1400)

    def test_an_idle_path_is_asked_once_a_minute(self) -> None:
        self.run_for(5.0)
        begun = self.now
        self.run_for(600.0)
        self.assertLess(self.bytes_since(begun), 11 * 1472)

    def test_a_black_hole_under_traffic_is_left_within_three_seconds(self) -> None:
        self.run_for(100.0)
        for second in range(30):
            if second == 10:
                self.passes = 1252
            if second == 13:
                self.assertEqual(self.path.size, 1252)
            self.path.busy(self.now)
            self.run_for(1.0)
        self.assertEqual(self.path.size, 1252)

    def test_traffic_after_a_quiet_time_finds_a_black_hole_at_once(self) -> None:
        self.run_for(30.0)
        self.passes = 1252
        self.path.busy(self.now)
        self.run_for(1.5)
        self.assertEqual(self.path.size, 1252)

    def test_a_path_that_grows_is_used_fully_within_half_a_minute_and_a_bit(self) -> None:
        self.passes = 1252
        self.run_for(5.0)
        self.passes = 1472
        self.run_for(30.0)
        self.assertEqual(self.path.size, 1472)

    def test_a_narrow_path_is_asked_ever_more_rarely_whether_it_grew(self) -> None:
        self.passes = 1372
        self.run_for(5000.0)
        asked = [at for at, size in self.probes if size == 1472 and at > 2.0]
        gaps = [round(later - earlier) for earlier, later in pairwise(asked) if later - earlier > 5.0]
        self.assertEqual(gaps, sorted(gaps))
        self.assertTrue(PMTU_RAISE_SECONDS <= gaps[-1] < PMTU_RAISE_SECONDS + 5.0)

    def test_a_lossy_busy_path_keeps_its_size(self) -> None:
        self.loss = 0.2
        for _ in range(200):
            self.measurement.answered(ROUND_TRIP, 0.0)
            for _ in range(4):
                self.measurement.answered(ROUND_TRIP, 0.0)
            self.measurement.lost()
        self.measurement.answered(ROUND_TRIP, 0.0)
        self.run_for(120.0)
        self.assertEqual(self.path.size, 1472)
        below = 0
        for _ in range(600):
            self.path.busy(self.now)
            self.run_for(1.0)
            below += self.path.size < 1400
        self.assertLess(below, 30)

    def test_a_refusal_of_the_kernel_falls_to_the_base_and_searches_again(self) -> None:
        self.run_for(5.0)
        self.passes = 1372
        self.path.too_long(self.now)
        self.assertEqual(self.path.size, BASE_PLPMTU)
        self.run_for(ROUND_TRIP)
        self.assertEqual(self.path.size, 1372)
        self.passes = 1072
        self.path.too_long(self.now)
        self.path.too_long(self.now)
        self.assertEqual(self.path.size, MIN_PLPMTU)
        self.run_for(0.5)
        self.assertEqual(self.path.size, 1072)

    def test_a_short_outage_does_not_outlast_itself(self) -> None:
        self.run_for(5.0)
        self.passes = 0
        for _ in range(10):
            self.path.busy(self.now)
            self.run_for(1.0)
        self.passes = 1472
        self.run_for(1.5)
        self.assertEqual(self.path.size, 1472)

    def test_a_late_answer_from_before_a_black_hole_raises_nothing(self) -> None:
        self.run_for(5.0)
        self.path.sent(0, 1472)
        self.path.too_long(self.now)
        self.assertFalse(self.path.answered(0, self.now))
        self.assertEqual(self.path.size, BASE_PLPMTU)

    def test_an_answer_counts_once_and_only_if_asked(self) -> None:
        self.path.due(self.now, self.measurement)
        self.path.sent(1, 1472)
        self.assertTrue(self.path.answered(1, self.now))
        self.assertFalse(self.path.answered(1, self.now))
        self.assertFalse(self.path.answered(2, self.now))

    def test_after_an_interruption_the_size_is_confirmed_at_once(self) -> None:
        self.run_for(5.0)
        self.path.interrupt()
        self.probes.clear()
        self.probe()
        self.assertEqual(self.probes, [(5.0, 1472)])

    def test_probes_without_answer_are_bounded(self) -> None:
        for number in range(3 * OUTSTANDING_LIMIT):
            self.path.sent(number, 1472)
        self.assertLessEqual(len(self.path._outstanding), OUTSTANDING_LIMIT)


class MembersTests(SynchronousTestCase):
    """Two members behind NATs, 20 ms one way; bob's line has the MTU in question."""

    def connect(self, mtu: int, loss: float = 0.0, seed: object = 3) -> tuple[VirtualMesh, Member, Member]:
        """A mesh that has just connected."""
        mesh = VirtualMesh(seed, LinkQuality(loss=loss))
        ann, bob = mesh.add_member("ann", PORT_RESTRICTED), mesh.add_member("bob", PORT_RESTRICTED)
        self.narrow(bob, mtu)
        mesh.start()
        self.assertTrue(mesh.run_until_connected(10.0))
        return mesh, ann, bob

    @staticmethod
    def narrow(member: Member, mtu: int) -> None:
        """Give the member's line another MTU."""
        for link in (member.host.site.uplink, member.host.site.downlink):
            link.quality = evolve(link.quality, mtu=mtu)

    @staticmethod
    def mtu(member: Member, other: Member) -> int:
        """What the member's path to the other carries."""
        path = member.status(other).path
        return 0 if path is None else path.mtu

    def fill(self, sender: Member, receiver: Member) -> None:
        """Send a frame as large as the path carries without being cut."""
        size = self.mtu(sender, receiver) - OVERHEAD_BYTES - ETHERNET_BYTES
        sender.send(receiver, bytes(max(0, size)))

    def stream(self, mesh: VirtualMesh, sender: Member, receiver: Member, seconds: float) -> float:
        """Send 20 full frames a second; the longest time in which none arrived, seconds."""
        begin, seen = mesh.clock.now, len(receiver.inbox)
        for _ in range(round(seconds * 20)):
            self.fill(sender, receiver)
            mesh.run_for(0.05)
        times = [begin, *(at for at, _, _ in receiver.inbox[seen:]), mesh.clock.now]
        return max(later - earlier for earlier, later in pairwise(times))

    def test_the_size_is_right_a_second_after_connecting(self) -> None:
        for mtu in (1500, 1492, 1400, 1280, 1100):
            mesh, ann, bob = self.connect(mtu)
            mesh.run_for(1.0)
            self.assertEqual((self.mtu(ann, bob), self.mtu(bob, ann)), (mtu - 28, mtu - 28))
            self.assertLess(self.stream(mesh, ann, bob, 3.0), 0.2)
            self.assertLess(self.stream(mesh, bob, ann, 3.0), 0.2)

    def test_an_odd_size_is_found_to_a_grain(self) -> None:
        mesh, ann, bob = self.connect(1337)
        mesh.run_for(3.0)
        self.assertTrue(1337 - 28 - GRAIN < self.mtu(ann, bob) <= 1337 - 28)

    def test_full_frames_pass_from_the_first_moment_on_wherever_1228_bytes_do(self) -> None:
        for mtu in (1500, 1400, 1280):
            mesh, ann, bob = self.connect(mtu)
            self.assertLess(self.stream(mesh, ann, bob, 2.0), 0.2)

    def test_frames_of_the_first_moment_pass_on_a_narrower_path_soon(self) -> None:
        mesh, ann, bob = self.connect(1100)
        self.assertLess(self.stream(mesh, ann, bob, 2.0), 0.5)

    def test_a_black_hole_that_appears_under_traffic_is_survived(self) -> None:
        for before, after in ((1500, 1400), (1500, 1100), (1400, 1280)):
            mesh, ann, bob = self.connect(before)
            self.stream(mesh, ann, bob, 4.0)
            self.narrow(bob, after)
            self.assertLess(self.stream(mesh, ann, bob, 10.0), 3.0)
            self.assertEqual(self.mtu(ann, bob), after - 28)

    def test_a_black_hole_that_appeared_in_silence_is_survived(self) -> None:
        mesh, ann, bob = self.connect(1500)
        mesh.run_for(20.0)
        self.narrow(bob, 1280)
        mesh.run_for(5.0)
        self.assertLess(self.stream(mesh, ann, bob, 10.0), 3.0)

    def test_probes_of_the_size_change_nothing_about_the_path(self) -> None:
        mesh, ann, bob = self.connect(1100)
        mesh.run_for(60.0)
        for one, other in ((ann, bob), (bob, ann)):
            path = one.status(other).path
            assert path is not None
            self.assertEqual(path.loss, 0.0)
        told = [event for _, event in ann.log if "PathSelected" in type(event).__name__]
        self.assertLessEqual(len(told), 3)

    def test_a_path_that_grows_is_used_fully(self) -> None:
        mesh, ann, bob = self.connect(1280)
        mesh.run_for(5.0)
        self.narrow(bob, 1500)
        mesh.run_for(60.0)
        self.assertEqual((self.mtu(ann, bob), self.mtu(bob, ann)), (1472, 1472))

    def test_a_lossy_path_does_not_collapse(self) -> None:
        for seed in range(5):
            mesh, ann, bob = self.connect(1500, loss=0.05, seed=seed)
            mesh.run_for(40.0)
            sizes = []
            for _ in range(60):
                self.stream(mesh, ann, bob, 1.0)
                sizes.append(self.mtu(ann, bob))
            self.assertGreaterEqual(min(sizes), 1372)

    def test_the_kernel_of_a_machine_with_a_narrow_line_is_obeyed(self) -> None:
        mesh, ann, bob = self.connect(1500)
        mesh.run_for(5.0)
        self.narrow(ann, 1400)
        ann._on_upcall(PathRefused(1, errno.EMSGSIZE))
        self.assertEqual(self.mtu(ann, bob), BASE_PLPMTU)
        mesh.run_for(0.1)
        self.assertEqual(self.mtu(ann, bob), 1372)

    def test_a_machine_that_moved_measures_anew(self) -> None:
        mesh, ann, bob = self.connect(1280)
        mesh.run_for(5.0)
        bob.move(mesh.internet.add_site("elsewhere", PORT_RESTRICTED))
        mesh.run_for(5.0)
        self.assertEqual((self.mtu(ann, bob), self.mtu(bob, ann)), (1472, 1472))
        bob.move(mesh.internet.add_site("far", PORT_RESTRICTED))
        self.narrow(bob, 1280)
        mesh.run_for(5.0)
        self.assertEqual((self.mtu(ann, bob), self.mtu(bob, ann)), (1252, 1252))

    def test_a_peer_that_was_restarted_is_measured_again(self) -> None:
        mesh, ann, bob = self.connect(1400)
        mesh.run_for(5.0)
        bob.kill()
        self.narrow(bob, 1280)
        bob.start()
        mesh.run_for(8.0)
        self.assertEqual((self.mtu(ann, bob), self.mtu(bob, ann)), (1252, 1252))
