from attrs import evolve
from sqlalchemy import insert

from zerogo.control.coordinator_events import Admission
from zerogo.control.messages import RefusalCode
from zerogo.errors import ParseError
from zerogo.ids import NodeId
from zerogo.store import members, tables
from zerogo.store.addresses import REUSE_SECONDS
from zerogo.store.check import examine
from zerogo.store.errors import Conflict, JoinRefused, StoreFault
from zerogo.test.store.stock import NOW, StoreCase


class AddressTests(StoreCase):
    """The IPv4 range of the network is a /29: positions 1 to 6."""

    def addresses(self) -> list[tuple[str, ...]]:
        return [member.addresses for member in self.database.read(members.list_members, self.network)]

    def test_each_member_has_one_of_each_range_and_never_the_same(self) -> None:
        for _ in range(6):
            self.join()
        flat = [address for pair in self.addresses() for address in pair]
        self.assertEqual(len(set(flat)), 12)
        self.assertIn("10.9.0.1", flat)
        self.assertIn("10.9.0.6", flat)
        self.assertIn("fd00:9::6", flat)

    def test_a_full_network_says_so(self) -> None:
        for _ in range(6):
            self.join()
        error = self.assertRaises(JoinRefused, self.join)
        self.assertEqual(error.reason, RefusalCode.NETWORK_FULL)
        self.assertEqual(len(self.addresses()), 6)

    def test_a_join_that_finds_no_address_gives_its_token_back(self) -> None:
        for _ in range(6):
            self.join()
        secret = self.invite()
        self.assertRaises(JoinRefused, self.register, self.agent(secret))
        freed = self.database.read(members.list_members, self.network)[0]
        self.database.write(members.remove_member, self.network, freed.node_id, "t", NOW)
        later = NOW + REUSE_SECONDS / 2
        error = self.assertRaises(JoinRefused, self.register, self.agent(secret), later)
        self.assertIn("free in 12.0 hours", error.sentence)
        self.assertIsInstance(self.register(self.agent(self.invite(lifetime=1e8)), NOW + REUSE_SECONDS), Admission)

    def test_a_member_that_comes_back_has_the_address_it_had(self) -> None:
        first, _ = self.join("ann"), self.join("bob")
        before = self.register(first)
        self.database.write(members.remove_member, self.network, first.node_id, "t", NOW)
        self.join("cid")
        again = self.register(evolve(first, secret=self.invite(lifetime=2e8)), NOW + 1e8)
        assert isinstance(before, Admission) and isinstance(again, Admission)
        self.assertEqual(again.addresses, before.addresses)

    def faults(self) -> list[str]:
        return self.database.read(lambda c: [finding.sentence for finding in examine(c) if finding.is_fault])

    def choose(self, node_id: NodeId, *addresses: str, at: float = NOW) -> tuple[str, ...]:
        changes = {"addresses": list(addresses)}
        return self.database.write(members.change_member, self.network, node_id, changes, "t", at).addresses

    def test_a_person_chooses_an_address_and_the_old_one_rests(self) -> None:
        ann = self.join("ann").node_id
        before = self.revision()
        self.assertEqual(self.choose(ann, "10.9.0.5"), ("10.9.0.5", "fd00:9::1"))
        self.assertGreater(self.revision(), before)
        self.assertEqual(self.choose(ann, "fd00:9::7", "10.9.0.5"), ("10.9.0.5", "fd00:9::7"))
        self.assertFalse(self.faults())
        for _ in range(4):
            self.join()
        flat = [address for pair in self.addresses() for address in pair if ":" not in address]
        self.assertEqual(sorted(flat), ["10.9.0.2", "10.9.0.3", "10.9.0.4", "10.9.0.5", "10.9.0.6"])
        self.assertRaises(JoinRefused, self.join)
        late = NOW + REUSE_SECONDS
        self.assertIsInstance(self.register(self.agent(self.invite(lifetime=1e8), "eve"), late), Admission)
        error = self.assertRaises(Conflict, self.choose, ann, "10.9.0.1", at=late)
        self.assertIn("10.9.0.1 is the address of the member", str(error))

    def test_it_may_go_back_to_the_one_it_had(self) -> None:
        ann, bob = (self.join(name).node_id for name in ("ann", "bob"))
        self.choose(ann, "10.9.0.6")
        self.assertEqual(self.choose(bob, "10.9.0.1")[0], "10.9.0.1")
        self.assertEqual(self.choose(ann, "10.9.0.2")[0], "10.9.0.2")
        self.assertEqual(self.choose(bob, "10.9.0.6")[0], "10.9.0.6")
        self.assertEqual(self.choose(ann, "10.9.0.1")[0], "10.9.0.1")
        self.assertFalse(self.faults())

    def test_what_is_none_of_the_networks_addresses_is_refused_and_nothing_is_changed(self) -> None:
        ann = self.join("ann").node_id
        before = self.addresses()
        for wanted in (
            ["10.9.0.0"],
            ["10.9.0.7"],
            ["10.9.1.1"],
            ["fd00::1"],
            ["::1%x"],
            ["x"],
            ["10.9.0.2", "10.9.0.3"],
        ):
            self.assertRaises(ParseError, self.choose, ann, *wanted)
        self.assertRaises(ParseError, self.choose, ann, "10.9.0.4", "fd00::1")
        self.database.write(members.deny_member, self.network, ann, "t", NOW)
        self.assertRaises(Conflict, self.choose, ann, "10.9.0.3")
        self.database.write(members.approve_member, self.network, ann, "t", NOW)
        self.assertEqual(before, self.addresses())

    def test_the_database_refuses_an_address_given_twice(self) -> None:
        self.join()
        row = {"network": str(self.network), "address": "10.9.0.1", "family": 4, "position": 9, "node_id": "x" * 16}
        self.assertRaises(StoreFault, self.database.write, lambda c: c.execute(insert(tables.addresses).values(row)))

    def test_the_lowest_unused_position_of_ipv6_goes_with_that_of_ipv4(self) -> None:
        self.join("ann")
        self.join("bob")
        self.assertEqual(self.addresses(), [("10.9.0.1", "fd00:9::1"), ("10.9.0.2", "fd00:9::2")])
