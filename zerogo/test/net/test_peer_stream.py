"""A connection between two members, both ends in memory: the proof, what is carried, and what is dropped."""

from __future__ import annotations

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.stream_proof import AcceptingProof, DiallingProof
from zerogo.mesh.streaming import PeerStream
from zerogo.net.loopback import LOOPBACK
from zerogo.net.peer_stream import PROOF_SECONDS, MemberStream
from zerogo.test.net.peer_fakes import ANN, BOB, DATA_PORT, EVE, Reactor, connect, dial_key, exchange, find_for
from zerogo.wire.stream import FRAME_LIMIT, emit_frame


@define(eq=False)
class Owner:
    proven: list[MemberStream] = field(factory=list)
    ended: list[MemberStream] = field(factory=list)

    def stream_proven(self, stream: MemberStream) -> None:
        self.proven.append(stream)

    def stream_ended(self, stream: MemberStream) -> None:
        self.ended.append(stream)


class MemberStreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.ours, self.theirs = self.reactor.tools("ours"), self.reactor.tools("theirs")
        self.one, self.other = Owner(), Owner()

    def dial(self, who=ANN, place: str = "198.51.100.7:443") -> None:  # type: ignore[no-untyped-def]
        dialling = MemberStream(DiallingProof(dial_key(who, BOB), self.ours.rng), self.one, self.ours, place=place)
        proof = AcceptingProof(find_for(BOB, ANN), self.theirs.rng)
        self.far = connect(MemberStream(proof, self.other, self.theirs))
        self.near = connect(dialling)
        exchange(self.near, self.far)

    def test_both_ends_are_told_of_each_other_and_datagrams_go_both_ways(self) -> None:
        self.dial()
        (ours,), (theirs,) = self.one.proven, self.other.proven
        near, far = self.reactor.sockets
        address = SocketAddress(LOOPBACK, near.port)
        self.assertEqual(ours.described(), PeerStream(address=address, far="198.51.100.7:443", is_dialled=True))
        self.assertEqual((theirs.peer, theirs.described().far), (1, "192.0.2.9:50000"))
        for sends, takes, data in ((near, far, b"\x93 to"), (far, near, b"\x93 fro")):
            sends.receive(data)
            exchange(self.near, self.far)
            self.assertEqual(takes.written, [(data, (LOOPBACK, DATA_PORT))])

    def test_datagrams_may_follow_the_confirmation_at_once(self) -> None:
        dialling = MemberStream(DiallingProof(dial_key(ANN, BOB), self.ours.rng), self.one, self.ours)
        far = connect(MemberStream(AcceptingProof(find_for(BOB, ANN), self.theirs.rng), self.other, self.theirs))
        near = connect(dialling)
        far.protocol.dataReceived(near.take())
        near.protocol.dataReceived(far.take())
        self.reactor.sockets[0].receive(b"\x90 early")
        far.protocol.dataReceived(near.take())
        self.assertEqual(self.reactor.sockets[1].written, [(b"\x90 early", (LOOPBACK, DATA_PORT))])

    def test_a_stranger_gets_no_answer_and_no_socket(self) -> None:
        self.dial(EVE)
        self.assertTrue(self.far.disconnecting)
        self.assertEqual((self.far.value(), self.reactor.sockets, self.other.proven), (b"", [], []))
        self.assertEqual(self.theirs.counters.unproven, 1)

    def test_who_says_nothing_is_hung_up_on(self) -> None:
        far = connect(MemberStream(AcceptingProof(find_for(BOB, ANN), self.theirs.rng), self.other, self.theirs))
        self.reactor.advance(PROOF_SECONDS - 0.1)
        self.assertFalse(far.disconnecting)
        self.reactor.advance(0.1)
        self.assertTrue(far.disconnecting)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_what_is_too_long_to_be_the_message_that_is_due_is_not_waited_for(self) -> None:
        far = connect(MemberStream(AcceptingProof(find_for(BOB, ANN), self.theirs.rng), self.other, self.theirs))
        far.protocol.dataReceived(emit_frame(bytes(200))[:2])
        self.assertTrue(far.disconnecting)

    def test_a_full_connection_drops_datagrams(self) -> None:
        self.dial()
        near = self.reactor.sockets[0]
        self.one.proven[0].pauseProducing()
        near.receive(b"\x93 late")
        self.assertEqual((self.near.value(), self.ours.counters.dropped), (b"", 1))
        self.one.proven[0].resumeProducing()
        near.receive(b"\x93 soon")
        self.assertEqual(self.near.value(), emit_frame(b"\x93 soon"))

    def test_only_our_data_socket_is_served_and_only_what_fits_a_frame(self) -> None:
        self.dial()
        near = self.reactor.sockets[0]
        near.receive(b"\x93 foreign", port=DATA_PORT + 1)
        near.receive(b"")
        near.receive(bytes(FRAME_LIMIT + 1))
        self.assertEqual(self.near.value(), b"")
        self.assertEqual((self.ours.counters.foreign, self.ours.counters.dropped), (1, 2))

    def test_a_stream_of_something_else_is_closed(self) -> None:
        self.dial()
        self.far.protocol.dataReceived(b"\xff\xff")
        self.assertTrue(self.far.disconnecting)
        self.assertEqual((self.other.ended, self.theirs.counters.malformed), (self.other.proven, 1))
        self.assertFalse(self.reactor.sockets[1].is_open)
