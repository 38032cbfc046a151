"""Networks behind members, in the world in memory: whole agents, one of which has a network behind it."""

from __future__ import annotations

from attrs import evolve

from zerogo.agent.commands import LocalCommands, NotByCommand
from zerogo.agent.state_dir import StateDir
from zerogo.agent.subnets import Choices
from zerogo.errors import ParseError
from zerogo.test.agent.test_service import AgentTestCase
from zerogo.test.agent.world import Machine

LAN = "192.168.7.0/24"


class SubnetTestCase(AgentTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.anna, self.bob = self.pair()

    def has_behind(self, machine: Machine, *subnets: str) -> None:
        """The owner approves."""
        assert machine.agent is not None
        raw = machine.agent.identity.node_id.raw
        record = evolve(self.controller.members[raw], subnets=subnets)
        self.controller.change(members={**self.controller.members, raw: record})
        self.world.pass_time(0.5)

    def address(self, machine: Machine) -> str:
        assert machine.agent is not None
        return machine.agent.membership.addresses[0]

    def commands(self, machine: Machine) -> LocalCommands:
        assert machine.agent is not None
        return LocalCommands(machine.agent)


class SubnetTests(SubnetTestCase):
    def test_a_network_behind_a_member_is_reached_through_its_address(self) -> None:
        self.has_behind(self.bob, LAN)
        self.assertEqual(self.anna.routes[-1].routes, {LAN: self.address(self.bob)})
        self.assertIn("192.0.2.1", self.anna.routes[-1].outside)
        self.assertEqual(self.bob.routes[-1].routes, {})
        self.has_behind(self.bob)
        self.assertEqual(self.anna.routes[-1].routes, {})

    def test_the_proxy_is_reached_beside_the_mesh(self) -> None:
        self.anna.proxy = ("192.0.2.33", 3128)
        self.anna.stop()
        self.anna.start()
        self.has_behind(self.bob, LAN)
        self.assertLessEqual({"192.0.2.33", "192.0.2.1"}, set(self.anna.routes[-1].outside))

    def test_what_the_owner_does_not_accept_is_not_reached(self) -> None:
        assert self.anna.agent is not None
        subnets = self.anna.agent.subnets
        for accepted, wanted in (
            (False, {}),
            (("10.0.0.0/8",), {}),
            (("192.168.0.0/16",), {LAN: self.address(self.bob)}),
        ):
            subnets.config = evolve(subnets.config, accept_routes=accepted)
            self.has_behind(self.bob, LAN)
            self.assertEqual(self.anna.routes[-1].routes, wanted)

    def test_the_segments_own_addresses_are_behind_nobody(self) -> None:
        self.has_behind(self.bob, "10.0.0.0/8", "10.1.7.0/24")
        self.assertEqual(self.anna.routes[-1].routes, {})

    def test_a_gateway_forwards_what_it_announces_once_it_is_approved(self) -> None:
        self.commands(self.bob).announce({"subnet": LAN})
        self.assertIsNone(self.bob.forwarder.wanted)
        reports = self.commands(self.bob).status({}).subnets
        self.assertEqual([(each.subnet, each.state) for each in reports], [(LAN, "waits for approval")])
        self.has_behind(self.bob, LAN)
        assert self.bob.forwarder.wanted is not None
        self.assertEqual(self.bob.forwarder.wanted.subnets, (LAN,))
        self.commands(self.bob).announce({"subnet": LAN, "is_withdrawn": True})
        self.assertIsNone(self.bob.forwarder.wanted)

    def test_what_was_decided_by_command_is_kept(self) -> None:
        self.commands(self.bob).announce({"subnet": LAN})
        self.commands(self.bob).exit({"is_offered": True})
        held = StateDir(self.bob.config.state_dir).choices()
        self.assertEqual(held, Choices(announced=(LAN,), is_exit=True))
        self.assertRaises(ParseError, self.commands(self.bob).announce, {"subnet": "nonsense"})

    def test_a_machine_that_does_not_forward_announces_nothing_and_says_so(self) -> None:
        self.bob.forwarder.is_on = False
        self.commands(self.bob).announce({"subnet": LAN})
        status = self.commands(self.bob).status({})
        self.assertEqual((status.complaint, status.subnets), ("this machine does not forward", []))

    def test_everything_is_undone_at_the_end(self) -> None:
        self.has_behind(self.bob, LAN)
        self.anna.stop()
        self.assertEqual(self.anna.routes[-1].routes, {})


class ExitTests(SubnetTestCase):
    def test_an_exit_is_used_where_it_was_chosen_and_only_there(self) -> None:
        self.has_behind(self.bob, "0.0.0.0/0")
        self.assertEqual(self.anna.routes[-1].routes, {})
        status = self.commands(self.anna).exit({"via": "bob"})
        self.assertEqual((status.exit, status.complaint), ("bob", ""))
        self.assertEqual([each.state for each in status.subnets], ["used"])
        # IPv6 would go around an exit that does not offer it.
        self.assertEqual(self.anna.routes[-1].routes, {"0.0.0.0/0": self.address(self.bob), "::/0": None})
        self.commands(self.anna).exit({"via": ""})
        self.assertEqual(self.anna.routes[-1].routes, {})

    def test_a_member_that_is_no_exit_is_refused(self) -> None:
        self.assertRaises(NotByCommand, self.commands(self.anna).exit, {"via": "bob"})

    def test_an_exit_out_of_reach_is_gone_around_unless_it_fails_closed(self) -> None:
        self.has_behind(self.bob, "0.0.0.0/0", "::/0")
        self.commands(self.anna).exit({"via": "bob"})
        self.assertEqual(len(self.anna.routes[-1].routes), 2)
        self.bob.stop()
        self.world.pass_time(2.0)
        self.assertEqual(self.anna.routes[-1].routes, {})
        self.assertIn("out of reach", self.commands(self.anna).status({}).complaint)
        assert self.anna.agent is not None
        subnets = self.anna.agent.subnets
        subnets.config = evolve(subnets.config, exit_fail_closed=True)
        self.anna.agent.look_at_subnets()
        self.assertEqual(self.anna.routes[-1].shut_subnets, ("0.0.0.0/0", "::/0"))
        self.assertEqual(set(self.anna.routes[-1].routes), {"0.0.0.0/0", "::/0"})
