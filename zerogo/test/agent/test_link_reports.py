from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.link_reports import IDLE_LINKS, IDLE_SAMPLES_SECONDS, LinkReporter
from zerogo.control.member import Watched
from zerogo.control.messages import LINKS_LIMIT, AgentFacts, LinksReport, emit_message, parse_member_message
from zerogo.dataplane.interface import PeerCounters
from zerogo.ids import ChannelAddress, NodeId, RouteAddress, SocketAddress
from zerogo.mesh.events import PathKind, PeerState
from zerogo.mesh.status import PathChange, PeerStatus
from zerogo.test.agent.test_reports import LOST, PATH, PEER

CONNECTED = evolve(PEER, history=(PathChange(990.0, PathKind.DIRECT, "192.0.2.7:9993", "first path"),))
ANNA = evolve(LOST, node_id=NodeId(b"anna" + bytes(6)))
CARRIER = NodeId(b"c" * 10)
RELAY = SocketAddress("127.0.0.1", 4000)


def many(count: int) -> list[PeerStatus]:
    return [evolve(CONNECTED, peer=n, node_id=NodeId(n.to_bytes(10, "big"))) for n in range(1, count + 1)]


class LinkReporterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.reporter = LinkReporter(lambda peer: f"{peer.name} is\x1b reached", lambda address: address == str(RELAY))
        self.counters = {3: PeerCounters(bytes_in=1000, bytes_out=2000)}

    def compose(self, *peers: PeerStatus, seconds: float = 0.0) -> LinksReport | None:
        self.now += seconds
        report = self.reporter.compose(peers, self.counters, {3: "AESGCM"}, self.now)
        if report is not None:
            self.assertEqual(parse_member_message(emit_message(report)), report)
        return report

    def told(self, *peers: PeerStatus, seconds: float = 0.0) -> LinksReport:
        report = self.compose(*peers, seconds=seconds)
        assert report is not None
        return report

    def look(self, links: int = LINKS_LIMIT) -> None:
        self.reporter.watched(Watched(60.0, 1.0, links), self.now)

    def test_the_first_report_is_the_whole_and_says_all(self) -> None:
        report = self.told(CONNECTED, ANNA)
        self.assertTrue(report.is_whole)
        bob, anna = report.links
        self.assertEqual((bob.path, bob.mtu, bob.cipher, bob.age), ("direct", 1472, "AESGCM", 10.0))
        self.assertEqual((bob.local, bob.remote, bob.handshake_age), ("host", "srflx", 4.0))
        self.assertEqual((bob.reason, bob.why), ("first path", "bob is  reached"))
        self.assertEqual((anna.path, anna.state, anna.reason), ("none", "unreachable", "no answer"))
        sample = report.samples[0]
        self.assertEqual((sample.rtt_ms, sample.jitter_ms, sample.loss, sample.score), (12.346, 1.0, 0.25, 89.5))

    def test_what_is_as_it_was_is_not_told_again(self) -> None:
        self.look()
        self.told(CONNECTED)
        same = evolve(CONNECTED, handshake_age=5.0, path=evolve(PATH, rtt=PATH.rtt + 0.0001))
        self.assertIsNone(self.compose(same, seconds=1.0))

    def test_figures_that_moved_go_without_the_words(self) -> None:
        self.look()
        self.told(CONNECTED)
        self.counters = {3: PeerCounters(bytes_in=3000, bytes_out=2000)}
        report = self.told(evolve(CONNECTED, handshake_age=5.0), seconds=1.0)
        self.assertEqual((report.is_whole, report.links), (False, []))
        self.assertEqual((report.samples[0].received, report.samples[0].sent), (2000.0, 0.0))

    def test_another_path_goes_with_its_words(self) -> None:
        self.told(CONNECTED)
        route = evolve(PATH, kind=PathKind.PEER, destination=RouteAddress((CARRIER, CONNECTED.node_id)))
        change = PathChange(1000.5, PathKind.PEER, "x", "the path before stopped answering")
        report = self.told(evolve(CONNECTED, path=route, history=(change,)), seconds=1.0)
        (link,) = report.links
        self.assertEqual((link.path, link.via, link.age), ("peer", [CARRIER.raw], 0.5))
        self.assertEqual(link.reason, "the path before stopped answering")

    def test_a_relay_over_a_stream_is_tcp(self) -> None:
        for address, kind in ((RELAY, "tcp"), (SocketAddress("203.0.113.5", 3478), "relay")):
            path = evolve(PATH, kind=PathKind.RELAY, relay="fra", destination=ChannelAddress(address, 0x4000))
            (link,) = self.told(evolve(CONNECTED, path=path)).links
            self.assertEqual((link.path, link.relay), (kind, "fra"))

    def test_a_fresh_handshake_is_told(self) -> None:
        self.told(CONNECTED)
        self.assertEqual(len(self.told(evolve(CONNECTED, handshake_age=1.0), seconds=120.0).links), 1)

    def test_a_link_that_is_lost_and_a_member_that_is_gone_are_told(self) -> None:
        self.told(CONNECTED)
        (link,) = self.told(evolve(CONNECTED, state=PeerState.UNREACHABLE, reason="no answer"), seconds=1.0).links
        self.assertEqual(link.path, "none")
        self.assertEqual(self.told(seconds=1.0).gone, [CONNECTED.node_id.raw])
        self.assertIsNone(self.compose(seconds=1.0))

    def test_figures_go_once_a_minute_while_nobody_looks(self) -> None:
        self.told(CONNECTED)
        moved = evolve(CONNECTED, handshake_age=5.0, path=evolve(PATH, rtt=0.5))
        self.assertIsNone(self.compose(moved, seconds=1.0))
        report = self.told(evolve(moved, handshake_age=64.0), seconds=IDLE_SAMPLES_SECONDS)
        self.assertEqual((report.links, len(report.samples)), ([], 1))

    def test_looking_ends_by_itself_or_when_it_is_said(self) -> None:
        self.assertIsNone(self.reporter.interval(self.now))
        self.look()
        self.assertEqual(self.reporter.interval(self.now + 59.0), 1.0)
        self.assertIsNone(self.reporter.interval(self.now + 60.0))
        self.look()
        self.reporter.watched(Watched(0.0, 1.0, 1), self.now)
        self.assertIsNone(self.reporter.interval(self.now))

    def test_more_links_than_fit_come_in_turns(self) -> None:
        peers = many(2 * IDLE_LINKS)
        first, second = self.told(*peers), self.told(*peers, seconds=1.0)
        told = [link.peer for report in (first, second) for link in report.links]
        self.assertEqual(sorted(told), [peer.node_id.raw for peer in peers])
        self.look(links=5)
        for peer in peers:
            self.counters[peer.peer] = PeerCounters(bytes_in=10**6)
        found: set[bytes] = set()
        for _ in range(8):
            report = self.told(*[evolve(peer, handshake_age=None) for peer in peers], seconds=1.0)
            self.assertLessEqual(len(report.samples), 5)
            found |= {sample.peer for sample in report.samples}
            for peer in peers:
                counted = self.counters[peer.peer]
                self.counters[peer.peer] = PeerCounters(bytes_in=3 * counted.bytes_in)
        self.assertEqual(len(found), len(peers))

    def test_who_waits_for_a_turn_is_of_no_interest(self) -> None:
        report = self.told(evolve(ANNA, state=PeerState.WAITING, reason=""))
        self.assertEqual((report.is_whole, report.links), (True, []))

    def test_after_a_registration_all_is_told_again(self) -> None:
        self.told(CONNECTED)
        self.reporter.reset()
        report = self.told(CONNECTED)
        self.assertEqual((report.is_whole, len(report.links), len(report.samples)), (True, 1, 1))

    def test_what_this_machine_is_goes_when_it_is_another(self) -> None:
        self.reporter.use_facts(AgentFacts("native", "stable", "preserved"))
        self.assertEqual(self.told(CONNECTED).about, AgentFacts("native", "stable", "preserved"))
        self.assertIsNone(self.compose(CONNECTED))
        self.reporter.use_facts(AgentFacts("native", "per-destination", "random"))
        self.assertEqual(self.told(CONNECTED).about, AgentFacts("native", "per-destination", "random"))
        self.reporter.reset()
        self.assertIsNotNone(self.told(CONNECTED).about)

    def test_values_out_of_range_do_not_make_a_message_that_is_refused(self) -> None:
        odd = evolve(PATH, rtt=1e9, jitter=-1.0, loss=1.0000001, relay="\u202e" * 100, local_candidate="x" * 40)
        change = PathChange(2000.0, PathKind.DIRECT, "x", "r" * 900)
        self.told(evolve(CONNECTED, path=odd, history=(change,), handshake_age=-1.0))
