"""How a tunnel between two hosts is measured: iperf3, ping, and the CPU time of whoever moves the frames."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from zerogo.test.dataplane.kernel import Host, Wire

SMALL_BYTES = 200
LOSS_LIMIT = 0.01
SLOWEST_RATE = 10_000
FASTEST_RATE = 400_000
RATE_STEP = 1.35
BISECTIONS = 3
TRIES = 2
_PORT = "5299"

Say = Callable[[str], None]


@frozen
class Running:
    """A tunnel that is up: the far host's address in it, and where Linux counts its CPU time."""

    target: str
    cpu_rows: tuple[Path, ...] = ()
    """`/proc/.../stat` files of the processes or threads of both ends; none where the kernel moves the frames."""
    resident_mb: Callable[[], float] | None = None
    """Resident memory of the greater end's process, where it has one of its own."""

    def cpu_seconds(self) -> float:
        """User and system time used so far by both ends."""
        total = 0
        for row in self.cpu_rows:
            fields = row.read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def iperf_server(host: Host) -> Iterator[None]:
    """iperf3 listening on a host."""
    server = subprocess.Popen(
        host.command("iperf3", "-s", "-p", _PORT), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            if f":{_PORT}" in host.run("ss", "-Hltn"):
                break
            time.sleep(0.02)
        yield
    finally:
        server.terminate()
        server.wait()


def iperf(host: Host, target: str, *options: str) -> dict[str, Any]:
    """The end summary of an iperf3 client."""
    out = host.run("iperf3", "-c", target, "-p", _PORT, "-J", *options, timeout=40)
    report: dict[str, Any] = json.loads(out)["end"]
    return report


def tcp_gbits(wire: Wire, target: str, seconds: int, *options: str) -> tuple[float, int]:
    """Gbit/s that arrived, and retransmitted segments."""
    with iperf_server(wire.hosts[1]):
        report = iperf(wire.hosts[0], target, "-t", str(seconds), *options)
    return report["sum_received"]["bits_per_second"] / 1e9, report["sum_sent"].get("retransmits", 0)


def small_packets(wire: Wire, target: str) -> int:
    """The greatest rate of 200-byte UDP datagrams (1/s) that arrived with less than 1 % lost, in one second."""
    best, worst, rate = 0, 0, SLOWEST_RATE
    with iperf_server(wire.hosts[1]):
        while rate <= FASTEST_RATE:
            arrived = max(_arrived(wire.hosts[0], target, rate) for _ in range(TRIES))
            if not arrived:
                worst = rate
                break
            if arrived < best * 1.02:
                # The sender itself is at its limit: a higher offer changes nothing.
                return max(best, arrived)
            best, rate = max(best, arrived), int(rate * RATE_STEP)
        for _ in range(BISECTIONS if best else 0):
            rate = (best + worst) // 2
            arrived = max(_arrived(wire.hosts[0], target, rate) for _ in range(TRIES))
            best, worst = (max(best, arrived), worst) if arrived else (best, rate)
    return best


def _arrived(host: Host, target: str, rate: int) -> int:
    options = ("-u", "-b", str(rate * SMALL_BYTES * 8), "-l", str(SMALL_BYTES), "-t", "1", "-w", "4M")
    summary = iperf(host, target, *options).get("sum")
    # Where the machine is too busy for iperf3 to say hello there is no sum.
    if summary is None or summary["lost_packets"] > LOSS_LIMIT * summary["packets"]:
        return 0
    return int((summary["packets"] - summary["lost_packets"]) / summary["seconds"])


def ping_us(host: Host, target: str, count: int) -> tuple[float, float]:
    """Median and 99th percentile of round trips, microseconds."""
    out = host.run("ping", "-n", "-c", str(count), "-i", "0.005", "-W", "1", target)
    times = sorted(float(value) * 1000 for value in re.findall(r"time=([\d.]+) ms", out))
    return times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]


def loaded_ping_us(wire: Wire, target: str, seconds: int) -> tuple[float, float]:
    """Median and 99th percentile of round trips beside one TCP stream, microseconds."""
    with iperf_server(wire.hosts[1]):
        command = wire.hosts[0].command("iperf3", "-c", target, "-p", _PORT, "-t", str(seconds))
        load = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        found = ping_us(wire.hosts[0], target, seconds * 150)
        load.wait()
    return found


def measure(wire: Wire, running: Running, seconds: int, say: Say) -> dict[str, Any]:
    """Everything about one tunnel that is up; `seconds` for each TCP measurement."""
    found: dict[str, Any] = {"load_before": os.getloadavg()[0]}
    target = running.target
    if running.resident_mb is not None:
        found["idle_rss_mb"] = running.resident_mb()
    say("round trips")
    found["rtt_p50_us"], found["rtt_p99_us"] = ping_us(wire.hosts[0], target, 300)
    say("TCP, one stream")
    before = running.cpu_seconds()
    found["tcp_gbits"], found["retransmits"] = tcp_gbits(wire, target, seconds)
    if running.cpu_rows:
        found["cpu_seconds_per_gb"] = (running.cpu_seconds() - before) / (found["tcp_gbits"] * seconds / 8)
    say("round trips under load")
    found["loaded_rtt_p50_us"], found["loaded_rtt_p99_us"] = loaded_ping_us(wire, target, seconds)
    say("TCP, other way")
    found["tcp_reverse_gbits"], _ = tcp_gbits(wire, target, seconds, "-R")
    say("TCP, four streams")
    found["tcp_4_gbits"], _ = tcp_gbits(wire, target, seconds, "-P", "4")
    say("TCP, four streams, other way")
    found["tcp_4_reverse_gbits"], _ = tcp_gbits(wire, target, seconds, "-P", "4", "-R")
    say(f"{SMALL_BYTES}-byte datagrams")
    found["small_packets_per_second"] = small_packets(wire, target)
    if running.resident_mb is not None:
        found["rss_mb"] = running.resident_mb()
    return found
