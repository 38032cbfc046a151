"""Whole agents in the lab on lines of 1400, 1280 and 1100 bytes, two of them black holes, one that becomes so.

Takes half a minute: four TCP streams of three seconds, one after the other.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase


class NarrowTests(SynchronousTestCase):
    if os.geteuid() != 0 or shutil.which("iperf3") is None:
        skip = "needs root and iperf3"

    def test_tcp_flows_at_full_size_over_lines_of_every_width(self) -> None:
        argv = [sys.executable, "-m", "zerogo.cli.main", "lab", "run", "narrow", "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        result = json.loads(done.stdout)
        self.assertTrue(result["passed"], result["checks"])
        self.assertEqual(done.returncode, 0)
