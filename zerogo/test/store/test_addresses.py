from attrs import evolve
from sqlalchemy import insert

from zerogo.control.coordinator_events import Admission
from zerogo.control.messages import RefusalCode
from zerogo.store import members, tables
from zerogo.store.addresses import REUSE_SECONDS
from zerogo.store.errors import JoinRefused, StoreFault
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

    def test_the_database_refuses_an_address_given_twice(self) -> None:
        self.join()
        row = {"network": str(self.network), "address": "10.9.0.1", "family": 4, "position": 9, "node_id": "x" * 16}
        self.assertRaises(StoreFault, self.database.write, lambda c: c.execute(insert(tables.addresses).values(row)))

    def test_the_lowest_unused_position_of_ipv6_goes_with_that_of_ipv4(self) -> None:
        self.join("ann")
        self.join("bob")
        self.assertEqual(self.addresses(), [("10.9.0.1", "fd00:9::1"), ("10.9.0.2", "fd00:9::2")])
