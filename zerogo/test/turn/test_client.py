"""The TURN client core against our server core, in virtual time, over a line that loses what it is told to lose."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable

from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.policy.addresses import parse_address
from zerogo.secret import Secret
from zerogo.stun.attributes import ErrorCode, XorMappedAddress
from zerogo.stun.message import Message, MessageClass, emit
from zerogo.test.turn.bench import OWN, SECRET, UNIX, Bench, udp
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.attributes import Data, Lifetime, XorPeerAddress, XorRelayedAddress
from zerogo.turn.client import STREAM_SCHEDULE, TurnClient, TurnCredential
from zerogo.turn.client_events import (
    Allocated,
    AllocateFailed,
    AllocationLost,
    ChannelBound,
    ClientEvent,
    PeerData,
    PeerPermitted,
    PeerRefused,
)
from zerogo.turn.credentials import timed_password, timed_username
from zerogo.turn.errors import Code
from zerogo.turn.events import ToPeer
from zerogo.turn.grant import emit_grant
from zerogo.turn.message import TurnMethod, emit_channel_data, is_channel_data, parse
from zerogo.turn.nonce import NONCE_SECONDS, hand_out

SERVER = SocketAddress(OWN, 3478)
RELAYED = SocketAddress(OWN, 50000)
PEER = SocketAddress("8.8.8.8", 7000)
TCP = ClientAddress(0, ClientTransport.TCP, SocketAddress("192.0.2.1", 4000))
ALICE = TurnCredential("alice", Secret("password of alice"))


def never(data: bytes) -> bool:
    return False


@define
class Line:
    """A client and a server with a line between them; `loses` says which datagrams do not arrive."""

    bench: Bench
    credential: TurnCredential = ALICE
    loses: Callable[[bytes], bool] = never
    address: ClientAddress = field(factory=udp)
    client: TurnClient = field(init=False)
    seen: list[ClientEvent] = field(factory=list)
    sent: list[bytes] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        rng, is_stream = random.Random(6).randbytes, self.address.is_stream
        self.client = TurnClient(SERVER, self.credential, rng, is_stream=is_stream)

    def settle(self) -> None:
        while outputs := list(self.client.transmits()):
            for output in outputs:
                self.sent.append(output.payload)
                if not self.loses(output.payload):
                    for answer in self.bench.from_client(output.payload, self.address):
                        self.from_server(answer)
        self.seen += self.client.events()

    def from_server(self, data: bytes) -> None:
        if not self.loses(data):
            self.client.receive_datagram(data, SERVER, self.bench.now)

    def from_peer(self, data: bytes, peer: SocketAddress = PEER) -> None:
        self.bench.server.receive_from_peer(data, peer, RELAYED, self.bench.now)
        before = len(self.bench.to_clients)
        self.bench.settle()
        for each in self.bench.to_clients[before:]:
            self.from_server(each.payload)
        self.settle()

    def pass_time(self, seconds: float) -> None:
        end = self.bench.now + seconds
        while (due := self.client.next_timer()) is not None and due.at <= end:
            self.bench.pass_time(max(0.0, due.at - self.bench.now))
            self.client.handle_timer(self.bench.now)
            self.settle()
        self.bench.pass_time(end - self.bench.now)

    def start(self) -> Line:
        self.client.start(self.bench.now)
        self.settle()
        return self


class TurnClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench(allowed=(ipaddress.ip_network("8.8.0.0/16"),))
        self.line = Line(self.bench)

    def permitted(self) -> Line:
        self.line.start().client.permit(PEER, None, self.bench.now)
        self.line.settle()
        return self.line

    def test_address_is_lent_after_one_challenge(self) -> None:
        self.line.start()
        self.assertEqual(self.line.seen, [Allocated(RELAYED, self.line.address.address, 600.0)])
        self.assertEqual(len(self.line.sent), 2)

    def test_challenge_is_not_longer_than_the_padded_first_request(self) -> None:
        self.line.start()
        self.assertLessEqual(len(self.bench.to_clients[0].payload), len(self.line.sent[0]))

    def test_data_by_indications(self) -> None:
        line = self.permitted()
        self.assertTrue(line.client.send(PEER, b"out", dont_fragment=True))
        line.settle()
        line.from_peer(b"in")
        self.assertEqual(self.bench.to_peers, [ToPeer(RELAYED, PEER, b"out", True)])
        self.assertEqual(line.seen[1:], [PeerPermitted(PEER), PeerData(PEER, b"in")])

    def test_data_by_a_channel(self) -> None:
        self.line.start().client.bind(PEER, None, 0)
        self.line.settle()
        self.assertTrue(self.line.client.send(PEER, b"out"))
        self.line.settle()
        self.line.from_peer(b"in")
        self.assertEqual(self.line.sent[-1], emit_channel_data(0x4000, b"out"))
        self.assertEqual(self.line.seen[1:], [PeerPermitted(PEER), ChannelBound(PEER), PeerData(PEER, b"in")])

    def test_peers_named_before_the_allocation_are_permitted_after_it(self) -> None:
        self.line.client.bind(PEER, None, 0)
        self.assertFalse(self.line.client.send(PEER, b"early"))
        self.line.start()
        self.assertEqual(self.line.seen[1:], [PeerPermitted(PEER), ChannelBound(PEER)])

    def test_nothing_is_sent_without_a_permission(self) -> None:
        self.line.start()
        self.assertFalse(self.line.client.send(PEER, b"out"))

    def test_everything_is_renewed_for_hours(self) -> None:
        self.line.start().client.bind(PEER, None, 0)
        self.line.settle()
        for _ in range(30):
            self.line.pass_time(250)
            self.line.client.send(PEER, b"out")
            self.line.settle()
        self.assertEqual(len(self.bench.to_peers), 30)
        self.assertNotIn(AllocationLost, map(type, self.line.seen))

    def test_forgotten_peer_runs_out(self) -> None:
        line = self.permitted()
        line.client.forget(PEER)
        line.pass_time(301)
        line.from_peer(b"late")
        self.assertEqual(line.seen[2:], [])
        self.assertFalse(line.client.send(PEER, b"out"))

    def handed_out(self, realm: str = "realm", age: float = 0.0) -> TurnCredential:
        name = timed_username("alice", self.bench.unix() + 3600)
        nonce = hand_out(SECRET, name, self.bench.unix() - age)
        return TurnCredential(name, timed_password(SECRET, name), nonce, realm)

    def test_nonce_that_was_handed_out_spares_the_challenge_on_a_stream(self) -> None:
        line = Line(self.bench, self.handed_out(), address=TCP).start()
        self.assertEqual(([type(each) for each in line.seen], len(line.sent)), ([Allocated], 1))

    def test_nonce_that_is_too_old_or_for_another_realm_costs_one_challenge(self) -> None:
        for number, credential in enumerate((self.handed_out(age=NONCE_SECONDS + 1), self.handed_out("elsewhere"))):
            line = Line(self.bench, credential, address=evolve(TCP, listener=number)).start()
            self.assertEqual(([type(each) for each in line.seen], len(line.sent)), ([Allocated], 2))

    def test_nonce_that_an_earlier_connection_came_with_costs_one_challenge(self) -> None:
        credential = self.handed_out()
        for port, sent in ((4001, 1), (4002, 2)):
            address = evolve(TCP, address=SocketAddress("192.0.2.1", port))
            line = Line(self.bench, credential, address=address).start()
            self.assertEqual(([type(each) for each in line.seen], len(line.sent)), ([Allocated], sent))
            self.bench.server.client_lost(address, self.bench.now)

    def test_realm_that_has_changed_is_learned_after_one_refusal(self) -> None:
        known = self.line.start().client.acquaintance
        self.line.client.close(self.bench.now)
        self.line.settle()
        known.realm = "what it was"
        refused = Line(self.bench)
        refused.client.acquaintance = known
        (event,) = refused.start().seen
        self.assertEqual((type(event), getattr(event, "code", 0)), (AllocateFailed, Code.UNAUTHENTICATED))
        refused.client, refused.seen = refused.client.successor(), []
        self.assertEqual([type(each) for each in refused.start().seen], [Allocated])

    def test_nonce_that_was_handed_out_proves_no_address_of_a_datagram(self) -> None:
        credential = self.handed_out()
        line = Line(self.bench, credential).start()
        self.assertEqual(len(line.sent), 2)
        stream = TurnClient(SERVER, credential, random.Random(6).randbytes, is_stream=True)
        stream.start(self.bench.now)
        (request,) = stream.transmits()
        (answer,) = self.bench.from_client(request.payload, udp(port=4001))
        self.assertEqual(parse(answer).get(ErrorCode), ErrorCode(Code.STALE_NONCE))

    def test_requests_on_a_stream_are_repeated_but_rarely(self) -> None:
        line = Line(self.bench, self.handed_out(), address=TCP, loses=lambda data: True).start()
        line.pass_time(sum(STREAM_SCHEDULE) + 0.1)
        self.assertEqual(len(line.sent), len(STREAM_SCHEDULE))
        self.assertEqual([type(each) for each in line.seen], [AllocateFailed])

    def test_lost_datagrams_are_sent_again(self) -> None:
        chance = random.Random(8)
        for _ in range(20):
            line = Line(Bench(), loses=lambda data: chance.random() < 0.3).start()
            line.pass_time(30)
            self.assertTrue(line.seen)
        self.line.loses = lambda data: len(self.line.sent) < 3
        self.line.start().pass_time(2)
        self.assertIsInstance(self.line.seen[0], Allocated)

    def moved(self, address: ClientAddress) -> Line:
        """The same machine with another client of what it knows, perhaps at another address; the first challenge on
        the way to it is lost."""
        for _ in range(10):
            self.line.client.acquaintance.answered(1, 0.02, self.bench.now)
        lost: list[bytes] = []

        def loses(data: bytes) -> bool:
            is_lost = not lost and ErrorCode in map(type, parse(data).attributes)
            lost.extend([data] * is_lost)
            return is_lost

        known = self.line.client.acquaintance
        known.moved()
        line = Line(self.bench, address=address, loses=loses)
        line.client = TurnClient(SERVER, ALICE, random.Random(9).randbytes, acquaintance=known)
        return line.start()

    def test_a_challenge_that_is_lost_after_a_move_costs_little_more_than_two_round_trips(self) -> None:
        self.line.start()
        line = self.moved(udp(port=4009))
        self.assertEqual((line.seen, len(line.sent)), ([], 1))
        line.pass_time(0.06)
        self.assertEqual(([type(each) for each in line.seen], len(line.sent)), ([Allocated], 3))

    def test_an_address_that_stayed_the_same_needs_no_challenge(self) -> None:
        self.line.start().client.close(0.0)
        self.line.settle()
        line = self.moved(self.line.address)
        self.assertEqual(([type(each) for each in line.seen], len(line.sent)), ([Allocated], 1))

    def test_nothing_is_sent_ahead_with_a_nonce_of_another_address(self) -> None:
        self.line.start()
        line = self.moved(udp(port=4009))
        self.assertFalse(line.client.send_ahead(PEER, b"signal"))

    def test_silent_relay_is_given_up_after_five_seconds(self) -> None:
        self.line.loses = lambda data: True
        self.line.start().pass_time(4.5)
        self.assertEqual(self.line.seen, [])
        self.line.pass_time(0.2)
        self.assertEqual(self.line.seen, [AllocateFailed(0, "the relay does not answer")])
        self.assertIsNone(self.line.client.next_timer())

    def test_wrong_password_fails_at_once(self) -> None:
        line = Line(self.bench, TurnCredential("alice", Secret("wrong"))).start()
        self.assertEqual([type(each) for each in line.seen], [AllocateFailed])
        self.assertEqual((line.seen[0], len(line.sent)), (AllocateFailed(401, ""), 2))

    def test_refusal_of_the_relay_is_told(self) -> None:
        self.bench.has_free_ports = False
        self.assertEqual(self.line.start().seen, [AllocateFailed(508, "no free port")])

    def test_forbidden_peer_is_told_and_forgotten(self) -> None:
        home = SocketAddress("192.168.1.1", 80)
        self.line.start().client.bind(home, None, 0)
        self.line.settle()
        self.assertEqual(self.line.seen[1:], [PeerRefused(home, 403, "peer not allowed")])

    def test_grant_is_shown(self) -> None:
        peer = SocketAddress("9.9.9.9", 9)
        self.line.start().client.permit(peer, emit_grant(SECRET, "alice", parse_address(peer.host), UNIX + 9), 0)
        self.line.settle()
        self.assertEqual(self.line.seen[1:], [PeerPermitted(peer)])

    def test_stale_nonce_is_replaced_and_the_request_sent_anew(self) -> None:
        self.permitted()
        before = len(self.line.sent)
        other = SocketAddress("8.8.4.4", 1)
        self.bench.now = 599.0
        self.line.client.set_credential(ALICE, 599.0)
        self.line.settle()
        self.bench.now = 605.0
        self.line.client.permit(other, None, 605.0)
        self.line.settle()
        self.assertEqual((self.line.seen[-1], len(self.line.sent) - before), (PeerPermitted(other), 3))

    def test_allocation_of_a_former_process_is_given_back_first(self) -> None:
        self.line.start()
        again = Line(self.bench, address=self.line.address)
        again.client = TurnClient(SERVER, ALICE, random.Random(7).randbytes)
        again.start()
        self.assertIsInstance(again.seen[0], Allocated)
        self.assertEqual(self.bench.server.allocations, 1)

    def test_address_whose_loan_is_on_its_way_is_given_back_too(self) -> None:
        def is_loan(data: bytes) -> bool:
            return not is_channel_data(data) and parse(data).get(XorRelayedAddress) is not None

        self.line.loses = is_loan
        self.line.start()
        self.assertEqual((self.line.seen, self.bench.server.allocations), ([], 1))
        self.line.client.close(self.bench.now)
        self.line.settle()
        self.assertEqual(self.bench.server.allocations, 0)

    def test_successor_needs_no_challenge(self) -> None:
        self.line.start()
        self.line.client.close(self.bench.now)
        self.line.settle()
        self.line.client, before = self.line.client.successor(), len(self.line.sent)
        self.line.start()
        self.assertIsInstance(self.line.seen[-1], Allocated)
        self.assertEqual(len(self.line.sent) - before, 1)

    def test_renewed_credential_extends_the_allocation(self) -> None:
        def credential(expiry: float) -> TurnCredential:
            name = timed_username("node", expiry)
            return TurnCredential(name, timed_password(SECRET, name))

        line = Line(self.bench, credential(UNIX + 100)).start()
        self.assertEqual(line.seen, [Allocated(RELAYED, line.address.address, 100.0)])
        line.client.set_credential(credential(UNIX + 1000), 0)
        line.settle()
        line.pass_time(300)
        self.assertEqual(self.bench.server.allocations, 1)

    def test_relay_that_restarts_is_noticed(self) -> None:
        self.line.start()
        self.line.bench = self.bench = Bench(now=self.bench.now)
        self.line.pass_time(600)
        self.assertEqual(self.line.seen[1:], [AllocationLost("437 no allocation")])

    def test_relay_that_restarts_in_mid_traffic_is_noticed_by_a_check_and_lends_anew(self) -> None:
        self.permitted()
        self.line.bench = self.bench = Bench(now=self.bench.now, allowed=(ipaddress.ip_network("8.8.0.0/16"),))
        before, begun = len(self.line.seen), self.bench.now
        self.line.client.check(self.bench.now)
        self.line.settle()
        self.assertEqual(self.line.seen[before:], [AllocationLost("437 no allocation")])
        again = Line(self.bench).start()
        self.assertEqual((type(again.seen[0]), self.bench.now), (Allocated, begun))

    def test_relay_that_is_gone_is_noticed_by_a_check_in_little_more_than_a_second(self) -> None:
        self.permitted()
        before = len(self.line.seen)
        self.line.loses = lambda data: True
        self.line.client.check(self.bench.now)
        self.line.settle()
        self.line.pass_time(1.19)
        self.assertEqual(self.line.seen[before:], [])
        self.line.pass_time(0.02)
        self.assertEqual(self.line.seen[before:], [AllocationLost("the relay does not answer")])

    def test_a_check_of_a_distant_relay_is_sent_four_times_and_says_nothing_of_how_far_it_is(self) -> None:
        self.permitted()
        known = self.line.client.acquaintance
        for _ in range(30):
            known.answered(1, 0.35, self.bench.now)
        known.answered(2, 0.35, self.bench.now)
        before, rto, sent = len(self.line.seen), known.rto(self.bench.now), len(self.line.sent)
        self.line.loses = lambda data: len(self.line.sent) - sent < 4
        self.line.client.check(self.bench.now)
        self.line.settle()
        self.line.pass_time(1.3)
        self.assertEqual((len(self.line.sent) - sent, self.line.seen[before:]), (4, []))
        self.assertEqual(known.rto(self.bench.now), rto)

    def test_a_check_of_a_relay_that_is_there_changes_nothing(self) -> None:
        self.permitted()
        sent, seen = len(self.line.sent), len(self.line.seen)
        for _ in range(3):
            self.line.client.check(self.bench.now)
        self.line.settle()
        self.assertEqual((len(self.line.sent) - sent, self.line.seen[seen:]), (1, []))
        self.assertTrue(self.line.client.send(PEER, b"still"))

    def test_what_is_sent_ahead_follows_the_request_for_an_address(self) -> None:
        other = Line(self.bench, address=udp("192.0.2.8"))
        other.start().client.permit(SocketAddress(RELAYED.host, 1), None, self.bench.now)
        other.settle()
        assert other.client.relayed is not None
        self.line.client.start(self.bench.now)
        self.assertFalse(self.line.client.send_ahead(other.client.relayed, b"too early: who asks has not been named"))
        for request in list(self.line.client.transmits()):
            for challenge in self.bench.from_client(request.payload, self.line.address):
                self.line.from_server(challenge)
        self.assertTrue(self.line.client.send_ahead(other.client.relayed, b"here I am"))
        before = len(self.bench.to_clients)
        self.line.settle()
        for each in self.bench.to_clients[before:]:
            other.from_server(each.payload)
        other.settle()
        assert self.line.client.relayed is not None
        self.assertEqual(other.seen[-1], PeerData(self.line.client.relayed, b"here I am"))
        self.assertFalse(self.line.client.send_ahead(other.client.relayed, b"the address is there"))

    def test_one_permission_is_asked_for_ahead_on_a_stream_for_it_is_for_a_host(self) -> None:
        for address, permissions in ((TCP, 1), (udp(), 3)):
            client = Line(self.bench, self.handed_out(), address=address).client
            client.start(self.bench.now)
            if not address.is_stream:
                for request in list(client.transmits()):
                    for challenge in self.bench.from_client(request.payload, address):
                        client.receive_datagram(challenge, SERVER, self.bench.now)
            for port in (50001, 50002, 50003):
                self.assertTrue(client.send_ahead(SocketAddress(OWN, port), b"here I am"))
            methods = [parse(each.payload).method for each in client.transmits()]
            self.assertEqual(methods.count(TurnMethod.CREATE_PERMISSION), permissions)
            self.assertEqual(methods.count(TurnMethod.SEND), 3)

    def test_a_later_grant_takes_the_place_of_the_one_before(self) -> None:
        self.line.start()
        peer = SocketAddress("9.9.9.9", 1)
        address = parse_address(peer.host)
        old, new = (emit_grant(SECRET, "alice", address, UNIX + seconds) for seconds in (30, 3000))
        for verb in (self.line.client.permit, self.line.client.bind):
            for grant in (old, old, new):
                verb(peer, grant, self.bench.now)
                self.line.settle()
        self.line.pass_time(500)
        self.assertEqual([type(each) for each in self.line.seen[1:]], [PeerPermitted, ChannelBound])
        self.assertIsNotNone(self.line.client.relayed)

    def test_closing_gives_the_address_back(self) -> None:
        self.permitted().client.close(0)
        self.line.settle()
        self.assertTrue(self.bench.server.is_idle)
        self.assertIsNone(self.line.client.next_timer())

    def test_connection_that_is_lost_takes_the_allocation_with_it(self) -> None:
        self.line.start().client.connection_lost(0)
        self.line.settle()
        self.assertEqual([type(each) for each in self.line.seen], [Allocated, AllocationLost])

    def test_forged_answers_are_not_believed(self) -> None:
        self.line.client.start(0)
        self.line.settle()
        self.line.client.permit(PEER, None, 0)
        (request,) = self.line.client.transmits()
        identity = parse(request.payload).transaction_id
        for message_class, attributes in (
            (MessageClass.SUCCESS, ()),
            (MessageClass.ERROR, (ErrorCode(403),)),
            (MessageClass.ERROR, (ErrorCode(437),)),
        ):
            forged = emit(Message(TurnMethod.CREATE_PERMISSION, message_class, identity, attributes), b"guess")
            self.line.client.receive_datagram(forged, SERVER, 0)
        self.assertEqual(list(self.line.client.events()), [])

    def test_forged_allocation_is_not_believed(self) -> None:
        self.line.client.start(0)
        (request,) = self.line.client.transmits()
        identity = parse(request.payload).transaction_id
        attributes = (XorRelayedAddress(PEER), XorMappedAddress(PEER), Lifetime(600))
        forged = emit(Message(TurnMethod.ALLOCATE, MessageClass.SUCCESS, identity, attributes))
        self.line.client.receive_datagram(forged, SERVER, 0)
        self.assertEqual((list(self.line.client.events()), self.line.client.relayed), ([], None))

    def test_data_from_elsewhere_than_the_relay_is_dropped(self) -> None:
        line = self.permitted()
        indication = Message(TurnMethod.DATA, MessageClass.INDICATION, bytes(12), (XorPeerAddress(PEER), Data(b"x")))
        line.client.receive_datagram(emit(indication), SocketAddress("6.6.6.6", 3478), 0)
        line.settle()
        self.assertEqual(len(line.seen), 2)

    @given(st.binary(max_size=80))
    @settings(deadline=None, max_examples=200)
    def test_garbage_changes_nothing(self, data: bytes) -> None:
        client = Line(Bench()).start().client
        list(client.events())
        client.receive_datagram(data, SERVER, 0)
        self.assertEqual((list(client.events()), client.relayed), ([], RELAYED))
