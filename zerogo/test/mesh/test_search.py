"""The search for one peer."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ice.agent import VERDICT_SECONDS
from zerogo.ice.candidate import Candidate
from zerogo.ice.nature import NatBehaviour, NatMapping, PortPattern
from zerogo.ids import SocketAddress
from zerogo.mesh.context import NodeContext
from zerogo.mesh.credentials import derive_pair_secrets
from zerogo.mesh.events import SignalToSend
from zerogo.mesh.reasons import NO_SIGNAL
from zerogo.mesh.search import (
    AGAIN_SECONDS,
    PATIENCE_SECONDS,
    QUIET_AFTER_FAILURES,
    QUIET_SECONDS,
    SOON_AGAIN_SECONDS,
    START_ALONE_SECONDS,
    Search,
)
from zerogo.mesh.signal import Offer
from zerogo.noise.identity import Identity
from zerogo.test.mesh.parts import ANN, BOB, NETWORK, context, drained, spec

ANNS_HOST = SocketAddress.of("192.0.2.1", 9993)
BOBS_HOST = SocketAddress.of("192.0.2.2", 9993)


def offer(address: SocketAddress) -> Offer:
    """All that an end has."""
    return Offer(candidates=(Candidate.host(address),), is_complete=True)


class SearchTests(SynchronousTestCase):
    """Ann searches Bob."""

    def setUp(self) -> None:
        self.anns, self.bobs = context(ANN), context(BOB)
        self.ann = self.end(self.anns, ANN, BOB, leads=True)
        self.bob = self.end(self.bobs, BOB, ANN, leads=False)
        self.ann.set_offer(offer(ANNS_HOST), 0.0)
        self.bob.set_offer(offer(BOBS_HOST), 0.0)

    def end(self, shared: NodeContext, own: Identity, other: Identity, *, leads: bool) -> Search:
        """One end."""
        return Search(shared, spec(other), derive_pair_secrets(own, other.static_public, NETWORK), leads, 1)

    def run_until(self, search: Search, end: float) -> list[SocketAddress]:
        """Let time pass for one end; where it sent checks to."""
        sent = [each.destination for each in search.transmits(0.0)]
        while (at := search.next_at()) is not None and at <= end:
            search.handle_timer(at, is_well_connected=False)
            sent += [each.destination for each in search.transmits(0.0)]
        return sent

    def signal_of_bob(self, now: float) -> bytes:
        """Bob begins at `now`."""
        self.bob.begin(now)
        self.run_until(self.bob, now + 0.1)
        event = drained(self.bobs, SignalToSend)[-1]
        assert isinstance(event, SignalToSend)
        return event.blob

    def test_a_silent_peer_is_given_up_after_a_while_and_searched_again(self) -> None:
        self.ann.begin(0.0)
        self.run_until(self.ann, PATIENCE_SECONDS)
        self.assertEqual(self.ann.failure, NO_SIGNAL)
        self.assertIsNotNone(self.ann.next_try_in(PATIENCE_SECONDS))
        epoch = self.ann.signalling.epoch
        self.run_until(self.ann, PATIENCE_SECONDS + AGAIN_SECONDS * 1.2)
        self.assertNotEqual(self.ann.signalling.epoch, epoch)

    def test_checks_begin_when_the_controller_says_so(self) -> None:
        self.ann.begin(0.0)
        self.assertTrue(self.ann.receive_signal(self.signal_of_bob(0.0), 0.1))
        self.ann.punch(0.2, 0.1)
        self.assertEqual(self.run_until(self.ann, 0.29), [])
        self.assertIn(BOBS_HOST, self.run_until(self.ann, 0.31))

    def test_the_first_of_two_moments_counts(self) -> None:
        for first, second in ((0.2, 0.3), (0.3, 0.2)):
            self.ann.begin(0.0)
            self.ann.receive_signal(self.signal_of_bob(0.0), 0.1)
            self.ann.punch(first, 0.1)
            self.ann.punch(second, 0.1)
            self.assertEqual(self.run_until(self.ann, 0.29), [])
            self.assertIn(BOBS_HOST, self.run_until(self.ann, 0.31))
            self.setUp()

    def test_checks_that_have_just_begun_do_not_begin_again_and_later_ones_do(self) -> None:
        self.ann.begin(0.0)
        self.ann.receive_signal(self.signal_of_bob(0.0), 0.1)
        self.ann.punch(0.1, 0.1)
        self.run_until(self.ann, 0.25)
        began = self.ann.ice.next_timer()
        self.ann.punch(0.0, 0.25)
        self.ann.handle_timer(0.25, is_well_connected=False)
        self.assertEqual(self.ann.ice.next_timer(), began)
        self.run_until(self.ann, 4.0)
        self.ann.punch(0.0, 4.0)
        self.assertIn(BOBS_HOST, self.run_until(self.ann, 4.1))

    def test_a_moment_from_before_it_began_anew_does_not_count(self) -> None:
        self.ann.begin(0.0)
        self.ann.receive_signal(self.signal_of_bob(0.0), 0.1)
        self.ann.punch(0.1, 0.1)
        self.run_until(self.ann, 0.3)
        self.ann.begin(0.4)
        self.ann.punch(0.2, 0.5)
        self.assertIsNotNone(self.ann.next_at())
        self.ann.renew_agent(0.5)
        self.ann.receive_signal(self.signal_of_bob(0.5), 0.5)
        self.assertEqual(self.run_until(self.ann, 0.69), [])
        self.assertIn(BOBS_HOST, self.run_until(self.ann, 0.71))

    def test_a_moment_from_before_the_peer_began_anew_does_not_count(self) -> None:
        self.ann.begin(0.0)
        self.ann.receive_signal(self.signal_of_bob(0.0), 0.1)
        self.ann.punch(0.05, 0.1)
        self.run_until(self.ann, 0.3)
        elsewhere = self.bob_moves(0.45, 0.5)
        self.ann.punch(0.1, 0.55)
        self.assertNotIn(elsewhere, self.run_until(self.ann, 0.64))
        self.assertIn(elsewhere, self.run_until(self.ann, 0.66))

    def test_a_moment_that_overtakes_the_signal_counts(self) -> None:
        for before in (0.0, 1.5):
            self.setUp()
            self.ann.begin(0.0)
            self.ann.receive_signal(self.signal_of_bob(0.0), 0.1)
            self.ann.punch(before, 0.1)
            self.ann.punch(0.02, 2.0)
            self.run_until(self.ann, 2.03)
            elsewhere = self.bob_moves(2.0, 2.04)
            self.assertIn(elsewhere, self.run_until(self.ann, 2.05), before)

    def test_checks_wait_for_a_moment_that_was_told_before_the_signal_came(self) -> None:
        self.ann.begin(0.0)
        self.ann.receive_signal(self.signal_of_bob(0.0), 0.1)
        self.ann.punch(0.0, 0.1)
        self.run_until(self.ann, 2.0)
        self.ann.punch(0.1, 2.0)
        elsewhere = self.bob_moves(1.9, 2.04)
        self.assertNotIn(elsewhere, self.run_until(self.ann, 2.09))
        self.assertIn(elsewhere, self.run_until(self.ann, 2.11))

    def bob_moves(self, moved_at: float, heard_at: float) -> SocketAddress:
        """He begins anew, at another address, which Ann hears later."""
        elsewhere = SocketAddress.of("198.51.100.7", 7777)
        self.bob.set_offer(offer(elsewhere), moved_at)
        self.assertTrue(self.ann.receive_signal(self.signal_of_bob(moved_at), heard_at))
        return elsewhere

    def test_checks_begin_without_a_word_a_little_later(self) -> None:
        self.ann.begin(0.0)
        self.ann.receive_signal(self.signal_of_bob(0.0), 0.1)
        self.assertEqual(self.run_until(self.ann, 0.09 + START_ALONE_SECONDS), [])
        self.assertIn(BOBS_HOST, self.run_until(self.ann, 0.11 + START_ALONE_SECONDS))

    def test_a_signal_wakes_a_search_that_waits_for_its_turn(self) -> None:
        self.assertFalse(self.ann.is_begun)
        self.ann.receive_signal(self.signal_of_bob(0.0), 0.1)
        self.assertTrue(self.ann.is_begun)
        self.run_until(self.ann, 0.2)
        self.assertEqual(len(drained(self.anns, SignalToSend)), 1)

    def test_a_signal_ends_a_failure(self) -> None:
        self.ann.begin(0.0)
        self.run_until(self.ann, PATIENCE_SECONDS)
        self.ann.receive_signal(self.signal_of_bob(4.0), 5.0)
        self.assertEqual(self.ann.failure, "")

    def test_a_peer_that_is_heard_from_is_tried_again_soon_and_then_after_quiet_times(self) -> None:
        quick = [SOON_AGAIN_SECONDS * 2**failure for failure in range(QUIET_AFTER_FAILURES)]
        self.check_waits([*quick, *QUIET_SECONDS, QUIET_SECONDS[-1]])

    def test_where_a_nat_is_hard_it_is_tried_again_less_and_less_often(self) -> None:
        hard = NatBehaviour(mapping=NatMapping.PER_DESTINATION, ports=PortPattern.RANDOM)
        self.ann.set_offer(evolve(offer(ANNS_HOST), nat=hard), 0.0)
        self.check_waits([min(SOON_AGAIN_SECONDS * 2**failure, AGAIN_SECONDS) for failure in range(8)])

    def check_waits(self, waits: list[float]) -> None:
        """How long after each of as many failures in a row Ann begins anew."""
        self.ann.begin(0.0)
        for failure, wait in enumerate(waits):
            failed_at = 1000.0 * failure
            self.ann.receive_signal(self.signal_of_bob(failed_at), failed_at)
            self.ann.checks_failed("no answer", failed_at)
            epoch = self.ann.signalling.epoch
            self.run_until(self.ann, failed_at + wait * 0.89)
            self.assertEqual(self.ann.signalling.epoch, epoch, failure)
            self.run_until(self.ann, failed_at + wait * 1.11)
            self.assertNotEqual(self.ann.signalling.epoch, epoch, failure)

    def test_in_a_quiet_time_no_address_of_the_peer_is_sent_anything(self) -> None:
        self.ann.begin(0.0)
        for failure in range(QUIET_AFTER_FAILURES + 1):
            failed_at = 1000.0 * failure
            self.ann.receive_signal(self.signal_of_bob(failed_at), failed_at)
            self.ann.punch(0.0, failed_at)
            self.assertIn(BOBS_HOST, self.run_until(self.ann, failed_at + VERDICT_SECONDS))
            self.ann.checks_failed("no answer", failed_at + VERDICT_SECONDS)
        self.assertEqual(self.run_until(self.ann, failed_at + VERDICT_SECONDS + QUIET_SECONDS[0] * 0.89), [])

    def test_a_peer_that_begins_anew_is_sent_nothing_before_the_common_moment(self) -> None:
        self.ann.begin(0.0)
        self.run_until(self.ann, PATIENCE_SECONDS + 1.0)
        self.ann.receive_signal(self.signal_of_bob(10.0), 10.0)
        self.ann.punch(0.3, 10.1)
        self.assertEqual(self.run_until(self.ann, 10.39), [])
        self.assertIn(BOBS_HOST, self.run_until(self.ann, 10.4))

    def test_the_verdict_of_checks_stays_until_a_pair_works(self) -> None:
        self.ann.begin(0.0)
        self.ann.receive_signal(self.signal_of_bob(0.0), 0.1)
        self.ann.checks_failed("no answer", 3.0)
        self.run_until(self.ann, 10.0)
        self.ann.receive_signal(self.signal_of_bob(11.0), 11.0)
        self.assertEqual(self.ann.failure, "no answer")
        self.ann.pair_found()
        self.assertEqual(self.ann.failure, "")

    def test_remembered_endpoints_are_checked_without_any_signal(self) -> None:
        self.ann.spec = type(self.ann.spec)(
            node_id=self.ann.spec.node_id,
            static_public=self.ann.spec.static_public,
            name="bob",
            mac=self.ann.spec.mac,
            endpoints=(BOBS_HOST,),
        )
        self.ann.begin(0.0)
        self.assertIn(BOBS_HOST, self.run_until(self.ann, START_ALONE_SECONDS + 0.1))

    def test_a_well_connected_peer_is_not_disturbed_by_a_punch(self) -> None:
        self.ann.begin(0.0)
        self.ann.receive_signal(self.signal_of_bob(0.0), 0.1)
        self.ann.punch(0.0, 0.2)
        while (at := self.ann.next_at()) is not None and at <= 0.4:
            self.ann.handle_timer(at, is_well_connected=True)
        self.assertEqual(list(self.ann.transmits(0.0)), [])

    def test_the_time_to_direct_runs_from_the_beginning_or_the_loss(self) -> None:
        self.ann.begin(1.0)
        self.ann.begin(2.0)
        self.ann.found(3.5)
        self.assertEqual(self.ann.seconds_to_direct, 2.5)
        self.ann.lost(10.0)
        self.assertIsNone(self.ann.seconds_to_direct)
        self.ann.begin_anew(10.0)
        self.ann.found(10.5)
        self.assertEqual(self.ann.seconds_to_direct, 0.5)

    def test_completeness_alone_is_told_only_while_searching(self) -> None:
        self.ann.begin(0.0)
        self.ann.receive_signal(self.signal_of_bob(0.0), 0.1)
        self.run_until(self.ann, 0.2)
        drained(self.anns)
        self.ann.found(0.3)
        self.ann.set_offer(Offer(candidates=offer(ANNS_HOST).candidates), 0.4)
        self.run_until(self.ann, 0.5)
        self.assertEqual(drained(self.anns, SignalToSend), [])
        self.ann.set_offer(offer(SocketAddress.of("192.0.2.77", 9993)), 0.6)
        self.run_until(self.ann, 0.7)
        self.assertEqual(len(drained(self.anns, SignalToSend)), 1)

    def test_garbage_raises_a_parse_error_and_wakes_nothing(self) -> None:
        self.assertRaises(ParseError, self.ann.receive_signal, b"garbage", 0.0)
        self.assertFalse(self.ann.is_begun)
