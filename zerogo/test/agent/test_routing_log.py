"""The lines of the log about routes."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.routing_log import routing_lines, routing_stats
from zerogo.mesh.events import PathKind, PeerState
from zerogo.test.agent.test_reports import PATH, PEER


class RoutingLogTests(SynchronousTestCase):
    """`routing_stats` and `routing_lines`."""

    def test_sum_and_lines(self) -> None:
        peers = [
            evolve(PEER, name="ann"),
            evolve(PEER, name="bob", path=evolve(PATH, kind=PathKind.PEER)),
            evolve(PEER, name="cat", path=evolve(PATH, kind=PathKind.RELAY, rtt=None)),
            evolve(PEER, name="dan", path=None, state=PeerState.UNREACHABLE),
            evolve(PEER, name="eve", path=evolve(PATH, kind=PathKind.TCP)),
        ]
        self.assertEqual(routing_stats(peers), "Routing stats: 5 peers, 2 direct, 1 relay, 1 server")
        lines = routing_lines(peers)
        self.assertTrue(lines[0].startswith("ann: P2P-DIRECT, quality "), lines[0])
        self.assertTrue(lines[1].startswith("bob: P2P-RELAY, "), lines[1])
        self.assertIn("cat: SERVER-RELAY, quality", lines[2])
        self.assertIn("not measured yet", lines[2])
        self.assertEqual(lines[3], "dan: unreachable")
        self.assertTrue(lines[4].startswith("eve: P2P-TCP, "), lines[4])
