"""The reference plane against the conformance suite, on real TAPs and sockets. Run by trial, as root.

namespace left: zg0 -- worker -- 192.0.2.1 ==veth== 192.0.2.2 -- worker -- zg0 :namespace right
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.interface import Offloads, PlaneFault
from zerogo.dataplane.reference import ReferenceDataplane
from zerogo.test.dataplane.conformance import DataplaneConformance
from zerogo.test.dataplane.kernel import REPORT_SECONDS, open_end
from zerogo.test.dataplane.policy_conformance import PolicyConformance
from zerogo.test.dataplane.source_conformance import SourceConformance


class ReferenceDataplaneTests(DataplaneConformance, PolicyConformance, SourceConformance, SynchronousTestCase):
    """Everything that any plane must do."""

    if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        skip = "needs root and /dev/net/tun"

    def make_plane(self) -> ReferenceDataplane:
        return ReferenceDataplane(REPORT_SECONDS)

    def test_a_killed_worker_is_a_fault_told_once(self) -> None:
        left, _ = self.joined()
        assert isinstance(left.plane, ReferenceDataplane) and left.plane.worker_pid
        os.kill(left.plane.worker_pid, signal.SIGKILL)
        self.wait(lambda: left.of(PlaneFault), "the fault")
        self.assertEqual([], left.plane.poll_upcalls())
        self.assertEqual(["the data plane's process ended"], [fault.reason for fault in left.of(PlaneFault)])

    def test_a_worker_whose_agent_was_killed_ends_and_its_tap_with_it(self) -> None:
        host = self.wire.hosts[0]
        reading, writing = os.pipe()
        agent = os.fork()
        if agent == 0:
            try:
                end = open_end(self.make_plane(), host, Offloads())
                os.write(writing, str(end.plane.worker_pid).encode())
                signal.pause()
            finally:
                os._exit(1)
        os.close(writing)
        worker = int(os.read(reading, 20))
        os.close(reading)
        self.assertIn("zg0", host.run("ip", "-br", "link"))
        os.kill(agent, signal.SIGKILL)
        os.waitpid(agent, 0)
        self.wait(lambda: not Path(f"/proc/{worker}").exists(), "the worker to end")
        self.assertNotIn("zg0", host.run("ip", "-br", "link"))

    def test_a_tap_that_is_taken_away_is_a_fault(self) -> None:
        left, _ = self.joined()
        left.host.run("ip", "link", "del", "zg0")
        self.wait(lambda: left.of(PlaneFault), "the fault")
        self.assertIn("TAP", left.of(PlaneFault)[0].reason)

    def test_an_idle_worker_is_small(self) -> None:
        left, _ = self.joined()
        status = Path(f"/proc/{left.plane.worker_pid}/status").read_text()
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        self.assertLess(resident, 30_000, "kB")
