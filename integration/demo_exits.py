"""Exits shown: two gateways, five edges behind five routers, a user with curl, a web server; one machine, no internet.

    python -m integration.demo_exits [--keep]            as root; `make demo-exits`

Everything is started as a person would start it: `twistd zerogo-gateway`, `zerogo edge join TOKEN`. Then curl is asked
what it sees, while a site is cut off in the middle of a download, and while an edge is killed in the middle of another.
The exit status is 0 only where all of it was as it should be.
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from argon2 import PasswordHasher

from zerogo.lab.laboratory import Lab, require_root
from zerogo.lab.loader import parse_scenario

SCENARIO = """
title: two gateways, five edges in five sites, a user and a web server
defaults: {link: {delay: 10ms, rate: 100mbit}}
sites:
  near: {hosts: {gate1: {}}}
  far: {hosts: {gate2: {}}}
  centre: {hosts: {web: {}}}
  office: {nat: port-restricted, hosts: {user: {}}}
  berlin: {nat: port-restricted, hosts: {berta: {}}}
  paris: {nat: full-cone, hosts: {paul: {}}}
  tokyo: {nat: symmetric-random, hosts: {toru: {}}}
  oslo: {hosts: {olga: {}}}
  lima: {nat: [port-restricted, symmetric-random], hosts: {luis: {}}}
"""
EDGES = {"berta": ("gate1", "de"), "paul": ("gate1", "fr"), "toru": ("gate1", "jp"), "olga": ("gate2", "no"),
         "luis": ("gate2", "pe")}  # fmt: skip
BIG = hashlib.shake_128(b"big").digest(12_000_000)
PASSWORD = "a-demo-has-no-secrets"
BIN = Path(sys.executable).parent


class Web(http.server.BaseHTTPRequestHandler):
    """Says who asks; /big is big, and can be continued."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body, status, first = self.client_address[0].encode() + b"\n", 200, 0
        if self.path == "/big":
            wanted = self.headers.get("Range", "")
            if wanted.startswith("bytes=") and wanted.endswith("-"):
                first, status = int(wanted[6:-1]), 206
            body = BIG[first:]
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{len(BIG) - 1}/{len(BIG)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Not shown."""


class Demo:
    """The processes, and what curl is asked."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self.directory = directory
        self.processes: list[subprocess.Popen[bytes]] = []
        self.failures = 0
        self.web = lab.host("web").addresses[0]

    def check(self, is_right: bool, what: str) -> None:
        """One line for people."""
        self.failures += not is_right
        print(f"  {'ok  ' if is_right else 'FAIL'}  {what}", flush=True)

    def start(self, host: str, argv: list[str], name: str) -> None:
        with (self.directory / f"{name}.log").open("wb") as log:
            self.processes.append(self.lab.popen(host, argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def call(self, host: str, *argv: str, timeout: float = 60) -> tuple[int, str, str]:
        process = self.lab.popen(
            host, list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        output, complaint = process.communicate(timeout=timeout)
        return process.returncode, output.decode(errors="replace"), complaint.decode(errors="replace")

    def gateway(self, host: str) -> None:
        state = self.directory / host
        config = self.directory / f"{host}.yaml"
        hashed = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
        address = self.lab.host(host).addresses[0]
        config.write_text(
            f"listen: 0.0.0.0:1080\npublic-addresses: ['{address}:9396']\nstate-dir: {state}\ndrain-seconds: 0\n"
            f"users:\n  - {{name: alice, password-hash: '{hashed}'}}\n"
        )
        config.chmod(0o600)
        self.start(host, [str(BIN / "twistd"), "-n", "--pidfile=", "zerogo-gateway", "-c", str(config)], host)
        until = time.monotonic() + 30
        while not (state / "edge-token").exists() and time.monotonic() < until:
            time.sleep(0.1)

    def edge(self, host: str) -> None:
        gate, country = EDGES[host]
        config = self.directory / f"{host}.yaml"
        config.write_text(f"open-ranges: ['{self.web}/32']\nname: {host}\ncountry: {country}\n")
        _, token, _ = self.call(gate, str(BIN / "zerogo"), "exits", "token", "--state-dir", str(self.directory / gate))
        joined = self.call(
            host, str(BIN / "zerogo"), "edge", "join", token.strip(), "--config", str(config),
            "--state-dir", str(self.directory / host),
        )  # fmt: skip
        self.check("This machine is an exit" in joined[1], f"zerogo edge join on {host}, behind its router ({country})")

    def curl(self, user: str, *arguments: str, gate: str = "gate1", proxy: str = "socks5h") -> list[str]:
        address = self.lab.host(gate).addresses[0]
        url = f"{proxy}://{user}:{PASSWORD}@{address}:1080"
        return ["curl", "-sS", "--max-time", "50", "-x", url, *arguments]

    def seen(self, user: str, **options: str) -> str:
        """The address that the web server sees."""
        return self.call("user", *self.curl(user, f"http://{self.web}/", **options))[1].strip()

    def download(self, user: str, name: str) -> subprocess.Popen[bytes]:
        argv = self.curl(user, "-C", "-", "-o", str(self.directory / name), f"http://{self.web}/big")
        return self.lab.popen("user", argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_whole(self, name: str) -> bool:
        return hashlib.sha256((self.directory / name).read_bytes()).digest() == hashlib.sha256(BIG).digest()

    def close(self) -> None:
        for host in EDGES:
            pid = self.directory / host / "edge.pid"
            if pid.exists():
                subprocess.run(["kill", pid.read_text().strip()], check=False, stderr=subprocess.DEVNULL)
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(15)


def play(demo: Demo) -> None:
    """All of it, in order."""
    demo.start("web", [sys.executable, "-m", "integration.demo_exits", "--serve"], "web")
    for gate in ("gate1", "gate2"):
        demo.gateway(gate)
    print("Edges join:")
    for host in EDGES:
        demo.edge(host)
    print("curl, from behind the office's router:")
    exits = {country: demo.seen(f"alice-country-{country}", gate=gate) for gate, country in EDGES.values()}
    demo.check(len(set(exits.values())) == 5 and all(exits.values()), f"an exit in each country: {exits}")
    rotated = {demo.seen("alice") for _ in range(12)}
    # The dearest of three is the cheaper of no two: it has its turn only when the costs change.
    near = {exits["de"], exits["fr"], exits["jp"]}
    demo.check(
        len(rotated) > 1 and rotated <= near, f"without wishes, exits of the gateway by their cost: {len(rotated)}"
    )
    kept = {demo.seen("alice-session-k7") for _ in range(5)}
    demo.check(len(kept) == 1, "with a session, one exit")
    demo.check(demo.seen("alice-country-fr", proxy="http") == exits["fr"], "the same by the HTTP proxy")
    status, _, complaint = demo.call("user", *demo.curl("alice-country-it", f"http://{demo.web}/"))
    demo.check(status == 97 and "(1)" in complaint, f"no exit in Italy: {complaint.strip()}")
    status, _, complaint = demo.call("user", *demo.curl("alice", "http://192.168.1.1/"))
    demo.check(status == 97 and "(2)" in complaint, f"the edges' own networks are closed: {complaint.strip()}")
    status, _, complaint = demo.call("user", *demo.curl("alice", f"http://{demo.web}:81/"))
    demo.check(status == 97 and "(5)" in complaint, f"a closed port is told as it is: {complaint.strip()}")
    print("A site is cut off for 3 seconds in the middle of a download:")
    fetching = demo.download("alice-country-de", "cut")
    time.sleep(1.0)
    demo.lab.cut("berlin")
    time.sleep(3.0)
    demo.lab.heal("berlin")
    demo.check(fetching.wait(60) == 0 and demo.is_whole("cut"), "curl noticed nothing, and the hash is right")
    print("An edge is killed in the middle of a download:")
    fetching = demo.download("alice-session-k8", "killed")
    time.sleep(0.7)
    taken = demo.seen("alice-session-k8")
    victim = next(host for host, (_, country) in EDGES.items() if exits[country] == taken)
    subprocess.run(["kill", "-9", (demo.directory / victim / "edge.pid").read_text().strip()], check=True)
    began = time.monotonic()
    demo.check(
        bool(demo.seen("alice-session-k8")),
        f"{victim} is dead; a new stream takes another exit, {time.monotonic() - began:.1f} s",
    )
    fetching.kill()
    fetching.wait(10)
    part = (demo.directory / "killed").stat().st_size
    fetching = demo.download("alice-session-k8", "killed")
    demo.check(
        fetching.wait(60) == 0 and demo.is_whole("killed"),
        f"curl -C - goes on at byte {part} by another exit; the hash is right",
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    options = parser.parse_args()
    if options.serve:
        http.server.ThreadingHTTPServer(("", 80), Web).serve_forever()
    require_root()
    os.environ["PYTHONPATH"] = os.getcwd()
    directory = Path(tempfile.mkdtemp(prefix="zerogo-exits-"))
    with Lab(parse_scenario(SCENARIO, name="exits", file="exits")) as lab:
        demo = Demo(lab, directory)
        try:
            play(demo)
        finally:
            demo.close()
    if options.keep or demo.failures:
        print(f"logs: {directory}")
    else:
        shutil.rmtree(directory)
    print("All of it was as it should be." if not demo.failures else f"{demo.failures} checks failed.")
    return 1 if demo.failures else 0


if __name__ == "__main__":
    sys.exit(main())
