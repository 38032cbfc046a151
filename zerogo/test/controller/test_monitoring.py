from pathlib import Path
from typing import Any

import treq
from attrs import evolve
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from zerogo.config.controller import ControllerConfig
from zerogo.controller.monitoring import READY_SECONDS, Monitor
from zerogo.controller.service import ControllerService
from zerogo.ids import SocketAddress

reactor: Any = installed


class MonitoringTests(TestCase):
    """A whole controller on ports of loopback."""

    async def setUp(self) -> None:
        anywhere = SocketAddress("127.0.0.1", 0)
        config = ControllerConfig(state_dir=Path(self.mktemp()).absolute())
        config = evolve(config, listen=anywhere, metrics_listen=anywhere)
        self.service = ControllerService(config, reactor)
        self.service.startService()
        self.addCleanup(self.service.stopService)

    async def get(self, path: str, port: int | None = None) -> tuple[int, str]:
        url = f"http://127.0.0.1:{port or self.service.metrics_port}{path}"
        response = await treq.get(url, persistent=False)
        return response.code, (await response.content()).decode()

    async def test_it_is_alive_and_ready(self) -> None:
        self.assertEqual(await self.get("/health"), (200, "ok\n"))
        self.assertEqual(await self.get("/ready"), (200, "ok\n"))

    async def test_figures(self) -> None:
        await self.get("/api/v1/health", self.service.port)
        await self.get("/api/v1/networks", self.service.port)
        status, text = await self.get("/metrics")
        self.assertEqual(status, 200)
        figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        self.assertEqual(figures['zerogo_controller_requests_total{status="2xx"}'], "1")
        self.assertEqual(figures['zerogo_controller_requests_total{status="4xx"}'], "1")
        self.assertEqual(figures['zerogo_controller_connections{state="member"}'], "0")
        self.assertEqual(figures['zerogo_controller_registrations_total{outcome="refused"}'], "0")
        self.assertGreater(float(figures["zerogo_controller_store_units_total"]), 0)
        self.assertGreater(float(figures["process_resident_memory_bytes"]), 10e6)

    async def test_figures_are_not_on_the_port_that_everybody_reaches(self) -> None:
        for path in ("/metrics", "/ready"):
            _, text = await self.get(path, self.service.port)
            self.assertNotIn("zerogo_controller", text)


class Silent:
    """A store that never answers."""

    def read(self, unit: object) -> Deferred[object]:
        return Deferred()


class ReadyTests(SynchronousTestCase):
    def test_a_database_that_does_not_answer_in_time_is_told(self) -> None:
        clock = Clock()
        missing: Any = None
        monitor = Monitor(Silent(), missing, missing, missing, clock)  # type: ignore[arg-type]
        answer = monitor.ready()
        clock.advance(READY_SECONDS)
        self.assertIn("does not answer: TimeoutError", self.successResultOf(answer))
