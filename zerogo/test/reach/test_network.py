"""What follows from what was found; every combination gives whole sentences."""

from __future__ import annotations

from itertools import product

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.nature import NatMapping, PortPattern
from zerogo.ids import SocketAddress
from zerogo.portmap.lease import MappingProtocol
from zerogo.portmap.mapper import MapperStatus, ProtocolStatus, Standing
from zerogo.reach.network import (
    ControllerFacts,
    Grade,
    Greeting,
    NetworkFacts,
    RelayFacts,
    judge,
    report_lines,
)
from zerogo.reach.survey import Filtering, ServerView, SurveyResult

SERVER, SERVER6 = SocketAddress("198.51.100.1", 3478), SocketAddress("2001:db8::1", 3478)
OUTER, OUTER6 = SocketAddress("203.0.113.5", 40000), SocketAddress("2001:db8::7", 9993)
SEEN = ServerView(server=SERVER, mapped=OUTER, rtt=0.012)
SEEN6 = ServerView(server=SERVER6, mapped=OUTER6, rtt=0.012)
UNSEEN = ServerView(server=SERVER)
GENUINE = ControllerFacts(address="ws://198.51.100.1:9394", greeting=Greeting.GENUINE, rtt=0.011, skew=0.4)
NOTHING_MAPPED = MapperStatus(
    gateway="192.168.1.1",
    protocols={each: ProtocolStatus(Standing.ABSENT, "it does not answer") for each in MappingProtocol},
    used=None,
    outer=None,
    seconds_left=None,
)
MAPPED = evolve(NOTHING_MAPPED, used=MappingProtocol.PCP, outer=SocketAddress("203.0.113.5", 9993), seconds_left=7200.0)
EASY = SurveyResult(
    servers=(SEEN,),
    mapping=NatMapping.STABLE,
    ports=PortPattern.PRESERVED,
    filtering=Filtering.BY_PORT,
    hairpin=False,
    mtu=1500,
)
HARD = evolve(EASY, mapping=NatMapping.PER_DESTINATION, ports=PortPattern.RANDOM, varies_by_port=True)
FACTS = NetworkFacts(
    hosts=("192.168.1.2",),
    servers=1,
    survey=EASY,
    mapper=NOTHING_MAPPED,
    relays=(RelayFacts(name="fra", udp=0.012, tcp=0.013, tls=0.03),),
    controllers=(GENUINE,),
)
DEAF = evolve(EASY, servers=(UNSEEN,), mapping=NatMapping.UNKNOWN, mtu=None, hairpin=None)


class VerdictTests(SynchronousTestCase):
    """What to expect."""

    def test_each_kind_of_network_has_its_verdict(self) -> None:
        silent = evolve(GENUINE, greeting=Greeting.SILENT, rtt=None, skew=None)
        portal = evolve(GENUINE, greeting=Greeting.INTERCEPTED, detail="HTTP 302", skew=None)
        for grade, words, changes in (
            (Grade.DIRECT, "an easy one", {}),
            (Grade.DIRECT, "No NAT", {"survey": evolve(EASY, mapping=NatMapping.NONE)}),
            (Grade.DIRECT, "maps a port", {"survey": HARD, "mapper": MAPPED}),
            (Grade.DIRECT, "by prediction", {"survey": evolve(HARD, ports=PortPattern.SEQUENTIAL)}),
            (Grade.RELAYED, "a hard one", {"survey": HARD}),
            (Grade.DIRECT, "IPv6 works", {"survey": evolve(HARD, servers=(SEEN, SEEN6))}),
            (Grade.DIRECT, "reached by IPv6", {"survey": evolve(DEAF, servers=(UNSEEN, SEEN6))}),
            (Grade.RELAYED, "No UDP", {"survey": DEAF}),
            (Grade.CUT_OFF, "cut off", {"survey": DEAF, "relays": (), "controllers": (silent,)}),
            (Grade.CUT_OFF, "portal", {"survey": DEAF, "relays": (), "controllers": (portal,)}),
            (Grade.CUT_OFF, "no address", {"hosts": ()}),
            (Grade.RELAYED, "in no network yet", {"survey": SurveyResult(), "servers": 0, "controllers": ()}),
            (Grade.RELAYED, "itself", {"survey": SurveyResult(), "servers": 0, "own_servers": 1, "controllers": ()}),
        ):
            verdict = judge(evolve(FACTS, **changes))
            self.assertIs(verdict.grade, grade, verdict)
            self.assertIn(words, " ".join(verdict.sentences))

    def test_remarks_are_made_where_there_is_cause(self) -> None:
        for words, changes in (
            ("another NAT", {"mapper": evolve(MAPPED, outer=SocketAddress("100.64.0.9", 9993))}),
            ("61 s behind", {"controllers": (evolve(GENUINE, skew=61.0),)}),
            ("61 s ahead", {"controllers": (evolve(GENUINE, skew=-61.0),)}),
            ("not this network's", {"controllers": (GENUINE, evolve(GENUINE, greeting=Greeting.FOREIGN))}),
            ("more than 1280 bytes", {"survey": evolve(EASY, mtu=1280)}),
        ):
            self.assertNotIn(words, " ".join(judge(FACTS).sentences))
            self.assertIn(words, " ".join(judge(evolve(FACTS, **changes)).sentences))

    def test_advice_is_about_what_can_be_changed(self) -> None:
        self.assertIn("forward UDP port 9993", judge(FACTS).advice[0])
        self.assertIn("192.168.1.1", judge(evolve(FACTS, survey=HARD)).advice[0])
        self.assertIn("let UDP out", judge(evolve(FACTS, survey=DEAF)).advice[0])
        mapped = judge(evolve(FACTS, mapper=MAPPED, hosts=("192.168.1.2", "2001:db8::7")))
        self.assertEqual(mapped.advice, ())

    def test_second_nat_without_servers_is_told_by_the_address(self) -> None:
        facts = NetworkFacts(hosts=("192.168.1.2",), mapper=evolve(MAPPED, outer=SocketAddress("10.0.0.7", 9993)))
        self.assertTrue(facts.has_second_nat)

    def test_every_combination_has_whole_sentences(self) -> None:
        surveys = [
            evolve(base, mapping=mapping, ports=ports)
            for base, mapping, ports in product((EASY, DEAF, SurveyResult()), NatMapping, PortPattern)
        ]
        controllers = [(evolve(GENUINE, greeting=each),) for each in Greeting] + [()]
        hosts = ((), ("192.168.1.2",), ("2001:db8::7",))
        for survey, mapper, controller, own in product(surveys, (None, MAPPED, NOTHING_MAPPED), controllers, hosts):
            facts = evolve(FACTS, survey=survey, mapper=mapper, controllers=controller, hosts=own)
            verdict = judge(facts)
            for sentence in (*verdict.sentences, *verdict.advice):
                self.assertTrue(sentence.endswith(".") and sentence[0].isupper() and "  " not in sentence, sentence)
            self.assertTrue(all(name and value for name, value in report_lines(facts)))


class ReportTests(SynchronousTestCase):
    """What a person reads."""

    def test_lines_say_what_was_found(self) -> None:
        own = evolve(FACTS, survey=SurveyResult(), servers=0, own_servers=1)
        self.assertIn("on this machine", dict(report_lines(own))["UDP"])
        lines = dict(report_lines(evolve(FACTS, survey=HARD, mapper=MAPPED)))
        self.assertEqual(lines["UDP"], "works, 1 of 1 servers answer")
        self.assertEqual(lines["outer IPv4"], "203.0.113.5:40000")
        self.assertEqual(lines["outer IPv6"], "none")
        self.assertEqual(lines["NAT"], "another outer port for each destination, drawn at random (host and port)")
        self.assertEqual(lines["lets in"], "addresses and ports that were sent to")
        self.assertEqual(lines["gateway"], "192.168.1.1: PCP no, NAT-PMP no, UPnP no")
        self.assertEqual(lines["mapped"], "203.0.113.5:9993 by PCP")
        self.assertEqual(lines["relay fra"], "UDP 12.0 ms, TCP 13.0 ms, TLS 30.0 ms")
        self.assertEqual(lines["controller"], "ws://198.51.100.1:9394: genuine, 11.0 ms, clock +0 s")
