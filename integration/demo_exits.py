"""Exits shown: a controller, two gateways, five edges behind five routers, a user with curl and Chromium, a website.

    python -m integration.demo_exits [--keep]            as root; `make demo-exits`

Everything is started as a person would start it: `twistd zerogo-gateway`, `zerogo exits join TOKEN`, `zerogo edge join
TOKEN`, `zerogo exits users create alice`. Then curl and Chromium are asked what they see, while a site is cut off in
the middle of a download, while an edge is killed in the middle of another, and when a package of traffic is used up.
The exit status is 0 only where all of it was as it should be.
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zerogo.lab.laboratory import Lab, require_root
from zerogo.lab.loader import parse_scenario

SCENARIO = """
title: a controller, two gateways, five edges in five sites, a user and a web server
defaults: {link: {delay: 10ms, rate: 100mbit}}
sites:
  hub: {hosts: {control: {}}}
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
EDGES = {"berta": "de", "paul": "fr", "toru": "jp", "olga": "no", "luis": "pe"}
GATEWAYS = ("gate1", "gate2")
PACKAGE = 60_000_000
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

    def call(self, host: str, *argv: str, timeout: float = 60, given: str = "") -> tuple[int, str, str]:
        process = self.lab.popen(
            host, list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        output, complaint = process.communicate(given.encode(), timeout=timeout)
        return process.returncode, output.decode(errors="replace"), complaint.decode(errors="replace")

    def admin(self, *arguments: str, given: str = "") -> str:
        """`zerogo exits ...` at the controller."""
        where = (arguments[0], "--state-dir", str(self.directory / "control"), *arguments[1:])
        status, output, complaint = self.call("control", str(BIN / "zerogo"), "exits", *where, given=given)
        if status:
            self.check(False, f"zerogo exits {' '.join(arguments)}: {complaint.strip()}")
        return output

    def until(self, is_so: Callable[[], bool], seconds: float = 40.0) -> bool:
        """Wait for it."""
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def controller(self) -> None:
        state = self.directory / "control"
        options = ["--listen", "0.0.0.0:9394", "--state-dir", str(state)]
        self.start("control", [str(BIN / "twistd"), "-n", "--pidfile=", "zerogo-controller", *options], "control")
        self.check(self.until((state / "owner.json").exists), "twistd zerogo-controller")
        self.admin("packages", "create", "demo", str(PACKAGE), "--every", "30d")
        self.admin("users", "create", "alice", "package=demo", given=f"{PASSWORD}\n")

    def gateway(self, host: str) -> None:
        state = self.directory / host
        config = self.directory / f"{host}.yaml"
        address = self.lab.host(host).addresses[0]
        config.write_text(
            f"listen: 0.0.0.0:1080\npublic-addresses: ['{address}:9396']\nstate-dir: {state}\ndrain-seconds: 0\n"
            f"name: {host}\nopen-to: ['{self.lab.site('office').wan4}/32']\n"
        )
        config.chmod(0o600)
        token = self.admin("gateways", "token", "--address", self.lab.host("control").addresses[0]).strip()
        self.call(host, str(BIN / "zerogo"), "exits", "join", token, "--config", str(config))
        self.start(host, [str(BIN / "twistd"), "-n", "--pidfile=", "zerogo-gateway", "-c", str(config)], host)

    def online(self, what: str) -> list[dict[str, Any]]:
        """Gateways or edges that are here."""
        return [one for one in json.loads(self.admin(what, "--json") or "[]") if one["is_online"]]

    def edge(self, host: str, token: str) -> None:
        country = EDGES[host]
        config = self.directory / f"{host}.yaml"
        config.write_text(f"open-ranges: ['{self.web}/32']\nname: {host}\ncountry: {country}\n")
        joined = self.call(
            host, str(BIN / "zerogo"), "edge", "join", token, "--config", str(config),
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

    def browse(self, proxy: str) -> str:
        """What Chromium shows, which comes without a password: the office's address is in `open-to`."""
        home = self.directory / "chromium"
        argv = [
            *(
                "chromium",
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ),
            *("--disable-background-networking", "--disable-component-update", f"--user-data-dir={home}"),
            *(f"--proxy-server={proxy}", "--dump-dom", f"http://{self.web}/"),
        ]
        return self.call("user", *argv, timeout=120)[1]

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
    begin(demo)
    exits = show_choices(demo)
    show_browser(demo, exits)
    show_refusals(demo)
    show_breaks(demo, exits)
    show_quota(demo)


def begin(demo: Demo) -> None:
    """Start everything."""
    demo.start("web", [sys.executable, "-m", "integration.demo_exits", "--serve"], "web")
    print("A controller with one user, and two gateways:")
    demo.controller()
    for gate in GATEWAYS:
        demo.gateway(gate)
    demo.check(demo.until(lambda: len(demo.online("gateways")) == 2), "zerogo exits join, at both gateways")
    print("Edges join, all with one token:")
    token = demo.admin("edges", "token").strip()
    for host in EDGES:
        demo.edge(host, token)
    is_everywhere = demo.until(lambda: [len(edge["gateways"]) for edge in demo.online("edges")] == [2] * 5)
    demo.check(is_everywhere, "each has a tunnel to the other gateway, too")


def show_choices(demo: Demo) -> dict[str, str]:
    """Which exit is taken; the address of each, by country."""
    print("curl, from behind the office's router:")
    for gate in GATEWAYS:
        exits = {country: demo.seen(f"alice-country-{country}", gate=gate) for country in EDGES.values()}
        demo.check(len(set(exits.values())) == 5 and all(exits.values()), f"by {gate} an exit in each country: {exits}")
    rotated = {demo.seen("alice") for _ in range(12)}
    demo.check(len(rotated) > 1 and rotated <= set(exits.values()), f"without wishes by their cost: {len(rotated)}")
    kept = {demo.seen("alice-session-k7") for _ in range(5)}
    demo.check(len(kept) == 1, "with a session, one exit")
    demo.check(demo.seen("alice-country-fr", proxy="http") == exits["fr"], "the same by the HTTP proxy")
    return exits


def show_browser(demo: Demo, exits: dict[str, str]) -> None:
    """A page in Chromium, by both kinds of proxy."""
    print("A browser, from behind the same router:")
    if shutil.which("chromium") is None:
        print("  left out: there is no Chromium here (Debian's package chromium)")
        return
    for kind in ("socks5", "http"):
        shown = demo.browse(f"{kind}://{demo.lab.host('gate2').addresses[0]}:1080")
        by = [address for address in exits.values() if f"{address}\n" in shown]
        demo.check(len(by) == 1, f"Chromium with a proxy of the kind {kind} shows the page, by {by}")


def show_refusals(demo: Demo) -> None:
    """What cannot be had, and what curl is told."""
    print("What is refused, and why:")
    status, _, complaint = demo.call("user", *demo.curl("alice-country-it", f"http://{demo.web}/"))
    demo.check(status == 97 and "(1)" in complaint, f"no exit in Italy: {complaint.strip()}")
    status, _, complaint = demo.call("user", *demo.curl("alice", "http://192.168.1.1/"))
    demo.check(status == 97 and "(2)" in complaint, f"the edges' own networks are closed: {complaint.strip()}")
    status, _, complaint = demo.call("user", *demo.curl("alice", f"http://{demo.web}:81/"))
    demo.check(status == 97 and "(5)" in complaint, f"a closed port is told as it is: {complaint.strip()}")


def show_breaks(demo: Demo, exits: dict[str, str]) -> None:
    """A line is cut, an edge is killed."""
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
    victim = next(host for host, country in EDGES.items() if exits[country] == taken)
    subprocess.run(["kill", "-9", (demo.directory / victim / "edge.pid").read_text().strip()], check=True)
    began = time.monotonic()
    is_there = bool(demo.seen("alice-session-k8"))
    demo.check(is_there, f"{victim} is dead; a new stream takes another exit, {time.monotonic() - began:.1f} s")
    fetching.kill()
    fetching.wait(10)
    part = (demo.directory / "killed").stat().st_size
    fetching = demo.download("alice-session-k8", "killed")
    is_whole = fetching.wait(60) == 0 and demo.is_whole("killed")
    demo.check(is_whole, f"curl -C - goes on at byte {part} by another exit; the hash is right")


def show_quota(demo: Demo) -> None:
    """What was counted, and what happens when it is used up."""
    print("Accounts, at the controller:")
    time.sleep(2.0)
    (user,) = json.loads(demo.admin("users", "--json"))
    demo.check(
        2 * len(BIG) < user["used_bytes"] < PACKAGE, f"alice has used {user['used_bytes']:,} of {PACKAGE:,} bytes"
    )
    demo.admin("users", "set", "alice", f"used={PACKAGE - 1_000_000}")
    (demo.directory / "short").unlink(missing_ok=True)
    fetching = demo.download("alice", "short")
    short = demo.directory / "short"
    is_cut = fetching.wait(60) != 0 and short.exists()
    demo.check(is_cut, f"a download ends after {short.stat().st_size if is_cut else 0:,} bytes")
    time.sleep(2.0)
    (user,) = json.loads(demo.admin("users", "--json"))
    over = user["used_bytes"] - PACKAGE
    demo.check(0 <= over <= 2 * 65_536, f"the package is used up, and exceeded by {over:,} bytes")
    status, _, complaint = demo.call("user", *demo.curl("alice", f"http://{demo.web}/"))
    demo.check(status == 97 and "(2)" in complaint, f"a new stream is refused: {complaint.strip()}")
    demo.admin("users", "set", "alice", "used=0", "paused=no")
    time.sleep(1.0)
    demo.check(bool(demo.seen("alice", gate="gate2")), "with a new package alice goes on")
    demo.admin("users", "set", "alice", "paused=yes")
    time.sleep(1.0)
    demo.check(not demo.seen("alice", gate="gate2"), "paused, she does not")
    print(demo.admin("users"))
    print(demo.admin("stats", "country"))


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
