"""`zerogo why`: what the agent reports, made into facts."""

from __future__ import annotations

import json

import msgspec
from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.pair_facts import end_of
from zerogo.agent.reports import OfferReport, PolicyReport, PortMappingReport
from zerogo.cli.agent_client import AgentClient
from zerogo.cli.peer_names import NoSuchPeer
from zerogo.cli.why import why
from zerogo.ice.candidate import CandidateKind
from zerogo.ice.nature import NatMapping, PortPattern
from zerogo.test.cli.fake_agent import BOB, CAROL, PATH, STATUS, FakeAgent

HARD = OfferReport(
    candidates=["host 192.168.1.2:9993", "srflx 203.0.113.5:40000"],
    relayed=["fra 198.51.100.1:50000"],
    mapping="per-destination",
    ports="random",
)
RELAYED = msgspec.structs.replace(
    PATH,
    kind="relay",
    relay="fra",
    address="192.0.2.1:3478 channel 0x4000",
    score="89.5 = base 100 - latency 10.5",
)


class WhyTests(SynchronousTestCase):
    """One sentence, and more for who asks."""

    def setUp(self) -> None:
        gateway = PortMappingReport(gateway="192.168.1.1", protocols={}, used="", outer="", seconds_left=None)
        self.agent = FakeAgent(report=msgspec.structs.replace(STATUS, offer=HARD, port_mapping=gateway))
        self.patch(AgentClient, "find", lambda config, state_dir: self.agent)

    def why(self, *arguments: str) -> Result:
        return CliRunner().invoke(why, list(arguments), standalone_mode=False)

    def test_direct_pairs_take_one_line(self) -> None:
        self.assertEqual(
            self.why("bob").output,
            "bob is reached directly, although this machine's NAT uses another port for each destination: "
            "the right port was found, at 192.0.2.7:9993.\n",
        )

    def test_relayed_pairs_say_what_could_be_changed(self) -> None:
        bob = msgspec.structs.replace(BOB, path=RELAYED, paths=[RELAYED], offer=HARD, reason="the checks failed")
        self.agent.peer_list = [bob]
        lines = self.why("bob").output.splitlines()
        self.assertIn("through the relay fra, because the NATs of both ends", lines[0])
        self.assertIn("Switch on UPnP, NAT-PMP or PCP in the router of this machine", lines[1])
        more = self.why("bob", "-v").output
        self.assertIn("bob offers host IPv4, srflx IPv4, relay IPv4; NAT: another outer port", more)
        self.assertIn("path via relay fra: in use, round trip 12.3 ms, MTU 1472", more)
        self.assertIn("score 89.5 = base 100 - latency 10.5", more)
        self.assertIn("last failure: the checks failed", more)

    def test_who_is_not_trusted_to_carry_is_named_where_somebody_has_to_carry(self) -> None:
        liar = msgspec.structs.replace(CAROL, complaint="told of 1 ms where 90 were measured")
        said = "carol is not trusted to carry for this machine: it told of 1 ms where 90 were measured.\n"
        self.agent.peer_list = [BOB, liar]
        self.assertNotIn(said, self.why("bob").output)
        self.assertIn(said, self.why("bob", "-v").output)
        self.assertIn(said, self.why("carol").output)
        document = json.loads(self.why("bob", "--json").output)
        self.assertEqual({"carol": "told of 1 ms where 90 were measured"}, document["not_trusted"])
        self.agent.peer_list = [msgspec.structs.replace(BOB, path=RELAYED, paths=[RELAYED], offer=HARD), liar]
        self.assertIn(said, self.why("bob").output)

    def test_what_members_said_and_was_dropped_is_counted(self) -> None:
        self.assertNotIn("dropped", self.why("bob", "-v").output)
        refusals = {"route_flood": 1200, "route_forged": 3, "route_stale": 0, "foreign_stun": 9}
        self.agent.report = msgspec.structs.replace(STATUS, refusals=refusals)
        self.assertIn(
            "words of members about their links that were dropped: "
            "1,200 beyond what one member may say, 3 with a wrong signature\n",
            self.why("bob", "-v").output,
        )

    def test_members_in_between_are_named(self) -> None:
        route = msgspec.structs.replace(PATH, kind="route", address=f"{CAROL.node_id} > {BOB.node_id}")
        self.agent.peer_list = [msgspec.structs.replace(BOB, path=route, paths=[route], offer=HARD, reason="no"), CAROL]
        self.assertIn("through the member carol, because", self.why("bob").output)

    def test_members_that_told_nothing_are_offline(self) -> None:
        self.agent.peer_list = [msgspec.structs.replace(CAROL, last_receive_age_seconds=None)]
        self.assertIn("carol is not reached, because it has not told its addresses", self.why("carol").output)

    def test_members_that_fell_silent_are_off(self) -> None:
        self.agent.peer_list = [msgspec.structs.replace(CAROL, last_receive_age_seconds=61.0)]
        self.assertIn("carol is not reached, because nothing has come from it for 61 seconds", self.why("carol").output)

    def test_json_holds_the_facts(self) -> None:
        document = json.loads(self.why("bob", "--json").output)
        self.assertTrue(document["sentence"].startswith("bob is reached directly"))
        self.assertEqual(document["ours"]["mapping"], "per-destination")
        self.assertEqual(document["path"]["address"], "192.0.2.7:9993")

    def test_what_the_policy_forbids_is_said(self) -> None:
        closed = PolicyReport(we_may_open=[], it_may_open=[])
        self.agent.peer_list = [msgspec.structs.replace(BOB, policy=closed)]
        self.assertIn("policy lets nothing pass between this machine and bob.\n", self.why("bob").output)
        some = PolicyReport(we_may_open=["tcp 22", "icmp", "icmp"], it_may_open=[])
        self.agent.peer_list = [msgspec.structs.replace(BOB, policy=some)]
        self.assertIn("this machine may open tcp 22; icmp there, bob nothing here.\n", self.why("bob").output)
        self.assertEqual(
            ["tcp 22", "icmp", "icmp"], json.loads(self.why("bob", "--json").output)["policy"]["we_may_open"]
        )

    def test_who_is_not_known_is_asked_for(self) -> None:
        self.assertIsInstance(self.why("bobb").exception, NoSuchPeer)

    def test_words_of_a_later_release_are_left_out(self) -> None:
        end = end_of(OfferReport(candidates=["host [2001:db8::1]:1", "quantum 1.2.3.4:5"], mapping="x", ports="y"))
        self.assertEqual([(each.kind, each.is_ipv6) for each in end.places], [(CandidateKind.HOST, True)])
        self.assertEqual((end.nat.mapping, end.nat.ports), (NatMapping.UNKNOWN, PortPattern.UNKNOWN))
