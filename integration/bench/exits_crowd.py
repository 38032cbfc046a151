"""Gateways with very many idle edges: their memory, what opening a stream takes meanwhile, and all edges coming back.

    python -m integration.bench.exits_crowd [--edges 2000] [--gateways 1] [--crowds 1] [--seconds 300] [--json FILE]

Root where more connections are wanted than the system lets a process have. All on loopback, one machine: the light
edges (`integration.bench.crowd`) share its processors with the gateways, and their keys cost them as much as they cost
the gateways. Where a process may not have as many connections as there are edges, `--gateways` are several, with as
many edges each and a number of `--crowds`, processes of edges, of its own. For the storm all gateways are killed and
started again: no tunnel is left to go on with, every edge has to prove its key anew, and they come as their back-off
has them come. Each phase ends after `--seconds`, done or not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from integration.bench.crowd import allow_connections
from integration.bench.exits import Gateway, connect, cpu_seconds, memory, running, started

GOALS = "goals: 50,000 edges; <= 25 kB each; the p99 of opening a stream is stated; all back within 60 s"
OPENINGS = 500
"""Streams that are opened, at all gateways in turn."""
IDLE_SECONDS = 5.0
NETWORKS = 255


class Crowds:
    """Processes with the same number of edges each, as many at each gateway."""

    def __init__(self, directory: Path, gateways: list[Gateway], edges: int, processes: int) -> None:
        tokens = [gateway.token for gateway in gateways for _ in range(processes)]
        command = [sys.executable, "-m", "integration.bench.crowd"]
        count = str(edges // len(tokens))
        self._logs = [directory / f"crowd{number}.log" for number in range(len(tokens))]
        self.processes = [
            started([*command, token, count, "--network", str(number % NETWORKS)], log)
            for number, (token, log) in enumerate(zip(tokens, self._logs, strict=True))
        ]

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

    def last(self, what: str) -> int:
        """Of the last time that all came."""
        return sum(int(re.findall(f"{what} ([0-9]+)", log.read_text())[-1]) for log in self._logs)


class Bench:
    """All gateways and their crowds, for so many seconds a phase."""

    def __init__(self, directory: Path, gateways: int, seconds: float) -> None:
        self._directory = directory
        self._seconds = seconds
        self._gateways = []
        for number in range(gateways):
            place = directory / str(number)
            place.mkdir()
            self._gateways.append(Gateway.configured(place, f"connections: {2 * OPENINGS}\n"))

    def measure(self, edges: int, crowds: int) -> dict[str, float]:
        """All figures, as far as the time allows. `crowds` are those of each gateway."""
        found: dict[str, float] = {"edges": edges, "gateways": len(self._gateways)}
        with running([]) as processes:
            processes += self._start()
            empty, cpu, began = _memory(processes), cpu_seconds(processes), time.monotonic()
            crowd = Crowds(self._directory, self._gateways, edges, crowds)
            with running(list(crowd.processes)):
                if not crowd.wait(1, began + self._seconds):
                    raise SystemExit(f"not all came within {self._seconds:.0f} s: fewer --edges, or more --seconds")
                found["joins per second"] = round(edges / (time.monotonic() - began))
                found["CPU of gateways, ms per join"] = round((cpu_seconds(processes) - cpu) / edges * 1000, 2)
                time.sleep(IDLE_SECONDS)
                found["kB of gateway per idle edge"] = round((_memory(processes) - empty) / edges / 1000, 1)
                found["MB of all gateways"] = round(_memory(processes) / 1e6)
                found["MB of the bench's edges"] = round(_memory(crowd.processes) / 1e6)
                found |= self._idle(processes)
                found |= self._storm(processes, crowd)
        return found

    def _start(self) -> list[subprocess.Popen[bytes]]:
        """All at once: those that serve first leave the others little of the processors."""
        with ThreadPoolExecutor(len(self._gateways)) as pool:
            return list(pool.map(Gateway.start, self._gateways))

    def _idle(self, processes: list[subprocess.Popen[bytes]]) -> dict[str, float]:
        cpu, began = cpu_seconds(processes), time.monotonic()
        time.sleep(IDLE_SECONDS)
        load = (cpu_seconds(processes) - cpu) / (time.monotonic() - began)
        found = {"idle gateways' share of a processor, %": round(load * 100, 1)}
        taken = openings([gateway.users for gateway in self._gateways], time.monotonic() + self._seconds)
        return found | {
            "streams opened, one at a time": len(taken),
            "opening a stream p50, ms": round(statistics.median(taken), 2),
            "opening a stream p99, ms": round(taken[len(taken) * 99 // 100], 2),
        }

    def _storm(self, processes: list[subprocess.Popen[bytes]], crowd: Crowds) -> dict[str, float]:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait(20)
        killed = time.monotonic()
        processes[:] = self._start()
        serving = time.monotonic()
        is_done = crowd.wait(2, serving + self._seconds)
        back = time.monotonic() - serving
        return {
            "gateways away, s": round(serving - killed, 1),
            "all back after all serve again, s": round(back, 1) if is_done else -1,
            "told to come later": crowd.last("told to come later") if is_done else -1,
            "dials in vain": crowd.last("failed dials") if is_done else -1,
        }


def openings(ports: list[int], until: float) -> list[float]:
    """Milliseconds from a user's connection to the reply that the stream is there, one after the other, sorted."""
    found: list[float] = []
    for number in range(OPENINGS):
        began = time.monotonic()
        if found and began > until:
            break
        connect(ports[number % len(ports)], 443, "192.0.2.7").close()
        found.append((time.monotonic() - began) * 1000)
    return sorted(found)


def _memory(processes: list[subprocess.Popen[bytes]]) -> int:
    return sum(memory(process) for process in processes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--edges", type=int, default=2000, help="of all gateways together")
    parser.add_argument("--gateways", type=int, default=1, help="processes, each with its part of the edges")
    parser.add_argument("--crowds", type=int, default=1, help="processes of edges at each gateway")
    parser.add_argument("--seconds", type=float, default=300.0, help="the most that a phase takes")
    options = parser.parse_args()
    each = options.gateways * options.crowds
    if each < 1 or options.edges < each:
        raise SystemExit("there must be at least one gateway, one crowd of each, and an edge in each crowd")
    edges = options.edges - options.edges % each
    room = allow_connections(edges // options.gateways)
    if edges // options.gateways > room:
        raise SystemExit(
            f"this system lets a process have {room} edges (ulimit -Hn): fewer --edges, or more --gateways"
        )
    print(f"load before: {os.getloadavg()[0]:.1f}; {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as directory:
        found = Bench(Path(directory), options.gateways, options.seconds).measure(edges, options.crowds)
    for figure, value in found.items():
        print(f"{figure:<42}{value}")
    print(f"load after: {os.getloadavg()[0]:.1f}; -1: not within the time")
    print(GOALS)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
