"""When a peer's open TCP port is dialled, and when not any more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.candidate import Candidate, CandidateKind
from zerogo.ids import SocketAddress
from zerogo.mesh.events import PathKind, PeerStreamUnwanted, PeerStreamWanted
from zerogo.mesh.path import Path
from zerogo.mesh.stream_proof import StreamKey
from zerogo.mesh.streaming import (
    DIAL_BURST,
    DIAL_RATE,
    HEAD_START_SECONDS,
    LINGER_SECONDS,
    PLACES_LIMIT,
    UNPROVEN_SECONDS,
    Streaming,
)
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
        self.used: Path | None = None

    def settle(self, *places: SocketAddress, after: float = 0.0, is_direct: bool = False) -> list[object]:
        self.now += after
        self.streaming.settle(offered(*places), self.now, is_direct=is_direct, used=self.used)
        return list(self.context.outbox.events())

    def connect(self, place: SocketAddress = PLACE) -> Path:
        """A connection is wanted and made, and a probe by it was answered."""
        self.settle(place)
        self.settle(place, after=HEAD_START_SECONDS)
        self.used = Path(
            destination=SocketAddress("127.0.0.1", 50000),
            local_candidate="active",
            remote_candidate="passive",
            kind=PathKind.TCP,
            is_checked=True,
            is_verified=True,
            found_at=self.now,
            next_probe_at=self.now,
        )
        return self.used

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
        self.assertEqual(self.settle(PLACE), [PeerStreamWanted(KEY, (PLACE,))])
        self.assertEqual(self.settle(PLACE), [])

    def test_a_dead_connection_is_given_up_for_another_once_and_not_where_a_direct_path_took_over(self) -> None:
        self.connect().die(self.now)
        self.assertEqual(self.settle(PLACE, is_direct=True), [])
        self.assertEqual(self.settle(PLACE), [PeerStreamUnwanted(5), PeerStreamWanted(KEY, (PLACE,))])
        self.assertEqual(self.settle(PLACE), [])

    def test_one_in_doubt_is_given_up_when_the_peer_began_anew_or_is_elsewhere_and_one_that_is_well_never(self) -> None:
        given_up = PeerStreamUnwanted(5)
        path = self.connect()
        self.streaming.renew()
        self.assertEqual(self.settle(PLACE), [PeerStreamWanted(KEY, (PLACE,))])
        path.measurement.lost()
        self.assertEqual(self.settle(PLACE), [])
        self.streaming.renew()
        self.assertEqual(self.settle(PLACE), [given_up, PeerStreamWanted(KEY, (PLACE,))])
        self.connect().is_verified = False
        self.now += 2 / DIAL_RATE
        self.used.found_at = self.now
        self.assertEqual(self.settle(OTHER), [PeerStreamWanted(KEY, (OTHER,))])
        self.assertEqual(self.settle(PLACE, after=UNPROVEN_SECONDS), [given_up, PeerStreamWanted(KEY, (PLACE,))])

    def test_nobody_has_us_dial_what_is_no_address_of_a_peer(self) -> None:
        hosts = ("127.0.0.1", "0.0.0.0", "224.0.0.1", "fe80::1", "::1", "169.254.169.254")
        self.assertEqual(self.settle(*(SocketAddress(host, 22) for host in hosts)), [])
        self.assertIsNone(self.streaming.next_at())

    def test_nobody_names_us_many_places(self) -> None:
        places = tuple(SocketAddress(f"198.51.100.{number}", 443) for number in range(20))
        self.settle(*places)
        told = self.settle(*places, after=HEAD_START_SECONDS)
        self.assertEqual(told, [PeerStreamWanted(KEY, places[:PLACES_LIMIT])])

    def test_nobody_has_us_dial_often_by_new_places_or_by_beginning_anew_and_the_last_word_is_heard(self) -> None:
        told: list[object] = []
        for number in range(200):
            place = (SocketAddress("198.51.100.7", 1 + number),) if number % 3 else ()
            told += self.settle(*place, after=HEAD_START_SECONDS)
            self.streaming.renew()
        wanted = [event for event in told if isinstance(event, PeerStreamWanted)]
        self.assertTrue(8 <= len(wanted) <= DIAL_BURST + 200 * HEAD_START_SECONDS * DIAL_RATE + 1, wanted)
        self.settle(PLACE)
        told.clear()
        while (due_at := self.streaming.next_at()) is not None:
            told += self.settle(PLACE, after=due_at - self.now)
        self.assertEqual(told[-1:], [PeerStreamWanted(KEY, (PLACE,))])
