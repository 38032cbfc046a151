"""Failover of routes: how long a stream falls silent when its path dies, and what gets lost when it goes both ways.

    python -m integration.bench.routing [--rounds N] [--seconds S] [--only failover|cuts|duplicate]

Run as root; about half a minute a round. Three members and a relay, 5 ms in each direction of each link, so that a
round trip takes 20 ms; a UDP datagram every 10 ms from alice to carol. In each round the direct path is cut (then bob
carries), then bob (then the relay carries), and then all heals. Silence is the longest time between two arrivals,
from before the cut until after it. Then a TCP stream goes on for a minute in which the direct path is cut 20 times for
a second. Duplicate mode is measured apart, with 5 % independent loss on each of two ways, without and with late copies.

A link that fails again soon after it came back is damped, so each round has a mesh of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Iterator

from integration.stream import Stream, kind_of, peer_report, wait_until
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.roles import Mesh

FAILOVER = """
defaults: {link: {delay: 5ms}}
sites:
  cloud: {nat: open, hosts: {server: {role: [controller, relay]}}}
  lima: {nat: open, hosts: [alice]}
  oslo: {nat: open, hosts: [bob]}
  rome: {nat: open, hosts: [carol]}
"""
DUPLICATE = """
defaults: {link: {delay: 5ms}}
sites:
  cloud: {nat: open, hosts: {server: {role: [controller]}}}
  lima: {nat: open, hosts: {alice: {role: agent, settings: {routing: {MODE}}}}}
  oslo: {nat: open, hosts: [bob]}
  rome: {nat: open, hosts: [carol]}
paths:
  - {between: [lima, rome], link: {loss: 5%}}
  - {between: [lima, oslo], link: {loss: 5%}}
"""
CONNECT_SECONDS = 60.0
REST_SECONDS = 4.0
"""On each path before it is cut."""
LOSS_SECONDS = 40.0
MODES = {
    "failover": "realtime: failover",
    "duplicate, no late copies": "realtime: duplicate, late-copies: false",
    "duplicate": "realtime: duplicate",
}
CUTS = 20
CUT_SECONDS = 1.0
BETWEEN_CUTS_SECONDS = 3.0
MOVES = (("direct", "peer"), ("peer", "relay"), ("relay", "direct"))


def has_spare(mesh: Mesh) -> bool:
    """Whether alice knows that bob would carry to carol."""
    report = peer_report(mesh, "alice", "carol")
    paths = [] if report is None else report.paths
    return any(path.kind == "peer" and path.is_alive and path.rtt_ms is not None for path in paths)


def moves(lab: Lab, mesh: Mesh, stream: Stream) -> Iterator[tuple[tuple[str, str], float]]:
    """The silence of each move of a round, as it happened."""
    if not wait_until(lambda: kind_of(mesh, "alice", "carol") == "direct", CONNECT_SECONDS):
        raise SystemExit("the direct path does not come back")
    if not wait_until(lambda: has_spare(mesh), CONNECT_SECONDS):
        raise SystemExit("bob does not become a spare way")
    time.sleep(REST_SECONDS)
    for cut in (("lima", "rome"), ("oslo",)):
        before, since = kind_of(mesh, "alice", "carol"), time.time()
        lab.cut(*cut)
        time.sleep(REST_SECONDS)
        yield (before, kind_of(mesh, "alice", "carol")), stream.silence(since, time.time() - 0.2)
    since = time.time()
    before = kind_of(mesh, "alice", "carol")
    lab.heal("lima", "rome")
    lab.heal("oslo")
    wait_until(lambda: kind_of(mesh, "alice", "carol") == "direct", CONNECT_SECONDS)
    time.sleep(1.0)
    yield (before, kind_of(mesh, "alice", "carol")), stream.silence(since, time.time() - 0.2)


def measure_failover(count: int) -> dict[tuple[str, str], list[float]]:
    """Silences in seconds by move."""
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(count):
        for move, silence in measure_round():
            found.setdefault(move, []).append(silence)
            print(f"  {move[0]} -> {move[1]}: {silence * 1000:.0f} ms", flush=True)
    return found


def measure_round() -> Iterator[tuple[tuple[str, str], float]]:
    """The silences of one round."""
    with Lab(parse_scenario(FAILOVER, name="failover", file="failover")) as lab:
        mesh = Mesh(lab)
        try:
            mesh.start_all()
            if not wait_until(lambda: kind_of(mesh, "alice", "carol") == "direct", CONNECT_SECONDS):
                raise SystemExit("the mesh does not come up")
            with Stream(lab, mesh, "alice", "carol") as stream:
                time.sleep(REST_SECONDS)
                yield from moves(lab, mesh, stream)
        finally:
            mesh.close()


def measure_cuts() -> tuple[str, float, float]:
    """What became of a TCP stream: how it ended, Mbit/s, and the longest time in which nothing came, seconds."""
    with Lab(parse_scenario(FAILOVER, name="cuts", file="cuts")) as lab:
        mesh = Mesh(lab)
        try:
            mesh.start_all()
            if not wait_until(lambda: kind_of(mesh, "alice", "carol") == "direct", CONNECT_SECONDS):
                raise SystemExit("the mesh does not come up")
            wait_until(lambda: has_spare(mesh), CONNECT_SECONDS)
            server = lab.popen("carol", ["iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
            seconds = str(round(CUTS * BETWEEN_CUTS_SECONDS))
            # No faster than the emulated internet carries beside other work.
            argv = ["iperf3", "-c", str(mesh.address("carol")), "-t", seconds, "-i", "0.1", "-b", "5M", "-J"]
            client = lab.popen("alice", argv, stdout=subprocess.PIPE)
            for _ in range(CUTS):
                time.sleep(BETWEEN_CUTS_SECONDS - CUT_SECONDS)
                lab.cut("lima", "rome")
                time.sleep(CUT_SECONDS)
                lab.heal("lima", "rome")
            report = json.loads(client.communicate(timeout=30)[0])
            server.kill()
        finally:
            mesh.close()
    flows = [interval["sum"]["bytes"] > 0 for interval in report.get("intervals", [])]
    silences = "".join("." if flow else "x" for flow in flows).split(".")
    rate = report["end"].get("sum_received", {}).get("bits_per_second", 0.0) / 1e6
    return report.get("error", "whole"), rate, max(map(len, silences)) / 10


def measure_loss(keys: str, seconds: float) -> tuple[int, int, int]:
    """How many datagrams of the stream were sent with these keys, how many of them were lost, and came twice."""
    text = DUPLICATE.replace("MODE", keys)
    with Lab(parse_scenario(text, name="duplicate", file="duplicate")) as lab:
        mesh = Mesh(lab)
        try:
            mesh.start_all()
            if not wait_until(lambda: kind_of(mesh, "alice", "carol") != "", CONNECT_SECONDS):
                raise SystemExit("the mesh does not come up")
            with Stream(lab, mesh, "alice", "carol") as stream:
                time.sleep(15.0)
                since = time.time()
                time.sleep(seconds)
                until = time.time()
                time.sleep(1.0)
            return *stream.tally(since, until), stream.copies
        finally:
            mesh.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=LOSS_SECONDS, help="for each mode of duplicate")
    parser.add_argument("--only", choices=("failover", "cuts", "duplicate"))
    arguments = parser.parse_args()
    if arguments.only in (None, "failover"):
        print_failover(arguments.rounds)
    if arguments.only in (None, "cuts"):
        outcome, rate, silence = measure_cuts()
        print(f"TCP over {CUTS} cuts of {CUT_SECONDS:g} s in a minute: {outcome}, {rate:.1f} of 5 Mbit/s, ", end="")
        print(f"never silent for longer than {silence:.1f} s", flush=True)
    if arguments.only in (None, "duplicate"):
        print("5 % loss on the direct path, 5 % on the way by bob, independent")
        for mode, keys in MODES.items():
            sent, lost, copies = measure_loss(keys, arguments.seconds)
            print(f"{mode}: {lost} of {sent} lost, {lost / sent:.3%}; {copies} came twice", flush=True)


def print_failover(count: int) -> None:
    """Measure so many rounds."""
    print("silence of a stream with a datagram every 10 ms, round trip 20 ms")
    found = measure_failover(count)
    for move in MOVES:
        silences = sorted(found.pop(move, []))
        if silences:
            p95 = silences[min(len(silences) - 1, round(0.95 * (len(silences) - 1)))]
            print(
                f"{move[0]} -> {move[1]}: p50 {statistics.median(silences) * 1000:.0f} ms, "
                f"p95 {p95 * 1000:.0f} ms of {len(silences)}"
            )
    for move, silences in found.items():
        print(f"unexpected {move[0] or 'none'} -> {move[1] or 'none'}: {len(silences)} times")


if __name__ == "__main__":
    main()
