"""The lab itself: it stands, delays, loses, records, changes, and leaves nothing behind however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.errors import LabMisuse
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.namespaces import existing
from zerogo.lab.scenario import Link, Scenario

TWO = """
defaults: {link: {delay: 10ms}}
sites:
  hub: {hosts: {server: {}}}
  home: {nat: port-restricted, hosts: {alice: {}, alex: {}}}
"""


def scenario(text: str = TWO) -> Scenario:
    return parse_scenario(text, name="lab", file="lab.yaml")


def ping(lab: Lab, source: str, address: str, *options: str) -> dict[str, float]:
    """Loss in per cent and the median-ish round trip in milliseconds of a row of pings."""
    argv = ["ping", "-q", "-i", "0.02", "-c", "20", "-W", "1", *options, address]
    with contextlib.closing(lab.popen(source, argv, stdout=subprocess.PIPE).stdout) as output:  # type: ignore[type-var]
        assert output is not None
        text = output.read().decode()
    loss = float(text.split("% packet loss")[0].split()[-1])
    average = float(text.split("=")[1].split("/")[1]) if "=" in text else 0.0
    return {"loss": loss, "rtt": average}


def running(prefix: str) -> bool:
    return bool(existing(prefix)) or Path("/run/zerogo-lab", prefix).exists()


class RootedTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"


class NetworkTests(RootedTests):
    def test_delays_are_those_of_the_links(self) -> None:
        with Lab(scenario()) as lab:
            seen = ping(lab, "alice", lab.host("server").addresses[0])
            self.assertEqual(seen["loss"], 0.0)
            self.assertTrue(40.0 <= seen["rtt"] < 46.0, seen)

    def test_neighbours_do_not_cross_the_internet(self) -> None:
        with Lab(scenario()) as lab:
            self.assertLess(ping(lab, "alice", lab.host("alex").addresses[0])["rtt"], 5.0)
            self.assertEqual(lab.counters().delivered, 0)

    def test_ipv6_firewall_lets_nothing_in_unasked(self) -> None:
        with Lab(scenario("family: ipv6\n" + TWO)) as lab:
            server, alice = lab.host("server").addresses[0], lab.host("alice").addresses[0]
            self.assertEqual(ping(lab, "alice", server)["loss"], 0.0)
            with lab.socket("alice", socket.AF_INET6, socket.SOCK_DGRAM) as inside:
                inside.bind((alice, 4000))
                inside.settimeout(0.5)
                with lab.socket("server", socket.AF_INET6, socket.SOCK_DGRAM) as outside:
                    outside.bind((server, 4001))
                    outside.sendto(b"unasked", (alice, 4000))
                    self.assertRaises(TimeoutError, inside.recv, 100)
                    inside.sendto(b"asking", (server, 4001))
                    outside.settimeout(2)
                    outside.recv(100)
                    outside.sendto(b"asked", (alice, 4000))
                    self.assertEqual(inside.recv(100), b"asked")

    def test_too_big_packets_are_answered_or_vanish(self) -> None:
        with Lab(scenario()) as lab:
            server = lab.host("server").addresses[0]
            lab.set_link("home", Link(mtu=1280))
            self.assertEqual(ping(lab, "alice", server, "-M", "do", "-s", "1400")["loss"], 100.0)
            learned = lab.run("alice", ["ip", "route", "get", server])
            self.assertIn("mtu 1280", learned)
        with Lab(scenario()) as lab:
            lab.set_link("home", Link(mtu=1280, mtu_signals=False))
            self.assertEqual(ping(lab, "alice", server, "-M", "do", "-s", "1400")["loss"], 100.0)
            self.assertNotIn("mtu", lab.run("alice", ["ip", "route", "get", server]))
            self.assertEqual(ping(lab, "alice", server, "-M", "do", "-s", "1200")["loss"], 0.0)

    def test_cuts_heal(self) -> None:
        with Lab(scenario()) as lab:
            server = lab.host("server").addresses[0]
            for ends in (("home",), ("alice",), ("home", "hub")):
                lab.cut(*ends)
                self.assertEqual(ping(lab, "alice", server)["loss"], 100.0)
                lab.heal(*ends)
                self.assertLess(ping(lab, "alice", server)["loss"], 100.0)

    def test_addresses_change_and_hosts_move(self) -> None:
        with Lab(scenario("family: both\n" + TWO)) as lab:
            server = lab.host("server").addresses
            before = lab.host("alice").addresses
            lab.change_address("home")
            lab.change_address("alice")
            self.assertNotEqual(before[0], lab.host("alice").addresses[0])
            self.assertNotEqual(before[1], lab.host("alice").addresses[1])
            for address in server:
                self.assertEqual(ping(lab, "alice", address)["loss"], 0.0)
            lab.move("alice", "hub")
            for address in server:
                self.assertLess(ping(lab, "alice", address)["rtt"], 5.0)

    def test_capture_is_read_by_tcpdump(self) -> None:
        with Lab(scenario()) as lab:
            path = lab.directory / "internet.pcap"
            lab.record(path)
            ping(lab, "alice", lab.host("server").addresses[0])
            lab.record(None)
            read = subprocess.run(["tcpdump", "-nr", str(path)], capture_output=True, text=True, check=True).stdout
            self.assertEqual(read.count("ICMP echo request"), 20)
            self.assertEqual(read.count(str(lab.site("home").wan4)), 40)

    def test_watched_pattern_is_seen_on_the_internet_only(self) -> None:
        with Lab(scenario()) as lab:
            lab.watch(b"canary-of-this-test")
            with lab.socket("alice", socket.AF_INET, socket.SOCK_DGRAM) as plain:
                plain.sendto(b"canary-of-this-test", (lab.host("alex").addresses[0], 9))
                self.assertEqual(lab.watch(b"canary-of-this-test"), 0)
                plain.sendto(b"canary-of-this-test", (lab.host("server").addresses[0], 9))
                self.assertEqual(_await(lambda: lab.watch(b"canary-of-this-test") >= 1), True)

    def test_labs_side_by_side_do_not_meet(self) -> None:
        with Lab(scenario()) as one, Lab(scenario()) as other:
            self.assertNotEqual(one.prefix, other.prefix)
            for lab in (one, other):
                self.assertEqual(ping(lab, "alice", lab.host("server").addresses[0])["loss"], 0.0)

    def test_unknown_names_are_refused(self) -> None:
        with Lab(scenario()) as lab:
            self.assertRaises(LabMisuse, lab.host, "nobody")
            self.assertRaises(LabMisuse, lab.site, "nowhere")


class NothingStaysTests(RootedTests):
    def test_nothing_stays_after_an_error(self) -> None:
        with contextlib.suppress(ZeroDivisionError), Lab(scenario()) as lab:
            prefix, directory = lab.prefix, lab.directory
            lab.popen("alice", ["sleep", "1000"])
            raise ZeroDivisionError
        self.assertFalse(running(prefix) or directory.exists())

    def test_nothing_stays_after_kill_9(self) -> None:
        code = (
            "import sys; from zerogo.lab.laboratory import Lab; from zerogo.lab.loader import parse_scenario\n"
            f"with Lab(parse_scenario({TWO!r}, name='x', file='x')) as lab:\n"
            "    lab.popen('alice', ['sleep', '1000'])\n"
            "    print(lab.prefix, lab.directory, flush=True); sys.stdin.read()\n"
        )
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None and child.stdin is not None
        prefix, directory = child.stdout.readline().split()
        self.assertTrue(running(prefix) and Path(directory).exists())
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        child.stdin.close()
        self.assertTrue(_await(lambda: not running(prefix)))
        self.assertTrue(_await(lambda: not Path(directory).exists()))


class CommandTests(RootedTests):
    def test_failing_check_is_exit_status_1_and_keeps_the_logs(self) -> None:
        path = Path(self.mktemp())
        path.write_text(TWO + "settle: 200ms\nchecks: [{check: rtt, pairs: [[alice, server]], below: 1ms}]\n")
        argv = [sys.executable, "-m", "zerogo.cli.main", "lab", "run", str(path), "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        result = json.loads(done.stdout)
        self.assertEqual((done.returncode, result["passed"]), (1, False))
        self.assertIn("median round trip", result["checks"][0]["sentence"])
        kept = Path(result["directory"])
        self.assertTrue((kept / "events.log").exists())
        subprocess.run(["rm", "-r", str(kept)], check=True)

    def test_passing_checks_are_exit_status_0_and_nothing_stays(self) -> None:
        path = Path(self.mktemp())
        path.write_text(TWO + "settle: 2500ms\nchecks: [{check: loss, pairs: [[alice, server]], below: 5%}]\n")
        argv = [sys.executable, "-m", "zerogo.cli.main", "lab", "run", str(path), "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, json.loads(done.stdout)["directory"]), (0, ""), done.stderr)


def _await(is_so: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        select.select([], [], [], 0.02)
    return False
