"""Networks behind members: announced by machines, approved by people."""

from __future__ import annotations

from attrs import evolve

from zerogo.control.connection import Registration
from zerogo.errors import ParseError
from zerogo.store import members, networks, subnets
from zerogo.store.errors import Conflict, NotFound
from zerogo.store.values import StoredSubnet
from zerogo.test.store.stock import NOW, StoreCase

LAN = "192.168.7.0/24"


class SubnetTests(StoreCase):
    def member(self, *announced: str) -> Registration:
        agent = evolve(self.agent(self.invite()), subnets=announced)
        self.register(agent)
        return evolve(agent, secret=None)

    def known(self, agent: Registration) -> tuple[StoredSubnet, ...]:
        found = {one.node_id: one for one in self.database.read(members.list_members, self.network)}
        return found[agent.node_id].subnets

    def shown(self, agent: Registration) -> tuple[str, ...]:
        """What the map says."""
        record = self.view().network_map.member(agent.node_id)
        return () if record is None else record.subnets

    def decide(self, agent: Registration, subnet: str, is_approved: bool = True) -> None:
        self.database.write(members.decide_subnet, self.network, agent.node_id, subnet, is_approved, "tester", NOW)

    def revision(self) -> int:
        return self.database.read(networks.find_network, self.network).revision

    def test_members_see_what_is_announced_and_approved(self) -> None:
        agent = self.member(LAN, "10.77.0.0/16")
        self.assertEqual(self.shown(agent), ())
        before = self.revision()
        self.decide(agent, LAN)
        self.assertEqual(self.shown(agent), (LAN,))
        self.assertEqual(self.revision(), before + 1)
        self.decide(agent, LAN, is_approved=False)
        self.assertEqual(self.shown(agent), ())

    def test_an_announcement_that_goes_and_comes_back_needs_no_second_look(self) -> None:
        agent = self.member(LAN)
        self.decide(agent, LAN)
        before = self.revision()
        self.register(evolve(agent, subnets=()))
        self.assertEqual((self.shown(agent), self.revision()), ((), before + 1))
        self.database.write(members.set_published, self.network, agent.node_id, (), (LAN,))
        self.assertEqual((self.shown(agent), self.revision()), ((LAN,), before + 2))

    def test_what_nobody_approved_is_forgotten(self) -> None:
        agent = self.member(LAN)
        before = self.revision()
        self.register(evolve(agent, subnets=()))
        self.assertEqual((self.known(agent), self.revision()), ((), before))

    def test_a_network_may_be_approved_before_it_is_announced(self) -> None:
        agent = self.member()
        self.decide(agent, LAN)
        self.assertEqual(self.known(agent), (StoredSubnet(LAN, False, True),))
        self.register(evolve(agent, subnets=(LAN,)))
        self.assertEqual(self.shown(agent), (LAN,))

    def test_the_members_own_addresses_are_behind_nobody(self) -> None:
        agent = self.member("10.0.0.0/8", "0.0.0.0/0")
        self.assertRaises(Conflict, self.decide, agent, "10.0.0.0/8")
        self.assertRaises(ParseError, self.decide, agent, "10.1.2.3/8")
        self.decide(agent, "0.0.0.0/0")
        self.assertEqual(self.shown(agent), ("0.0.0.0/0",))

    def test_unknown_members_and_networks_are_not_found(self) -> None:
        agent = self.member()
        self.assertRaises(NotFound, self.decide, self.agent(), LAN)
        self.assertRaises(NotFound, self.decide, agent, LAN, False)

    def test_approvals_are_bounded(self) -> None:
        agent = self.member()
        for number in range(subnets.APPROVALS_LIMIT):
            self.decide(agent, f"172.16.{number}.0/24")
        self.assertRaises(Conflict, self.decide, agent, LAN)

    def test_a_member_that_goes_takes_its_networks_along(self) -> None:
        agent = self.member(LAN)
        self.decide(agent, LAN)
        self.database.write(members.remove_member, self.network, agent.node_id, "tester", NOW)
        again = evolve(agent, secret=self.invite(), subnets=(LAN,))
        self.register(again)
        self.assertEqual(self.shown(agent), ())
