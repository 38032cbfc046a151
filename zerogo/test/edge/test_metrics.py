"""What an edge counts, for its owner's Prometheus and on its page."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from zerogo.config.edge import EdgeConfig
from zerogo.edge.metrics import edge_metrics
from zerogo.edge.owner import EdgeOwner, Surroundings
from zerogo.edge.state_dir import EdgeState
from zerogo.edge.status import StatusPage
from zerogo.edge.tunnel import EdgeCondition
from zerogo.observe.metrics import exposition


class EdgeMetricsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        around = Surroundings(self.clock, lambda host, port: succeed([]), lambda: ["192.0.2.7"])
        state = EdgeState(Path(self.mktemp()))
        state.identity()
        self.owner = EdgeOwner(EdgeConfig(), around, state, lambda: 1.8e9)
        tunnels = [
            SimpleNamespace(condition=condition, rtt=rtt, streams=2)
            for condition, rtt in ((EdgeCondition.READY, 0.05), (EdgeCondition.DIALLING, None))
        ]
        self.fleet: Any = SimpleNamespace(owner=self.owner, tunnels=tunnels, streams=4, standing=("ready", ""))

    def get(self, path: str, host: str = "127.0.0.1") -> str:
        site: Any = Site(StatusPage(self.fleet))
        site.reactor = self.clock
        protocol = site.buildProtocol(None)
        protocol.callLater = self.clock.callLater
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return transport.value().decode()

    def test_figures(self) -> None:
        self.owner.counters.sent, self.owner.counters.refused = 700, 3
        text = exposition(edge_metrics(self.fleet)).decode()
        for line in (
            'zerogo_edge_gateways{state="ready"} 1',
            'zerogo_edge_gateways{state="dialling"} 1',
            "zerogo_edge_streams 4",
            'zerogo_edge_streams_total{outcome="refused"} 3',
            'zerogo_edge_bytes_total{direction="out"} 700',
            "zerogo_edge_month_bytes 700",
            "zerogo_edge_rtt_seconds 0.05",
        ):
            self.assertIn(line + "\n", text)

    def test_the_owners_page_has_the_diagnostics_and_only_for_this_machine(self) -> None:
        self.assertIn('"zerogo_edge_streams": 4', self.get("/diagnostics/counters"))
        self.assertIn("MainThread", self.get("/diagnostics/stacks"))
        for path in ("/", "/status", "/diagnostics/stacks"):
            self.assertIn(" 200 ", self.get(path))
            self.assertIn(" 403 ", self.get(path, "evil.example"))
