"""What a controller does with a thousand agents.

    python -m integration.bench.control [--agents 1000] [--json FILE] [--idle-seconds 20]

The controller is a process of its own, `twistd zerogo-controller` with SQLite; the agents are one other process: real
control connections over loopback, each with its key, its Noise channel and its verified network map. Each agent
dials from an address of its own, or the controller would take them for one host that dials too often. Agents compete
with the controller for the processor, which the figures then show too; so each map is verified once and shared by all
agents, and the processor time of the controller alone is told beside.

Measured: joins at once; a change until every agent holds it; bytes a change costs; memory; processor while nothing
happens; a restart until every agent is back; REST at 200 requests a second.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen
from rich.console import Console
from rich.table import Table
from treq.client import HTTPClient
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, DeferredSemaphore, ensureDeferred, gatherResults
from twisted.web.client import Agent as HttpAgent
from twisted.web.client import HTTPConnectionPool

from integration.bench.idle import processor_seconds
from integration.control_agents import Agent, ControllerProcess, sleep
from zerogo.control.netmap import SignedMap
from zerogo.control.token import JoinToken

reactor: Any = installed
AT_ONCE = 200
CHANGES = 8
CHANGE_PAUSE_SECONDS = 4.0
REST_PER_SECOND, REST_SECONDS = 200, 10
REST_CONNECTIONS = 16
WAIT_SECONDS = 180.0
POLL_SECONDS = 0.02
MAPS_KEPT = 200


@frozen
class Goal:
    """One line of the table."""

    title: str
    wanted: str
    found: str
    is_met: bool


class Bench:
    """One controller, and its agents."""

    def __init__(self, directory: Path, console: Console) -> None:
        self.controller = ControllerProcess(directory)
        self.console = console
        self.agents: list[Agent] = []
        self.network = ""

    async def begin(self) -> None:
        """Start the controller."""
        self.controller.start()
        await self.controller.wait_until_up()
        self.network = (await self.controller.request("GET", "/networks"))["items"][0]["id"]

    async def until(self, is_so: Callable[[], bool], what: str) -> float:
        """Seconds until it was."""
        began = reactor.seconds()
        while not is_so():
            if reactor.seconds() - began > WAIT_SECONDS:
                raise SystemExit(f"not within {WAIT_SECONDS:.0f} s: {what}")
            await sleep(POLL_SECONDS)
        return float(reactor.seconds() - began)

    async def join(self, count: int) -> float:
        """So many join at once; seconds until all are members."""
        made = await self.controller.request("POST", f"/networks/{self.network}/invites", {"uses": count})
        token = JoinToken.parse(made["join_url"])
        first = len(self.agents)
        new = [Agent(token, name=f"m{number}", source=source(number)) for number in range(first, first + count)]
        self.agents += new
        for agent in new:
            agent.client.start()
        return await self.until(lambda: all(agent.welcomes for agent in new), f"{count} joins")

    async def settle(self) -> float:
        """Seconds until all hold the newest map."""
        newest = await self.revision()
        return await self.until(lambda: all(agent.revision >= newest for agent in self.agents), "all hold the map")

    async def revision(self) -> int:
        """Of the network."""
        return int((await self.controller.request("GET", f"/networks/{self.network}"))["revision"])

    async def change(self, number: int) -> list[float]:
        """Rename a member; seconds until each agent held the change."""
        node = str(self.agents[number].node_id)
        before = await self.revision()
        began = reactor.seconds()
        await self.controller.request(
            "PATCH", f"/networks/{self.network}/members/{node}", {"name": f"renamed-{number}"}
        )
        await self.until(lambda: all(agent.revision > before for agent in self.agents), "a change reached all")
        return [agent.map_at - began for agent in self.agents]

    async def requests(self) -> list[float]:
        """Seconds that each of `REST_PER_SECOND` * `REST_SECONDS` requests took, begun at an even pace, over kept-up
        connections as a program would use them."""
        owner = self.controller.owner()
        pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost = REST_CONNECTIONS
        client, free = HTTPClient(HttpAgent(reactor, pool=pool)), DeferredSemaphore(REST_CONNECTIONS)
        url, headers = f"{owner['url']}/api/v1/networks/{self.network}", {"Authorization": f"Bearer {owner['token']}"}
        took: list[float] = []

        async def one() -> None:
            began = reactor.seconds()
            response = await client.get(url, headers=headers)
            await response.content()
            took.append(reactor.seconds() - began)

        waiting = []
        began = reactor.seconds()
        for number in range(REST_PER_SECOND * REST_SECONDS):
            waiting.append(free.run(lambda: ensureDeferred(one())))
            await sleep(max(0.0, began + (number + 1) / REST_PER_SECOND - reactor.seconds()))
        await gatherResults(waiting)
        await pool.closeCachedConnections()
        return took

    def received(self) -> int:
        """Bytes that all agents have received of the controller."""
        return sum(agent.received_bytes for agent in self.agents)

    def processor(self) -> float:
        """Seconds of processor time that the controller has used."""
        return processor_seconds(self.controller.pid)

    def rss_megabytes(self) -> float:
        """Of the controller."""
        for line in Path(f"/proc/{self.controller.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise AssertionError("no VmRSS")


def share_maps() -> None:
    """Have each network map read, verified and encoded once for all agents: they are in one process here, and hold the
    same maps; on machines of their own each does it for itself."""
    decode, apply, verify, encode = SignedMap.decode, SignedMap.apply, SignedMap.verify, SignedMap.encode
    done: dict[tuple[object, ...], Any] = {}

    def once(key: tuple[object, ...], work: Callable[[], Any]) -> Any:
        if key not in done:
            if len(done) > MAPS_KEPT:
                done.clear()
            done[key] = work()
        return done[key]

    def patched(name: str, value: object) -> None:
        setattr(SignedMap, name, value)

    patched("decode", staticmethod(lambda blob: once(("decode", blob), lambda: decode(blob))))
    patched("apply", lambda held, delta: once(("apply", held.signature, delta.signature), lambda: apply(held, delta)))
    patched("verify", lambda held, *known: once(("verify", held.signature, *known), lambda: verify(held, *known)))
    patched("encode", lambda held: once(("encode", held.signature), lambda: encode(held)))


def source(number: int) -> str:
    """An address of loopback."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


def percentile(values: list[float], part: float) -> float:
    """The value that `part` of them do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


async def measure(bench: Bench, count: int, idle_seconds: float) -> dict[str, float]:
    """Everything."""
    found: dict[str, float] = {"agents": count}
    await bench.begin()
    say = bench.console.print
    found["joins_at_once"] = min(AT_ONCE, count)
    begun = bench.processor()
    found["joins_seconds"] = await bench.join(int(found["joins_at_once"]))
    found["join_cpu_ms"] = (bench.processor() - begun) * 1000 / found["joins_at_once"]
    addresses = {agent.welcomes[0].addresses for agent in bench.agents}
    found["addresses_unique"] = float(len(addresses) == len(bench.agents))
    say(f"{found['joins_at_once']:.0f} joins at once: {found['joins_seconds']:.1f} s")
    while len(bench.agents) < count:
        await bench.join(min(100, count - len(bench.agents)))
    found["settle_seconds"] = await bench.settle()
    say(f"{count} agents are here")
    await sleep(5.0)
    delays: list[float] = []
    before, begun = bench.received(), bench.processor()
    for number in range(CHANGES):
        delays += await bench.change(number)
        await sleep(CHANGE_PAUSE_SECONDS)
    found["change_cpu_ms"] = (bench.processor() - begun) * 1000 / CHANGES
    found["change_p50_seconds"] = statistics.median(delays)
    found["change_p95_seconds"] = percentile(delays, 0.95)
    found["change_max_seconds"] = max(delays)
    found["change_bytes_per_agent"] = (bench.received() - before) / CHANGES / count
    say(f"a change reaches p95 {found['change_p95_seconds']:.2f} s")
    await sleep(3.0)
    begun = bench.processor()
    await sleep(idle_seconds)
    found["idle_cpu_percent"] = (bench.processor() - begun) / idle_seconds * 100
    found["rss_megabytes"] = bench.rss_megabytes()
    begun = bench.processor()
    rest = await bench.requests()
    found["rest_cpu_ms"] = (bench.processor() - begun) * 1000 / len(rest)
    found["rest_p50_ms"], found["rest_p99_ms"] = (percentile(rest, part) * 1000 for part in (0.5, 0.99))
    say(f"REST p99 {found['rest_p99_ms']:.1f} ms")
    for agent in bench.agents:
        agent.welcomes.clear()
    began = reactor.seconds()
    bench.controller.kill()
    bench.controller.start()
    await bench.until(lambda: all(agent.welcomes for agent in bench.agents), "all are back")
    await bench.settle()
    found["restart_seconds"] = reactor.seconds() - began
    found["restart_cpu_seconds"] = bench.processor()
    found["rss_after_restart_megabytes"] = bench.rss_megabytes()
    return found


def goals(found: dict[str, float]) -> list[Goal]:
    """What the figures are held to."""

    def most(title: str, key: str, limit: float, unit: str) -> Goal:
        return Goal(title, f"at most {limit:g} {unit}", f"{found[key]:.2f} {unit}", found[key] <= limit)

    agents = f"{found['agents']:.0f}"
    return [
        Goal(
            f"{found['joins_at_once']:.0f} joins at once: addresses",
            "each its own",
            "each its own" if found["addresses_unique"] else "some given twice",
            bool(found["addresses_unique"]),
        ),
        most(f"{found['joins_at_once']:.0f} joins at once", "joins_seconds", 30, "s"),
        most(f"a change reaches all of {agents}, p95", "change_p95_seconds", 2, "s"),
        most("bytes a change costs an agent", "change_bytes_per_agent", 1000, "B"),
        most("memory (RSS)", "rss_megabytes", 300, "MB"),
        most("idle processor, of one core", "idle_cpu_percent", 10, "%"),
        most("REST at 200/s, p99", "rest_p99_ms", 50, "ms"),
        most("kill and restart, all back with the newest map", "restart_seconds", 30, "s"),
    ]


def show(found: dict[str, float], console: Console) -> bool:
    """The table; whether all goals are met."""
    table = Table("figure", "wanted", "found", "")
    rows = goals(found)
    for row in rows:
        table.add_row(row.title, row.wanted, row.found, "met" if row.is_met else "MISSED")
    console.print(table)
    console.print(
        f"processor time of the controller: a join {found['join_cpu_ms']:.1f} ms, "
        f"a change {found['change_cpu_ms']:.0f} ms, a request {found['rest_cpu_ms']:.2f} ms, "
        f"a restart with all agents {found['restart_cpu_seconds']:.1f} s"
    )
    return all(row.is_met for row in rows)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--idle-seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    chosen = parser.parse_args()
    console = Console()
    directory = Path(tempfile.mkdtemp(prefix="zerogo-bench-"))
    share_maps()
    bench = Bench(directory, console)
    found: dict[str, float] = {}

    async def run() -> None:
        try:
            found.update(await measure(bench, chosen.agents, chosen.idle_seconds))
        finally:
            bench.controller.kill()
            reactor.stop()

    def begin() -> None:
        done: Deferred[None] = ensureDeferred(run())
        done.addErrback(lambda failure: print(failure.getTraceback(), file=sys.stderr))

    reactor.callWhenRunning(begin)
    reactor.run()
    shutil.rmtree(directory, ignore_errors=True)
    if not found:
        return 1
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2))
    return 0 if show(found, console) else 1


if __name__ == "__main__":
    sys.exit(main())
