"""Throughput, packets per second, latency and cost of a data plane between two namespaces. Run as root:

    python -m integration.bench.plane [--planes reference,native] [--json FILE] [--seconds 4]

Baseline: iperf3 over the bare veth, in the same run and on the same cores. The sessions are given to the planes as a
handshake would. Everything of both ends, iperf3 included, shares the cores of this machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from zerogo.dataplane.choice import make_plane
from zerogo.dataplane.interface import Offloads, SessionConfirmed
from zerogo.dataplane.native import is_built
from zerogo.dataplane.reference import ReferenceDataplane
from zerogo.test.dataplane.kernel import End, Host, Wire, connect, introduce, open_end, wait_until
from zerogo.wire.handshake import Suite

SMALL_BYTES = 200
LOSS_LIMIT = 0.01
_PORT = "5299"


@contextlib.contextmanager
def tunnel(wire: Wire, suite: Suite, plane: str = "reference") -> Iterator[list[End]]:
    """Two planes of that name with a session between the two hosts of a wire."""
    ends = [open_end(make_plane(plane), host, Offloads()) for host in wire.hosts]
    try:
        introduce(ends)
        connect(ends, suite)
        wait_until(ends, lambda: bool(ends[1].of(SessionConfirmed)), "the session")
        yield ends
    finally:
        for end in ends:
            end.plane.close()


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


def small_packets(wire: Wire, target: str, steps: list[int]) -> int:
    """The greatest of the offered rates of 200-byte UDP datagrams (1/s) that arrived with less than 1 % lost."""
    best = 0
    with iperf_server(wire.hosts[1]):
        for rate in steps:
            bits = rate * SMALL_BYTES * 8
            options = ("-u", "-b", str(bits), "-l", str(SMALL_BYTES), "-t", "1", "-w", "4M")
            summary = iperf(wire.hosts[0], target, *options)["sum"]
            arrived = (summary["packets"] - summary["lost_packets"]) / summary["seconds"]
            if summary["lost_packets"] > LOSS_LIMIT * summary["packets"]:
                break
            best = max(best, int(arrived))
    return best


def ping_us(host: Host, target: str, count: int) -> tuple[float, float]:
    """Median and 99th percentile of round trips, microseconds."""
    out = host.run("ping", "-n", "-c", str(count), "-i", "0.005", "-W", "1", target)
    times = sorted(float(value) * 1000 for value in re.findall(r"time=([\d.]+) ms", out))
    return times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]


def cpu_seconds(ends: list[End]) -> float:
    """CPU that what moves the frames of both ends has used so far: worker processes, or threads of this one."""
    if isinstance(ends[0].plane, ReferenceDataplane):
        rows = [Path(f"/proc/{worker_pid(end)}/stat") for end in ends]
    else:
        rows = [path for path in Path("/proc/self/task").glob("*/stat") if "(zerogo-" in path.read_text()]
    total = 0
    for row in rows:
        fields = row.read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def worker_pid(end: End) -> int:
    """The process that moves an end's frames."""
    assert isinstance(end.plane, ReferenceDataplane) and end.plane.worker_pid
    return end.plane.worker_pid


def resident_mb(ends: list[End]) -> float | None:
    """Resident memory of the greater worker; None where the planes are threads of this process."""
    if not isinstance(ends[0].plane, ReferenceDataplane):
        return None
    rows = [Path(f"/proc/{worker_pid(end)}/status").read_text() for end in ends]
    return max(int(re.search(r"VmRSS:\s+(\d+)", row)[1]) for row in rows) / 1000  # type: ignore[index]


def loaded_ping_us(wire: Wire, target: str, seconds: int) -> tuple[float, float]:
    """Median and 99th percentile of round trips beside one TCP stream, microseconds."""
    with iperf_server(wire.hosts[1]):
        command = wire.hosts[0].command("iperf3", "-c", target, "-p", _PORT, "-t", str(seconds))
        load = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        found = ping_us(wire.hosts[0], target, seconds * 150)
        load.wait()
    return found


def measure_baseline(wire: Wire, seconds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The bare veth."""
    load = os.getloadavg()[0]
    say("bare veth: TCP")
    gbits, _ = tcp_gbits(wire, "192.0.2.2", seconds)
    say("bare veth: round trips")
    p50, p99 = ping_us(wire.hosts[0], "192.0.2.2", 300)
    return {"tcp_gbits": gbits, "rtt_p50_us": p50, "rtt_p99_us": p99, "load_before": load}


def measure_tunnel(wire: Wire, plane: str, suite: Suite, seconds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """One suite, through two planes of that name."""
    found: dict[str, Any] = {}
    with tunnel(wire, suite, plane) as ends:
        name = f"{plane} {suite.name.lower()}"
        found["idle_rss_mb"] = resident_mb(ends)
        say(f"{name}: round trips")
        found["rtt_p50_us"], found["rtt_p99_us"] = ping_us(wire.hosts[0], "10.77.0.2", 300)
        say(f"{name}: TCP, one stream")
        before = cpu_seconds(ends)
        found["tcp_gbits"], found["retransmits"] = tcp_gbits(wire, "10.77.0.2", seconds)
        carried = found["tcp_gbits"] * seconds / 8
        found["cpu_seconds_per_gb"] = (cpu_seconds(ends) - before) / carried
        say(f"{name}: round trips under load")
        found["loaded_rtt_p50_us"], found["loaded_rtt_p99_us"] = loaded_ping_us(wire, "10.77.0.2", seconds)
        say(f"{name}: TCP, other way")
        found["tcp_reverse_gbits"], _ = tcp_gbits(wire, "10.77.0.2", seconds, "-R")
        say(f"{name}: TCP, four streams")
        found["tcp_4_gbits"], _ = tcp_gbits(wire, "10.77.0.2", seconds, "-P", "4")
        say(f"{name}: {SMALL_BYTES}-byte datagrams")
        found["small_packets_per_second"] = small_packets(
            wire, "10.77.0.2", [10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000, 80_000, 100_000]
        )
        found["rss_mb"] = resident_mb(ends)
    return found


ROWS = (
    ("TCP one stream, Gbit/s", "tcp_gbits", "{:.2f}"),
    ("TCP other way, Gbit/s", "tcp_reverse_gbits", "{:.2f}"),
    ("TCP four streams, Gbit/s", "tcp_4_gbits", "{:.2f}"),
    ("retransmits", "retransmits", "{}"),
    ("200-byte datagrams/s, < 1 % lost", "small_packets_per_second", "{:,}"),
    ("RTT p50, us", "rtt_p50_us", "{:.0f}"),
    ("RTT p99, us", "rtt_p99_us", "{:.0f}"),
    ("RTT beside a TCP stream p50, us", "loaded_rtt_p50_us", "{:.0f}"),
    ("RTT beside a TCP stream p99, us", "loaded_rtt_p99_us", "{:.0f}"),
    ("plane's CPU, s/GB (both ends)", "cpu_seconds_per_gb", "{:.1f}"),
    ("worker RSS idle, MB", "idle_rss_mb", "{:.1f}"),
    ("worker RSS after load, MB", "rss_mb", "{:.1f}"),
    ("load of the machine before", "load_before", "{:.1f}"),
)


def table_of(results: dict[str, dict[str, Any]]) -> Table:
    """All figures side by side."""
    table = Table(title="Data planes between two namespaces")
    table.add_column("")
    for name in results:
        table.add_column(name, justify="right")
    for title, key, form in ROWS:
        cells = (found.get(key) for found in results.values())
        table.add_row(title, *("-" if cell is None else form.format(cell) for cell in cells))
    base = results["bare veth"]["tcp_gbits"]
    table.add_row("share of the bare veth", *(f"{found['tcp_gbits'] / base:.3f}" for found in results.values()))
    return table


def main() -> int:
    """Measure, print a table, write JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    built = "reference,native" if is_built() else "reference"
    options.add_argument("--planes", default=built, help="which, in order (%(default)s)")
    options.add_argument("--json", type=Path, help="where to write the figures")
    options.add_argument("--seconds", type=int, default=4, help="of each TCP measurement")
    arguments = options.parse_args()
    if os.geteuid() != 0:
        print("this benchmark makes network namespaces: run it as root", file=sys.stderr)
        return 1
    results: dict[str, dict[str, Any]] = {}
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    wire = Wire()
    try:
        with progress:
            task = progress.add_task("")

            def say(text: str) -> None:
                progress.update(task, description=text)

            results["bare veth"] = measure_baseline(wire, arguments.seconds, say)
            for plane in arguments.planes.split(","):
                for suite in (Suite.CHACHAPOLY, Suite.AESGCM):
                    found = measure_tunnel(wire, plane, suite, arguments.seconds, say)
                    results[f"{plane} {suite.name.lower()}"] = found
    finally:
        wire.close()
    Console().print(table_of(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
