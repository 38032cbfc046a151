"""The bounded outputs of a node."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.events import ControlToSend, PeerRemoved
from zerogo.mesh.outbox import LOSSY_EVENTS_LIMIT, TRANSMITS_LIMIT, Outbox
from zerogo.mesh.status import Refusal

PLACE = SocketAddress.of("192.0.2.1", 1)


class OutboxTests(SynchronousTestCase):
    """Order and bounds."""

    def test_outputs_come_out_in_order_and_once(self) -> None:
        outbox = Outbox()
        for number in range(3):
            outbox.send(PLACE, bytes([number]))
            outbox.tell(PeerRemoved(number))
        self.assertEqual([each.payload for each in outbox.transmits()], [b"\0", b"\1", b"\2"])
        self.assertEqual(list(outbox.events()), [PeerRemoved(0), PeerRemoved(1), PeerRemoved(2)])
        self.assertEqual(list(outbox.transmits()), [])

    def test_datagrams_past_the_bound_are_counted_and_dropped(self) -> None:
        outbox = Outbox()
        for _ in range(TRANSMITS_LIMIT + 7):
            outbox.send(PLACE, b"")
        self.assertEqual(outbox.counters().refusals[Refusal.OUTPUT_OVERFLOW], 7)
        self.assertEqual(len(list(outbox.transmits())), TRANSMITS_LIMIT)

    def test_what_carries_state_is_never_dropped(self) -> None:
        outbox = Outbox()
        for _ in range(LOSSY_EVENTS_LIMIT + 5):
            outbox.tell(ControlToSend(1, b""))
        outbox.tell(PeerRemoved(1))
        self.assertEqual(outbox.counters().refusals[Refusal.OUTPUT_OVERFLOW], 5)
        self.assertEqual(list(outbox.events())[-1], PeerRemoved(1))

    def test_all_reasons_are_in_a_snapshot(self) -> None:
        self.assertEqual(set(Outbox().counters().refusals), set(Refusal))
