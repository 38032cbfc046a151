"""Whole agents in the lab on lines of 1400, 1280 and 1100 bytes, two of them black holes, one that becomes so.

Takes 40 seconds: four TCP streams of three seconds and one of nine, one after the other.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from itertools import groupby

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.roles import Mesh
from zerogo.lab.scenario import Link

PAIRS = (("alice", "bob"), ("bob", "alice"))
TWO = """
defaults: {link: {delay: 10ms}}
sites:
  cloud: {hosts: {server: {role: [controller, relay]}}}
  oslo: {nat: port-restricted, hosts: [alice]}
  rome: {nat: port-restricted, hosts: [bob]}
"""


class NarrowTests(SynchronousTestCase):
    if os.geteuid() != 0 or shutil.which("iperf3") is None:
        skip = "needs root and iperf3"

    def test_tcp_flows_at_full_size_over_lines_of_every_width(self) -> None:
        argv = [sys.executable, "-m", "zerogo.cli.main", "lab", "run", "narrow", "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        result = json.loads(done.stdout)
        self.assertTrue(result["passed"], result["checks"])
        self.assertEqual(done.returncode, 0)

    def test_a_black_hole_under_a_running_stream_stops_it_for_less_than_five_seconds(self) -> None:
        with Lab(parse_scenario(TWO, name="two", file="two.yaml")) as lab, contextlib.closing(Mesh(lab)) as mesh:
            mesh.start_all()
            address = self.await_connection(mesh)
            server = lab.popen("bob", ["iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
            self.addCleanup(server.kill)
            argv = ["iperf3", "-c", address, "-t", "9", "-i", "0.5", "-J"]
            client = lab.popen("alice", argv, stdout=subprocess.PIPE)
            with self.assertRaises(subprocess.TimeoutExpired):
                client.wait(2.5)
            lab.set_link("rome", Link(delay=0.01, mtu=1280, mtu_signals=False))
            report = json.loads(client.communicate(timeout=20)[0])
        flowing = [interval["sum"]["bits_per_second"] > 1e6 for interval in report["intervals"]]
        silences = [len(list(group)) / 2 for flows, group in groupby(flowing) if not flows]
        self.assertTrue(0.0 < max(silences, default=0.0) < 5.0, silences)
        self.assertTrue(all(flowing[:4]) and all(flowing[-4:]), flowing)

    def await_connection(self, mesh: Mesh) -> str:
        """Until both agents say that they are connected; bob's address."""
        deadline = time.monotonic() + 20
        while True:
            addresses = mesh.address("alice"), mesh.address("bob")
            views = [mesh.peers(one).get(other) for one, other in PAIRS]
            if all(addresses) and all(view is not None and view.path == "direct" for view in views):
                return str(addresses[1])
            self.assertLess(time.monotonic(), deadline)
            select.select([], [], [], 0.1)
