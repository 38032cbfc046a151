"""The TURN server core: the RFC's rules, and what strangers and greedy users meet."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.policy.addresses import parse_address
from zerogo.stun.attributes import ErrorCode, UnknownAttribute, UnknownAttributes, XorMappedAddress
from zerogo.stun.message import Message, MessageClass, emit
from zerogo.stun.server import binding_request
from zerogo.test.policy.test_addresses import REFUSED
from zerogo.test.turn.bench import OWN, SECRET, UDP, UNIX, Bench, BenchClient, udp
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.attributes import (
    ChannelNumber,
    Data,
    DontFragment,
    EvenPort,
    Lifetime,
    PeerGrant,
    RequestedAddressFamily,
    RequestedTransport,
    ReservationToken,
    XorPeerAddress,
    XorRelayedAddress,
)
from zerogo.turn.credentials import timed_password
from zerogo.turn.events import AllocationEnded, ToPeer
from zerogo.turn.grant import emit_grant
from zerogo.turn.message import TurnMethod, emit_channel_data, parse
from zerogo.turn.quota import Quota
from zerogo.turn.server import CHALLENGES_BURST, OUTPUTS_LIMIT

OPEN = (ipaddress.ip_network("8.8.0.0/16"),)
PEER = SocketAddress("8.8.8.8", 7000)
RELAYED = SocketAddress(OWN, 50000)


def at_peer(peer: SocketAddress = PEER) -> XorPeerAddress:
    return XorPeerAddress(peer)


class AllocateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench(allowed=OPEN)
        self.alice = BenchClient(self.bench)

    def test_client_is_lent_an_address(self) -> None:
        answer = self.alice.ask(TurnMethod.ALLOCATE, UDP)
        self.assertEqual(answer.get(XorRelayedAddress), XorRelayedAddress(RELAYED))
        self.assertEqual(answer.get(XorMappedAddress), XorMappedAddress(self.alice.address.address))
        self.assertEqual(answer.get(Lifetime), Lifetime(600))

    def test_repeated_request_gets_the_same_answer(self) -> None:
        same = bytes(range(12))
        first = self.alice.ask(TurnMethod.ALLOCATE, UDP, transaction_id=same)
        self.assertEqual(
            self.alice.ask(TurnMethod.ALLOCATE, UDP, transaction_id=same).get(XorRelayedAddress),
            first.get(XorRelayedAddress),
        )
        self.assertEqual(len(self.bench.open_relays), 1)

    def test_second_allocation_of_a_five_tuple_is_a_mismatch(self) -> None:
        self.assertEqual([self.alice.allocate(), self.alice.allocate()], [0, 437])

    def test_what_cannot_be_lent(self) -> None:
        self.assertEqual(self.alice.code(TurnMethod.ALLOCATE), 400)
        self.assertEqual(self.alice.code(TurnMethod.ALLOCATE, RequestedTransport(6)), 442)
        for family in (0, 2, 3):
            self.assertEqual(self.alice.allocate(RequestedAddressFamily(family)), 440)
        self.assertEqual(self.alice.allocate(EvenPort(0), ReservationToken(bytes(8))), 400)
        self.bench.has_free_ports = False
        self.assertEqual(self.alice.allocate(), 508)
        self.assertTrue(self.bench.server.is_idle)

    def test_unknown_attributes_are_named(self) -> None:
        answer = self.alice.ask(TurnMethod.ALLOCATE, UDP, UnknownAttribute(0x0077, b""))
        self.assertEqual(answer.get(UnknownAttributes), UnknownAttributes((0x0077,)))

    def test_ipv6_address_is_lent_where_there_is_one(self) -> None:
        bench = Bench(has_ipv6=True)
        answer = BenchClient(bench).ask(TurnMethod.ALLOCATE, UDP, RequestedAddressFamily(2))
        self.assertEqual(answer.get(XorRelayedAddress), XorRelayedAddress(SocketAddress("2606:4700::5", 50000)))
        self.assertEqual(BenchClient(bench, udp(port=2)).allocate(), 0)

    def test_next_port_is_kept_for_whoever_has_the_token(self) -> None:
        answer = self.alice.ask(TurnMethod.ALLOCATE, UDP, EvenPort(EvenPort.RESERVE))
        token = answer.get(ReservationToken)
        assert token is not None
        bob = BenchClient(self.bench, udp(port=2), "bob", "password of bob")
        self.assertEqual(bob.allocate(token), 508)
        second = BenchClient(self.bench, udp(port=3)).ask(TurnMethod.ALLOCATE, UDP, token)
        self.assertEqual(second.get(XorRelayedAddress), XorRelayedAddress(SocketAddress(OWN, 50001)))
        self.assertEqual(BenchClient(self.bench, udp(port=4)).allocate(token), 508)

    def test_kept_port_is_given_back_when_nobody_comes(self) -> None:
        self.alice.allocate(EvenPort(EvenPort.RESERVE))
        self.bench.pass_time(40)
        self.assertEqual(self.bench.open_relays, [RELAYED])


class LifeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench(allowed=OPEN)
        self.alice = BenchClient(self.bench)
        self.alice.allocate()

    def test_allocation_ends_by_itself_and_gives_everything_back(self) -> None:
        self.bench.pass_time(603)
        self.assertEqual(self.bench.open_relays, [])
        self.assertIsInstance(self.bench.seen[-1], AllocationEnded)
        self.assertTrue(self.bench.server.is_idle)
        self.assertIsNone(self.bench.server.next_timer())

    def test_refresh_lets_it_live_on(self) -> None:
        self.bench.pass_time(500)
        self.assertEqual(self.alice.ask(TurnMethod.REFRESH).get(Lifetime), Lifetime(600))
        self.bench.pass_time(590)
        self.assertEqual(self.bench.server.allocations, 1)

    def test_no_lifetime_is_longer_than_an_hour(self) -> None:
        self.assertEqual(self.alice.ask(TurnMethod.REFRESH, Lifetime(86400)).get(Lifetime), Lifetime(3600))

    def test_lifetime_zero_gives_it_back(self) -> None:
        self.assertEqual(self.alice.code(TurnMethod.REFRESH, Lifetime(0)), 0)
        self.assertEqual((self.bench.open_relays, self.alice.code(TurnMethod.REFRESH)), ([], 437))

    def test_expired_allocation_makes_room_for_a_new_one_before_any_sweep(self) -> None:
        self.alice.nonce = None
        self.bench.now = 601
        self.assertEqual(self.alice.allocate(), 0)
        self.assertEqual(len(self.bench.open_relays), 1)

    def test_another_users_allocation_is_not_to_be_touched(self) -> None:
        bob = BenchClient(self.bench, self.alice.address, "bob", "password of bob")
        for method in (TurnMethod.REFRESH, TurnMethod.CREATE_PERMISSION, TurnMethod.CHANNEL_BIND):
            self.assertEqual(bob.code(method, Lifetime(0)), 441)

    def test_address_that_is_another_users_by_now_is_no_obstacle(self) -> None:
        bob = BenchClient(self.bench, self.alice.address, "bob", "password of bob")
        self.assertEqual(bob.allocate(), 0)
        self.assertEqual(self.bench.server.allocations, 1)
        self.assertEqual([each.user for each in self.bench.seen if isinstance(each, AllocationEnded)], ["alice"])
        self.assertEqual(self.alice.code(TurnMethod.REFRESH), 441)

    def test_connection_that_closes_takes_its_allocation_with_it(self) -> None:
        client = ClientAddress(1, ClientTransport.TCP, SocketAddress("192.0.2.9", 5))
        self.assertEqual(BenchClient(self.bench, client).allocate(), 0)
        self.assertTrue(self.bench.server.serves(client, 0))
        self.bench.server.client_lost(client, 0)
        self.bench.settle()
        self.assertEqual(self.bench.open_relays, [RELAYED])
        self.assertFalse(self.bench.server.serves(client, 0))

    def test_drain_lends_nothing_new_and_lets_the_rest_live(self) -> None:
        self.bench.server.drain(0)
        self.assertEqual(BenchClient(self.bench, udp(port=9)).allocate(), 508)
        self.assertEqual(self.alice.code(TurnMethod.REFRESH), 0)
        self.assertFalse(self.bench.server.is_idle)

    def test_allocation_ends_with_its_credential_and_renewed_credential_goes_on(self) -> None:
        def timed(expiry: int) -> BenchClient:
            name = f"{expiry}:node"
            return BenchClient(self.bench, udp(port=7), name, timed_password(SECRET, name).reveal())

        self.assertEqual(timed(int(UNIX) + 100).ask(TurnMethod.ALLOCATE, UDP).get(Lifetime), Lifetime(100))
        renewed = timed(int(UNIX) + 400)
        self.assertEqual(renewed.ask(TurnMethod.REFRESH).get(Lifetime), Lifetime(400))


class RelayingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench(allowed=OPEN)
        self.alice = BenchClient(self.bench)
        self.alice.allocate()

    def from_peer(self, data: bytes, peer: SocketAddress = PEER) -> list[bytes]:
        before = len(self.bench.to_clients)
        self.bench.server.receive_from_peer(data, peer, RELAYED, self.bench.now)
        self.bench.settle()
        return [each.payload for each in self.bench.to_clients[before:]]

    def test_indications_carry_data_both_ways_once_there_is_a_permission(self) -> None:
        self.assertEqual(self.alice.indicate(at_peer(), Data(b"early")), [])
        self.assertEqual(self.from_peer(b"early"), [])
        self.assertEqual(self.alice.permit(PEER.host), 0)
        self.alice.indicate(at_peer(), Data(b"out"), DontFragment())
        self.assertEqual(self.bench.to_peers, [ToPeer(RELAYED, PEER, b"out", True)])
        (indication,) = map(parse, self.from_peer(b"in"))
        self.assertEqual(indication.message_class, MessageClass.INDICATION)
        self.assertEqual((indication.get(XorPeerAddress), indication.get(Data)), (at_peer(), Data(b"in")))

    def test_channel_carries_data_both_ways(self) -> None:
        self.assertEqual(self.alice.code(TurnMethod.CHANNEL_BIND, ChannelNumber(0x4001), at_peer()), 0)
        self.bench.from_client(emit_channel_data(0x4001, b"out"), self.alice.address)
        self.assertEqual(self.bench.to_peers, [ToPeer(RELAYED, PEER, b"out")])
        self.assertEqual(self.from_peer(b"in"), [emit_channel_data(0x4001, b"in")])

    def test_other_ports_of_a_permitted_address_come_as_indications(self) -> None:
        self.alice.code(TurnMethod.CHANNEL_BIND, ChannelNumber(0x4001), at_peer())
        (indication,) = map(parse, self.from_peer(b"in", SocketAddress(PEER.host, 1)))
        self.assertEqual(indication.get(Data), Data(b"in"))
        self.assertEqual(self.from_peer(b"in", SocketAddress("8.8.4.4", 7000)), [])

    def test_permission_ends_after_300_seconds_and_channel_after_600(self) -> None:
        self.alice.ask(TurnMethod.REFRESH, Lifetime(3600))
        self.alice.code(TurnMethod.CHANNEL_BIND, ChannelNumber(0x4001), at_peer())
        self.bench.now = 299.0
        self.assertEqual(self.from_peer(b"in"), [emit_channel_data(0x4001, b"in")])
        self.bench.now = 300.0
        self.assertEqual(self.from_peer(b"in"), [])
        self.alice.permit(PEER.host)
        self.assertEqual(self.from_peer(b"in"), [emit_channel_data(0x4001, b"in")])
        self.bench.now = 600.0
        self.alice.greet()
        self.alice.permit(PEER.host)
        self.assertEqual(len(parse(self.from_peer(b"in")[0]).attributes), 2)

    def test_channel_and_peer_belong_to_each_other(self) -> None:
        def bind(number: int, peer: SocketAddress) -> int:
            return self.alice.code(TurnMethod.CHANNEL_BIND, ChannelNumber(number), at_peer(peer))

        other = SocketAddress("8.8.8.8", 7001)
        self.assertEqual([bind(0x4001, PEER), bind(0x4001, PEER)], [0, 0])
        self.assertEqual([bind(0x4001, other), bind(0x4002, PEER), bind(0x4002, other)], [400, 400, 0])
        self.assertEqual([bind(0x3FFF, other), bind(0x8000, other)], [400, 400])

    def test_several_permissions_come_together_or_not_at_all(self) -> None:
        self.assertEqual(self.alice.permit("8.8.8.8", "10.0.0.1"), 403)
        self.assertEqual(self.alice.indicate(at_peer(), Data(b"out")), [])
        self.assertEqual((self.bench.to_peers, self.alice.permit()), ([], 400))

    def test_peer_of_the_other_family_is_a_mismatch(self) -> None:
        self.assertEqual(self.alice.permit("2606:4700::1"), 443)

    def test_streams_get_padded_channel_data(self) -> None:
        client = BenchClient(self.bench, ClientAddress(1, ClientTransport.TLS, SocketAddress("192.0.2.9", 5)))
        client.allocate()
        client.code(TurnMethod.CHANNEL_BIND, ChannelNumber(0x4001), at_peer())
        self.bench.server.receive_from_peer(b"12345", PEER, SocketAddress(OWN, 50002), 0)
        self.bench.settle()
        self.assertEqual(self.bench.to_clients[-1].payload, emit_channel_data(0x4001, b"12345", is_padded=True))


class ClosedRelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        self.alice = BenchClient(self.bench)
        self.alice.allocate()

    def test_public_addresses_are_closed_too(self) -> None:
        self.assertEqual(self.alice.permit("8.8.8.8"), 403)
        self.assertEqual(self.alice.code(TurnMethod.CHANNEL_BIND, ChannelNumber(0x4001), at_peer()), 403)

    def test_special_places_are_closed_in_every_spelling_even_with_a_grant(self) -> None:
        bench = Bench(allowed=(ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")), has_ipv6=True)
        clients = {4: BenchClient(bench), 6: BenchClient(bench, udp(port=6))}
        clients[4].allocate()
        clients[6].allocate(RequestedAddressFamily(2))
        for text in REFUSED:
            peer = SocketAddress.of(text, 1)
            grant = emit_grant(SECRET, "alice", parse_address(text), UNIX + 100)
            client = clients[6 if peer.is_ipv6 else 4]
            code = client.code(TurnMethod.CREATE_PERMISSION, XorPeerAddress(peer), PeerGrant(grant))
            self.assertEqual(code, 403, text)

    def test_granted_peer_is_reached(self) -> None:
        grant = PeerGrant(emit_grant(SECRET, "alice", parse_address("8.8.8.8"), UNIX + 100))
        self.assertEqual(self.alice.code(TurnMethod.CREATE_PERMISSION, at_peer(), grant), 0)
        self.alice.indicate(at_peer(), Data(b"out"))
        self.assertEqual(self.bench.to_peers, [ToPeer(RELAYED, PEER, b"out")])

    def test_allocations_of_one_relay_reach_each_other_without_a_socket(self) -> None:
        bob = BenchClient(self.bench, udp(port=9), "bob", "password of bob")
        bob.allocate()
        at_bob = SocketAddress(OWN, 50002)
        self.assertEqual((self.alice.permit(OWN), bob.permit(OWN)), (0, 0))
        self.alice.indicate(at_peer(at_bob), Data(b"hello"))
        received = self.bench.to_clients[-1]
        self.assertEqual(received.client, bob.address)
        self.assertEqual(parse(received.payload).get(Data), Data(b"hello"))
        self.assertEqual(parse(received.payload).get(XorPeerAddress), at_peer(RELAYED))
        self.assertEqual(self.bench.to_peers, [])

    def test_other_programs_at_the_relays_own_address_are_out_of_reach_both_ways(self) -> None:
        self.alice.permit(OWN)
        self.alice.indicate(at_peer(SocketAddress(OWN, 22)), Data(b"hello"))
        self.assertEqual(self.bench.to_peers, [])
        before = len(self.bench.to_clients)
        self.bench.server.receive_from_peer(b"forged", SocketAddress(OWN, 22), RELAYED, 0)
        self.bench.settle()
        self.assertEqual(len(self.bench.to_clients), before)


class StrangerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench(allowed=OPEN)

    def stranger(self, data: bytes, number: int = 0) -> list[bytes]:
        host = f"198.51.{number >> 8 & 255}.{number & 255}"
        return self.bench.from_client(data, udp(host, 1 + number % 60000))

    def test_flood_from_forged_sources_leaves_no_state(self) -> None:
        request = BenchClient(self.bench).message(TurnMethod.ALLOCATE, (UDP,))
        answers = [self.stranger(request, number) for number in range(6000)]
        self.assertTrue(all(len(each) == 1 for each in answers))
        self.assertTrue(self.bench.server.is_idle)
        self.assertEqual(self.bench.seen, [])
        self.assertIsNone(self.bench.server.next_timer())

    def test_challenge_is_short_and_says_nothing_but_what_is_needed(self) -> None:
        (answer,) = self.stranger(BenchClient(self.bench).message(TurnMethod.ALLOCATE, (UDP,)))
        message = parse(answer)
        self.assertLessEqual(len(answer), 60)
        self.assertEqual(message.get(ErrorCode), ErrorCode(401, ""))
        self.assertEqual([each.type for each in message.attributes], [0x0009, 0x0014, 0x0015])

    def test_source_that_is_challenged_too_often_gets_silence(self) -> None:
        request = BenchClient(self.bench).message(TurnMethod.ALLOCATE, (UDP,))
        answers = sum(len(self.stranger(request)) for _ in range(200))
        self.assertEqual(answers, CHALLENGES_BURST)
        self.assertEqual(self.bench.server.counters.limited, 200 - CHALLENGES_BURST)

    def test_passwords_are_guessed_at_a_bounded_rate(self) -> None:
        mallory = BenchClient(self.bench, password="wrong")
        mallory.greet()
        answers = [
            self.bench.from_client(mallory.message(TurnMethod.ALLOCATE, (UDP,)), mallory.address) for _ in range(200)
        ]
        self.assertEqual(sum(map(len, answers)), CHALLENGES_BURST - 1)
        self.assertTrue(self.bench.server.is_idle)

    def test_stale_nonce_is_told_and_the_new_one_works(self) -> None:
        alice = BenchClient(self.bench)
        alice.greet()
        self.bench.now = 700.0
        (answer,) = self.bench.from_client(alice.message(TurnMethod.ALLOCATE, (UDP,)), alice.address)
        self.assertEqual(parse(answer).get(ErrorCode), ErrorCode(438, ""))
        alice.nonce = None
        self.assertEqual(alice.allocate(), 0)

    def test_nonce_that_was_overheard_is_worth_nothing_from_a_forged_source(self) -> None:
        alice = BenchClient(self.bench)
        alice.greet()
        (answer,) = self.stranger(alice.message(TurnMethod.ALLOCATE, (UDP,)))
        self.assertEqual(parse(answer).get(ErrorCode), ErrorCode(438, ""))
        self.assertTrue(self.bench.server.is_idle)

    def test_indications_errors_and_answers_are_never_answered(self) -> None:
        for message_class in (MessageClass.INDICATION, MessageClass.SUCCESS, MessageClass.ERROR):
            for method in (*TurnMethod, 0x001, 0xFFF):
                message = Message(method, message_class, bytes(12), (ErrorCode(401), at_peer(), Data(b"x")))
                self.assertEqual(self.stranger(emit(message)), [])

    def test_its_own_challenge_is_not_answered(self) -> None:
        (answer,) = self.stranger(BenchClient(self.bench).message(TurnMethod.ALLOCATE, (UDP,)))
        self.assertEqual(self.stranger(answer, 1), [])

    def test_binding_is_answered_without_credentials(self) -> None:
        (answer,) = self.stranger(binding_request(lambda count: bytes(count)))
        self.assertEqual(parse(answer).get(XorMappedAddress), XorMappedAddress(SocketAddress("198.51.0.0", 1)))

    @given(
        st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda tail: b"\x00\x03\x00\x00!\x12\xa4B" + tail))
    )
    @settings(deadline=None, max_examples=200)
    def test_garbage_is_counted_and_nothing_else(self, data: bytes) -> None:
        bench = Bench()
        answers = bench.from_client(data, udp())
        self.assertLessEqual(sum(map(len, answers)), 60)
        self.assertTrue(bench.server.is_idle)


class GreedyUserTests(SynchronousTestCase):
    def test_allocations_of_one_user_are_counted(self) -> None:
        bench = Bench(quota=Quota(allocations=3))
        codes = [BenchClient(bench, udp(f"192.0.2.{number}")).allocate() for number in range(1, 6)]
        self.assertEqual(codes, [0, 0, 0, 486, 486])
        self.assertEqual(BenchClient(bench, udp("192.0.2.9"), "bob", "password of bob").allocate(), 0)

    def test_allocations_in_a_loop_are_slowed_down(self) -> None:
        bench = Bench(quota=Quota(allocations=4, allocations_per_second=1))
        alice = BenchClient(bench)
        codes = []
        for _ in range(30):
            codes.append(alice.allocate())
            alice.code(TurnMethod.REFRESH, Lifetime(0))
        self.assertEqual((codes.count(0), codes.count(486)), (8, 22))

    def test_permissions_are_counted_and_expired_ones_make_room(self) -> None:
        bench = Bench(quota=Quota(permissions=10), allowed=OPEN)
        alice = BenchClient(bench)
        alice.allocate()
        codes = [alice.permit(f"8.8.8.{number}") for number in range(20)]
        self.assertEqual((codes.count(0), codes.count(508)), (10, 10))
        self.assertEqual(alice.permit(*(f"8.8.4.{number}" for number in range(11))), 508)
        self.assertEqual(alice.permit("8.8.8.0"), 0)
        bench.now = 301.0
        self.assertEqual(alice.permit("8.8.9.9"), 0)

    def test_channels_are_counted_and_expired_ones_make_room(self) -> None:
        bench = Bench(quota=Quota(channels=3), allowed=OPEN)
        alice = BenchClient(bench)
        alice.code(TurnMethod.ALLOCATE, UDP, Lifetime(3600))

        def bind(number: int) -> int:
            peer = at_peer(SocketAddress("8.8.8.8", number))
            return alice.code(TurnMethod.CHANNEL_BIND, ChannelNumber(0x4000 + number), peer)

        self.assertEqual([bind(number) for number in range(1, 6)], [0, 0, 0, 508, 508])
        bench.now = 600.0
        alice.nonce = None
        self.assertEqual(bind(5), 0)

    def test_permissions_and_channels_of_all_are_counted_until_they_end(self) -> None:
        bench = Bench(quota=Quota(total_entries=6), allowed=OPEN)
        alice, bob = BenchClient(bench), BenchClient(bench, udp("192.0.2.77", 5000))
        for client in (alice, bob):
            client.allocate()
        self.assertEqual([alice.permit(f"8.8.8.{number}") for number in range(5)], [0] * 5)
        channel = (ChannelNumber(0x4000), at_peer(SocketAddress("8.8.9.9", 1)))
        self.assertEqual(bob.code(TurnMethod.CHANNEL_BIND, *channel), 508)
        self.assertEqual([bob.permit("8.8.8.8"), bob.permit("8.8.8.9"), bob.permit("8.8.8.8")], [0, 508, 0])
        alice.code(TurnMethod.REFRESH, Lifetime(0))
        self.assertEqual(bob.code(TurnMethod.CHANNEL_BIND, *channel), 0)

    def test_bandwidth_of_a_user_is_bounded_in_both_directions_together(self) -> None:
        bench = Bench(quota=Quota(bytes_per_second=1000), allowed=OPEN)
        alice = BenchClient(bench)
        alice.allocate()
        alice.permit(PEER.host)
        for _ in range(10):
            alice.indicate(at_peer(), Data(bytes(100)))
            bench.server.receive_from_peer(bytes(100), PEER, RELAYED, 0)
        bench.settle()
        self.assertEqual(len(bench.to_peers), 5)
        self.assertEqual(bench.server.counters.over_bandwidth, 10)

    def test_outputs_that_nobody_drains_are_bounded(self) -> None:
        bench = Bench(allowed=OPEN)
        alice = BenchClient(bench)
        alice.allocate()
        alice.permit(PEER.host)
        for _ in range(OUTPUTS_LIMIT + 10):
            bench.server.receive_from_peer(b"x", PEER, RELAYED, 0)
        self.assertEqual(len(list(bench.server.transmits())), OUTPUTS_LIMIT)
        self.assertEqual(bench.server.counters.overflowed, 10)
