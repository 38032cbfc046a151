from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.event_log import EVENTS_KEPT, MEMBER_OFFLINE, MEMBER_ONLINE, Event, EventLog
from zerogo.ids import NetworkId, NodeId
from zerogo.store.paging import Paging

NETWORK = NetworkId(b"netwk")
ANN = NodeId(bytes(10))


class EventLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log = EventLog(lambda: 1000.0)

    def test_events_are_told_and_kept_newest_first(self) -> None:
        told: list[Event] = []
        self.log.observers.append(told.append)
        self.log.member_online(NETWORK, ANN)
        self.log.member_offline(NETWORK, ANN)
        found = self.log.page(NETWORK, Paging()).items
        self.assertEqual([event.kind for event in found], [MEMBER_OFFLINE, MEMBER_ONLINE])
        self.assertEqual(list(found), told[::-1])

    def test_they_come_in_pieces(self) -> None:
        for _ in range(5):
            self.log.member_online(NETWORK, ANN)
        numbers, paging = [], Paging(2)
        while True:
            piece = self.log.page(NETWORK, paging)
            numbers += [event.number for event in piece.items]
            if piece.next is None:
                break
            paging = Paging(2, piece.next)
        self.assertEqual(numbers, sorted(numbers, reverse=True))
        self.assertEqual(len(set(numbers)), 5)

    def test_each_network_has_a_bound_and_goes_with_it(self) -> None:
        for _ in range(EVENTS_KEPT + 10):
            self.log.member_online(NETWORK, ANN)
        self.assertEqual(len(self.log.page(NETWORK, Paging(10_000)).items), EVENTS_KEPT)
        self.log.network_removed(NETWORK)
        self.assertEqual(self.log._events, {})

    def test_numbers_grow_over_a_restart(self) -> None:
        self.log.member_online(NETWORK, ANN)
        later = EventLog(lambda: 1001.0)
        later.member_online(NETWORK, ANN)
        before, after = (log.page(NETWORK, Paging()).items[0].number for log in (self.log, later))
        self.assertGreater(after, before)
