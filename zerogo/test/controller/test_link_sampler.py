import math

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.messages import LinkReport, LinkSample, LinksReport
from zerogo.controller.link_book import LinkBook, pair_of
from zerogo.controller.link_rings import Course, LinkRings
from zerogo.controller.link_sampler import LinkSampler
from zerogo.ids import NetworkId, NodeId
from zerogo.store.link_history import LinkMean

NETWORK = NetworkId(b"netwk")
ANN, BOB = NodeId(bytes([1]) * 10), NodeId(bytes([2]) * 10)
BEGIN = 1000.0


class LinkSamplerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.book, self.rings = Clock(), LinkBook(), LinkRings()
        self.is_watched = False
        self.kept: list[LinkMean] = []
        self.sampler = LinkSampler(
            self.book, self.rings, self.clock, self.unix_time, lambda: self.is_watched, self.kept.extend
        )
        self.sampler.start()
        self.addCleanup(self.sampler.stop)
        for who, other in ((ANN, BOB), (BOB, ANN)):
            self.book.connected(NETWORK, who)
            samples = [LinkSample(other.raw, 5.0, received=100.0 + who.raw[0], sent=200.0 + who.raw[0])]
            report = LinksReport(links=[LinkReport(other.raw, "direct")], samples=samples)
            self.book.reported(NETWORK, who, report, BEGIN)

    def unix_time(self) -> float:
        return BEGIN + self.clock.seconds()

    def course(self) -> Course:
        return self.rings.read(NETWORK, pair_of(ANN, BOB), BEGIN, BEGIN + 1000)

    def test_every_ten_seconds_while_nobody_looks(self) -> None:
        self.clock.pump([1.0] * 30)
        self.assertEqual(self.course().times, [1000, 1010, 1020, 1030])

    def test_every_second_while_somebody_looks(self) -> None:
        self.is_watched = True
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.course().times, [1001, 1002, 1003, 1004, 1005])

    def test_who_adds_up_networks_is_told_every_ten_seconds(self) -> None:
        told: list[float] = []
        self.sampler.coarse_taken = told.append
        self.clock.pump([1.0] * 30)
        self.assertEqual(told, [1001, 1010, 1020, 1030])

    def test_every_five_minutes_a_mean_is_kept(self) -> None:
        self.clock.pump([1.0] * 700)
        self.assertEqual([mean.at for mean in self.kept], [900, 1200])
        mean = self.kept[1]
        self.assertEqual((mean.network, mean.figures[0]), (NETWORK, 5.0))
        self.assertEqual((mean.a, mean.b), tuple(str(each) for each in pair_of(ANN, BOB)))
        self.assertTrue(math.isnan(mean.figures[1]))

    def test_traffic_is_named_as_the_first_sees_it_and_what_is_unknown_is_a_gap(self) -> None:
        self.clock.pump([1.0])
        rtt, jitter, _, received, sent = (column[0] for column in self.course().columns)
        first = pair_of(ANN, BOB)[0].raw[0]
        self.assertEqual((rtt, received, sent), (5.0, 100.0 + first, 200.0 + first))
        self.assertTrue(math.isnan(jitter))
