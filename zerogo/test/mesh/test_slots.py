"""The mirror of the data plane's session slots."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.peers import PeerTable
from zerogo.dataplane.sealing import SealedSession
from zerogo.mesh.slots import REJECT_AFTER_SECONDS, SessionRecord, SessionSlots


def record(index: int, *, initiator: bool, at: float = 0.0) -> SessionRecord:
    """A session."""
    return SessionRecord(local_index=index, is_initiator=initiator, created_at=at)


class SlotTests(SynchronousTestCase):
    """Previous, current, next."""

    def test_an_initiators_session_is_current_at_once(self) -> None:
        slots = SessionSlots()
        self.assertEqual(slots.add(record(1, initiator=True)), [])
        assert slots.current is not None
        self.assertEqual(slots.current.local_index, 1)

    def test_a_responders_session_waits_for_confirmation(self) -> None:
        slots = SessionSlots()
        slots.add(record(1, initiator=False))
        self.assertIsNone(slots.current)
        self.assertEqual(slots.confirm(2), [])
        self.assertIsNone(slots.current)
        slots.confirm(1)
        assert slots.current is not None
        self.assertEqual(slots.current.local_index, 1)

    def test_the_third_session_retires_the_first(self) -> None:
        slots = SessionSlots()
        slots.add(record(1, initiator=True))
        slots.add(record(2, initiator=True))
        self.assertEqual(slots.add(record(3, initiator=True)), [1])

    def test_a_fresh_unconfirmed_session_replaces_the_last_one(self) -> None:
        slots = SessionSlots()
        slots.add(record(1, initiator=False))
        self.assertEqual(slots.add(record(2, initiator=False)), [1])

    def test_crossing_handshakes_keep_both_sessions(self) -> None:
        slots = SessionSlots()
        slots.add(record(1, initiator=False))
        self.assertEqual(slots.add(record(2, initiator=True)), [])
        assert slots.previous is not None
        self.assertEqual(slots.previous.local_index, 1)

    def test_sessions_expire_at_the_moment_that_was_announced(self) -> None:
        """The same sum on both sides, so that rounding cannot make a timer fire for ever."""
        for created_at in (0.0, 1000.214999, 1e9 / 3):
            slots = SessionSlots()
            slots.add(record(1, initiator=True, at=created_at))
            expires_at = slots.next_expiry()
            assert expires_at is not None
            self.assertAlmostEqual(expires_at, created_at + REJECT_AFTER_SECONDS)
            self.assertEqual(slots.expire(expires_at), [1])
            self.assertIsNone(slots.next_expiry())

    def test_clear_retires_all(self) -> None:
        slots = SessionSlots()
        slots.add(record(1, initiator=True))
        slots.add(record(2, initiator=True))
        slots.add(record(3, initiator=False))
        self.assertEqual(slots.clear(), [1, 2, 3])


class MirrorTests(SynchronousTestCase):
    """The mirror and a plane, told the same; a plane confirms a session before the mirror hears of it.

    Between the two there is no further session of the peer's: it confirms none but that of its latest initiation, and
    what the plane passes up stays in order.
    """

    @given(st.lists(st.sampled_from(["initiator", "responder", "confirmed", "heard"]), max_size=30))
    @settings(deadline=None, max_examples=200)
    def test_a_plane_holds_the_sessions_of_the_mirror(self, happenings: list[str]) -> None:
        slots, table = SessionSlots(), PeerTable()
        peer = table.obtain(1)
        unheard: list[int] = []
        for index, happening in enumerate(happenings):
            if happening == "heard" and unheard:
                retired = slots.confirm(unheard.pop(0))
            elif happening == "confirmed" and peer.next is not None:
                unheard.append(peer.next.local_index)
                table.confirm(peer, peer.next)
                continue
            elif happening == "initiator" or (happening == "responder" and not unheard):
                is_initiator = happening == "initiator"
                table.add_session(peer, SealedSession(1, (index, 0), (bytes(32),) * 2, 1, is_initiator, 0.0))
                retired = slots.add(record(index, initiator=is_initiator))
            else:
                continue
            for local_index in retired:
                table.retire(local_index)
            if peer.current is not None and slots.next is None:
                self.assertEqual(peer.current.local_index, slots.current and slots.current.local_index)
                self.assertEqual(
                    peer.previous and peer.previous.local_index, slots.previous and slots.previous.local_index
                )
