from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.limits import REJECT_AFTER_SECONDS, REKEY_AFTER_SECONDS, STAGED_BYTES_LIMIT
from zerogo.dataplane.peers import REKEY_ON_RECEIVE_SECONDS, Peer, PeerTable
from zerogo.dataplane.sealing import SealedSession


def session(index: int, is_initiator: bool, now: float = 0.0, owner: int = 1) -> SealedSession:
    return SealedSession(owner, (index, index + 1000), (bytes(32), bytes(32)), 1, is_initiator, now)


class SessionLawTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = PeerTable()
        self.peer = self.table.obtain(1)

    def add(self, index: int, is_initiator: bool, now: float = 0.0) -> SealedSession:
        added = session(index, is_initiator, now)
        self.table.add_session(self.peer, added)
        return added

    def slots(self) -> list[int | None]:
        slots = (self.peer.current, self.peer.previous, self.peer.next)
        return [slot.local_index if slot else None for slot in slots]

    def test_an_initiators_session_is_current_at_once(self) -> None:
        self.add(1, True)
        self.add(2, True)
        self.assertEqual([2, 1, None], self.slots())

    def test_a_responders_session_waits_for_its_first_datagram(self) -> None:
        self.add(1, True)
        second = self.add(2, False)
        self.assertEqual([1, None, 2], self.slots())
        self.assertTrue(self.table.confirm(self.peer, second))
        self.assertEqual([2, 1, None], self.slots())
        self.assertFalse(self.table.confirm(self.peer, second))

    def test_a_fourth_session_retires_the_oldest(self) -> None:
        for index in (1, 2, 3):
            self.add(index, True)
        self.assertEqual([3, 2, None], self.slots())
        self.assertEqual([2, 3], list(self.table.sessions))

    def test_crossing_handshakes_keep_both_sessions(self) -> None:
        self.add(1, True)
        self.add(2, False)
        self.add(3, True)
        self.assertEqual([3, 2, None], self.slots())
        self.assertEqual([2, 3], list(self.table.sessions))

    def test_a_newer_unconfirmed_session_replaces_an_older_one(self) -> None:
        self.add(1, False)
        self.add(2, False)
        self.assertEqual([None, None, 2], self.slots())
        self.assertEqual([2], list(self.table.sessions))

    def test_retiring_forgets_the_index(self) -> None:
        self.add(1, True)
        self.table.retire(1)
        self.table.retire(99)
        self.assertEqual([None, None, None], self.slots())
        self.assertEqual({}, self.table.sessions)

    def test_removing_a_peer_forgets_all_its_sessions(self) -> None:
        for index, is_initiator in ((1, True), (2, True), (3, False)):
            self.add(index, is_initiator)
        self.table.remove(1)
        self.assertEqual({}, self.table.sessions)
        self.assertEqual({}, self.table.peers)

    def test_sessions_end_with_time(self) -> None:
        self.add(1, True)
        self.assertIsNotNone(self.peer.usable_session(REJECT_AFTER_SECONDS - 1))
        self.assertIsNone(self.peer.usable_session(REJECT_AFTER_SECONDS))
        self.table.expire(REJECT_AFTER_SECONDS)
        self.assertEqual([None, None, None], self.slots())


class RekeyTests(SynchronousTestCase):
    def peer(self, is_initiator: bool, sent: bool, received: bool) -> Peer:
        peer = Peer(1)
        peer.current = session(1, is_initiator)
        peer.sent_since_tick, peer.received_since_tick = sent, received
        return peer

    def test_an_initiator_that_sends_renews_after_two_minutes(self) -> None:
        peer = self.peer(True, sent=True, received=False)
        self.assertFalse(peer.is_rekey_due(REKEY_AFTER_SECONDS - 1))
        self.assertTrue(peer.is_rekey_due(REKEY_AFTER_SECONDS))

    def test_an_initiator_that_only_receives_renews_before_the_end(self) -> None:
        peer = self.peer(True, sent=False, received=True)
        self.assertFalse(peer.is_rekey_due(REKEY_AFTER_SECONDS))
        self.assertTrue(peer.is_rekey_due(REKEY_ON_RECEIVE_SECONDS))

    def test_a_responder_and_an_idle_initiator_leave_it(self) -> None:
        self.assertFalse(self.peer(False, True, True).is_rekey_due(170.0))
        self.assertFalse(self.peer(True, False, False).is_rekey_due(170.0))
        self.assertFalse(Peer(1).is_rekey_due(170.0))


class StagingTests(SynchronousTestCase):
    def test_the_oldest_frames_go_first(self) -> None:
        peer = Peer(1)
        half = STAGED_BYTES_LIMIT // 2
        dropped = [peer.stage(bytearray([number]) * half) for number in range(3)]
        self.assertEqual([0, 0, 1], dropped)
        self.assertEqual([1, 2], [frame[0] for frame in peer.take_staged()])
        self.assertEqual([], peer.take_staged())
        self.assertEqual(0, peer.staged_bytes)

    def test_run_ids_go_round_without_zero(self) -> None:
        peer = Peer(1)
        ids = [peer.next_run_id() for _ in range(256)]
        self.assertEqual([*range(1, 256), 1], ids)
