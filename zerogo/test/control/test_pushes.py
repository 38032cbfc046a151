from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control import pushes
from zerogo.control.coordinator_events import Admission, MapWanted
from zerogo.control.member import MapUpdated
from zerogo.ids import NetworkId
from zerogo.test.control.pair import NETWORK, Pair, Wire

AT_ONCE = 3
OTHER_NETWORK = NetworkId(b"\x05\x04\x03\x02\x01")


class PushesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair()
        self.wires = [self.pair.agent(f"node-{number}") for number in range(8)]
        for wire in self.wires:
            self.pair.connect(wire)
        self.pair.advance(5.0)
        self.pair.is_prompt = False
        self.patch(pushes, "AT_ONCE", AT_ONCE)

    def change(self, name: str) -> None:
        """Rename the last member and publish that; nobody is told of it before a `turn`."""
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
        """The driver has time."""
        self.pair.coordinator.tell(self.pair.now)
        self.pair.run()

    def maps_asked_for(self) -> int:
        return sum(isinstance(event, MapWanted) for event in self.pair.events)

    def test_some_are_told_at_each_turn_until_all_are(self) -> None:
        self.change("other")
        counts = []
        while self.pair.coordinator.is_telling:
            counts.append(sum(self.told()))
            self.turn()
        self.assertEqual([*counts, sum(self.told())], [0, 3, 6, 8])

    def test_a_turn_with_nobody_to_tell_does_nothing(self) -> None:
        self.turn()
        self.assertEqual(list(self.pair.coordinator.outgoing()), [])

    def test_who_waits_when_the_next_map_comes_is_first_then_and_told_the_newest_once(self) -> None:
        for wire in self.wires:
            wire.events.clear()
        self.change("other")
        self.turn()
        first = self.told()
        self.pair.now += 0.2
        self.change("another")
        self.turn()
        self.assertEqual(sum(self.told()), AT_ONCE)
        self.assertFalse(any(old and new for old, new in zip(first, self.told(), strict=True)))
        while self.pair.coordinator.is_telling:
            self.turn()
        newest = self.pair.revision
        got = [
            [event.network_map.revision for event in wire.events if isinstance(event, MapUpdated)]
            for wire in self.wires
        ]
        self.assertEqual(got, [[newest - 1, newest] if was_told else [newest] for was_told in first])

    def test_who_leaves_meanwhile_is_left_out(self) -> None:
        self.change("other")
        self.turn()
        for wire in self.wires[3:5]:
            self.pair.disconnect(wire)
        while self.pair.coordinator.is_telling:
            self.turn()
        self.assertEqual(self.told(), [True] * 3 + [False] * 2 + [True] * 3)

    def test_a_network_that_goes_meanwhile_is_told_no_more(self) -> None:
        self.change("other")
        self.turn()
        self.pair.coordinator.network_removed(NETWORK, "deleted", self.pair.now)
        self.assertFalse(self.pair.coordinator.is_telling)
        self.turn()
        self.assertEqual(sum(self.told()), AT_ONCE)

    def test_networks_take_turns(self) -> None:
        self.change("other")
        telling = self.pair.coordinator._pushes
        telling._rounds[OTHER_NETWORK] = telling._rounds[NETWORK].copy()
        order = []
        while self.pair.coordinator.is_telling:
            order.append(next(iter(telling._rounds)))
            self.turn()
        self.assertEqual(order, [NETWORK, OTHER_NETWORK] * 3)

    def test_a_network_that_is_read_again_as_it_was_is_told_to_nobody(self) -> None:
        self.pair.coordinator.network_changed(NETWORK, self.pair.now)
        self.pair.run()
        self.assertFalse(self.pair.coordinator.is_telling)

    def test_what_changed_while_the_map_was_read_is_read_again(self) -> None:
        before = self.maps_asked_for()
        for _ in range(2):
            self.pair.coordinator.network_changed(NETWORK, self.pair.now)
        self.pair.advance(1.0)
        self.assertEqual(self.maps_asked_for() - before, 2)

    def test_a_member_that_waits_for_the_map_that_is_being_read_has_it_read_once(self) -> None:
        before, wire = self.maps_asked_for(), self.wires[0]
        node_id = wire.member._identity.node_id
        record = self.pair.records[node_id]
        self.pair.revision += 1
        self.pair.changed_at[node_id] = self.pair.revision
        admission = Admission(name=record.name, addresses=record.addresses, psk=bytes(32), revision=self.pair.revision)
        self.pair.answers = False
        self.pair.coordinator.reconsider(NETWORK, node_id, self.pair.now)
        self.pair.coordinator.network_changed(NETWORK, self.pair.now)
        self.pair.coordinator.admit(wire.number, admission, self.pair.now)
        self.pair.advance(1.0)
        self.assertEqual(self.maps_asked_for() - before, 1)
        self.turn()
        self.assertTrue(any(self.told()))
