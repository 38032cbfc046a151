"""The paths of one peer, and the probes on them."""

from __future__ import annotations

import errno

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import ChannelAddress, Endpoint, RouteAddress, SideAddress, SocketAddress
from zerogo.mesh.events import ControlToSend, PathSelected, Way
from zerogo.mesh.mtu import BASE_PLPMTU
from zerogo.mesh.paths import PATHS_LIMIT, Paths
from zerogo.mesh.probing import OUTSTANDING_LIMIT
from zerogo.mesh.status import Refusal
from zerogo.mesh.streaming import PeerStream
from zerogo.test.mesh.parts import BOB, EVE, context
from zerogo.wire.control import Probe, parse_control

ONE = SocketAddress.of("192.0.2.1", 9993)
TWO = SocketAddress.of("192.0.2.2", 9993)
ROUND_TRIP = 0.04


class PathsTests(SynchronousTestCase):
    """With a session from the start; `answering` says which addresses answer probes."""

    def setUp(self) -> None:
        self.context = context()
        self.paths = Paths(self.context, 7)
        self.paths.start_probing(0.0)
        self.answering: list[Endpoint] = [ONE, TWO]
        self.probes: list[tuple[float, Endpoint]] = []
        self.selected: list[Endpoint | None] = []
        self.told: list[PathSelected] = []
        self.now = 0.0
        self.held_back = 0.0
        self.held: list[tuple[float, int]] = []

    def settle(self) -> None:
        """What a peer does after each verb; answers come back at once, as if `ROUND_TRIP` ago."""
        self.paths.handle_timer(self.now)
        self.paths.choose(self.now)
        self.paths.handle_timer(self.now)
        self.paths.tell()
        for event in list(self.context.outbox.events()):
            if isinstance(event, PathSelected):
                self.told.append(event)
                if self.selected[-1:] != [event.destination]:
                    self.selected.append(event.destination)
            elif isinstance(event, ControlToSend):
                probe = parse_control(event.payload)
                assert isinstance(probe, Probe) and event.destination is not None
                if not probe.padding:
                    self.probes.append((self.now, event.destination))
                if event.destination in self.answering and self.held_back:
                    self.held.append((self.now + ROUND_TRIP + self.held_back, probe.probe_id))
                elif event.destination in self.answering:
                    self.paths.answered(probe.probe_id, self.now + ROUND_TRIP)

    def run_until(self, end: float) -> None:
        """Let time pass."""
        self.settle()
        while (at := min([self.paths.next_at() or end, *(due for due, _ in self.held)])) <= end and at > self.now - 1:
            self.now = max(self.now, at)
            for due, probe_id in [held for held in self.held if held[0] <= self.now]:
                self.held.remove((due, probe_id))
                self.paths.answered(probe_id, self.now)
            self.settle()
            if at == end:
                break
        self.now = end

    def found(self, destination: SocketAddress) -> None:
        """ICE found a pair."""
        self.paths.found(destination, "host", "srflx", ROUND_TRIP, self.now)

    def test_a_pair_that_ice_checked_is_used_and_probed_at_once(self) -> None:
        self.found(ONE)
        self.settle()
        self.assertEqual(self.selected, [ONE])
        self.assertEqual(self.probes, [(0.0, ONE)])

    def test_a_young_path_is_probed_fast_and_an_old_one_slowly(self) -> None:
        self.found(ONE)
        self.run_until(2.0)
        self.assertTrue(9 <= len(self.probes) <= 12, len(self.probes))
        self.probes.clear()
        self.run_until(22.0)
        self.assertTrue(19 <= len(self.probes) <= 23, len(self.probes))

    def test_a_path_that_carries_data_is_probed_ten_times_as_often(self) -> None:
        self.found(ONE)
        self.run_until(4.0)
        for total in (100, 200):
            self.paths.note_sent(total, self.now)
        self.probes.clear()
        self.run_until(14.0)
        self.assertTrue(95 <= len(self.probes) <= 105, len(self.probes))
        self.paths.note_sent(200, self.now)
        self.probes.clear()
        self.run_until(24.0)
        self.assertTrue(9 <= len(self.probes) <= 12, len(self.probes))

    def test_a_better_path_that_lost_some_is_probed_as_often_as_the_one_in_use_until_that_is_known_to_be_over(
        self,
    ) -> None:
        relay = ChannelAddress(SocketAddress.of("198.51.100.1", 3478), 0x4000)
        self.found(ONE)
        self.paths.relayed(relay, "fra", self.now)
        self.answering.append(relay)
        self.run_until(40.0)
        direct = self.paths._paths[ONE]
        self.paths._choice.force(self.paths._paths[relay], self.now)
        direct.has_failed = True
        for _ in range(4):
            direct.measurement.lost()
            direct.measurement.answered(ROUND_TRIP, self.now)
        for total in (100, 200):
            self.paths.note_sent(total, self.now)
        self.probes.clear()
        self.run_until(42.0)
        self.assertEqual(self.selected[-1], relay)
        self.assertTrue(18 <= sum(way == ONE for _, way in self.probes) <= 23, self.probes)
        self.run_until(48.0)
        self.assertEqual(self.selected[-1], ONE)

    def test_a_probe_that_met_the_nat_of_a_peer_that_did_not_know_our_new_place_is_no_loss(self) -> None:
        self.found(ONE)
        self.run_until(4.0)
        for answering in ([], [ONE]):
            self.answering = list(answering)
            self.paths.moved(self.now)
            self.paths.probe_all(self.now)
            self.settle()
            self.now += 0.02
        self.run_until(6.0)
        self.assertEqual((self.paths.statuses()[0].loss, self.paths._paths[ONE].measurement.unanswered), (0.0, 0))

    def test_beside_a_route_in_use_a_direct_path_that_lives_stays_a_link_for_others(self) -> None:
        self.found(ONE)
        self.run_until(3.0)
        route = RouteAddress((BOB.node_id, EVE.node_id))
        self.answering.append(route)
        self.paths.propose([route.hops], self.now)
        self.run_until(6.0)
        direct = self.paths.direct_link
        assert direct is not None
        self.assertAlmostEqual(ROUND_TRIP, direct.latency, places=3)
        self.assertIsNone(self.told[-1].hop)
        self.paths._choice.force(self.paths._paths[route], self.now)
        self.settle()
        self.assertEqual((route, Way(ONE, self.paths._paths[ONE].mtu)), (self.told[-1].destination, self.told[-1].hop))
        self.assertIsNotNone(self.paths.direct_link)
        self.paths._paths[ONE].die(self.now)
        self.settle()
        self.assertEqual((None, None), (self.told[-1].hop, self.paths.direct_link))

    def test_a_relay_is_tested_for_a_while_and_then_the_direct_path_is_back(self) -> None:
        relay = ChannelAddress(SocketAddress.of("198.51.100.1", 3478), 0x4000)
        self.found(ONE)
        self.paths.relayed(relay, "fra", self.now)
        self.answering.append(relay)
        self.run_until(3.0)
        self.assertEqual(ONE, self.selected[-1])
        self.paths.test_relay(10.0, self.now)
        self.settle()
        self.assertEqual(relay, self.selected[-1])
        self.assertEqual("a test of the relay", self.paths.history[-1].reason)
        self.run_until(12.5)
        self.assertEqual(relay, self.selected[-1])
        self.run_until(13.5)
        self.assertEqual(ONE, self.selected[-1])
        self.paths.test_relay(10.0, self.now)
        self.settle()
        self.paths.test_relay(0.0, self.now)
        self.settle()
        self.assertEqual([relay, ONE], self.selected[-2:])

    def test_a_relay_that_carries_nothing_is_not_tested_and_one_that_fails_ends_it(self) -> None:
        relay = ChannelAddress(SocketAddress.of("198.51.100.1", 3478), 0x4000)
        self.found(ONE)
        self.paths.test_relay(60.0, self.now)
        self.run_until(3.0)
        self.paths.relayed(relay, "fra", self.now)
        self.run_until(6.0)
        self.assertEqual([ONE], self.selected)
        self.answering.append(relay)
        self.run_until(12.0)
        self.assertEqual(relay, self.selected[-1])
        self.answering.remove(relay)
        self.run_until(30.0)
        self.assertEqual(ONE, self.selected[-1])

    def test_an_answer_that_is_late_while_data_flows_has_the_other_paths_asked_at_once(self) -> None:
        self.found(ONE)
        self.found(TWO)
        self.run_until(6.0)
        for total in (100, 200):
            self.paths.note_sent(total, self.now)
        self.run_until(7.0)
        active = self.paths.active
        assert active is not None
        other = TWO if active.destination == ONE else ONE
        self.answering.remove(active.destination)
        self.probes.clear()
        self.run_until(7.4)
        first = next(at for at, destination in self.probes if destination == active.destination)
        asked = next(at for at, destination in self.probes if destination == other)
        self.assertLess(asked - first, active.measurement.timeout - 0.03)
        self.assertEqual(self.selected[1:], [other])

    def test_answers_that_come_after_the_path_was_given_up_bring_it_back_and_widen_its_patience(self) -> None:
        self.found(ONE)
        self.run_until(6.0)
        self.answering.remove(ONE)
        unanswered: list[int] = []
        sound = self.paths.answered
        self.probes.clear()
        before = {probe for probe in self.paths._prober._outstanding}
        self.run_until(9.0)
        path = self.paths.statuses()[0]
        self.assertFalse(path.is_alive)
        unanswered += [probe for probe in self.paths._prober._lost if probe not in before]
        self.assertTrue(sound(unanswered[-1], self.now))
        self.assertTrue(self.paths.statuses()[0].is_alive)
        rtt = self.paths.statuses()[0].rtt
        assert rtt is not None
        self.assertGreater(rtt, 2 * ROUND_TRIP)

    def test_queues_that_both_ways_share_are_no_reason_to_change(self) -> None:
        self.found(ONE)
        self.found(TWO)
        self.run_until(6.0)
        for total in (100, 200):
            self.paths.note_sent(total, self.now)
        self.run_until(7.0)
        active = self.paths.active
        assert active is not None
        # Every answer takes a third of a second longer from here on, whichever way.
        self.held_back = 0.3
        self.run_until(8.5)
        self.assertEqual(self.selected, [active.destination])

    def test_a_dead_path_is_found_out_within_two_seconds_and_left(self) -> None:
        self.found(ONE)
        self.found(TWO)
        self.run_until(10.0)
        active = self.paths.active
        assert active is not None
        self.answering.remove(active.destination)
        self.run_until(12.0)
        self.assertEqual(self.selected[1:], [TWO if active.destination == ONE else ONE])

    def test_with_no_path_left_the_plane_is_told(self) -> None:
        self.found(ONE)
        self.run_until(10.0)
        self.answering.clear()
        self.run_until(12.0)
        self.assertEqual(self.selected, [ONE, None])

    def test_a_dead_path_comes_back_with_an_answer(self) -> None:
        self.found(ONE)
        self.run_until(10.0)
        self.answering.clear()
        self.run_until(15.0)
        self.answering.append(ONE)
        self.run_until(17.0)
        self.assertEqual(self.selected, [ONE, None, ONE])

    def test_what_comes_late_out_of_a_connection_that_is_closed_makes_no_direct_path(self) -> None:
        stream = PeerStream(address=SocketAddress("127.0.0.1", 50000), far="192.0.2.1:443", is_dialled=False)
        self.paths.streamed(stream, self.now)
        self.paths.void(stream.address)
        for source in (stream.address, SideAddress(3, stream.address)):
            self.paths.heard(source, self.now)
        self.assertEqual(self.paths.statuses(), ())

    def test_a_path_that_stays_dead_is_dropped(self) -> None:
        self.found(ONE)
        self.run_until(1.0)
        self.answering.clear()
        self.run_until(20.0)
        self.paths.lost(ONE, self.now)
        self.run_until(100.0)
        self.assertEqual(len(self.paths), 0)
        self.assertIsNone(self.paths.next_at())

    def test_a_dead_path_that_ice_holds_for_working_is_asked_for_ever_and_used_again_when_it_answers(self) -> None:
        relay = ChannelAddress(SocketAddress.of("198.51.100.1", 3478), 0x4000)
        self.found(ONE)
        self.paths.relayed(relay, "fra", self.now)
        self.answering[:] = [ONE, relay]
        self.run_until(10.0)
        self.answering[:] = [relay]
        self.run_until(200.0)
        self.assertEqual(self.selected[-1], relay)
        self.answering[:] = [ONE]
        self.run_until(220.0)
        self.assertEqual(self.selected[-1], ONE)
        self.run_until(400.0)
        self.answering[:] = [relay]
        self.run_until(420.0)
        self.assertEqual(self.selected[-1], relay)

    def test_when_all_miss_an_answer_at_one_moment_a_direct_path_is_back_within_seconds(self) -> None:
        for stall in (0.3, 0.6, 1.0, 2.0, 4.0, 9.0):
            self.setUp()
            relay = ChannelAddress(SocketAddress.of("198.51.100.1", 3478), 0x4000)
            self.found(ONE)
            self.found(TWO)
            self.paths.relayed(relay, "fra", self.now)
            everybody = [ONE, TWO, relay]
            self.answering[:] = everybody
            self.run_until(10.0)
            self.answering.clear()
            self.run_until(10.0 + stall)
            self.answering[:] = everybody
            self.run_until(20.0 + stall)
            self.assertIn(self.selected[-1], (ONE, TWO), stall)

    def test_an_address_that_was_only_heard_of_is_used_after_it_answered(self) -> None:
        self.found(ONE)
        self.run_until(5.0)
        self.answering[:] = [ONE]
        self.paths.heard(TWO, self.now)
        self.run_until(10.0)
        self.assertEqual(self.selected, [ONE])

    def test_a_peer_that_roamed_is_followed_when_the_old_path_is_silent(self) -> None:
        self.found(ONE)
        self.run_until(5.0)
        self.answering[:] = [TWO]
        self.paths.heard(TWO, self.now)
        self.run_until(5.25)
        self.assertEqual(self.selected, [ONE, TWO])

    def test_another_path_that_has_just_answered_is_taken_when_the_one_in_use_misses_two(self) -> None:
        self.found(ONE)
        self.run_until(5.0)
        self.answering[:] = [TWO]
        self.found(TWO)
        self.paths.probe_all(self.now)
        self.run_until(5.45)
        self.assertEqual(self.selected, [ONE, TWO])

    def test_all_paths_are_asked_when_the_one_in_use_misses_an_answer(self) -> None:
        self.found(ONE)
        self.found(TWO)
        self.run_until(10.0)
        self.answering.clear()
        self.probes.clear()
        self.run_until(11.3)
        first_lost = next(at for at, where in self.probes if where == ONE) + 0.15
        asked = [at for at, where in self.probes if where == TWO]
        self.assertTrue(any(first_lost <= at <= first_lost + 0.02 for at in asked), (first_lost, asked))

    def test_a_peer_that_is_heard_by_a_dead_path_is_probed_there_at_once(self) -> None:
        self.found(ONE)
        self.run_until(5.0)
        self.answering.clear()
        self.run_until(30.0)
        self.answering.append(ONE)
        self.probes.clear()
        self.paths.heard(ONE, self.now)
        self.settle()
        self.assertEqual(self.probes, [(30.0, ONE)])
        self.assertEqual(self.selected, [ONE, None])
        self.settle()
        self.assertEqual(self.selected, [ONE, None, ONE])

    def test_a_peer_that_only_answers_another_way_is_not_followed(self) -> None:
        self.found(ONE)
        self.found(TWO)
        self.run_until(5.0)
        first = list(self.selected)
        for _ in range(10):
            self.paths.heard(TWO if first == [ONE] else ONE, self.now)
            self.run_until(self.now + 1.0)
        self.assertEqual(self.selected, first)

    def test_an_authentic_peer_cannot_fill_the_table_with_addresses(self) -> None:
        self.found(ONE)
        self.settle()
        for port in range(1, 1000):
            self.paths.heard(SocketAddress("198.51.100.1", port), self.now)
        self.settle()
        self.assertLessEqual(len(self.paths), PATHS_LIMIT)
        self.assertEqual(self.paths.destinations()[0], ONE)
        self.answering.clear()
        self.run_until(30.0)
        self.assertLessEqual(len(self.paths._prober._outstanding), OUTSTANDING_LIMIT)

    def test_probes_whose_fate_is_open_are_bounded(self) -> None:
        self.found(ONE)
        active = self.paths.choose(0.0)
        assert active is not None
        for _ in range(3 * OUTSTANDING_LIMIT):
            self.paths._prober.probe(active, 0.0, is_active=True)
        self.assertEqual(len(self.paths._prober._outstanding), OUTSTANDING_LIMIT)

    def test_a_message_too_long_steps_the_mtu_down(self) -> None:
        self.found(ONE)
        self.run_until(1.0)
        self.paths.refused(errno.EMSGSIZE, self.now)
        events = [event for event in self.context.outbox.events() if isinstance(event, PathSelected)]
        self.assertEqual([event.mtu for event in events], [BASE_PLPMTU])

    def test_another_refusal_asks_whether_the_path_is_alive(self) -> None:
        self.found(ONE)
        self.run_until(10.5)
        self.probes.clear()
        self.paths.refused(errno.ENETUNREACH, self.now)
        self.settle()
        self.assertEqual(self.probes, [(10.5, ONE)])

    def test_an_answer_to_nothing_is_counted(self) -> None:
        self.assertFalse(self.paths.answered(12345, 0.0))
        self.assertEqual(self.context.outbox.counters().refusals[Refusal.STALE_ANSWER], 1)

    def test_ice_losing_a_pair_that_probes_believe_in_changes_nothing(self) -> None:
        self.found(ONE)
        self.run_until(5.0)
        self.paths.lost(ONE, self.now)
        self.run_until(20.0)
        self.assertEqual(self.selected, [ONE])

    def test_without_a_session_nothing_is_probed_or_told(self) -> None:
        self.paths.stop_probing()
        self.found(ONE)
        self.run_until(5.0)
        self.assertEqual((self.probes, self.selected), ([], []))
        self.assertEqual(self.paths.destinations(), (ONE,))
        self.paths.lost(ONE, self.now)
        self.assertEqual(self.paths.destinations(), ())

    def test_a_path_dead_to_the_session_but_alive_to_ice_is_where_a_handshake_goes(self) -> None:
        self.found(ONE)
        self.answering.clear()
        self.run_until(5.0)
        self.assertEqual(self.selected[-1], None)
        self.assertEqual(self.paths.destinations(), (ONE,))
        self.answering.append(ONE)
        self.paths.revive(self.now)
        self.settle()
        self.assertEqual(self.selected[-1], ONE)
