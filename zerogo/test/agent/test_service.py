"""Tests for zerogo.agent.service: whole agents in a world in memory."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.commands import ControllerSilent, LocalCommands
from zerogo.agent.joining import NoNetwork, OtherNetwork
from zerogo.agent.reports import PeerReport, StatusReport
from zerogo.agent.service import FAILED_STATUS, HOUSEKEEPING_SECONDS, REFUSED_STATUS
from zerogo.agent.state_dir import MAP_FILE, StateDir
from zerogo.control.member import RelayCredentials
from zerogo.control.messages import RefusalCode
from zerogo.control.relays import RelayCredential
from zerogo.control.token import JoinToken
from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity
from zerogo.secret import Secret
from zerogo.test.agent.world import NETWORK, Machine, World
from zerogo.turn.client import TurnCredential


class AgentTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.close)
        self.controller = self.world.controller

    def machine(self, name: str, host: str) -> Machine:
        return Machine(self.world, name, host)

    def status(self, machine: Machine) -> StatusReport:
        assert machine.agent is not None
        return LocalCommands(machine.agent).status({})

    def peers(self, machine: Machine) -> list[PeerReport]:
        assert machine.agent is not None
        return LocalCommands(machine.agent).peers({})

    def is_joined(self, machine: Machine) -> bool:
        status = self.status(machine)
        return status.state == "member" and status.plane is not None

    def are_connected(self, *machines: Machine) -> bool:
        return all(self.status(machine).connected == len(machines) - 1 for machine in machines)

    def pair(self) -> tuple[Machine, Machine]:
        anna, bob = self.machine("anna", "192.0.2.11"), self.machine("bob", "192.0.2.12")
        for machine in (anna, bob):
            machine.start(self.controller.token)
        self.world.until(lambda: self.are_connected(anna, bob))
        self.assertTrue(self.are_connected(anna, bob))
        return anna, bob

    def frame(self, sender: Machine, receiver: Machine) -> bytes:
        return receiver.devices[-1].opened[-1].mac.raw + sender.devices[-1].opened[-1].mac.raw + b"\x88\xb5hello"


class SeveralControllersTests(AgentTestCase):
    def test_an_agent_moves_to_a_controller_that_its_token_does_not_name_and_remembers_it(self) -> None:
        self.controller.places = ("192.0.2.1:9394", "192.0.2.77:9394")
        self.controller.rise()
        anna = self.machine("anna", "192.0.2.11")
        anna.start(self.controller.token)
        self.world.until(lambda: self.is_joined(anna))
        self.assertEqual(set(anna.agent.membership.told), set(self.controller.places))
        self.controller.silent = {"192.0.2.1"}
        self.controller.die()
        self.controller.rise()
        self.world.until(lambda: anna.agent.controller.is_member)
        self.assertEqual(anna.agent.controller.status().address, "ws://192.0.2.77:9394")
        anna.stop()
        anna.start()
        self.world.until(lambda: anna.agent.controller.is_member)
        self.assertEqual(anna.agent.controller.status().address, "ws://192.0.2.77:9394")


class JoinTests(AgentTestCase):
    def test_an_agent_joins_and_is_what_the_controller_says(self) -> None:
        anna = self.machine("anna", "192.0.2.11")
        anna.start(self.controller.token)
        self.assertEqual(self.status(anna).state, "joining")
        self.world.until(lambda: self.is_joined(anna))
        status = self.status(anna)
        self.assertEqual((status.state, status.name, status.network_name), ("member", "anna", "home"))
        self.assertEqual(status.addresses, ["10.1.0.2", "fd00::2"])
        self.assertEqual(anna.devices[0].opened[0].addresses, ("10.1.0.2/16", "fd00::2/64"))
        self.assertEqual(anna.devices[0].opened[0].mtu, 1400)

    def test_the_secret_of_the_token_is_forgotten_once_it_is_used(self) -> None:
        anna = self.machine("anna", "192.0.2.11")
        anna.start(self.controller.token)
        self.assertIsNotNone(StateDir(anna.config.state_dir).membership().secret)
        self.world.until(lambda: self.is_joined(anna))
        self.assertIsNone(StateDir(anna.config.state_dir).membership().secret)

    def test_two_agents_meet_and_carry_frames(self) -> None:
        anna, bob = self.pair()
        anna.planes[-1].write_frame(self.frame(anna, bob))
        self.world.pass_time(0.1)
        self.assertEqual([frame for _, frame in bob.frames], [self.frame(anna, bob)])
        peer = self.peers(anna)[0]
        self.assertEqual((peer.name, peer.state, peer.path.kind), ("bob", "connected", "direct"))
        self.assertEqual(peer.path.address, "192.0.2.12:9993")
        self.assertGreater(peer.bytes_out, 0)

    def test_the_pair_is_direct_within_a_second(self) -> None:
        anna, bob = self.machine("anna", "192.0.2.11"), self.machine("bob", "192.0.2.12")
        for machine in (anna, bob):
            machine.start(self.controller.token)
        self.assertLess(self.world.until(lambda: self.are_connected(anna, bob)), 1.0)

    def test_without_token_and_membership_there_is_one_sentence(self) -> None:
        error = self.assertRaises(NoNetwork, self.machine("anna", "192.0.2.11").start)
        self.assertIn("zerogo join", str(error))

    def test_a_token_of_another_network_is_refused_by_a_member(self) -> None:
        anna, _ = self.pair()
        anna.stop()
        token = self.controller.token
        other = JoinToken(token.addresses, token.key_hash, NetworkId(b"other"), token.secret)
        error = self.assertRaises(OtherNetwork, anna.start, other)
        self.assertIn(str(NETWORK), str(error))

    def test_a_token_that_stays_in_the_configuration_is_not_used_again(self) -> None:
        anna, _ = self.pair()
        anna.stop()
        anna.start(self.controller.token)
        self.assertIsNone(anna.agent.membership.secret)

    def test_a_refused_token_ends_the_process_with_the_reason_kept(self) -> None:
        self.controller.refusal = (RefusalCode.TOKEN_USED, "this join token was used before")
        anna = self.machine("anna", "192.0.2.11")
        anna.start(self.controller.token)
        self.world.pass_time(0.2)
        self.assertEqual(anna.ended, [REFUSED_STATUS])
        self.assertEqual(StateDir(anna.config.state_dir).membership().refusal, "this join token was used before")
        self.assertTrue(anna.devices[0].is_closed)
        self.world.pass_time(60, step=0.1)
        self.assertEqual(self.controller._last, 1)

    def test_a_controller_with_other_keys_than_the_token_ends_a_join_at_once(self) -> None:
        anna = self.machine("anna", "192.0.2.11")
        anna.start(evolve(self.controller.token, key_hash=bytes(20)))
        self.world.pass_time(0.2)
        self.assertEqual(anna.ended, [REFUSED_STATUS])
        self.assertEqual(
            StateDir(anna.config.state_dir).membership().refusal,
            "the controller at 192.0.2.1 has other keys than the join token says: "
            "it is another controller, or someone in between",
        )
        self.world.pass_time(60, step=0.1)
        self.assertEqual(self.controller._last, 1)

    def test_one_foreign_controller_among_several_addresses_has_to_be_met_twice(self) -> None:
        token = evolve(
            self.controller.token, key_hash=bytes(20), addresses=("192.0.2.1:9394", "192.0.2.2:9394", "192.0.2.3:9394")
        )
        anna = self.machine("anna", "192.0.2.11")
        anna.start(token)
        self.world.pass_time(20, step=0.01)
        self.assertEqual(anna.ended, [REFUSED_STATUS])
        self.assertEqual(self.controller._last, 4)

    def test_a_member_goes_on_when_another_controller_answers(self) -> None:
        anna, bob = self.pair()
        self.controller.die()
        self.controller.identity = Identity.generate(self.world.rng)
        self.controller.rise()
        self.world.pass_time(60, step=0.1)
        self.assertEqual((anna.ended, bob.ended), ([], []))
        self.assertGreater(self.controller._last, 4)
        self.assertIn("other keys", self.status(anna).sentence)

    def test_a_pending_member_waits_on_the_open_connection(self) -> None:
        self.controller.pending = "a person must approve this machine"
        anna = self.machine("anna", "192.0.2.11")
        anna.start(self.controller.token)
        self.world.pass_time(0.2)
        status = self.status(anna)
        self.assertEqual((status.state, status.sentence), ("pending", "a person must approve this machine"))
        self.controller.pending = ""
        self.controller.pump.call(self.controller.core.reconsider, NETWORK, anna.agent.identity.node_id)
        self.world.until(lambda: self.is_joined(anna))
        self.assertEqual(self.status(anna).state, "member")
        self.assertEqual(self.controller._last, 1)


class EndToEndKeyTests(AgentTestCase):
    """The network's key is in the join token, and the controller never has it."""

    def setUp(self) -> None:
        super().setUp()
        self.controller.psk = None
        self.token = evolve(self.controller.token, psk=b"e" * 32)

    def test_the_key_of_the_token_is_used_and_kept_when_the_token_is_used_up(self) -> None:
        anna, bob = self.machine("anna", "192.0.2.11"), self.machine("bob", "192.0.2.12")
        for machine in (anna, bob):
            machine.start(self.token)
        self.world.until(lambda: self.are_connected(anna, bob))
        anna.stop()
        anna.start()
        self.world.until(lambda: self.is_joined(anna) and self.are_connected(anna, bob))
        self.assertEqual(anna.agent.membership.psk, b"e" * 32)
        self.assertTrue(self.are_connected(anna, bob))

    def test_one_with_another_key_meets_nobody_and_the_status_says_why(self) -> None:
        anna, eve = self.machine("anna", "192.0.2.11"), self.machine("eve", "192.0.2.12")
        anna.start(self.token)
        eve.start(self.controller.token)
        self.world.pass_time(10, step=0.005)
        self.assertEqual((self.status(anna).connected, self.status(eve).connected), (0, 0))
        reasons = self.peers(anna)[0].reason + self.peers(eve)[0].reason
        self.assertIn("network key", reasons)


class ControllerLossTests(AgentTestCase):
    def test_frames_go_on_without_a_controller(self) -> None:
        anna, bob = self.pair()
        self.controller.die()
        self.world.pass_time(5, step=0.01)
        self.assertEqual(self.status(anna).state, "offline")
        self.assertIn("refused", self.status(anna).sentence)
        anna.planes[-1].write_frame(self.frame(anna, bob))
        self.world.pass_time(0.1)
        self.assertEqual(len(bob.frames), 1)

    def test_agents_start_and_meet_without_a_controller(self) -> None:
        anna, bob = self.pair()
        self.world.pass_time(70, step=0.01)
        self.controller.die()
        anna.stop()
        bob.stop()
        anna.start()
        bob.start()
        took = self.world.until(lambda: self.are_connected(anna, bob))
        self.assertTrue(self.are_connected(anna, bob))
        self.assertLess(took, 1.0)
        anna.planes[-1].write_frame(self.frame(anna, bob))
        self.world.pass_time(0.1)
        self.assertEqual(len(bob.frames), 1)

    def test_they_come_back_to_a_controller_that_comes_back(self) -> None:
        anna, bob = self.pair()
        self.controller.die()
        self.world.pass_time(3, step=0.01)
        self.controller.rise()
        self.world.until(lambda: self.is_joined(anna) and self.is_joined(bob), 60)
        self.assertEqual([self.status(one).state for one in (anna, bob)], ["member", "member"])
        self.assertEqual(len(anna.planes), 1)

    def start_offline(self, machine: Machine) -> StatusReport:
        self.controller.die()
        machine.start()
        self.world.pass_time(0.1)
        return self.status(machine)

    def test_a_tampered_map_on_disk_is_refused(self) -> None:
        anna, _ = self.pair()
        anna.stop()
        path = anna.config.state_dir / MAP_FILE
        path.write_bytes(path.read_bytes().replace(b"bob", b"eve"))
        self.assertIsNone(self.start_offline(anna).plane)

    def test_a_map_on_disk_that_is_older_than_what_was_seen_is_refused(self) -> None:
        anna = self.machine("anna", "192.0.2.11")
        anna.start(self.controller.token)
        self.world.until(lambda: self.is_joined(anna))
        self.world.pass_time(1)
        path = anna.config.state_dir / MAP_FILE
        older = path.read_bytes()
        bob = self.machine("bob", "192.0.2.12")
        bob.start(self.controller.token)
        self.world.until(lambda: self.are_connected(anna, bob))
        anna.stop()
        self.assertNotEqual(path.read_bytes(), older)
        path.write_bytes(older)
        self.assertIsNone(self.start_offline(anna).plane)

    def test_the_map_on_disk_is_used_where_it_is_sound(self) -> None:
        anna, _ = self.pair()
        anna.stop()
        self.assertEqual(self.start_offline(anna).members, 2)

    def test_relay_credentials_outlive_a_restart_without_a_controller(self) -> None:
        anna, _ = self.pair()
        assert anna.agent is not None
        credential = TurnCredential("2000:anna", Secret("password of anna"))
        expires_at = self.world.reactor.seconds() + 3600.0
        anna.agent._controller_said(RelayCredentials((RelayCredential("near", credential, expires_at),)))
        anna.stop()
        self.start_offline(anna)
        self.assertEqual(anna.agent.relays._credentials, {"near": credential})


class ChangeTests(AgentTestCase):
    def test_a_removed_member_tears_down_and_says_so(self) -> None:
        anna, bob = self.pair()
        self.controller.remove(self.controller.members[anna.agent.identity.node_id.raw])
        self.world.pass_time(2)
        self.assertEqual(anna.ended, [REFUSED_STATUS])
        self.assertEqual(self.status(anna).state, "refused")
        self.assertIn("removed", self.status(anna).sentence)
        self.assertEqual(anna.planes[-1].session_count, 0)
        self.assertEqual(self.peers(bob), [])

    def test_a_removed_member_does_not_start_from_its_map(self) -> None:
        anna, _ = self.pair()
        self.controller.remove(self.controller.members[anna.agent.identity.node_id.raw])
        self.world.pass_time(2)
        anna.stop()
        self.controller.die()
        anna.start()
        self.world.pass_time(0.1)
        self.assertIsNone(self.status(anna).plane)

    def test_another_mtu_sets_the_device_up_anew_and_the_peers_meet_again(self) -> None:
        anna, bob = self.pair()
        self.controller.change(mtu=1300)
        self.world.pass_time(1)
        self.world.until(lambda: self.are_connected(anna, bob))
        self.assertTrue(self.are_connected(anna, bob))
        self.assertEqual([place.mtu for place in (anna.devices[-1].opened + anna.devices[0].opened)], [1300, 1400])

    def test_another_address_in_the_network_is_taken_over_without_joining_anew(self) -> None:
        anna, bob = self.pair()
        node_id = anna.agent.identity.node_id
        given = evolve(self.controller.members[node_id.raw], addresses=("10.1.0.99", "fd00::99"))
        self.controller.members[node_id.raw] = given
        self.controller.change()
        self.controller.pump.call(self.controller.core.reconsider, NETWORK, node_id)
        self.world.pass_time(1)
        self.world.until(lambda: self.are_connected(anna, bob))
        self.assertTrue(self.are_connected(anna, bob))
        self.assertEqual(self.status(anna).addresses, ["10.1.0.99", "fd00::99"])
        self.assertEqual(anna.devices[-1].opened[0].addresses, ("10.1.0.99/16", "fd00::99/64"))
        self.assertEqual(self.peers(bob)[0].addresses, ["10.1.0.99", "fd00::99"])

    def test_a_moved_machine_is_reached_again(self) -> None:
        anna, bob = self.pair()
        anna.change_address("198.51.100.7")
        took = self.world.until(lambda: self.peers(bob)[0].path.address == "198.51.100.7:9993")
        self.assertLess(took, 2.0)

    def test_a_machine_that_was_without_any_address_comes_back(self) -> None:
        anna, bob = self.pair()
        anna.watch.on_change([])
        anna.host = "203.0.113.99"
        self.world.pass_time(3, step=0.01)
        anna.change_address("198.51.100.7")
        self.world.until(lambda: self.are_connected(anna, bob))
        self.assertTrue(self.are_connected(anna, bob))

    def test_a_plane_that_fails_ends_the_process(self) -> None:
        anna, _ = self.pair()
        anna.agent.presence._failed("the plane broke")
        self.assertEqual(anna.ended, [FAILED_STATUS])

    def test_links_are_reported_to_the_controller(self) -> None:
        anna, bob = self.pair()
        self.world.pass_time(HOUSEKEEPING_SECONDS + 1, step=0.01)
        told = [event for event in self.controller.reports if event.node_id == anna.agent.identity.node_id]
        self.assertTrue(told[0].report.is_whole)
        links = [link for event in told for link in event.report.links]
        self.assertEqual((links[-1].peer, links[-1].path), (bob.agent.identity.node_id.raw, "direct"))
        self.assertIn("bob is reached directly", links[-1].why)

    def test_while_somebody_looks_reports_come_each_second_and_then_no_more(self) -> None:
        anna, _ = self.pair()
        self.world.pass_time(HOUSEKEEPING_SECONDS + 1, step=0.01)
        self.controller.pump.call(self.controller.core.watch, True)
        self.world.pass_time(1, step=0.01)
        self.assertIsNotNone(anna.agent.links._due)
        self.controller.pump.call(self.controller.core.watch, False)
        self.world.pass_time(1, step=0.01)
        self.assertIsNone(anna.agent.links._due)


class LeaveTests(AgentTestCase):
    def test_leaving_tells_the_controller_and_forgets_the_network(self) -> None:
        anna, _ = self.pair()
        self.assertTrue(LocalCommands(anna.agent).leave({}))
        self.world.pass_time(1)
        self.assertNotIn(anna.agent.identity.node_id.raw, self.controller.members)
        self.assertIsNone(StateDir(anna.config.state_dir).membership())
        self.assertEqual(anna.ended, [0])

    def test_leaving_without_a_controller_must_be_forced(self) -> None:
        anna, _ = self.pair()
        self.controller.die()
        self.world.pass_time(1)
        self.assertRaises(ControllerSilent, LocalCommands(anna.agent).leave, {})
        self.assertFalse(LocalCommands(anna.agent).leave({"force": True}))
        self.world.pass_time(1)
        self.assertIsNone(StateDir(anna.config.state_dir).membership())
