"""Findings and the verdict: every fault that people meet is named, and the first one is what is wrong."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.reach.diagnosis import AgentFacts, MachineFacts, Standing, diagnose, verdict
from zerogo.reach.network import Greeting, NetworkFacts, RelayFacts
from zerogo.test.reach.test_network import DEAF, EASY, FACTS, GENUINE

MACHINE = MachineFacts(disk_free=10**9)
AGENT = AgentFacts(is_joined=True, state="member", controller="connected", plane="native", members=3, connected=2)
NO_RELAY = RelayFacts(name="fra")
FOREIGN = evolve(GENUINE, greeting=Greeting.FOREIGN, skew=None)
SILENT = evolve(GENUINE, greeting=Greeting.SILENT, rtt=None, skew=None)


class DiagnosisTests(SynchronousTestCase):
    def verdict(self, machine: MachineFacts = MACHINE, agent: AgentFacts = AGENT, network: NetworkFacts = FACTS) -> str:
        return verdict(diagnose(machine, agent, network))

    def test_a_machine_in_order(self) -> None:
        findings = diagnose(MACHINE, AGENT, FACTS)
        self.assertEqual({each.standing for each in findings}, {Standing.FINE})
        self.assertEqual(verdict(findings), "Nothing is wrong here.")

    def test_each_fault_is_named(self) -> None:
        network = FACTS
        for words, changes in (
            ("modprobe tun", {"machine": evolve(MACHINE, has_tun=False)}),
            ("cannot be written", {"machine": evolve(MACHINE, state_complaint="/x cannot be written.")}),
            ("Only 12 bytes", {"machine": evolve(MACHINE, disk_free=12)}),
            ("does not know c.example", {"machine": evolve(MACHINE, unresolved=("c.example",))}),
            ("in no network", {"agent": AgentFacts(is_joined=False, silence="no agent runs")}),
            ("No agent runs here.", {"agent": AgentFacts(is_joined=True, silence="no agent runs here")}),
            ("zerogo members approve", {"agent": evolve(AGENT, state="pending")}),
            (
                "another controller",
                {"network": evolve(network, controllers=(FOREIGN,))},
            ),
            ("portal", {"network": evolve(network, controllers=(evolve(SILENT, greeting=Greeting.INTERCEPTED),))}),
            ("Nobody answers", {"network": evolve(network, controllers=(SILENT,))}),
            ("3600 s behind", {"network": evolve(network, controllers=(evolve(GENUINE, skew=3600.0),))}),
            ("3600 s ahead of", {"network": evolve(network, controllers=(evolve(GENUINE, skew=-3600.0),))}),
            (
                "None gets through.",
                {"agent": evolve(AGENT, connected=0), "network": evolve(network, survey=DEAF, relays=(NO_RELAY,))},
            ),
            ("None answers (fra)", {"network": evolve(network, relays=(NO_RELAY,))}),
            ("more than 1000 bytes", {"network": evolve(network, survey=evolve(EASY, mtu=1000))}),
        ):
            self.assertIn(words, self.verdict(**changes))

    def test_what_can_be_borne_is_a_note(self) -> None:
        for changes in (
            {"machine": evolve(MACHINE, may_make_devices=False)},
            {"network": evolve(FACTS, survey=DEAF)},
            {"network": evolve(FACTS, relays=())},
            {"network": evolve(FACTS, controllers=())},
            {"agent": evolve(AGENT, connected=0)},
            {"agent": evolve(AGENT, complaints=("a route is not as wanted",))},
        ):
            self.assertEqual(self.verdict(**changes), "Nothing is wrong here.", changes)

    def test_the_first_fault_is_the_verdict(self) -> None:
        machine = evolve(MACHINE, has_tun=False, unresolved=("c.example",))
        self.assertTrue(self.verdict(machine=machine).startswith("device: "))

    def test_every_sentence_ends(self) -> None:
        for each in diagnose(evolve(MACHINE, has_tun=False), evolve(AGENT, complaints=("so it is",)), NetworkFacts()):
            self.assertTrue(each.sentence.endswith("."), each)
            self.assertTrue(each.sentence[0].isupper() or each.sentence[0] == "/", each)
