"""Whole agents in a network with a policy: what passes, what stands on the disk, and without a controller."""

from __future__ import annotations

from zerogo.agent.commands import LocalCommands
from zerogo.agent.flow_reports import REPORT_SECONDS
from zerogo.agent.state_dir import FILTERS_FILE
from zerogo.dataplane.interface import Counter
from zerogo.test.agent.test_service import AgentTestCase
from zerogo.test.agent.world import Machine

ONE_WAY = "rules: [{from: anna, to: bob}]"


class PolicyTests(AgentTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.anna, self.bob = self.pair()
        self.world.pass_time(1)

    def passes(self, sender: Machine, receiver: Machine) -> bool:
        before = len(receiver.frames)
        sender.planes[-1].write_frame(self.frame(sender, receiver))
        self.world.pass_time(0.1)
        return len(receiver.frames) > before

    def put(self, text: str) -> None:
        self.controller.change(policy=text)
        self.world.pass_time(1)

    def restart(self) -> None:
        for machine in (self.anna, self.bob):
            machine.stop()
        self.controller.die()
        for machine in (self.anna, self.bob):
            machine.start()
        self.world.until(lambda: self.are_connected(self.anna, self.bob))

    def test_it_takes_effect_on_running_sessions(self) -> None:
        self.put("default: deny")
        self.assertEqual((False, False), (self.passes(self.anna, self.bob), self.passes(self.bob, self.anna)))
        self.assertEqual(1, self.bob.planes[-1].counters().plane[Counter.DROPPED_POLICY_OUT])
        self.put(ONE_WAY)
        self.assertEqual((True, False), (self.passes(self.anna, self.bob), self.passes(self.bob, self.anna)))
        self.put("")
        self.assertTrue(self.passes(self.bob, self.anna))
        self.assertTrue(self.are_connected(self.anna, self.bob))
        self.assertEqual(1, len(self.anna.planes))

    def test_who_is_asked_says_so(self) -> None:
        self.assertIsNone(self.peers(self.anna)[0].policy)
        self.put(ONE_WAY)
        (report,) = self.peers(self.anna)
        assert report.policy is not None
        self.assertEqual((["everything"], []), (report.policy.we_may_open, report.policy.it_may_open))

    def test_what_is_decided_is_told_where_a_log_is_kept_and_who_asks_is_told_so(self) -> None:
        self.put("default: deny")
        self.passes(self.bob, self.anna)
        self.assertFalse(LocalCommands(self.bob.agent).status({}).flow_log)
        self.controller.change(flow_log=True)
        self.world.pass_time(11)
        self.assertTrue(LocalCommands(self.bob.agent).status({}).flow_log)
        self.passes(self.bob, self.anna)
        self.world.pass_time(REPORT_SECONDS + 10, step=0.5)
        (told,) = self.controller.flows
        (row,) = told.report.rows
        bob, anna = (machine.agent.identity.node_id for machine in (self.bob, self.anna))
        self.assertEqual(
            (bob, anna.raw, True, 0, 1), (told.node_id, row.peer, row.is_outbound, row.opened, row.refused)
        )
        self.controller.change(flow_log=False)
        self.world.pass_time(1)
        self.passes(self.bob, self.anna)
        self.world.pass_time(2 * REPORT_SECONDS, step=0.5)
        self.assertEqual([told], self.controller.flows)

    def test_without_a_controller_the_last_one_holds(self) -> None:
        self.put(ONE_WAY)
        self.restart()
        self.assertEqual((True, False), (self.passes(self.anna, self.bob), self.passes(self.bob, self.anna)))

    def test_a_sheet_that_was_tampered_with_lets_nothing_pass(self) -> None:
        self.put("default: allow\nrules: [{from: bob, to: anna, action: deny}]")
        path = self.anna.config.state_dir / FILTERS_FILE
        blob = bytearray(path.read_bytes())
        blob[-1] ^= 1
        path.write_bytes(bytes(blob))
        self.restart()
        self.assertEqual((False, False), (self.passes(self.anna, self.bob), self.passes(self.bob, self.anna)))

    def test_a_sheet_that_is_lost_is_sent_again(self) -> None:
        self.put(ONE_WAY)
        self.anna.stop()
        (self.anna.config.state_dir / FILTERS_FILE).unlink()
        self.anna.start()
        self.world.until(lambda: self.are_connected(self.anna, self.bob))
        self.world.pass_time(1)
        self.assertTrue(self.passes(self.anna, self.bob))

    def test_who_joins_later_is_held_against_it_from_its_first_frame(self) -> None:
        self.put(ONE_WAY)
        eve = self.machine("eve", "192.0.2.13")
        eve.start(self.controller.token)
        self.world.until(lambda: self.are_connected(self.anna, self.bob, eve))
        self.assertEqual((False, False), (self.passes(eve, self.anna), self.passes(self.anna, eve)))
        self.assertTrue(self.passes(self.anna, self.bob))
