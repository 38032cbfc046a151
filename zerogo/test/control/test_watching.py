from twisted.trial.unittest import SynchronousTestCase

from zerogo.control import watching
from zerogo.control.introductions import told
from zerogo.control.member import RelayTestWanted, Watched
from zerogo.control.messages import LINKS_LIMIT, RelayTest
from zerogo.control.watching import INTERVAL_MOST, LINKS_LEAST, RENEW_SECONDS, WATCH_SECONDS, _request
from zerogo.ids import NodeId
from zerogo.test.control.pair import NETWORK, Pair, Wire


class WatchingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair()

    def told(self, wire: Wire) -> list[Watched]:
        return [event for event in wire.events if isinstance(event, Watched)]

    def test_nobody_is_asked_while_nobody_looks(self) -> None:
        ann = self.pair.agent("ann")
        self.pair.connect(ann)
        self.pair.advance(100.0)
        self.assertEqual(self.told(ann), [])

    def test_who_is_here_and_who_comes_is_asked_and_asked_again_in_time(self) -> None:
        ann, bob = self.pair.agent("ann"), self.pair.agent("bob")
        self.pair.connect(ann)
        self.pair.coordinator.watch(True, self.pair.now)
        self.pair.connect(bob)
        self.pair.run()
        for wire in (ann, bob):
            self.assertEqual(self.told(wire), [Watched(WATCH_SECONDS, 1.0, LINKS_LIMIT)])
        self.pair.coordinator.watch(True, self.pair.now)
        self.pair.advance(RENEW_SECONDS + 1.0)
        self.assertEqual(len(self.told(ann)), 2)

    def test_all_are_told_when_nobody_looks_any_more(self) -> None:
        ann = self.pair.agent("ann")
        self.pair.connect(ann)
        self.pair.coordinator.watch(True, self.pair.now)
        self.pair.coordinator.watch(False, self.pair.now)
        self.pair.run()
        self.assertEqual(self.told(ann)[-1].seconds, 0.0)
        self.pair.advance(RENEW_SECONDS * 2)
        self.assertEqual(len(self.told(ann)), 2)

    def test_not_all_of_many_are_told_in_the_same_moment(self) -> None:
        self.patch(watching, "AT_ONCE", 2)
        self.patch(watching, "REPORTS_PER_SECOND", 2)
        wires = [self.pair.agent(f"node-{number}") for number in range(6)]
        for wire in wires:
            self.pair.connect(wire)
        self.pair.advance(5.0)
        for is_watched, told_before in ((True, 0), (False, 6)):
            self.pair.coordinator.watch(is_watched, self.pair.now)
            self.pair.run()
            counts = [sum(len(self.told(wire)) for wire in wires) - told_before]
            for seconds in (1.1, 2.0):
                self.pair.advance(seconds)
                counts.append(sum(len(self.told(wire)) for wire in wires) - told_before)
            self.assertEqual((counts[0], counts[2]), (2, 6))
            self.assertTrue(2 < counts[1] < 6, str(counts))

    def test_a_member_is_told_to_test_the_relay_to_another(self) -> None:
        ann, bob = self.pair.agent("ann"), NodeId(bytes(10))
        self.pair.connect(ann)
        (node_id,) = self.pair.records
        content = told(RelayTest(bob.raw, 30.0))
        self.pair.coordinator.receive_elsewhere(NETWORK, node_id, content, self.pair.now)
        self.pair.run()
        wanted = [event for event in ann.events if isinstance(event, RelayTestWanted)]
        self.assertEqual(wanted, [RelayTestWanted(bob, 30.0)])

    def test_many_members_report_more_seldom_and_less(self) -> None:
        self.assertEqual((_request(1000).interval, _request(1000).links), (5.0, 4))
        self.assertEqual((_request(20).interval, _request(20).links), (1.0, 40))
        self.assertEqual((_request(1_000_000).interval, _request(1_000_000).links), (INTERVAL_MOST, LINKS_LEAST))
