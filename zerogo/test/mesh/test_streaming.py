"""When a peer's open TCP port is dialled, and when not any more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.candidate import Candidate, CandidateKind
from zerogo.ids import SocketAddress
from zerogo.mesh.events import PeerStreamUnwanted, PeerStreamWanted
from zerogo.mesh.stream_proof import StreamKey
from zerogo.mesh.streaming import HEAD_START_SECONDS, LINGER_SECONDS, Streaming
from zerogo.test.mesh.parts import context

KEY = StreamKey(5, b"fragment9", b"k" * 32)
PLACE, OTHER = SocketAddress("198.51.100.7", 443), SocketAddress("2001:db8::7", 443)


def offered(*places: SocketAddress) -> tuple[Candidate, ...]:
    return tuple(Candidate.passive(place, CandidateKind.HOST) for place in places)


class StreamingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.context = context()
        self.streaming = Streaming(self.context, KEY)
        self.now = 100.0

    def settle(self, *places: SocketAddress, after: float = 0.0, is_direct: bool = False) -> list[object]:
        self.now += after
        self.streaming.settle(offered(*places), self.now, is_direct=is_direct)
        return list(self.context.outbox.events())

    def test_udp_has_a_head_start_and_no_more(self) -> None:
        self.assertEqual(self.settle(PLACE), [])
        self.assertEqual(self.streaming.next_at(), self.now + HEAD_START_SECONDS)
        self.assertEqual(self.settle(PLACE, after=HEAD_START_SECONDS), [PeerStreamWanted(KEY, (PLACE,))])
        self.assertEqual((self.settle(PLACE, after=1.0), self.streaming.next_at()), ([], None))

    def test_a_direct_path_in_the_meantime_spares_it(self) -> None:
        self.settle(PLACE)
        self.assertEqual(self.settle(PLACE, after=1.0, is_direct=True), [])
        self.assertIsNone(self.streaming.next_at())

    def test_it_is_ended_when_a_direct_path_has_been_in_use_for_a_while(self) -> None:
        self.settle(PLACE)
        self.settle(PLACE, after=HEAD_START_SECONDS)
        self.assertEqual(self.settle(PLACE, is_direct=True), [])
        self.assertEqual(self.settle(PLACE, after=LINGER_SECONDS / 2, is_direct=True), [])
        self.assertEqual(self.settle(PLACE, after=LINGER_SECONDS / 2, is_direct=True), [PeerStreamUnwanted(5)])
        self.assertEqual(self.settle(PLACE, after=1.0, is_direct=True), [])

    def test_a_direct_path_that_goes_soon_ends_nothing(self) -> None:
        self.settle(PLACE)
        self.settle(PLACE, after=HEAD_START_SECONDS)
        self.settle(PLACE, is_direct=True)
        self.assertEqual(self.settle(PLACE, after=LINGER_SECONDS), [])
        self.assertIsNone(self.streaming.next_at())

    def test_other_places_are_told_at_once(self) -> None:
        self.settle(PLACE)
        self.settle(PLACE, after=HEAD_START_SECONDS)
        self.assertEqual(self.settle(PLACE, OTHER), [PeerStreamWanted(KEY, (PLACE, OTHER))])
        self.assertEqual(self.settle(), [PeerStreamUnwanted(5)])

    def test_a_peer_that_began_anew_is_tried_again(self) -> None:
        self.streaming.renew()
        self.assertEqual(list(self.context.outbox.events()), [])
        self.settle(PLACE)
        self.settle(PLACE, after=HEAD_START_SECONDS)
        self.streaming.renew()
        self.assertEqual(list(self.context.outbox.events()), [PeerStreamWanted(KEY, (PLACE,))])

    def test_nobody_has_us_dial_what_is_no_address_of_a_peer(self) -> None:
        bad = [SocketAddress(host, 22) for host in ("127.0.0.1", "0.0.0.0", "224.0.0.1", "fe80::1", "::1")]
        self.assertEqual(self.settle(*bad), [])
        self.assertIsNone(self.streaming.next_at())
