from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.links import Links
from zerogo.control.member import Watched
from zerogo.control.messages import AgentFacts, LinksReport
from zerogo.dataplane.interface import PlaneCounters
from zerogo.mesh.signal import Offer
from zerogo.test.agent.test_reports import PEER


class LinksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[LinksReport] = []
        self.is_connected = True
        segment = SimpleNamespace(
            peers=lambda: [PEER], counters=PlaneCounters, ciphers=dict, offer=lambda: Offer(candidates=())
        )
        segment.plane_name = "native"
        self.presence: Any = SimpleNamespace(segment=segment, ports=[9993], servers=2)
        mappings: Any = SimpleNamespace(report=lambda: None, tcp_report=lambda: None)
        self.links = Links(
            self.clock, self.presence, tell=self.tell, mappings=mappings, is_streamed=lambda address: False
        )
        self.addCleanup(self.links.stop)

    def tell(self, report: LinksReport) -> bool:
        self.told.append(report)
        return self.is_connected

    def test_nothing_is_planned_while_nobody_looks(self) -> None:
        self.links.look()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIn("bob is reached directly", self.told[0].links[0].why)
        self.assertEqual(self.told[0].about, AgentFacts("native", "unknown", "unknown"))

    def test_while_somebody_looks_it_looks_at_the_interval(self) -> None:
        looks: list[None] = []
        self.presence.segment.peers = lambda: looks.append(None) or [PEER]
        self.links.watched(Watched(5.0, 1.0, 64))
        self.clock.pump([1.0] * 10)
        self.assertEqual(len(looks), 6)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_change_is_told_at_once_while_somebody_looks(self) -> None:
        looks: list[float] = []
        self.presence.segment.peers = lambda: looks.append(self.clock.seconds()) or [PEER]
        self.links.changed()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.links.watched(Watched(5.0, 1.0, 64))
        self.clock.advance(0.5)
        self.links.changed()
        self.links.changed()
        self.clock.pump([0.05] * 3)
        self.assertEqual(len(looks), 2)
        self.clock.advance(0.92)
        self.links.changed()
        self.clock.pump([0.05] * 3)
        self.assertEqual(len(looks), 3)

    def test_what_could_not_be_told_is_told_as_the_whole_later(self) -> None:
        self.is_connected = False
        self.links.look()
        self.is_connected = True
        self.links.look()
        self.assertEqual([report.is_whole for report in self.told], [True, True])
        self.links.registered()
        self.assertTrue(self.told[-1].is_whole)

    def test_without_a_segment_it_waits(self) -> None:
        self.presence.segment = None
        self.links.watched(Watched(5.0, 1.0, 64))
        self.assertEqual(self.told, [])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
