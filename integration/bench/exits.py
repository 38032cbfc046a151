"""What exits cost: throughput, connections, time to the first byte, processor and memory, beside other people's tools.

    python -m integration.bench.exits [--json FILE] [--megabytes 300] [--rounds 3] [--chisel PATH]

No root. All on loopback, one machine: users, proxy, edge and target share its processors, as do the others. Each tool
is measured in the same run, one after the other in each round: microsocks (no tunnel at all), chisel (`R:socks`) where
its program is on the PATH or named, and ours. Both ends of the load copy nothing, since what they cost is missing to
the tools: the target sends a file, the user has the kernel drop what came. CPU is that of all processes of the tool,
from /proc. Idle edges and those that come back all at once: `integration.bench.exits_crowd`.
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
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from attrs import frozen

HOST = "127.0.0.1"
TICKS = os.sysconf("SC_CLK_TCK")
TWISTD = str(Path(sys.executable).with_name("twistd"))
GOALS = "goals: bulk at least 2 x chisel's; connections at least chisel's; added p50 under 2 ms"
FILE_BYTES = 1 << 20
Start = Callable[[Path], AbstractContextManager[tuple[int, list[subprocess.Popen[bytes]]]]]


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
        self._file = os.memfd_create("target")
        os.truncate(self._file, FILE_BYTES)

    def run(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            left = int(connection.recv(20))
            while left > 0:
                left -= os.sendfile(connection.fileno(), self._file, 0, min(left, FILE_BYTES))
            connection.recv(1)


def connect(proxy: int | None, target: int, host: str = HOST) -> socket.socket:
    """A connection to the target, by SOCKS5 where a proxy is named."""
    stream = socket.create_connection((HOST, proxy or target), 30)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if proxy is not None:
        stream.sendall(b"\x05\x01\x00")
        _exactly(stream, 2)
        stream.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(host) + struct.pack("!H", target))
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
        buffer = bytearray(1 << 20)
        got = stream.recv_into(buffer, 1)
        first = time.monotonic() - began
        while 0 < got < size:
            # TCP drops what it would copy (tcp(7)).
            got += stream.recv_into(buffer, 0, socket.MSG_TRUNC) or -size
    if got != size:
        raise OSError("the connection ended early")
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


@frozen
class Gateway:
    """How ours is started, and where it serves."""

    directory: Path
    users: int
    edges: int

    @classmethod
    def configured(cls, directory: Path, further: str = "") -> Gateway:
        """On free ports, with further lines in its configuration."""
        users, edges, state = free_port(), free_port(), directory / "gateway"
        (directory / "gateway.yaml").write_text(
            f"listen: '{HOST}:{users}'\nedge-listen: '{HOST}:{edges}'\npublic-addresses: ['{HOST}:{edges}']\n"
            f"open-to: [127.0.0.1/32]\nstate-dir: {state}\ndrain-seconds: 0\nlog-level: error\n{further}"
        )
        return cls(directory, users, edges)

    @property
    def token(self) -> str:
        """For edges, once it has run."""
        return (self.directory / "gateway" / "edge-token").read_text().strip()

    def start(self) -> subprocess.Popen[bytes]:
        """Until edges are taken."""
        command = [TWISTD, "-n", "--pidfile=", "zerogo-gateway", "-c", str(self.directory / "gateway.yaml")]
        process = started(command, self.directory / "gateway.log")
        until = time.monotonic() + 60
        while not _serves(self.edges):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the gateway does not start: {(self.directory / 'gateway.log').read_text()[-500:]}")
            time.sleep(0.1)
        return process

    def start_edge(self) -> subprocess.Popen[bytes]:
        """One that lets streams go to this machine."""
        config = self.directory / "edge.yaml"
        config.write_text(
            f"token: '{self.token}'\nstate-dir: {self.directory / 'edge'}\nopen-ranges: [127.0.0.0/8]\nstatus-port: 0\n"
            "rules: ['accept *:*']\nlog-level: error\n"
        )
        config.chmod(0o600)
        command = [TWISTD, "-n", "--pidfile=", "zerogo-edge", "-c", str(config)]
        return started(command, self.directory / "edge.log")


@contextlib.contextmanager
def zerogo(directory: Path) -> Iterator[tuple[int, list[subprocess.Popen[bytes]]]]:
    """A gateway and an edge; the port for users."""
    gateway = Gateway.configured(directory)
    with running([gateway.start()]) as processes:
        processes.append(gateway.start_edge())
        yield gateway.users, processes


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
    at_first = cpu_seconds(processes)
    one = bulk(port, target, size, 1)
    between = cpu_seconds(processes)
    many = bulk(port, target, size, 100)
    after = cpu_seconds(processes)
    firsts = sorted(fetch(port, target, 1) for _ in range(200))
    direct = statistics.median(fetch(None, target, 1) for _ in range(200))
    before = cpu_seconds(processes)
    opened = connections(port, target, 3.0)
    per_connection = (cpu_seconds(processes) - before) / opened
    return {
        "bulk 1 stream, MB/s": round(one),
        "bulk 100 streams, MB/s": round(many),
        "CPU 1 stream, s per GB": round((between - at_first) / size * 1e9, 2),
        "CPU 100 streams, s per GB": round((after - between) / size * 1e9, 2),
        "connections per second": round(opened / 3.0),
        "CPU, ms per connection": round(per_connection * 1000, 2),
        "added time to first byte p50, ms": round((statistics.median(firsts) - direct) * 1000, 2),
        "added time to first byte p99, ms": round((firsts[-2] - direct) * 1000, 2),
    }


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure."""
    return {figure: round(statistics.median(one[figure] for one in rounds), 2) for figure in rounds[0]}


def ratios(rounds: list[dict[str, dict[str, float]]], over: str) -> dict[str, float]:
    """Ours to another tool's, each round by itself; medians. What the machine does meanwhile meets both of a round."""
    figures = rounds[0]["zerogo"]
    return {
        name: round(statistics.median(one["zerogo"][name] / one[over][name] for one in rounds), 2) for name in figures
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chisel", default=shutil.which("chisel"))
    options = parser.parse_args()
    target = Target()
    target.start()
    programs = {"microsocks": shutil.which("microsocks"), "chisel": options.chisel, "zerogo": TWISTD}
    starts: dict[str, Start] = {
        "microsocks": lambda directory: microsocks(str(programs["microsocks"]), directory),
        "chisel": lambda directory: chisel(str(options.chisel), directory),
        "zerogo": zerogo,
    }
    print(f"load before: {os.getloadavg()[0]:.1f}; {os.cpu_count()} processors; {options.megabytes} MB each")
    print("".join(f"{name}: not installed, left out\n" for name, program in programs.items() if not program), end="")
    rounds: list[dict[str, dict[str, float]]] = []
    for _ in range(options.rounds):
        rounds.append({})
        for name in (name for name, program in programs.items() if program):
            with tempfile.TemporaryDirectory() as directory, starts[name](Path(directory)) as (port, processes):
                rounds[-1][name] = measure(port, target.port, processes, options.megabytes * 1_000_000)
    found = {name: medians([one[name] for one in rounds]) for name in rounds[0]}
    if "chisel" in found:
        found["zerogo / chisel"] = ratios(rounds, "chisel")
    for figure in found["zerogo"]:
        print(f"{figure:<36}" + "".join(f"{name} {values[figure]:<12}" for name, values in found.items()))
    print(f"medians of {options.rounds} rounds; load after: {os.getloadavg()[0]:.1f}")
    print(GOALS)
    if options.json is not None:
        options.json.write_text(json.dumps({"medians": found, "rounds": rounds}, indent=1))


if __name__ == "__main__":
    main()
