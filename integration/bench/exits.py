"""What exits cost: throughput, connections, time to the first byte, processor and memory, beside other people's tools.

    python -m integration.bench.exits [--json FILE] [--megabytes 300] [--edges 1000] [--chisel PATH]

No root. All on loopback, one machine: users, proxy, edge and target share its processors, as do the others. Each tool
is measured in the same run: microsocks (no tunnel at all: the limit), chisel (`R:socks`) where its program is on the
PATH or named, and ours. CPU is that of all processes of the tool, from /proc, for the bulk of one stream.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

HOST = "127.0.0.1"
TICKS = os.sysconf("SC_CLK_TCK")
TWISTD = str(Path(sys.executable).with_name("twistd"))
GOALS = "goals: bulk at least 2 x chisel's; connections at least chisel's; added p50 under 2 ms; <= 25 kB per idle edge"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Target(threading.Thread):
    """Reads a number, sends so many bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.create_server((HOST, 0), backlog=512)
        self.port = int(self._socket.getsockname()[1])

    def run(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        piece = bytes(1 << 18)
        with contextlib.suppress(OSError, ValueError), connection:
            left = int(connection.recv(20))
            while left > 0:
                left -= connection.send(piece[:left])
            connection.recv(1)


def connect(proxy: int | None, target: int) -> socket.socket:
    """A connection to the target, by SOCKS5 where a proxy is named."""
    stream = socket.create_connection((HOST, proxy or target), 30)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if proxy is not None:
        stream.sendall(b"\x05\x01\x00")
        _exactly(stream, 2)
        stream.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + struct.pack("!H", target))
        if _exactly(stream, 10)[1]:
            raise OSError("the proxy refused")
    return stream


def _exactly(stream: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        piece = stream.recv(count - len(got))
        if not piece:
            raise OSError("the proxy closed the connection")
        got += piece
    return got


def fetch(proxy: int | None, target: int, size: int) -> float:
    """Fetch `size` bytes; the seconds to the first one, from before the connection."""
    began = time.monotonic()
    with connect(proxy, target) as stream:
        stream.sendall(b"%d" % size)
        buffer = bytearray(1 << 18)
        got = stream.recv_into(buffer)
        first = time.monotonic() - began
        while 0 < got < size:
            got += stream.recv_into(buffer) or -size
    return first


def bulk(proxy: int | None, target: int, size: int, streams: int) -> float:
    """Megabytes per second of all streams together."""
    threads = [threading.Thread(target=fetch, args=(proxy, target, size // streams)) for _ in range(streams)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return size / 1e6 / (time.monotonic() - began)


def connections(proxy: int, target: int, seconds: float) -> int:
    """Connections within the seconds, each with one byte, eight at a time."""
    counts = [0] * 8
    until = time.monotonic() + seconds

    def repeat(number: int) -> None:
        while time.monotonic() < until:
            fetch(proxy, target, 1)
            counts[number] += 1

    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def cpu_seconds(processes: list[subprocess.Popen[bytes]]) -> float:
    """User and system time so far."""
    total = 0
    for process in processes:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def memory(process: subprocess.Popen[bytes]) -> int:
    """Bytes of its own: what the kernel could not simply read from the disk again."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(status.partition("RssAnon:")[2].split()[0])


def started(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def answers(port: int, target: int) -> None:
    """Until the proxy serves."""
    until = time.monotonic() + 30
    while True:
        try:
            fetch(port, target, 1)
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _serves(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 5) as stream:
        stream.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return bool(stream.recv(1))
    return False


@contextlib.contextmanager
def running(processes: list[subprocess.Popen[bytes]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


@contextlib.contextmanager
def zerogo(directory: Path, edge_count: int = 1) -> Iterator[tuple[int, list[subprocess.Popen[bytes]]]]:
    """A gateway and an edge; the port for users."""
    users, edges, state = free_port(), free_port(), directory / "gateway"
    config = directory / "gateway.yaml"
    config.write_text(
        f"listen: '{HOST}:{users}'\nedge-listen: '{HOST}:{edges}'\npublic-addresses: ['{HOST}:{edges}']\n"
        f"open-to: [127.0.0.1/32]\nstate-dir: {state}\ndrain-seconds: 0\nlog-level: warn\n"
    )
    gateway = started([TWISTD, "-n", "--pidfile=", "zerogo-gateway", "-c", str(config)], directory / "gateway.log")
    with running([gateway]) as processes:
        until = time.monotonic() + 30
        while not _serves(edges) and time.monotonic() < until:
            time.sleep(0.1)
        if edge_count == 1:
            edge = directory / "edge.yaml"
            token = (state / "edge-token").read_text().strip()
            edge.write_text(
                f"token: '{token}'\nstate-dir: {directory / 'edge'}\nopen-ranges: [127.0.0.0/8]\nstatus-port: 0\n"
                "rules: ['accept *:*']\nlog-level: warn\n"
            )
            edge.chmod(0o600)
            processes.append(
                started([TWISTD, "-n", "--pidfile=", "zerogo-edge", "-c", str(edge)], directory / "edge.log")
            )
        yield users, processes


@contextlib.contextmanager
def chisel(program: str, directory: Path) -> Iterator[tuple[int, list[subprocess.Popen[bytes]]]]:
    """Its server and a client with R:socks."""
    server, users = free_port(), free_port()
    first = started(
        [program, "server", "--reverse", "--host", HOST, "-p", str(server)], directory / "chisel-server.log"
    )
    time.sleep(0.5)
    second = started(
        [program, "client", f"{HOST}:{server}", f"R:{HOST}:{users}:socks"], directory / "chisel-client.log"
    )
    with running([first, second]) as processes:
        yield users, processes


@contextlib.contextmanager
def microsocks(program: str, directory: Path) -> Iterator[tuple[int, list[subprocess.Popen[bytes]]]]:
    """It alone."""
    users = free_port()
    with running([started([program, "-i", HOST, "-p", str(users)], directory / "microsocks.log")]) as processes:
        yield users, processes


def measure(port: int, target: int, processes: list[subprocess.Popen[bytes]], size: int) -> dict[str, float]:
    """All figures of one tool."""
    answers(port, target)
    before = cpu_seconds(processes)
    one = bulk(port, target, size, 1)
    cpu = cpu_seconds(processes) - before
    firsts = sorted(fetch(port, target, 1) for _ in range(200))
    direct = statistics.median(fetch(None, target, 1) for _ in range(200))
    before = cpu_seconds(processes)
    opened = connections(port, target, 3.0)
    per_connection = (cpu_seconds(processes) - before) / opened
    return {
        "bulk 1 stream, MB/s": round(one),
        "bulk 100 streams, MB/s": round(bulk(port, target, size, 100)),
        "CPU, s per GB": round(cpu / size * 1e9, 2),
        "connections per second": round(opened / 3.0),
        "CPU, ms per connection": round(per_connection * 1000, 2),
        "added time to first byte p50, ms": round((statistics.median(firsts) - direct) * 1000, 2),
        "added time to first byte p99, ms": round((firsts[-2] - direct) * 1000, 2),
    }


def idle_edges(directory: Path, count: int) -> dict[str, float]:
    """Memory of a gateway for each edge that only is there."""
    with zerogo(directory, count) as (_, processes):
        before = memory(processes[0])
        token = (directory / "gateway" / "edge-token").read_text().strip()
        crowd = started([sys.executable, "-m", "integration.bench.crowd", token, str(count)], directory / "crowd.log")
        with running([crowd]):
            until = time.monotonic() + 120
            while "all here" not in (directory / "crowd.log").read_text() and time.monotonic() < until:
                time.sleep(0.2)
            if time.monotonic() >= until:
                raise SystemExit(f"not all edges came: {(directory / 'crowd.log').read_text()[-500:]}")
            seconds = float((directory / "crowd.log").read_text().split()[-1])
            grown = memory(processes[0]) - before
    return {
        "idle edges": count,
        "kB of gateway per idle edge": round(grown / count / 1000, 1),
        "joins per second": round(count / seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--edges", type=int, default=1000)
    parser.add_argument("--chisel", default=shutil.which("chisel"))
    options = parser.parse_args()
    target = Target()
    target.start()
    found: dict[str, dict[str, float]] = {}
    tools = {
        "microsocks": (microsocks, shutil.which("microsocks")),
        "chisel": (chisel, options.chisel),
    }
    print(f"load before: {os.getloadavg()[0]:.1f}; {os.cpu_count()} processors; {options.megabytes} MB each")
    for name, (start, program) in tools.items():
        if not program:
            print(f"{name}: not installed, left out")
            continue
        with tempfile.TemporaryDirectory() as directory, start(program, Path(directory)) as (port, processes):
            found[name] = measure(port, target.port, processes, options.megabytes * 1_000_000)
    with tempfile.TemporaryDirectory() as directory, zerogo(Path(directory)) as (port, processes):
        found["zerogo"] = measure(port, target.port, processes, options.megabytes * 1_000_000)
    with tempfile.TemporaryDirectory() as directory:
        found["zerogo"] |= idle_edges(Path(directory), options.edges)
    for figure in found["zerogo"]:
        print(f"{figure:<36}" + "".join(f"{name} {values.get(figure, '-'):<12}" for name, values in found.items()))
    print(GOALS)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
