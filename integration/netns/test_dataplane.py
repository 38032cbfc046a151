"""The reference plane against the conformance suite, on real TAPs and sockets. Run by trial, as root.

namespace left: zg0 -- worker -- 192.0.2.1 ==veth== 192.0.2.2 -- worker -- zg0 :namespace right
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.interface import PlaneFault
from zerogo.dataplane.reference import ReferenceDataplane
from zerogo.test.dataplane.conformance import DataplaneConformance


class ReferenceDataplaneTests(DataplaneConformance, SynchronousTestCase):
    """Everything that any plane must do."""

    if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        skip = "needs root and /dev/net/tun"

    def make_plane(self) -> ReferenceDataplane:
        return ReferenceDataplane()

    def test_a_killed_worker_is_a_fault_told_once(self) -> None:
        left, _ = self.joined()
        assert isinstance(left.plane, ReferenceDataplane) and left.plane.worker_pid
        os.kill(left.plane.worker_pid, signal.SIGKILL)
        self.wait(lambda: left.of(PlaneFault), "the fault")
        self.assertEqual([], left.plane.poll_upcalls())
        self.assertEqual(1, len(left.of(PlaneFault)))

    def test_an_idle_worker_is_small(self) -> None:
        left, _ = self.joined()
        status = Path(f"/proc/{left.plane.worker_pid}/status").read_text()
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        self.assertLess(resident, 30_000, "kB")
