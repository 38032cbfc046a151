"""The open port: who is let in, what strangers can cost, and TLS on the same port. All in memory."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from zerogo.mesh.stream_proof import DiallingProof
from zerogo.net.peer_listener import (
    STREAMS_PER_PEER,
    TLS_BURST,
    UNPROVEN_LIMIT,
    UNPROVEN_PER_SOURCE,
    PeerListener,
    source_of,
)
from zerogo.net.peer_stream import PROOF_SECONDS, MemberStream
from zerogo.net.tls import HidingServer, hiding_client
from zerogo.test.net.peer_fakes import ANN, BOB, EVE, Reactor, Transport, connect, dial_key, exchange, find_for
from zerogo.wire.stream import emit_frame


class Dials:
    """The owner of what Ann dials with."""

    def stream_proven(self, stream: MemberStream) -> None: ...

    def stream_ended(self, stream: MemberStream) -> None: ...


class PeerListenerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.tools, self.ours = self.reactor.tools("theirs"), self.reactor.tools("ours")
        self.opened: list[MemberStream] = []
        self.closed: list[MemberStream] = []
        self.listener = PeerListener(
            self.tools,
            find_for(BOB, ANN),
            make_tls=HidingServer(self.reactor).wrap,
            opened=self.opened.append,
            closed=self.closed.append,
        )

    def arrive(self, host: str = "192.0.2.9") -> Transport:
        protocol = self.listener.buildProtocol(IPv4Address("TCP", host, 50000))
        assert protocol is not None
        return connect(protocol, host, self.reactor)

    def member(self, who=ANN) -> MemberStream:  # type: ignore[no-untyped-def]
        return MemberStream(DiallingProof(dial_key(who, BOB), self.ours.rng), Dials(), self.ours)

    def exchange_by_tls(self, near: Transport, far: Transport) -> None:
        """TLS gathers what is written within one turn of the reactor."""
        for _ in range(6):
            exchange(near, far)
            self.reactor.advance(0)

    def come_in(self, host: str = "192.0.2.9") -> Transport:
        far = self.arrive(host)
        exchange(connect(self.member()), far)
        return far

    def test_a_member_is_let_in(self) -> None:
        self.come_in()
        self.assertEqual([stream.peer for stream in self.opened], [1])
        self.assertEqual(self.listener.unproven, 0)

    def test_a_member_is_let_in_by_tls_at_the_same_port(self) -> None:
        far, member = self.arrive(), self.member()
        factory = TLSMemoryBIOFactory(hiding_client(), True, Factory.forProtocol(lambda: member), self.reactor)
        near = connect(factory.buildProtocol(None))
        self.exchange_by_tls(near, far)
        self.assertEqual([stream.peer for stream in self.opened], [1])
        self.reactor.sockets[-1].receive(b"\x93 hidden")
        self.reactor.advance(0)
        self.assertNotIn(b"hidden", far.value() + near.value())
        self.exchange_by_tls(near, far)
        self.assertIn(b"\x93 hidden", [data for each in self.reactor.sockets for data, _ in each.written])
        near.abortConnection()
        far.protocol.connectionLost(None)
        self.assertEqual(self.closed, self.opened)

    def test_strangers_cost_a_counter(self) -> None:
        for first in (b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", bytes(100), emit_frame(bytes(43))):
            far = self.arrive()
            far.protocol.dataReceived(first)
            self.assertEqual((far.disconnecting, far.value()), (True, b""))
            self.reactor.advance(0)
        self.come_in()
        stranger = self.arrive()
        exchange(connect(self.member(EVE)), stranger)
        self.assertEqual((stranger.disconnecting, stranger.value()), (True, b""))
        self.reactor.advance(0)
        self.assertEqual((self.tools.counters.unproven, self.listener.unproven), (5, 0))

    def test_who_is_silent_or_stays_in_the_middle_of_tls_is_hung_up_on(self) -> None:
        silent, hello = self.arrive(), self.arrive()
        hello.protocol.dataReceived(b"\x16\x03\x01")
        self.reactor.advance(PROOF_SECONDS)
        self.assertTrue(silent.disconnecting and hello.disconnecting)
        self.reactor.advance(0)
        self.assertEqual((self.listener.unproven, self.tools.counters.unproven), (0, 2))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_one_source_has_only_so_many_and_the_others_are_let_in(self) -> None:
        for _ in range(UNPROVEN_PER_SOURCE):
            self.arrive("203.0.113.5")
        self.assertIsNone(self.listener.buildProtocol(IPv4Address("TCP", "203.0.113.5", 1)))
        self.assertEqual(self.tools.counters.refused, 1)
        self.come_in("192.0.2.9")
        self.assertEqual(len(self.opened), 1)

    def test_a_crowd_that_only_waits_keeps_no_member_out(self) -> None:
        crowd = [self.arrive(f"203.0.113.{number // UNPROVEN_PER_SOURCE}") for number in range(UNPROVEN_LIMIT)]
        self.come_in()
        self.assertEqual(len(self.opened), 1)
        self.assertEqual([each.disconnecting for each in crowd].index(False), 1)

    def test_a_crowd_that_comes_in_one_turn_of_the_reactor_has_no_more_than_one_that_does_not(self) -> None:
        surplus = UNPROVEN_LIMIT // 2
        sources = [f"203.0.113.{number // UNPROVEN_PER_SOURCE}" for number in range(UNPROVEN_LIMIT + surplus)]
        crowd = [self.arrive(source) for source in sources]
        self.assertEqual(self.listener.unproven, UNPROVEN_LIMIT)
        self.assertEqual([each.disconnecting for each in crowd], [True] * surplus + [False] * UNPROVEN_LIMIT)
        self.reactor.advance(PROOF_SECONDS)
        self.reactor.advance(0)
        self.assertEqual((self.listener.unproven, self.reactor.getDelayedCalls()), (0, []))

    def test_tls_of_strangers_is_bounded(self) -> None:
        for _ in range(int(TLS_BURST)):
            far = self.arrive()
            far.protocol.dataReceived(b"\x16")
            far.abortConnection()
            self.reactor.advance(0)
        self.assertEqual(self.tools.counters.refused, 0)
        self.arrive().protocol.dataReceived(b"\x16")
        self.assertEqual(self.tools.counters.refused, 1)
        self.come_in()
        self.assertEqual(len(self.opened), 1)

    def test_a_peer_that_comes_again_takes_the_place_of_its_oldest_stream(self) -> None:
        transports = [self.come_in() for _ in range(STREAMS_PER_PEER + 1)]
        self.reactor.advance(0)
        self.assertEqual([each.disconnecting for each in transports], [True, False, False])
        self.assertEqual(self.closed, self.opened[:1])
        self.listener.forget(1)
        self.reactor.advance(0)
        self.assertEqual(self.closed, self.opened)

    def test_a_source_is_an_ipv4_address_or_what_one_customer_has_of_ipv6(self) -> None:
        self.assertEqual(source_of("192.0.2.1"), "192.0.2.1")
        self.assertEqual(source_of("2001:db8::1"), source_of("2001:db8::2:3"))
        self.assertNotEqual(source_of("2001:db8::1"), source_of("2001:db8:0:1::1"))
        self.assertIsNotNone(self.listener.buildProtocol(IPv6Address("TCP", "fe80::1%eth0", 1)))
