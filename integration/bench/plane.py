"""Throughput, packets per second, latency and cost of data planes and rivals between two namespaces. Run as root:

    python -m integration.bench.plane [--only NAME,...] [--seconds 4] [--rounds 1] [--json FILE] [--plot FILE.png]
                                      [--no-offloads]

All in one run and on the same cores: the bare veth, clear vxlan in the kernel, our planes with each suite, and the
rivals that are installed (`.ci/bench-packages` installs Debian's; `integration/bench/rivals.py` says how newer builds
join). Our planes are given the session as a handshake would. Everything of both ends, iperf3 included, shares the cores
of this machine. The table ends with the goals, as ratios of this run. The plot needs gnuplot.

Where others use the machine too, more rounds give each contender several turns, one after the other; what is told of it
then is the median of each figure.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from integration.bench.contenders import contenders
from integration.bench.goals import BARE, Goal, goals_of
from integration.bench.measure import measure
from zerogo.test.dataplane.kernel import Wire

Results = dict[str, dict[str, Any]]

ROWS = (
    ("TCP one stream, Gbit/s", "tcp_gbits", "{:.2f}"),
    ("other way", "tcp_reverse_gbits", "{:.2f}"),
    ("TCP four, Gbit/s", "tcp_4_gbits", "{:.2f}"),
    ("other way", "tcp_4_reverse_gbits", "{:.2f}"),
    ("resent", "retransmits", "{}"),
    ("200 B/s, < 1 % lost", "small_packets_per_second", "{:,}"),
    ("RTT p50, us", "rtt_p50_us", "{:.0f}"),
    ("p99", "rtt_p99_us", "{:.0f}"),
    ("RTT loaded p50, us", "loaded_rtt_p50_us", "{:.0f}"),
    ("p99", "loaded_rtt_p99_us", "{:.0f}"),
    ("CPU, s/GB", "cpu_seconds_per_gb", "{:.1f}"),
    ("load before", "load_before", "{:.1f}"),
)
PLOT = """\
set terminal pngcairo size 1100,{height} font "sans,11"
set output "{out}"
set title "TCP, one stream, Gbit/s (share of the bare veth in the same run)"
set style fill solid 0.8
set xrange [0:*]
set yrange [{rows}:-1] reverse
set offsets 0,0,0.5,0.5
unset key
set ytics nomirror
set grid xtics
plot "{data}" using 2:0:(0):2:($0-0.35):($0+0.35):ytic(1) with boxxyerror lc rgb "#3465a4", \\
     "" using 2:0:3 with labels left offset 1,0
"""


def table_of(results: Results) -> Table:
    """All figures, one contender a row."""
    table = Table(title="Tunnels between two namespaces, one run")
    table.add_column("")
    for title, _, _ in ROWS:
        table.add_column(title, justify="right")
    for name, found in results.items():
        cells = ((found.get(key), form) for _, key, form in ROWS)
        table.add_row(name, *("-" if cell is None else form.format(cell) for cell, form in cells))
    return table


def goals_table(goals: list[Goal]) -> Table:
    """Each goal of the data planes beside what was measured."""
    table = Table(title="Goals")
    for title in ("", "goal", "measured", ""):
        table.add_column(title)
    for goal in goals:
        table.add_row(goal.title, goal.wanted, goal.found, "met" if goal.is_met else "missed")
    return table


def plot(results: Results, out: Path) -> None:
    """Draw the throughputs; needs gnuplot."""
    base = results[BARE]["tcp_gbits"]
    rows = sorted(results.items(), key=lambda item: -item[1]["tcp_gbits"])
    data = out.with_suffix(".dat")
    data.write_text(
        "".join(f'"{name}" {found["tcp_gbits"]:.3f} "{found["tcp_gbits"] / base:.3f}"\n' for name, found in rows)
    )
    script = PLOT.format(out=out, data=data, rows=len(rows), height=80 + 34 * len(rows))
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    data.unlink()


def medians(rounds: dict[str, list[dict[str, Any]]]) -> Results:
    """The median of each figure of each contender that was measured."""
    return {
        name: {key: statistics.median_low(found[key] for found in turns) for key in turns[0]}
        for name, turns in rounds.items()
        if turns
    }


def run(names: list[str], seconds: int, has_offloads: bool, rounds: int = 1) -> Results:
    """Measure each in turn, so many times; one that fails is told of and left out."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    known = contenders()
    wire = Wire()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    try:
        if not has_offloads:
            for host in wire.hosts:
                host.run("ethtool", "-K", "wire", "tx", "off", "gso", "off", "tso", "off", "gro", "off", "sg", "off")
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("")
            for name in names * rounds:

                def say(text: str, name: str = name) -> None:
                    progress.update(task, description=f"{name}: {text}")

                say("coming up")
                try:
                    with known[name](wire) as running:
                        results[name].append(measure(wire, running, seconds, say))
                except (RuntimeError, subprocess.SubprocessError, KeyError) as error:
                    console.print(f"{name} failed: {error}"[:600], markup=False)
    finally:
        wire.close()
    return medians(results)


def main() -> int:
    """Measure, print two tables, write JSON and the plot."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", help="names, with commas; 'zerogo' stands for all of ours (default: all)")
    options.add_argument("--json", type=Path, help="where to write the figures")
    options.add_argument("--plot", type=Path, help="where to write the plot, a PNG")
    options.add_argument("--seconds", type=int, default=4, help="of each TCP measurement")
    options.add_argument("--rounds", type=int, default=1, help="turns of each, of which the median counts")
    options.add_argument("--no-offloads", action="store_true", help="switch the veth's offloads off")
    arguments = options.parse_args()
    if os.geteuid() != 0:
        print("this benchmark makes network namespaces: run it as root", file=sys.stderr)
        return 1
    if arguments.plot and not shutil.which("gnuplot"):
        print("the plot needs gnuplot: apt-get install gnuplot-nox", file=sys.stderr)
        return 1
    for out in filter(None, (arguments.json, arguments.plot)):
        out.parent.mkdir(parents=True, exist_ok=True)
    names = list(contenders())
    if arguments.only:
        wanted = arguments.only.split(",")
        names = [name for name in names if name == BARE or any(name.startswith(each) for each in wanted)]
    results = run(names, arguments.seconds, not arguments.no_offloads, arguments.rounds)
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table_of(results))
    if goals := list(goals_of(results)):
        console.print(goals_table(goals))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    if arguments.plot:
        plot(results, arguments.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
