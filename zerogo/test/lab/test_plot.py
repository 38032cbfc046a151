"""Actions and checks of scenario files."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.errors import ScenarioError
from zerogo.lab.loader import parse_scenario
from zerogo.lab.scenario import Action, ActionKind, Check, CheckKind, Role

BASE = """
sites:
  hub: {nat: open, link: {delay: 10ms}, hosts: {server: {role: controller}}}
  berlin: {nat: port-restricted, hosts: [alice]}
  paris: {nat: full-cone, hosts: [bob]}
  rome: {nat: full-cone, hosts: [carol]}
"""


def actions(text: str) -> tuple[Action, ...]:
    return parse_scenario(f"{BASE}actions: [{text}]", name="s", file="s.yaml").actions


def checks(text: str) -> tuple[Check, ...]:
    return parse_scenario(f"{BASE}checks: [{text}]", name="s", file="s.yaml").checks


class ActionTests(SynchronousTestCase):
    def test_actions_are_sorted_by_time(self) -> None:
        found = actions("{at: 2s, do: heal, target: paris}, {at: 500ms, do: cut, target: paris}")
        self.assertEqual(
            [(action.at, action.kind) for action in found], [(0.5, ActionKind.CUT), (2.0, ActionKind.HEAL)]
        )

    def test_every_kind_of_action(self) -> None:
        (kill,) = actions("{at: 1, do: kill, target: server, role: controller}")
        self.assertEqual((kill.targets, kill.role), (("server",), Role.CONTROLLER))
        (cut,) = actions("{at: 1, do: cut, between: [berlin, paris]}")
        self.assertEqual(cut.targets, ("berlin", "paris"))
        (move,) = actions("{at: 1, do: move, target: alice, to: paris}")
        self.assertEqual((str(move), move.to), ("move alice to paris", "paris"))
        (link,) = actions("{at: 1, do: link, target: hub, link: {loss: 5%}}")
        assert link.link is not None
        self.assertEqual((link.link.delay, link.link.loss), (0.01, 0.05))
        for do, target in (("change-address", "alice"), ("change-address", "paris"), ("rebind", "paris")):
            self.assertEqual(actions(f"{{at: 1, do: {do}, target: {target}}}")[0].targets, (target,))

    def test_impossible_actions_are_refused(self) -> None:
        for text in (
            "{do: cut, target: paris}",
            "{at: 1, target: paris}",
            "{at: 1, do: explode, target: paris}",
            "{at: 1, do: kill, target: paris}",
            "{at: 1, do: rebind, target: alice}",
            "{at: 1, do: cut, target: london}",
            "{at: 1, do: cut}",
            "{at: 1, do: kill, between: [berlin, paris]}",
            "{at: 1, do: cut, between: [berlin, berlin]}",
            "{at: 1, do: move, target: alice}",
            "{at: 1, do: move, target: alice, to: london}",
            "{at: 1, do: cut, target: alice, to: paris}",
            "{at: 1, do: link, target: paris}",
        ):
            self.assertRaises(ScenarioError, actions, text)


class CheckTests(SynchronousTestCase):
    def test_pairs_are_all_agents_unless_named(self) -> None:
        everybody = (("alice", "bob"), ("alice", "carol"), ("bob", "carol"))
        self.assertEqual(checks("{check: ping, within: 5s}")[0].pairs, everybody)
        self.assertEqual(checks("{check: ping, pairs: all, within: 5s}")[0].pairs, everybody)
        (check,) = checks("{check: ping, pairs: [[bob, alice]], within: 5s, may-fail: [[bob, alice]]}")
        self.assertEqual((check.pairs, check.may_fail), ((("bob", "alice"),), (("bob", "alice"),)))

    def test_limits_have_their_kinds_units(self) -> None:
        found = checks(
            "{check: loss, below: 2%}, {check: rtt, below: 50ms}, {check: throughput, above: 10mbit},"
            "{check: outage, below: 3s}, {check: direct, within: 1s}"
        )
        self.assertEqual([check.limit for check in found], [0.02, 0.05, 1e7, 3.0, 1.0])

    def test_paths_nat_and_sealing(self) -> None:
        path, either, sealed, nat = checks(
            "{check: path, is: direct}, {check: path, is: [direct, relay]}, {check: sealed},"
            "{check: nat, host: bob, mapping: endpoint-independent, filtering: endpoint-independent}"
        )
        self.assertEqual((path.expected, either.expected), (("direct",), ("direct", "relay")))
        self.assertEqual((sealed.kind, nat.host), (CheckKind.SEALED, "bob"))

    def test_impossible_checks_are_refused(self) -> None:
        for text in (
            "{within: 5s}",
            "{check: ping}",
            "{check: pong, within: 5s}",
            "{check: ping, below: 5s}",
            "{check: ping, within: 5s, pairs: some}",
            "{check: ping, within: 5s, pairs: [[alice, alice]]}",
            "{check: ping, within: 5s, pairs: [[alice, nobody]]}",
            "{check: path}",
            "{check: path, is: magic}",
            "{check: sealed, pairs: all}",
            "{check: nat, host: bob}",
            "{check: nat, host: nobody, mapping: blocked, filtering: blocked}",
            "{check: nat, host: bob, mapping: cone, filtering: blocked}",
        ):
            self.assertRaises(ScenarioError, checks, text)
