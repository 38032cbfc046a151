"""A gateway with very many idle edges: its memory, what opening a stream takes meanwhile, and all of them coming back.

    python -m integration.bench.exits_crowd [--edges 2000] [--crowds 1] [--seconds 300] [--json FILE]

Root where more connections are wanted than the system lets a process have. All on loopback, one machine: the light
edges (`integration.bench.crowd`) share its processors with the gateway, and their keys cost them as much as they cost
the gateway. For the storm the gateway is killed and started again: no tunnel is left to go on with, every edge has to
prove its key anew, and they come as their back-off has them come. Each phase ends after `--seconds`, done or not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from integration.bench.crowd import allow_connections
from integration.bench.exits import Gateway, connect, cpu_seconds, memory, running, started

GOALS = "goals: 50,000 edges; <= 25 kB each; the p99 of opening a stream is stated; all back within 60 s"
OPENINGS = 500
IDLE_SECONDS = 5.0


class Crowds:
    """Processes with the same number of edges each."""

    def __init__(self, gateway: Gateway, edges: int, processes: int) -> None:
        self._logs = [gateway.directory / f"crowd{number}.log" for number in range(processes)]
        command = [sys.executable, "-m", "integration.bench.crowd", gateway.token, str(edges // processes), "--network"]
        self.processes = [started([*command, str(number)], log) for number, log in enumerate(self._logs)]

    def wait(self, times: int, until: float) -> bool:
        """Until all were there so often; whether they were. A crowd that dies ends the bench with its last words."""
        while any(log.read_text().count("all here") < times for log in self._logs):
            for process, log in zip(self.processes, self._logs, strict=True):
                if process.poll() is not None:
                    raise SystemExit(f"a crowd died: {log.read_text()[-500:]}")
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True

    @property
    def failed_dials(self) -> int:
        """Of the last time that all came."""
        return sum(int(log.read_text().split()[-1]) for log in self._logs)


def openings(port: int) -> list[float]:
    """Milliseconds from a user's connection to the reply that the stream is there, one after the other, sorted."""
    found = []
    for _ in range(OPENINGS):
        began = time.monotonic()
        connect(port, 443, "192.0.2.7").close()
        found.append((time.monotonic() - began) * 1000)
    return sorted(found)


def measure(gateway: Gateway, edges: int, crowds: int, seconds: float) -> dict[str, float]:
    """All figures, as far as the time allows."""
    found: dict[str, float] = {"edges": edges}
    process = gateway.start()
    with running([process]) as processes:
        empty, cpu, began = memory(process), cpu_seconds([process]), time.monotonic()
        crowd = Crowds(gateway, edges, crowds)
        with running(list(crowd.processes)):
            if not crowd.wait(1, began + seconds):
                raise SystemExit(f"not all edges came within {seconds:.0f} s: fewer --edges, or more --seconds")
            found["joins per second"] = round(edges / (time.monotonic() - began))
            found["CPU of the gateway, ms per join"] = round((cpu_seconds([process]) - cpu) / edges * 1000, 2)
            time.sleep(IDLE_SECONDS)
            found["kB of gateway per idle edge"] = round((memory(process) - empty) / edges / 1000, 1)
            found |= _idle(process, gateway.users)
            found |= _storm(gateway, process, processes, crowd, seconds)
    return found


def _idle(process: subprocess.Popen[bytes], users: int) -> dict[str, float]:
    cpu, began = cpu_seconds([process]), time.monotonic()
    time.sleep(IDLE_SECONDS)
    load = (cpu_seconds([process]) - cpu) / (time.monotonic() - began)
    taken = openings(users)
    return {
        "idle gateway's share of a processor, %": round(load * 100, 1),
        "opening a stream p50, ms": round(statistics.median(taken), 2),
        "opening a stream p99, ms": round(taken[len(taken) * 99 // 100], 2),
    }


def _storm(
    gateway: Gateway,
    process: subprocess.Popen[bytes],
    processes: list[subprocess.Popen[bytes]],
    crowd: Crowds,
    seconds: float,
) -> dict[str, float]:
    process.kill()
    process.wait(20)
    killed = time.monotonic()
    processes[:] = [gateway.start()]
    serving = time.monotonic()
    is_done = crowd.wait(2, serving + seconds)
    back = time.monotonic() - serving
    return {
        "gateway away, s": round(serving - killed, 1),
        "all back after it serves again, s": round(back, 1) if is_done else -1,
        "dials in vain": crowd.failed_dials if is_done else -1,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--edges", type=int, default=2000)
    parser.add_argument("--crowds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=300.0)
    options = parser.parse_args()
    room = allow_connections(options.edges)
    if options.edges > room:
        raise SystemExit(f"this system lets a process, so a gateway, have {room} edges (ulimit -Hn): fewer --edges")
    print(f"load before: {os.getloadavg()[0]:.1f}; {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as directory:
        gateway = Gateway.configured(Path(directory), f"connections: {2 * OPENINGS}\n")
        found = measure(gateway, options.edges, options.crowds, options.seconds)
    for figure, value in found.items():
        print(f"{figure:<42}{value}")
    print(f"load after: {os.getloadavg()[0]:.1f}; -1: not within the time")
    print(GOALS)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
