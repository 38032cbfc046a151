from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control import pushes
from zerogo.control.pushes import Round
from zerogo.test.control.pair import NETWORK, Pair, Wire

AT_ONCE = 3


class PushesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair()
        self.wires = [self.pair.agent(f"node-{number}") for number in range(8)]
        for wire in self.wires:
            self.pair.connect(wire)
        self.pair.advance(5.0)
        self.patch(pushes, "AT_ONCE", AT_ONCE)

    def change(self, name: str) -> None:
        """Rename the last member and publish that; who is to be told later is told when time goes on."""
        node_id = self.wires[-1].member._identity.node_id
        self.pair.revision += 1
        self.pair.records[node_id] = evolve(self.pair.records[node_id], name=name)
        self.pair.changed_at[node_id] = self.pair.revision
        self.pair.coordinator.network_changed(NETWORK, self.pair.now)
        self.pair.run()

    def told(self) -> list[bool]:
        return [self.revision(wire) == self.pair.revision for wire in self.wires]

    def revision(self, wire: Wire) -> int:
        assert wire.member.network_map is not None
        return wire.member.network_map.revision

    def turn(self) -> None:
        """The driver's loop comes round."""
        self.pair.coordinator.handle_timer(self.pair.now)
        self.pair.run()

    def test_some_are_told_at_each_turn_until_all_are(self) -> None:
        self.change("other")
        counts = [sum(self.told())]
        for _ in range(2):
            self.assertEqual(self.pair.coordinator.next_timer().at, self.pair.now)  # type: ignore[union-attr]
            self.turn()
            counts.append(sum(self.told()))
        self.assertEqual(counts, [3, 6, 8])
        self.assertFalse(self.pair.coordinator._timers.is_set(Round(NETWORK)))

    def test_who_waits_when_the_next_map_comes_is_first_then(self) -> None:
        self.change("other")
        first = self.told()
        self.pair.now += 0.2
        self.change("another")
        self.assertEqual(sum(self.told()), AT_ONCE)
        self.assertFalse(any(old and new for old, new in zip(first, self.told(), strict=True)))
        for _ in range(3):
            self.turn()
        self.assertTrue(all(self.told()))

    def test_a_map_that_all_are_told_at_once_ends_the_round_before(self) -> None:
        self.patch(pushes, "AT_ONCE", 5)
        self.change("other")
        self.assertTrue(self.pair.coordinator._timers.is_set(Round(NETWORK)))
        for wire in self.wires[:3]:
            self.pair.disconnect(wire)
        self.pair.now += 0.2
        self.change("another")
        self.assertEqual(self.told(), [False] * 3 + [True] * 5)
        self.assertFalse(self.pair.coordinator._timers.is_set(Round(NETWORK)))
        self.turn()

    def test_who_leaves_meanwhile_is_left_out(self) -> None:
        self.change("other")
        for wire in self.wires[3:5]:
            self.pair.disconnect(wire)
        self.pair.advance(1.0)
        self.assertEqual(self.told(), [True] * 3 + [False] * 2 + [True] * 3)

    def test_a_network_that_goes_meanwhile_is_pushed_no_more(self) -> None:
        self.change("other")
        self.pair.coordinator.network_removed(NETWORK, "deleted", self.pair.now)
        self.pair.advance(1.0)
        self.assertEqual(sum(self.told()), AT_ONCE)
        self.assertEqual(self.pair.coordinator._pushes._rounds, {})
