"""How many datagrams a relay forwards on one core: ours in Python, ours with the native core, and coturn.

    python -m integration.bench.relay [--seconds 2] [--sizes 200,1200] [--rounds 3] [--json FILE]

All on loopback. The relay has core 0, the sender core 1. The sender hands the kernel trains (UDP_SEGMENT), so that it
is faster than any relay; nobody reads at the other end, where the kernel counts what arrives in order to drop it
(SO_MEMINFO), so receiving costs next to nothing. Relays take turns, and the best round of each counts. Both
directions: ChannelData from a client to its peer, and from the peer to the client.

Two figures: datagrams a second, which other work on core 0 makes smaller, and datagrams for each second of processor
time that the relay was given, which is what one core of its own would do.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import asdict, frozen
from rich.console import Console
from rich.table import Table

from zerogo.dataplane.native import relay_forwarder
from zerogo.ids import SocketAddress
from zerogo.net.turn_forwarding import TALLY
from zerogo.secret import Secret
from zerogo.turn.client import TurnClient, TurnCredential
from zerogo.turn.client_events import ChannelBound
from zerogo.turn.credentials import timed_password, timed_username
from zerogo.turn.message import CHANNEL_FIRST, emit_channel_data

HOST = "127.0.0.1"
RELAY_CORE, SENDER_CORE = 0, 1
SO_MEMINFO = 55
_DROPS = struct.Struct("=32xI")
"""SK_MEMINFO_DROPS is the ninth number."""
UDP_SEGMENT = 103
TRAIN = 40
START_SECONDS = 10.0


@frozen
class Relay:
    """A program that relays; `command` is given its port, its secret and a directory."""

    name: str
    command: Callable[[int, str, Path], list[str]]


@frozen
class Run:
    """How long, and which process' time counts."""

    pid: int
    seconds: float


@frozen
class Rates:
    """Of one direction."""

    per_second: float
    per_processor_second: float

    def or_better(self, other: Rates) -> Rates:
        """The better of two, each figure by itself."""
        per_core = max(self.per_processor_second, other.per_processor_second)
        return Rates(max(self.per_second, other.per_second), per_core)


def ours(plane: str) -> Callable[[int, str, Path], list[str]]:
    """Our relay with one of its data planes."""

    def command(port: int, secret: str, directory: Path) -> list[str]:
        path = directory / "relay.yaml"
        path.touch(0o600)
        path.write_text(
            f"listen: {HOST}:{port}\ntcp-listen: []\nauth-secret: {secret}\npublic-ip: {HOST}\ndrain-seconds: 0\n"
            f"allow-peers: 127.0.0.0/8\ndata-plane: {plane}\nquota:\n  kilobytes-per-second: 10000000\n"
        )
        twistd = str(Path(sys.executable).with_name("twistd"))
        return [twistd, "-n", "--pidfile=", "zerogo-relay", "--config", str(path)]

    return command


def coturn(port: int, secret: str, directory: Path) -> list[str]:
    """coturn with one relay thread."""
    return [
        *("turnserver", "-n", "-L", HOST, "-E", HOST, "-p", str(port), "--no-tls", "--no-dtls", "--no-cli", "--no-tcp"),
        *("--allow-loopback-peers", "--lt-cred-mech", "--use-auth-secret", "--static-auth-secret", secret),
        *("-r", "zerogo", "--relay-threads", "1", "--log-file", str(directory / "log"), "--simple-log"),
        *("--pidfile", str(directory / "pid"), "--userdb", str(directory / "db")),
    ]


def udp_socket() -> socket.socket:
    """A socket at a free port."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((HOST, 0))
    return made


def drops(reading: socket.socket) -> int:
    """Datagrams that came to a socket that nobody reads, once its buffer was full."""
    (count,) = _DROPS.unpack_from(reading.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))
    return int(count)


def processor_seconds(pid: int) -> float:
    """What a process was given so far, in user and kernel mode, all threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(relay: Relay) -> Iterator[tuple[int, str, int]]:
    """The relay on its core; its port, secret and process."""
    with tempfile.TemporaryDirectory() as name, udp_socket() as probe:
        port, secret = probe.getsockname()[1], secrets.token_hex(32)
        probe.close()
        command = ["taskset", "-c", str(RELAY_CORE), *relay.command(port, secret, Path(name))]
        process = subprocess.Popen(command, cwd=name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield port, secret, process.pid
        finally:
            process.terminate()
            process.wait(20)


def bind(client_socket: socket.socket, port: int, secret: str, peer: SocketAddress) -> SocketAddress:
    """An allocation with a channel to `peer`; returns the relayed address."""
    name = timed_username("bench", time.time() + 600)
    server = SocketAddress(HOST, port)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        client = TurnClient(server, TurnCredential(name, timed_password(Secret(secret), name)), os.urandom)
        client.bind(peer, None, 0.0)
        client.start(time.monotonic())
        relayed = _converse(client, client_socket, server)
        if relayed is not None:
            return relayed
        time.sleep(0.2)
    raise SystemExit("a relay did not lend an address")


def _converse(client: TurnClient, client_socket: socket.socket, server: SocketAddress) -> SocketAddress | None:
    client_socket.settimeout(0.5)
    for _ in range(10):
        for transmit in client.transmits():
            client_socket.sendto(transmit.payload, (server.host, server.port))
        try:
            client.receive_datagram(client_socket.recv(2048), server, time.monotonic())
        except (TimeoutError, ConnectionRefusedError):
            return None
        if any(isinstance(event, ChannelBound) for event in client.events()):
            return client.relayed
    return None


def flood(sending: socket.socket, datagram: bytes, to: tuple[str, int], reading: socket.socket, run: Run) -> Rates:
    """What arrives at `reading` while `sending` sends as fast as it can."""
    train = datagram * min(TRAIN, 60_000 // len(datagram))
    control = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", len(datagram)))]
    sending.settimeout(None)
    begun_at = until = begun_with = 0.0
    before = 0
    warm = time.monotonic() + 0.3
    while True:
        for _ in range(16):
            with contextlib.suppress(ConnectionRefusedError):
                sending.sendmsg([train], control, 0, to)
        now = time.monotonic()
        if not begun_at and now >= warm:
            begun_at, until, before = now, now + run.seconds, drops(reading)
            begun_with = processor_seconds(run.pid)
        elif begun_at and now >= until:
            count, given = drops(reading) - before, processor_seconds(run.pid) - begun_with
            return Rates(count / (now - begun_at), count / max(given, 0.01))


def measure(relay: Relay, size: int, seconds: float) -> tuple[Rates, Rates]:
    """From the client to the peer, and the other way."""
    with running(relay) as (port, secret, pid), udp_socket() as client, udp_socket() as peer:
        run = Run(pid, seconds)
        at_peer = SocketAddress(HOST, peer.getsockname()[1])
        relayed = bind(client, port, secret, at_peer)
        out = flood(client, emit_channel_data(CHANNEL_FIRST, bytes(size)), (HOST, port), peer, run)
        back = flood(peer, bytes(size), (relayed.host, relayed.port), client, run)
    return out, back


def contenders() -> list[Relay]:
    """Those that are installed."""
    found = [Relay("Python", ours("reference"))]
    forwarder = relay_forwarder(TALLY)
    if forwarder is not None:
        forwarder.close()
        found.append(Relay("native", ours("native")))
    if shutil.which("turnserver") is not None:
        found.append(Relay("coturn", coturn))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--sizes", default="200,1200")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.sched_setaffinity(0, {SENDER_CORE})
    relays = contenders()
    best: dict[tuple[str, int], tuple[Rates, Rates]] = {}
    for _ in range(options.rounds):
        for size in map(int, options.sizes.split(",")):
            for relay in relays:
                out, back = measure(relay, size, options.seconds)
                held = best.get((relay.name, size), (out, back))
                best[relay.name, size] = held[0].or_better(out), held[1].or_better(back)
    show(best)
    if options.json is not None:
        rows = [
            {"relay": name, "bytes": size, "out": asdict(out), "back": asdict(back)}
            for (name, size), (out, back) in best.items()
        ]
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


def show(best: dict[tuple[str, int], tuple[Rates, Rates]]) -> None:
    """A table, with the shares of coturn's figures per processor second."""
    table = Table("relay", "bytes", "direction", "datagrams/s", "per second of a core", "of coturn's")
    for (name, size), directions in best.items():
        coturns = best.get(("coturn", size))
        for at, direction in enumerate(("to peer", "to client")):
            rates = directions[at]
            share = "" if coturns is None else f"{rates.per_processor_second / coturns[at].per_processor_second:.2f}"
            row = (f"{rates.per_second:,.0f}", f"{rates.per_processor_second:,.0f}", share)
            table.add_row(name, str(size), direction, *row)
    Console().print(table)


if __name__ == "__main__":
    main()
