"""Two agents in a small internet: which NATs they pass, what they select, when they let go, what forgers achieve."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ice.agent import VERDICT_SECONDS, IceAgent
from zerogo.ice.binding import Check, emit_check
from zerogo.ice.candidate import Candidate, CandidateKind
from zerogo.ice.checklist import PAIRS_LIMIT
from zerogo.ice.credentials import Credentials
from zerogo.ice.events import ChecksFailed, PairLost, PairSelected, PairValid
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import UseCandidate, XorMappedAddress
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message, MessageClass, Method, emit, parse
from zerogo.test.ice.internet import (
    ADDRESS_RESTRICTED,
    DELAY_SECONDS,
    FULL_CONE,
    OPEN,
    PORT_RESTRICTED,
    SYMMETRIC,
    Internet,
)

EASY = (OPEN, FULL_CONE, ADDRESS_RESTRICTED, PORT_RESTRICTED)
STRANGER = SocketAddress("192.0.2.66", 6666)


class NatTests(SynchronousTestCase):
    def test_all_pairs_without_a_symmetric_nat_connect_within_a_second(self) -> None:
        for a, b in itertools.product(EASY, EASY):
            for seed in range(3):
                internet = Internet(a, b, seed=seed)
                internet.start()
                self.assertTrue(internet.run_until_selected(1.0), f"{a} and {b}")

    def test_first_selection_takes_one_round_trip_where_nothing_is_in_the_way(self) -> None:
        internet = Internet(OPEN, OPEN)
        internet.start(skew=0.0)
        begun = internet.now
        self.assertTrue(internet.run_until_selected())
        self.assertAlmostEqual(internet.now - begun, 2 * DELAY_SECONDS, places=6)

    def test_symmetric_connects_to_open_full_cone_and_address_restricted(self) -> None:
        for easy, is_swapped in itertools.product((OPEN, FULL_CONE, ADDRESS_RESTRICTED), (False, True)):
            internet = Internet(SYMMETRIC, easy) if is_swapped else Internet(easy, SYMMETRIC)
            internet.start()
            self.assertTrue(internet.run_until_selected(1.0), f"{easy}, swapped {is_swapped}")

    def test_symmetric_and_port_restricted_fail_and_say_so_once(self) -> None:
        for kinds in ((SYMMETRIC, PORT_RESTRICTED), (PORT_RESTRICTED, SYMMETRIC), (SYMMETRIC, SYMMETRIC)):
            internet = Internet(*kinds)
            internet.start()
            self.assertFalse(internet.run_until_selected(30.0))
            for site in internet.sites:
                (failed,) = site.of(ChecksFailed)
                self.assertEqual(failed, ChecksFailed("no answer from any of 2 addresses of the peer"))
                self.assertEqual(site.of(PairValid), [])

    def test_sides_that_start_far_apart_connect_all_the_same(self) -> None:
        for skew in (0.3, 2.0, 4.0):
            internet = Internet(PORT_RESTRICTED, PORT_RESTRICTED)
            internet.start(skew=skew)
            self.assertTrue(internet.run_until_selected(skew + 8.0), f"{skew} s apart")

    def test_thirty_percent_loss_does_not_keep_them_apart(self) -> None:
        for seed in range(20):
            internet = Internet(PORT_RESTRICTED, PORT_RESTRICTED, seed=seed, loss=0.3)
            internet.start()
            self.assertTrue(internet.run_until_selected(10.0), f"seed {seed}")

    def test_thirty_percent_loss_does_not_part_them_later(self) -> None:
        for seed in range(5):
            internet = Internet(PORT_RESTRICTED, PORT_RESTRICTED, seed=seed, loss=0.3)
            internet.start()
            internet.run(300.0)
            self.assertIsNotNone(internet.a.agent.selected)
            self.assertEqual([], internet.a.of(PairLost) + internet.b.of(PairLost), f"seed {seed}")

    def test_slow_path_is_found_though_each_check_is_repeated_before_its_answer_can_come(self) -> None:
        internet = Internet(PORT_RESTRICTED, PORT_RESTRICTED)
        internet.delay = 0.4
        internet.start()
        self.assertTrue(internet.run_until_selected(3.0))


class CandidateTests(SynchronousTestCase):
    def test_kinds_are_told_as_they_are(self) -> None:
        internet = Internet(PORT_RESTRICTED, OPEN)
        internet.start()
        internet.run_until_selected()
        (at_a,), (at_b,) = internet.a.of(PairSelected), internet.b.of(PairSelected)
        assert isinstance(at_a, PairSelected) and isinstance(at_b, PairSelected)
        self.assertEqual((at_a.local_kind, at_a.remote_kind), (CandidateKind.SRFLX, CandidateKind.HOST))
        self.assertEqual((at_b.local_kind, at_b.remote_kind), (CandidateKind.HOST, CandidateKind.SRFLX))
        self.assertAlmostEqual(at_a.rtt or 0.0, 2 * DELAY_SECONDS, places=6)

    def test_both_sides_discover_peer_reflexive_candidates(self) -> None:
        """A symmetric NAT shows the peer an address that no STUN server has seen."""
        internet = Internet(SYMMETRIC, OPEN)
        internet.start()
        internet.run_until_selected()
        (at_a,), (at_b,) = internet.a.of(PairSelected), internet.b.of(PairSelected)
        assert isinstance(at_a, PairSelected) and isinstance(at_b, PairSelected)
        self.assertIs(at_a.local_kind, CandidateKind.PRFLX)
        self.assertIs(at_b.remote_kind, CandidateKind.PRFLX)

    def test_peer_reflexive_candidate_that_is_told_later_takes_its_told_kind(self) -> None:
        internet = Internet(PORT_RESTRICTED, OPEN)
        told = internet.a.candidates()
        internet.b.agent.add_local_candidate(internet.b.candidates()[0], internet.now)
        internet.a.agent.add_local_candidate(told[0], internet.now)
        internet.a.agent.add_remote_candidate(internet.b.candidates()[0], internet.now)
        internet.a.agent.start(internet.now)
        internet.b.agent.start(internet.now)
        self.assertTrue(internet.run_until_selected())
        for candidate in told:
            internet.b.agent.add_remote_candidate(candidate, internet.now)
        internet.run(300.0)
        self.assertEqual(len(internet.b.of(PairSelected)), 1)

    def test_candidate_told_after_the_start_is_checked_at_once(self) -> None:
        internet = Internet(OPEN, OPEN)
        for site in internet.sites:
            site.agent.add_local_candidate(site.candidates()[0], internet.now)
            site.agent.start(internet.now)
        internet.run(1.0)
        internet.a.agent.add_remote_candidate(internet.b.candidates()[0], internet.now)
        begun = internet.now
        self.assertTrue(internet.run_until_selected())
        self.assertLess(internet.now - begun, 0.1)

    def test_nothing_is_sent_before_the_start(self) -> None:
        internet = Internet(OPEN, OPEN)
        internet.signal()
        internet.run(1.0)
        self.assertEqual(internet.sent, 0)

    def test_check_is_answered_and_returned_before_the_own_start(self) -> None:
        internet = Internet(OPEN, OPEN)
        internet.signal()
        internet.a.agent.start(internet.now)
        self.assertTrue(internet.run_until_selected(1.0))

    def test_family_without_a_local_candidate_is_not_checked(self) -> None:
        internet = Internet(OPEN, OPEN)
        internet.a.agent.add_local_candidate(internet.a.candidates()[0], internet.now)
        internet.a.agent.add_remote_candidate(Candidate.host(SocketAddress("2001:db8::1", 1)), internet.now)
        internet.a.agent.start(internet.now)
        self.assertEqual(list(internet.a.agent.transmits()), [])

    def test_no_candidates_at_all_is_told_as_such(self) -> None:
        internet = Internet(OPEN, OPEN)
        internet.a.agent.start(internet.now)
        internet.run(VERDICT_SECONDS + 0.1)
        self.assertEqual(
            internet.a.of(ChecksFailed), [ChecksFailed("the peer has told no address that this machine could try")]
        )


class RoleTests(SynchronousTestCase):
    def test_role_conflict_ends_with_one_of_each(self) -> None:
        for is_controlling, seed in itertools.product((True, False), range(6)):
            internet = Internet(PORT_RESTRICTED, OPEN, seed=seed, roles=(is_controlling, is_controlling))
            internet.start()
            self.assertTrue(internet.run_until_selected(2.0), f"both {is_controlling}, seed {seed}")
            internet.run(1.0)
            self.assertEqual({internet.a.agent.is_controlling, internet.b.agent.is_controlling}, {True, False})

    def test_larger_tie_breaker_becomes_controlling(self) -> None:
        first, second = (
            Credentials.generate(random.Random(1).randbytes),
            Credentials.generate(random.Random(2).randbytes),
        )
        for is_controlling in (True, False):
            agent = IceAgent(
                controlling=is_controlling, local=first, remote=second, tie_breaker=5, rng=random.Random(3).randbytes
            )
            check = Check(controlling=is_controlling, tie_breaker=4, priority=1)
            raw = emit_check(check, bytes(12), second, first, Integrity.SHA1)
            agent.receive_message(parse(raw), raw, STRANGER, 0.0)
            self.assertTrue(agent.is_controlling)
            classes = [parse(each.payload).message_class for each in agent.transmits()]
            self.assertEqual(classes[0], MessageClass.ERROR if is_controlling else MessageClass.SUCCESS)


class SelectionTests(SynchronousTestCase):
    def test_controlled_side_follows_each_nomination(self) -> None:
        internet = Internet(OPEN, OPEN)
        agent, remote = internet.b.agent, internet.credentials[0]
        other = SocketAddress("203.0.113.77", 1)
        local = internet.credentials[1]
        for number, (source, nominates) in enumerate(((internet.a.address, False), (other, True))):
            check = Check(controlling=True, tie_breaker=1, priority=1, nominates=nominates)
            raw = emit_check(check, number.to_bytes(12, "big"), remote, local, Integrity.SHA1)
            agent.receive_message(parse(raw), raw, source, internet.now)
            internet.now += 0.01
            agent.handle_timer(internet.now)
            for transmit in list(agent.transmits()):
                request = parse(transmit.payload)
                if request.message_class is MessageClass.REQUEST:
                    answer = Message(
                        Method.BINDING,
                        MessageClass.SUCCESS,
                        request.transaction_id,
                        (XorMappedAddress(internet.b.address),),
                    )
                    raw = emit(answer, remote.key)
                    agent.receive_message(parse(raw), raw, transmit.destination, internet.now)
            self.assertEqual(agent.selected, source)

    def test_nomination_is_carried_by_every_check_on_the_selected_pair(self) -> None:
        internet = Internet(OPEN, OPEN)
        internet.start()
        internet.run(60.0)
        requests = [parse(payload) for when, payload in internet.b.received if when > 1005.0]
        checks = [each for each in requests if each.message_class is MessageClass.REQUEST]
        self.assertGreater(len(checks), 8)
        self.assertTrue(all(each.get(UseCandidate) is not None for each in checks))
        self.assertTrue(all(parse(payload).get(UseCandidate) is None for _, payload in internet.a.received))

    def test_both_sides_use_the_same_pair(self) -> None:
        for seed in range(5):
            internet = Internet(FULL_CONE, FULL_CONE, seed=seed, loss=0.1)
            internet.start()
            internet.run(10.0)
            a, b = internet.a, internet.b
            assert a.nat is not None and b.nat is not None
            self.assertEqual(a.agent.selected, b.nat.outbound(b.address, STRANGER))
            self.assertEqual(b.agent.selected, a.nat.outbound(a.address, STRANGER))


class ConsentTests(SynchronousTestCase):
    def connected(self) -> Internet:
        internet = Internet(PORT_RESTRICTED, PORT_RESTRICTED)
        internet.start()
        self.assertTrue(internet.run_until_selected())
        internet.run(10.0)
        return internet

    def test_pair_is_lost_thirty_seconds_after_the_last_answer(self) -> None:
        internet = self.connected()
        internet.b.is_cut = True
        begun = internet.now
        self.assertTrue(internet.run(60.0, lambda: bool(internet.a.of(PairLost))))
        self.assertGreater(internet.now - begun, 30.0 - 6.0 - 1.0)
        self.assertLessEqual(internet.now - begun, 30.0)
        self.assertIsNone(internet.a.agent.selected)

    def test_pair_comes_back_after_an_outage_of_any_length(self) -> None:
        internet = self.connected()
        for outage in (10.0, 45.0, 400.0):
            internet.b.is_cut = True
            internet.run(outage)
            internet.b.is_cut = False
            self.assertTrue(internet.run_until_selected(400.0), f"{outage} s")

    def test_data_is_asked_for_about_every_five_seconds(self) -> None:
        internet = self.connected()
        internet.b.received.clear()
        internet.run(100.0)
        requests = [p for _, p in internet.b.received if parse(p).message_class is MessageClass.REQUEST]
        self.assertTrue(100 / 6 - 1 <= len(requests) <= 100 / 4 + 1, str(len(requests)))

    def test_restart_finds_out_within_seconds_that_a_path_is_dead(self) -> None:
        internet = self.connected()
        internet.b.is_cut = True
        internet.a.agent.restart(internet.now)
        self.assertTrue(internet.run(VERDICT_SECONDS, lambda: bool(internet.a.of(PairLost))))

    def test_restart_leaves_a_path_that_works_in_use_and_says_that_it_is_proven(self) -> None:
        internet = self.connected()
        before = len(internet.a.of(PairValid))
        internet.a.agent.restart(internet.now)
        internet.run(10.0)
        self.assertEqual(internet.a.of(PairLost), [])
        self.assertEqual(len(internet.a.of(PairSelected)), 1)
        self.assertEqual(len(internet.a.of(PairValid)), before + 1)

    def test_rebound_nat_of_one_side_is_followed_as_soon_as_that_side_checks(self) -> None:
        internet = Internet(PORT_RESTRICTED, OPEN)
        internet.start()
        self.assertTrue(internet.run_until_selected())
        internet.run(5.0)
        old = internet.b.agent.selected
        assert internet.a.nat is not None
        internet.a.nat.rebind()
        internet.a.agent.restart(internet.now)
        self.assertTrue(internet.run(1.0, lambda: internet.b.agent.selected not in (old, None)))


class HostileInputTests(SynchronousTestCase):
    def connected(self) -> Internet:
        internet = Internet(OPEN, OPEN)
        internet.start()
        self.assertTrue(internet.run_until_selected())
        internet.run(5.0)
        return internet

    def quiet_deliver(self, internet: Internet, payload: bytes, source: SocketAddress) -> list[bytes]:
        """Straight into b's agent; what it sends because of that."""
        agent = internet.b.agent
        agent.receive_message(parse(payload), payload, source, internet.now)
        return [each.payload for each in agent.transmits()]

    def check(self, internet: Internet, transaction_id: bytes = bytes(12), key_owner: int = 1) -> bytes:
        check = Check(controlling=True, tie_breaker=1, priority=1, nominates=True)
        local, remote = internet.credentials[0], internet.credentials[1]
        forged = Credentials(remote.ufrag, internet.credentials[key_owner].pwd)
        return emit_check(check, transaction_id, local, forged, Integrity.SHA1)

    def test_request_with_a_wrong_password_is_not_answered(self) -> None:
        internet = self.connected()
        before = internet.b.agent.selected
        self.assertEqual(self.quiet_deliver(internet, self.check(internet, key_owner=0), STRANGER), [])
        self.assertEqual(internet.b.agent.counters.requests_refused, 1)
        self.assertEqual(internet.b.agent.selected, before)
        self.assertEqual(list(internet.b.agent.events()), [])

    def test_request_without_integrity_is_not_answered(self) -> None:
        internet = self.connected()
        full = parse(self.check(internet))
        self.assertEqual(self.quiet_deliver(internet, emit(full), STRANGER), [])

    def test_request_replayed_from_another_source_is_not_answered(self) -> None:
        internet = self.connected()
        genuine = next(p for _, p in internet.b.received if parse(p).message_class is MessageClass.REQUEST)
        self.assertEqual(self.quiet_deliver(internet, genuine, STRANGER), [])
        self.assertEqual(internet.b.agent.counters.requests_replayed, 1)

    def test_answer_from_another_source_does_not_count(self) -> None:
        internet = Internet(OPEN, OPEN)
        internet.signal()
        internet.a.agent.start(internet.now)
        (request,) = (parse(each.payload) for each in internet.a.agent.transmits())
        attributes = (XorMappedAddress(internet.a.address),)
        answer = Message(Method.BINDING, MessageClass.SUCCESS, request.transaction_id, attributes)
        raw = emit(answer, internet.credentials[1].key)
        internet.a.agent.receive_message(parse(raw), raw, STRANGER, internet.now)
        self.assertEqual(list(internet.a.agent.events()), [])
        internet.a.agent.receive_message(parse(raw), raw, internet.b.address, internet.now)
        self.assertEqual([type(each) for each in internet.a.agent.events()], [PairValid, PairSelected])

    def test_answer_with_a_wrong_password_does_not_count(self) -> None:
        internet = Internet(OPEN, OPEN)
        internet.signal()
        internet.a.agent.start(internet.now)
        (request,) = (parse(each.payload) for each in internet.a.agent.transmits())
        attributes = (XorMappedAddress(internet.a.address),)
        for message_class in (MessageClass.SUCCESS, MessageClass.ERROR):
            raw = emit(Message(Method.BINDING, message_class, request.transaction_id, attributes), b"wrong")
            internet.a.agent.receive_message(parse(raw), raw, internet.b.address, internet.now)
        self.assertEqual(internet.a.agent.counters.responses_refused, 2)
        self.assertEqual(list(internet.a.agent.events()), [])

    @settings(deadline=None, max_examples=60)
    @given(st.integers(0, 10_000), st.integers(0, 2**32))
    def test_flipped_bits_change_nothing(self, position: int, seed: int) -> None:
        internet = Internet(OPEN, OPEN, seed=seed)
        internet.start()
        internet.run_until_selected()
        genuine = internet.b.received[position % len(internet.b.received)][1]
        flipped = bytearray(genuine)
        bit = position % (len(flipped) * 8)
        flipped[bit // 8] ^= 1 << bit % 8
        before = (internet.b.agent.selected, internet.b.agent.is_controlling)
        try:
            sent = self.quiet_deliver(internet, bytes(flipped), STRANGER)
        except ParseError:
            return
        self.assertEqual(sent, [])
        self.assertEqual((internet.b.agent.selected, internet.b.agent.is_controlling), before)

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.tuples(st.sampled_from(MessageClass), st.binary(min_size=12, max_size=12)), max_size=20))
    def test_messages_that_nobody_signed_change_nothing(self, messages: list[tuple[MessageClass, bytes]]) -> None:
        internet = Internet(OPEN, OPEN)
        internet.start()
        internet.run_until_selected()
        for message_class, transaction_id in messages:
            raw = emit(Message(Method.BINDING, message_class, transaction_id))
            self.assertEqual(self.quiet_deliver(internet, raw, STRANGER), [])
        self.assertEqual(list(internet.b.agent.events()), [])

    def test_thousands_of_told_candidates_cost_a_bounded_number_of_datagrams(self) -> None:
        internet = Internet(OPEN, OPEN)
        internet.a.agent.add_local_candidate(internet.a.candidates()[0], internet.now)
        internet.a.agent.start(internet.now)
        for number in range(5000):
            told = SocketAddress(f"198.18.{number // 250}.{number % 250 + 1}", 9)
            internet.a.agent.add_remote_candidate(Candidate.host(told), internet.now)
        internet.run(4.0)
        self.assertLessEqual(internet.sent, 2 * 20 * 6 + 20)
        internet.run(600.0)
        self.assertLessEqual(internet.sent, PAIRS_LIMIT * 6 * 6)

    def test_addresses_that_are_nobodys_are_never_tried(self) -> None:
        internet = Internet(OPEN, OPEN)
        internet.a.agent.add_local_candidate(internet.a.candidates()[0], internet.now)
        internet.a.agent.start(internet.now)
        for host, port in (
            ("0.0.0.0", 5),
            ("255.255.255.255", 5),
            ("224.0.0.1", 5),
            ("127.0.0.1", 5),
            ("192.0.2.1", 0),
        ):
            internet.a.agent.add_remote_candidate(Candidate.host(SocketAddress(host, port)), internet.now)
        self.assertEqual(list(internet.a.agent.transmits()), [])


class DeterminismTests(SynchronousTestCase):
    def test_same_seed_makes_the_same_run(self) -> None:
        runs = []
        for _ in range(2):
            internet = Internet(PORT_RESTRICTED, SYMMETRIC, seed=5, loss=0.2)
            internet.start()
            internet.run(100.0)
            runs.append((internet.sent, internet.a.events, internet.b.events, internet.a.received))
        self.assertEqual(runs[0], runs[1])

    def test_sha256_works_between_two_agents_of_ours(self) -> None:
        rng = random.Random(1)
        names = [Credentials.generate(rng.randbytes) for _ in range(2)]
        addresses = [SocketAddress("203.0.113.1", 1), SocketAddress("203.0.113.2", 2)]
        agents = [
            IceAgent(
                controlling=number == 0,
                local=names[number],
                remote=names[1 - number],
                tie_breaker=number,
                rng=rng.randbytes,
                integrity=Integrity.SHA256,
            )
            for number in range(2)
        ]
        agents[0].add_local_candidate(Candidate.host(addresses[0]), 0.0)
        agents[0].add_remote_candidate(Candidate.host(addresses[1]), 0.0)
        agents[0].start(0.0)
        for number in (0, 1, 0, 1):
            for transmit in agents[number].transmits():
                agents[1 - number].receive_message(parse(transmit.payload), transmit.payload, addresses[number], 0.01)
        self.assertEqual([each.selected for each in agents], [addresses[1], addresses[0]])
