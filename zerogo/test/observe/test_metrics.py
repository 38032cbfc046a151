"""Figures as Prometheus reads them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from zerogo.observe.metrics import Metric, exposition, metrics_site

METRICS = (
    Metric("zerogo_lent", "gauge", "What is lent.", {"": 3}),
    Metric("zerogo_bytes_total", "counter", "Bytes.", {"in": 2**53 - 1, "out": 1795350000.25}, "direction"),
)
TEXT = b"""\
# HELP zerogo_lent What is lent.
# TYPE zerogo_lent gauge
zerogo_lent 3
# HELP zerogo_bytes_total Bytes.
# TYPE zerogo_bytes_total counter
zerogo_bytes_total{direction="in"} 9007199254740991
zerogo_bytes_total{direction="out"} 1795350000.25
"""


class MetricsTests(SynchronousTestCase):
    def get(self, path: str, reason: str | None = None) -> bytes:
        clock = Clock()
        site: Any = metrics_site(lambda: METRICS, None if reason is None else lambda: succeed(reason))
        site.reactor = clock
        protocol = site.buildProtocol(None)
        protocol.callLater = clock.callLater
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        return transport.value()

    def test_figures_in_the_text_format(self) -> None:
        self.assertEqual(exposition(METRICS), TEXT)

    def test_they_are_read_by_http(self) -> None:
        answer = self.get("/metrics")
        self.assertIn(b"200 OK", answer)
        self.assertIn(b"version=0.0.4", answer)
        self.assertTrue(answer.endswith(TEXT) or TEXT in answer)

    def test_a_role_that_can_say_whether_it_works_says_so(self) -> None:
        self.assertIn(b"200 OK", self.get("/ready", ""))
        self.assertIn(b"200 OK", self.get("/health", "no database"))
        answer = self.get("/ready", "no database")
        self.assertIn(b"503 Service Unavailable", answer)
        self.assertTrue(answer.endswith(b"no database\n") or b"no database\n" in answer)
        self.assertIn(b"404 Not Found", self.get("/ready"))

    def test_there_is_nothing_else(self) -> None:
        self.assertIn(b"404 Not Found", self.get("/"))
