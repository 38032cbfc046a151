"""What a process costs, and its diagnostics for people on its machine."""

from __future__ import annotations

import tracemalloc
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from zerogo.observe.process import diagnostics_site, process_metrics


class ProcessTests(SynchronousTestCase):
    def ask(self, line: str, host: str = "127.0.0.1:9", header: str = "") -> tuple[int, str]:
        clock = Clock()
        site: Any = diagnostics_site(lambda: {"streams": 3})
        site.reactor = clock
        protocol = site.buildProtocol(None)
        protocol.callLater = clock.callLater
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(f"{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{header}\r\n".encode())
        head, _, body = transport.value().decode().partition("\r\n\r\n")
        return int(head.split()[1]), body

    def test_figures_have_the_names_of_prometheus_own_clients(self) -> None:
        figures = {metric.name: metric.values[""] for metric in process_metrics()}
        self.assertGreater(figures["process_resident_memory_bytes"], 1e6)
        self.assertGreater(figures["process_open_fds"], 2)

    def test_stacks_name_what_runs_and_counters_are_those_of_the_role(self) -> None:
        status, text = self.ask("GET /stacks")
        self.assertEqual(status, 200)
        self.assertIn("thread MainThread", text)
        self.assertIn("test_process.py", text)
        self.assertIn('"streams": 3', self.ask("GET /counters")[1])

    def test_where_memory_went_is_known_once_it_is_traced(self) -> None:
        self.addCleanup(tracemalloc.stop)
        self.assertIn("not traced", self.ask("GET /memory")[1])
        self.assertEqual(self.ask("POST /memory?trace=on")[0], 403)
        self.assertEqual(self.ask("POST /memory?trace=on", header="X-ZeroGo: 1\r\n")[0], 200)
        kept = [bytes(1000) for _ in range(100)]
        self.assertIn("test_process.py", self.ask("GET /memory")[1])
        self.assertEqual(self.ask("POST /memory?trace=off", header="X-ZeroGo: 1\r\n")[0], 200)
        self.assertIn("not traced", self.ask("GET /memory")[1])
        self.assertEqual(len(kept), 100)

    def test_names_of_others_and_unknown_pages_are_refused(self) -> None:
        for path in ("/stacks", "/counters", "/"):
            self.assertEqual(self.ask(f"GET {path}", host="evil.example")[0], 403)
        self.assertEqual(self.ask("GET /elsewhere")[0], 404)
        self.assertEqual(self.ask("POST /stacks", header="X-ZeroGo: 1\r\n")[0], 404)
