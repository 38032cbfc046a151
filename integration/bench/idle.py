"""What an agent costs: memory and processor of an idle one, and seconds from `zerogo join` to the first answered ping.

    python -m integration.bench.idle [--json FILE] [--seconds 60] [--joins 10]

Run as root. Four machines (namespaces) on one link: one runs `zerogo up`, the others join; then nothing happens but the
agents' own probes. Both processes of the agent are counted, the one on Twisted and the data plane's. RSS counts pages
that the two and other programs share in each of them; PSS counts such a page once, in parts; private is what ending the
process would give back.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

NAMES = ("hub", "anna", "bob", "carol")
PREFIX = "203.0.113"
_KINDS = ("Rss", "Pss", "Private_Dirty", "Private_Clean")


def run(*command: str, check: bool = True) -> str:
    """A program's output."""
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=120).stdout


class Machines:
    """Namespaces on one bridge, each with a state directory."""

    def __init__(self, directory: Path) -> None:
        self._tag = f"zg{secrets.token_hex(2)}"
        self.directory = directory

    def make(self) -> None:
        """All of them."""
        link = f"{self._tag}s"
        run("ip", "netns", "add", link)
        run("ip", "-n", link, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", link, "link", "set", "br0", "up")
        for number, name in enumerate(NAMES, 1):
            space, port = f"{self._tag}{name}", f"p{number}"
            run("ip", "netns", "add", space)
            run("ip", "-n", link, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
            run("ip", "-n", link, "link", "set", port, "master", "br0", "up")
            run("ip", "-n", space, "link", "set", "lo", "up")
            run("ip", "-n", space, "addr", "add", f"{PREFIX}.{number}/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")

    def remove(self) -> None:
        """All of them, with what still runs inside."""
        for name in ("s", *NAMES):
            for pid in run("ip", "netns", "pids", f"{self._tag}{name}", check=False).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), 9)
            run("ip", "netns", "del", f"{self._tag}{name}", check=False)

    def inside(self, name: str, *command: str, check: bool = True) -> str:
        """A program's output, run on a machine."""
        return run("ip", "netns", "exec", f"{self._tag}{name}", *command, check=check)

    def zerogo(self, name: str, *arguments: str, check: bool = True) -> str:
        """The `zerogo` command on a machine."""
        where = ("--state-dir", str(self.directory / name))
        return self.inside(name, sys.executable, "-m", "zerogo.cli.main", *arguments, *where, check=check)

    def pids(self, name: str) -> list[int]:
        """Processes of a machine."""
        return [int(pid) for pid in run("ip", "netns", "pids", f"{self._tag}{name}").split()]


@contextlib.contextmanager
def machines() -> Iterator[Machines]:
    """Gone when the body ends, in whatever way."""
    with tempfile.TemporaryDirectory() as directory:
        made = Machines(Path(directory))
        try:
            made.make()
            yield made
        finally:
            made.remove()


def memory(pid: int) -> dict[str, float]:
    """MB of a process by kind."""
    rows = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    values = {kind: int(rows[kind].split()[0]) / 1024 for kind in _KINDS}
    private = values.pop("Private_Dirty") + values.pop("Private_Clean")
    return {"rss_mb": values["Rss"], "pss_mb": values["Pss"], "private_mb": private}


def processor_seconds(pid: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(made: Machines, name: str, seconds: float) -> list[dict[str, float | str]]:
    """Each process of a machine's agent, over `seconds` in which nothing happens."""
    pids = made.pids(name)
    begun = {pid: processor_seconds(pid) for pid in pids}
    time.sleep(seconds)
    rows: list[dict[str, float | str]] = []
    for pid in pids:
        command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        share = (processor_seconds(pid) - begun[pid]) / seconds
        kind = "data plane" if "dataplane" in command else "agent"
        rows.append({"process": kind, "cpu_percent": share * 100, **memory(pid)})
    return rows


def join_to_ping(made: Machines, name: str, token: str) -> tuple[float, float]:
    """Seconds from the start of `zerogo join` until it has ended, and until the hub answered a ping."""
    target = json.loads(made.zerogo("hub", "status", "--json"))["addresses"][0]
    begun = time.monotonic()
    command = ("ip", "netns", "exec", f"{made._tag}{name}", sys.executable, "-m", "zerogo.cli.main", "join", token)
    joining = subprocess.Popen(
        [*command, "--name", name, "--state-dir", str(made.directory / name)], stdout=subprocess.DEVNULL
    )
    while "1 received" not in made.inside(name, "ping", "-c", "1", "-W", "1", target, check=False):
        if time.monotonic() - begun > 30:
            raise SystemExit("no ping within 30 s")
        time.sleep(0.01)
    pinged = time.monotonic() - begun
    joining.wait(30)
    return time.monotonic() - begun, pinged


def measure(seconds: float, joins: int, console: Console) -> dict[str, object]:
    """Everything."""
    with machines() as made:
        console.print("hub: zerogo up")
        token = made.zerogo("hub", "up").partition("zerogo join '")[2].partition("'")[0]
        pings = []
        for number in range(joins):
            if number:
                made.zerogo("anna", "leave", "--yes")
            pings.append(join_to_ping(made, "anna", token)[1])
            console.print(f"anna: first ping {pings[-1]:.2f} s after `zerogo join`")
        for name in ("bob", "carol"):
            made.zerogo(name, "join", token, "--name", name)
        connected = json.loads(made.zerogo("anna", "status", "--json"))["connected"]
        console.print(f"anna: {connected} peers; idle for {seconds:.0f} s")
        rows = idle(made, "anna", seconds)
    pings.sort()
    return {
        "peers": connected,
        "processes": rows,
        "join_to_ping_p50_seconds": statistics.median(pings),
        "join_to_ping_max_seconds": pings[-1],
        "joins": joins,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to watch the idle agent")
    parser.add_argument("--joins", type=int, default=10, help="how often to join and leave")
    chosen = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("network namespaces need root")
    console = Console()
    result = measure(chosen.seconds, chosen.joins, console)
    rows = result["processes"]
    assert isinstance(rows, list)
    for row in [
        *rows,
        {"process": "both", **{key: sum(one[key] for one in rows) for key in rows[0] if key != "process"}},
    ]:
        console.print(
            f"{row['process']:<11} RSS {row['rss_mb']:5.1f} MB   PSS {row['pss_mb']:5.1f} MB   "
            f"private {row['private_mb']:5.1f} MB   CPU {row['cpu_percent']:.2f} %"
        )
    console.print(
        f"join to first ping: p50 {result['join_to_ping_p50_seconds']:.2f} s, "
        f"most {result['join_to_ping_max_seconds']:.2f} s of {result['joins']}"
    )
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
