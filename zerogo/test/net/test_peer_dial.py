"""Dialling a peer's port: which way is kept, and when there is another try."""

from __future__ import annotations

from twisted.internet.defer import DeferredSemaphore
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.stream_proof import AcceptingProof
from zerogo.net.peer_dial import REDIAL_SECONDS, PeerDialler, peer_ways
from zerogo.net.peer_stream import MemberStream
from zerogo.net.proxy import ProxiedEndpoint, Proxy
from zerogo.net.race import StreamWay
from zerogo.net.tls import TlsEndpoint
from zerogo.test.net.peer_fakes import ANN, BOB, Endpoint, Reactor, Transport, connect, dial_key, exchange, find_for


class Accepts:
    """The owner of what Bob accepts."""

    def stream_proven(self, stream: MemberStream) -> None: ...

    def stream_ended(self, stream: MemberStream) -> None: ...


class PeerDiallerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.first, self.later = Endpoint(), Endpoint()
        self.ways = [StreamWay("TCP", self.first), StreamWay("TLS", self.later, delay=0.25)]  # type: ignore[arg-type]
        self.told: list[str] = []
        self.turns = DeferredSemaphore(1)
        self.dialler = self.make()

    def make(self) -> PeerDialler:
        return PeerDialler(
            self.reactor.tools("ours"),
            self.turns,
            opened=lambda stream: self.told.append("opened"),
            closed=lambda stream: self.told.append("closed"),
        )

    def answer(self, endpoint: Endpoint) -> Transport:
        """Bob is there."""
        near = endpoint.accept()
        tools = self.reactor.tools("theirs")
        exchange(near, connect(MemberStream(AcceptingProof(find_for(BOB, ANN), tools.rng), Accepts(), tools)))
        return near

    def test_first_that_leads_to_the_peer_is_kept(self) -> None:
        self.dialler.dial(dial_key(ANN, BOB), self.ways)
        wrong = self.first.accept()
        self.reactor.advance(0.25)
        right = self.answer(self.later)
        self.assertEqual((wrong.disconnecting, right.disconnecting, self.told), (True, False, ["opened"]))

    def test_tls_is_not_dialled_where_tcp_was_there_in_time(self) -> None:
        self.dialler.dial(dial_key(ANN, BOB), self.ways)
        self.answer(self.first)
        self.reactor.advance(1.0)
        self.assertEqual(self.later.dialled, [])

    def test_a_place_that_is_somebody_else_is_none(self) -> None:
        self.dialler.dial(dial_key(ANN, BOB), self.ways[:1])
        wrong = self.first.accept()
        wrong.protocol.dataReceived(b"SSH-2.0-x\r\n")
        self.assertEqual((wrong.disconnecting, self.told), (True, []))

    def test_lost_stream_is_told_and_dialled_again(self) -> None:
        self.dialler.dial(dial_key(ANN, BOB), self.ways)
        self.answer(self.first).abortConnection()
        self.assertEqual(self.told, ["opened", "closed"])
        self.reactor.advance(REDIAL_SECONDS[0])
        self.answer(self.first)
        self.assertEqual(self.told, ["opened", "closed", "opened"])

    def test_refused_ways_are_dialled_again_later_and_later_and_at_once_when_there_is_reason(self) -> None:
        self.dialler.dial(dial_key(ANN, BOB), self.ways[:1])
        for number, delay in enumerate(REDIAL_SECONDS, 1):
            self.first.refuse()
            self.reactor.advance(delay - 0.01)
            self.assertEqual(len(self.first.dialled), number)
            self.reactor.advance(0.01)
            self.assertEqual(len(self.first.dialled), number + 1)
        self.first.refuse()
        before = len(self.first.dialled)
        self.dialler.dial(dial_key(ANN, BOB), self.ways[:1])
        self.dialler.dial(dial_key(ANN, BOB), self.ways[:1])
        self.assertEqual(len(self.first.dialled), before + 1)

    def test_peers_wait_for_their_turn(self) -> None:
        other, waits = self.make(), Endpoint()
        self.dialler.dial(dial_key(ANN, BOB), self.ways[:1])
        other.dial(dial_key(ANN, BOB), [StreamWay("TCP", waits)])  # type: ignore[arg-type]
        self.assertEqual(waits.dialled, [])
        self.first.refuse()
        self.assertEqual(len(waits.dialled), 1)
        other.stop()
        self.assertEqual(self.turns.tokens, 1)

    def test_stopped_one_leaves_nothing(self) -> None:
        self.dialler.dial(dial_key(ANN, BOB), self.ways)
        near = self.answer(self.first)
        self.dialler.stop()
        self.assertTrue(near.disconnecting)
        self.assertFalse(self.reactor.sockets[0].is_open)
        self.assertEqual((self.reactor.getDelayedCalls(), self.turns.tokens), ([], 1))
        waiting = self.make()
        self.turns.acquire()
        waiting.dial(dial_key(ANN, BOB), self.ways)
        waiting.stop()
        self.assertEqual(self.turns.waiting, [])


class PeerWaysTests(SynchronousTestCase):
    def test_each_place_by_tcp_and_tls_and_through_the_proxy(self) -> None:
        places = [SocketAddress("198.51.100.7", 443), SocketAddress("2001:db8::7", 443)]
        straight = peer_ways(Reactor(), places, None)
        self.assertEqual(
            [(way.what, way.place) for way in straight[:2]], [("TCP", str(places[0])), ("TLS", str(places[0]))]
        )
        self.assertEqual(len(straight), 4)
        proxied = peer_ways(Reactor(), places, Proxy("proxy.example", 3128))
        self.assertEqual(sum(isinstance(way.endpoint, ProxiedEndpoint) for way in proxied), 2)
        self.assertEqual(sum(isinstance(way.endpoint, TlsEndpoint) for way in proxied), 4)
        bypassed = peer_ways(Reactor(), places, Proxy("proxy.example", 3128, bypasses=("*",)))
        self.assertEqual(len(bypassed), 4)
