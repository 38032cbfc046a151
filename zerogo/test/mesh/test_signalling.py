"""The signals of one pair."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ice.candidate import Candidate
from zerogo.ids import SocketAddress
from zerogo.mesh.context import NodeContext
from zerogo.mesh.credentials import derive_pair_secrets
from zerogo.mesh.events import PunchWanted, SignalToSend
from zerogo.mesh.signal import Offer, Relayed
from zerogo.mesh.signalling import (
    DEBOUNCE_SECONDS,
    PUNCH_GAP_SECONDS,
    PUNCH_PATIENCE_SECONDS,
    Hearing,
    Signalling,
)
from zerogo.noise.identity import Identity
from zerogo.test.mesh.parts import ANN, BOB, NETWORK, context, drained

SOME = Offer(candidates=(Candidate.host(SocketAddress.of("192.0.2.1", 1)),))
ALL = Offer(candidates=SOME.candidates, is_complete=True)
HEARD = Relayed("near", SocketAddress.of("192.0.2.9", 50001))
NAMED = Relayed("near", SocketAddress.of("192.0.2.9", 50002))


class SignallingTests(SynchronousTestCase):
    """Ann leads."""

    def setUp(self) -> None:
        self.anns, self.bobs = context(ANN), context(BOB)
        self.ann = self.end(self.anns, ANN, BOB, leads=True)
        self.bob = self.end(self.bobs, BOB, ANN, leads=False)

    def end(self, shared: NodeContext, own: Identity, other: Identity, *, leads: bool) -> Signalling:
        """One end of the pair."""
        secrets = derive_pair_secrets(own, other.static_public, NETWORK)
        return Signalling(shared, other.node_id, secrets, leads)

    def blobs(self, end: Signalling, shared: NodeContext, offer: Offer, now: float) -> list[bytes]:
        """What an end sends at `now`."""
        end.handle_timer(offer, now)
        return [event.blob for event in drained(shared, SignalToSend) if isinstance(event, SignalToSend)]

    def punches(self, now: float, offer: Offer = ALL) -> int:
        """How often Ann asks at `now`."""
        self.ann.handle_timer(offer, now)
        return len(drained(self.anns, PunchWanted))

    def test_several_changes_make_one_signal(self) -> None:
        self.bob.begin(1.0)
        self.bob.changed(1.005)
        self.assertEqual(self.blobs(self.bob, self.bobs, SOME, 1.0), [])
        [blob] = self.blobs(self.bob, self.bobs, SOME, 1.0 + DEBOUNCE_SECONDS)
        self.assertIs(self.ann.receive(blob, ALL, 1.1), Hearing.NEW_EPOCH)
        self.assertEqual(self.ann.remote_offer, SOME)

    def test_an_end_that_begins_wants_an_answer_and_an_answer_wants_none(self) -> None:
        self.ann.begin(1.0)
        self.blobs(self.ann, self.anns, ALL, 1.01)
        self.bob.begin(2.0)
        [blob] = self.blobs(self.bob, self.bobs, ALL, 2.01)
        self.ann.receive(blob, ALL, 2.1)
        [answer] = self.blobs(self.ann, self.anns, ALL, 2.2)
        self.bob.receive(answer, ALL, 2.3)
        self.assertEqual(self.blobs(self.bob, self.bobs, ALL, 3.0), [])

    def test_older_and_repeated_signals_are_stale(self) -> None:
        self.bob.begin(1.0)
        [first] = self.blobs(self.bob, self.bobs, SOME, 1.01)
        self.bob.changed(2.0)
        [second] = self.blobs(self.bob, self.bobs, ALL, 2.01)
        self.assertIs(self.ann.receive(second, ALL, 3.0), Hearing.NEW_EPOCH)
        self.assertIs(self.ann.receive(first, ALL, 3.0), Hearing.STALE)
        self.assertIs(self.ann.receive(second, ALL, 3.0), Hearing.STALE)
        self.bob.changed(4.0)
        [third] = self.blobs(self.bob, self.bobs, ALL, 4.01)
        self.assertIs(self.ann.receive(third, ALL, 5.0), Hearing.MORE)

    def test_a_place_that_the_peer_was_heard_from_is_kept_for_the_epoch(self) -> None:
        self.bob.begin(1.0)
        self.ann.receive(self.bob.compose(SOME), ALL, 1.1, place=HEARD)
        self.assertEqual(self.ann.remote_offer.relayed, (HEARD,))
        self.assertIs(self.ann.receive(self.bob.compose(ALL), ALL, 1.2), Hearing.MORE)
        self.assertEqual((self.ann.remote_offer.relayed, self.ann.remote_offer.is_complete), ((HEARD,), True))
        self.bob.begin(2.0)
        self.ann.receive(self.bob.compose(ALL), ALL, 2.1)
        self.assertEqual(self.ann.remote_offer.relayed, ())

    def test_the_address_that_the_peer_names_takes_the_place_of_the_one_it_was_heard_from(self) -> None:
        self.bob.begin(1.0)
        self.ann.receive(self.bob.compose(SOME), ALL, 1.1, place=HEARD)
        self.ann.receive(self.bob.compose(Offer(relayed=(NAMED,))), ALL, 1.2)
        self.assertEqual(self.ann.remote_offer.relayed, (NAMED,))
        self.ann.receive(self.bob.compose(SOME), ALL, 1.3)
        self.assertEqual(self.ann.remote_offer.relayed, ())

    def test_a_copy_by_a_relay_tells_the_place_though_the_controller_was_faster(self) -> None:
        self.bob.begin(1.0)
        old, blob = self.bob.compose(SOME), self.bob.compose(SOME)
        self.ann.receive(blob, ALL, 1.1)
        self.assertIs(self.ann.receive(old, ALL, 1.2, place=HEARD), Hearing.STALE)
        self.assertIs(self.ann.receive(blob, ALL, 1.2, place=HEARD), Hearing.MORE)
        self.assertEqual(self.ann.remote_offer.relayed, (HEARD,))
        self.assertIs(self.ann.receive(blob, ALL, 1.3, place=NAMED), Hearing.STALE)
        self.assertEqual(self.ann.remote_offer.relayed, (HEARD,))

    def test_a_copy_by_a_relay_tells_nothing_where_the_peer_names_its_address_there(self) -> None:
        self.bob.begin(1.0)
        blob = self.bob.compose(Offer(relayed=(NAMED,)))
        self.ann.receive(blob, ALL, 1.1)
        self.assertIs(self.ann.receive(blob, ALL, 1.2, place=HEARD), Hearing.STALE)
        self.assertEqual(self.ann.remote_offer.relayed, (NAMED,))

    def test_the_end_that_leads_asks_once_when_both_have_all(self) -> None:
        self.ann.begin(1.0)
        self.bob.begin(1.0)
        [blob] = self.blobs(self.bob, self.bobs, ALL, 1.01)
        self.ann.receive(blob, ALL, 1.1)
        self.assertEqual(self.punches(1.1), 1)
        self.ann.plan_punch(ALL, 9.0)
        self.assertEqual(self.punches(9.0), 0)

    def test_it_waits_a_little_for_the_rest(self) -> None:
        self.ann.begin(1.0)
        self.bob.begin(1.0)
        [blob] = self.blobs(self.bob, self.bobs, SOME, 1.01)
        self.ann.receive(blob, ALL, 1.1)
        self.assertEqual(self.punches(1.2), 0)
        self.assertEqual(self.punches(1.1 + PUNCH_PATIENCE_SECONDS), 1)

    def test_the_end_that_follows_asks_too_when_both_have_all(self) -> None:
        self.ann.begin(1.0)
        self.bob.begin(1.0)
        [blob] = self.blobs(self.ann, self.anns, ALL, 1.01)
        self.bob.receive(blob, SOME, 1.1)
        self.bob.handle_timer(SOME, 5.0)
        self.assertEqual(drained(self.bobs, PunchWanted), [])
        self.bob.plan_punch(ALL, 6.0)
        self.bob.handle_timer(ALL, 6.0)
        self.assertEqual(len(drained(self.bobs, PunchWanted)), 1)

    def test_what_was_granted_to_the_other_end_is_not_asked_for(self) -> None:
        self.ann.begin(1.0)
        self.bob.begin(1.0)
        [blob] = self.blobs(self.bob, self.bobs, SOME, 1.01)
        self.ann.receive(blob, ALL, 1.1)
        self.ann.punch_told()
        self.bob.changed(1.2)
        [blob] = self.blobs(self.bob, self.bobs, ALL, 1.21)
        self.ann.receive(blob, ALL, 1.3)
        self.assertEqual(self.punches(9.0), 0)

    def test_the_peer_is_told_before_the_controller_is_asked(self) -> None:
        self.ann.begin(1.0)
        self.bob.begin(1.0)
        [blob] = self.blobs(self.bob, self.bobs, ALL, 1.01)
        self.blobs(self.ann, self.anns, SOME, 1.01)
        self.ann.receive(blob, SOME, 1.1)
        self.ann.changed(1.2)
        self.ann.plan_punch(ALL, 1.2)
        self.ann.handle_timer(ALL, 1.2)
        self.assertEqual([type(event) for event in drained(self.anns)], [SignalToSend, PunchWanted])

    def test_new_epochs_are_worth_a_punch_but_not_more_than_one_a_second(self) -> None:
        self.ann.begin(1.0)
        asked = 0
        for step in range(100):
            now = 1.0 + step * 0.05
            self.bob.begin(now)
            for blob in self.blobs(self.bob, self.bobs, ALL, now + DEBOUNCE_SECONDS):
                self.ann.receive(blob, ALL, now + DEBOUNCE_SECONDS)
            asked += self.punches(now + DEBOUNCE_SECONDS)
        self.assertTrue(4 <= asked <= 1 + 5.0 / PUNCH_GAP_SECONDS, asked)

    def test_the_controller_cannot_turn_a_signal_round(self) -> None:
        self.bob.begin(1.0)
        [blob] = self.blobs(self.bob, self.bobs, SOME, 1.01)
        self.assertRaises(ParseError, self.bob.receive, blob, ALL, 2.0)
        self.assertIsNone(self.bob.remote)
