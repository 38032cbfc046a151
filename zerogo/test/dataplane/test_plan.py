"""What the core selects becomes a plan."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.interface import PathPlan, PeerPath
from zerogo.dataplane.plan import path_plan
from zerogo.ids import SocketAddress
from zerogo.mesh.events import PathSelected, Way

NEAR, FAR = SocketAddress("192.0.2.1", 1), SocketAddress("192.0.2.2", 2)


class PlanTests(SynchronousTestCase):
    """`path_plan`."""

    def test_no_way_is_no_plan(self) -> None:
        self.assertIsNone(path_plan(PathSelected(peer=1, destination=None, mtu=0)))

    def test_one_way(self) -> None:
        self.assertEqual(path_plan(PathSelected(peer=1, destination=NEAR, mtu=1400)), PathPlan.by(NEAR, 1400))

    def test_a_twin_and_ways_to_spread_over(self) -> None:
        selected = PathSelected(peer=1, destination=NEAR, mtu=1400, twin=Way(FAR, 1200), spread=(Way(FAR, 1200),))
        other = PeerPath(FAR, 1200)
        self.assertEqual(path_plan(selected), PathPlan(PeerPath(NEAR, 1400), other, (other,)))

    def test_a_way_for_late_copies(self) -> None:
        selected = PathSelected(peer=1, destination=NEAR, mtu=1400, late=Way(FAR, 1200))
        self.assertEqual(path_plan(selected), PathPlan(PeerPath(NEAR, 1400), late=PeerPath(FAR, 1200)))

    def test_a_way_for_what_is_carried(self) -> None:
        selected = PathSelected(peer=1, destination=NEAR, mtu=1400, hop=Way(FAR, 1200))
        self.assertEqual(path_plan(selected), PathPlan(PeerPath(NEAR, 1400), hop=PeerPath(FAR, 1200)))
