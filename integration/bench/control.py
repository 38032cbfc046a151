"""What a controller does with a thousand agents.

    python -m integration.bench.control [--agents 1000] [--json FILE] [--idle-seconds 20]

The controller is a process of its own, `twistd zerogo-controller` with SQLite; the agents are one other process: real
control connections over loopback, each with its key, its Noise channel and its verified network map. Each agent
dials from an address of its own, or the controller would take them for one host that dials too often. Agents compete
with the controller for the processor, so each map is verified once and shared by all agents, and for every phase the
processor time of the controller, of the bench itself and of a fixed piece of Python are told beside the time on the
clock: on a machine that others use too, the last one says by how much the first two are too high, and only these can be
compared from one run to the next.

Requests of the API come from a third process (`rest`), at an even pace whatever becomes of them: what programs and
dashboards read, half by an API token and half by an access token, first while nothing else happens, then while a change
each second is told to every agent. How late that process itself was is told, since it competes for the processor too.

Measured: joins at once; a change until every agent holds it; bytes a change costs; memory; processor while nothing
happens; REST at 200 requests a second; all agents coming back at once; a restart until every agent is back.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from attrs import asdict, field, frozen
from rich.console import Console
from rich.table import Table
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.utils import getProcessOutputAndValue

from integration.bench import rest
from integration.bench.idle import processor_seconds
from integration.control_agents import Agent, ControllerProcess, sleep
from zerogo.control.netmap import SignedMap
from zerogo.control.token import JoinToken

reactor: Any = installed
AT_ONCE = 200
CHANGES = 8
CHANGE_PAUSE_SECONDS = 4.0
REST_PER_SECOND, REST_SECONDS = 200, 20
REST_CONNECTIONS = 32
REST_PATHS = {
    "network": "",
    "member": "/members/{node}",
    "50 members": "/members?limit=50",
    "50 links": "/links?limit=50",
    "50 events": "/events?limit=50",
    "policy": "/policy",
}
"""What is asked for, below a network."""
SCOPES = ["networks:read", "members:read", "links:read", "events:read", "policy:read"]
WAIT_SECONDS = 180.0
POLL_SECONDS = 0.02
MAPS_KEPT = 200
LOOP_ROUNDS = 300_000


@frozen
class Goal:
    """One line of the table."""

    title: str
    wanted: str
    found: str
    is_met: bool


@frozen(kw_only=True)
class Phase:
    """What a piece of the run took, seconds."""

    title: str
    events: int
    """Joins, changes, requests or agents that came back."""
    wall: float
    controller: float
    """Processor time of the controller."""
    bench: float
    """Processor time of this process: agents and clients."""
    loop_ms: float = field(factory=lambda: loop_ms())
    """Processor time of a fixed piece of Python right after it, milliseconds."""


def loop_ms() -> float:
    """What the same work costs on this machine at this moment."""
    began, total = time.process_time(), 0
    for number in range(LOOP_ROUNDS):
        total += number * number % 7
    return (time.process_time() - began) * 1000


class Bench:
    """One controller, and its agents."""

    def __init__(self, directory: Path, console: Console) -> None:
        self.controller = ControllerProcess(directory)
        self.console = console
        self.agents: list[Agent] = []
        self.phases: list[Phase] = []
        self.network = ""
        self.callers: list[str] = []
        """Who makes requests: what the header Authorization holds."""

    async def begin(self) -> None:
        """Start the controller."""
        self.controller.start()
        await self.controller.wait_until_up()
        self.network = (await self.controller.request("GET", "/networks"))["items"][0]["id"]

    @contextmanager
    def phase(self, title: str, events: int) -> Iterator[None]:
        """Count what the body costs. A controller that is started in it is counted from its start."""
        pid, cpu = self.controller.pid, self.processor()
        wall, own = reactor.seconds(), sum(os.times()[:2])
        yield
        spent = self.processor() - (cpu if self.controller.pid == pid else 0.0)
        phase = Phase(
            title=title,
            events=events,
            wall=reactor.seconds() - wall,
            controller=spent,
            bench=sum(os.times()[:2]) - own,
        )
        self.phases.append(phase)
        self.console.print(f"{title}: {phase.wall:.1f} s, processor {spent:.2f} s, each {spent / events * 1000:.2f} ms")

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

    async def requests(self) -> rest.Found:
        """What became of `REST_PER_SECOND` * `REST_SECONDS` requests."""
        url = urlsplit(self.controller.owner()["url"])
        below = f"/api/v1/networks/{self.network}"
        kinds = [
            rest.Asked(title, "GET", below + path.format(node=agent.node_id), headers={"Authorization": shown})
            for agent in self.agents[:: max(1, len(self.agents) // 20)]
            for title, path in REST_PATHS.items()
            for shown in self.callers
        ]
        plan = self.controller.directory / "plan.json"
        plan.write_bytes(
            msgspec.json.encode(
                rest.Plan(
                    host=url.hostname or "",
                    port=url.port or 0,
                    rate=REST_PER_SECOND,
                    total=REST_PER_SECOND * REST_SECONDS,
                    connections=REST_CONNECTIONS,
                    kinds=kinds,
                )
            )
        )
        arguments = ("-m", "integration.bench.rest", str(plan))
        output, errors, code = await getProcessOutputAndValue(sys.executable, arguments, os.environ)
        if code:
            raise SystemExit(errors.decode())
        found = msgspec.json.decode(output, type=rest.Found)
        if set(found.statuses) != {200}:
            raise SystemExit(f"not every request was answered: {found.statuses}")
        return found

    async def make_callers(self) -> None:
        """A user, with an access token and an API token."""
        ask = self.controller.request
        named = {"name": "bench", "password": os.urandom(16).hex()}
        user = await ask("POST", "/users", {**named, "role": "admin"})
        wanted = {"name": "bench", "user": user["id"], "scopes": SCOPES, "expires_seconds": 3600}
        access, program = await ask("POST", "/auth/login", named), await ask("POST", "/tokens", wanted)
        self.callers = [f"Bearer {token}" for token in (access["token"], program["token"])]

    async def change_for(self, seconds: float) -> list[float]:
        """A change each second; how long each took to reach each agent."""
        delays, began = [], reactor.seconds()
        for number in range(int(seconds)):
            await sleep(max(0.0, began + number - reactor.seconds()))
            delays += await self.change(number)
        return delays

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
    await measure_joins(bench, count, found)
    await sleep(5.0)
    await measure_changes(bench, count, found)
    await sleep(3.0)
    with bench.phase("nothing happens", 1):
        await sleep(idle_seconds)
    found["idle_cpu_percent"] = bench.phases[-1].controller / bench.phases[-1].wall * 100
    found["rss_megabytes"] = bench.rss_megabytes()
    await measure_requests(bench, found)
    await measure_returns(bench, count, found)
    return found


async def measure_joins(bench: Bench, count: int, found: dict[str, float]) -> None:
    """Some at once, then the rest, a hundred at a time."""
    found["joins_at_once"] = first = min(AT_ONCE, count)
    with bench.phase("joins at once", first):
        found["joins_seconds"] = await bench.join(first)
    addresses = {agent.welcomes[0].addresses for agent in bench.agents}
    found["addresses_unique"] = float(len(addresses) == len(bench.agents))
    if count > first:
        with bench.phase("further joins", count - first):
            while len(bench.agents) < count:
                await bench.join(min(100, count - len(bench.agents)))
    found["settle_seconds"] = await bench.settle()


async def measure_changes(bench: Bench, count: int, found: dict[str, float]) -> None:
    """One after the other."""
    delays: list[float] = []
    before = bench.received()
    with bench.phase("changes", CHANGES):
        for number in range(CHANGES):
            delays += await bench.change(number)
            await sleep(CHANGE_PAUSE_SECONDS)
    found["change_p50_seconds"] = statistics.median(delays)
    found["change_p95_seconds"] = percentile(delays, 0.95)
    found["change_max_seconds"] = max(delays)
    found["change_bytes_per_agent"] = (bench.received() - before) / CHANGES / count


async def measure_requests(bench: Bench, found: dict[str, float]) -> None:
    """While nothing else happens, then while members are renamed."""
    await bench.make_callers()
    with bench.phase("requests", REST_PER_SECOND * REST_SECONDS):
        quiet = await bench.requests()
    note_requests(quiet, "rest", found)
    with bench.phase("requests while changes are told", REST_PER_SECOND * REST_SECONDS):
        asked = ensureDeferred(bench.requests())
        delays = await bench.change_for(REST_SECONDS)
        busy = await asked
    note_requests(busy, "rest_busy", found)
    found["rest_busy_change_p95_seconds"] = percentile(delays, 0.95)


def note_requests(asked: rest.Found, key: str, found: dict[str, float]) -> None:
    """Percentiles, milliseconds."""
    took = [seconds for some in asked.took.values() for seconds in some]
    for name, values in {"": took, "_own_lag": asked.late}.items():
        for part in (50, 99):
            found[f"{key}{name}_p{part}_ms"] = percentile(values, part / 100) * 1000
    found[f"{key}_max_ms"] = max(took) * 1000
    found[f"{key}_own_ms_each"] = asked.processor / len(took) * 1000
    for title, some in asked.took.items():
        found[f"{key}_p99_ms {title}"] = percentile(some, 0.99) * 1000


async def measure_returns(bench: Bench, count: int, found: dict[str, float]) -> None:
    """All lose their connections, then the controller is killed and started."""
    for agent in bench.agents:
        agent.welcomes.clear()
    with bench.phase("all come back", count):
        for agent in bench.agents:
            agent.client.drop("the bench wants to see you again")
        await bench.until(lambda: all(agent.welcomes for agent in bench.agents), "all are back")
    for agent in bench.agents:
        agent.welcomes.clear()
    with bench.phase("kill, start, all come back", count):
        bench.controller.kill()
        bench.controller.start()
        began = reactor.seconds()
        await bench.controller.wait_until_up()
        found["restart_up_seconds"] = reactor.seconds() - began
        await bench.until(lambda: all(agent.welcomes for agent in bench.agents), "all are back")
        await bench.settle()
        found["restart_seconds"] = reactor.seconds() - began
    found["rss_after_restart_megabytes"] = bench.rss_megabytes()


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
        most("REST at 200/s, p50", "rest_p50_ms", 50, "ms"),
        most("REST at 200/s, p99", "rest_p99_ms", 50, "ms"),
        most("the same while a change each second is told to all, p99", "rest_busy_p99_ms", 50, "ms"),
        most("kill and restart, all back with the newest map", "restart_seconds", 30, "s"),
    ]


def show(found: dict[str, float], phases: list[Phase], console: Console) -> bool:
    """The tables; whether all goals are met."""
    table = Table("figure", "wanted", "found", "")
    rows = goals(found)
    for row in rows:
        table.add_row(row.title, row.wanted, row.found, "met" if row.is_met else "MISSED")
    console.print(table)
    costs = Table("phase", "on the clock", "controller", "each", "bench", "loop")
    for one in phases:
        each = f"{one.controller / one.events * 1000:.2f} ms"
        seconds = [f"{value:.2f} s" for value in (one.wall, one.controller, one.bench)]
        costs.add_row(f"{one.events} {one.title}", *seconds[:2], each, seconds[2], f"{one.loop_ms:.0f} ms")
    console.print(costs)
    lags = Table("requests", "p50", "p99", "most", "the client itself late, p99")
    for title, key in {"nothing else happens": "rest", "changes are told": "rest_busy"}.items():
        names = ("p50_ms", "p99_ms", "max_ms", "own_lag_p99_ms")
        lags.add_row(title, *(f"{found[f'{key}_{name}']:.1f} ms" for name in names))
    console.print(lags)
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
        costs = [asdict(phase) for phase in bench.phases]
        chosen.json.write_text(json.dumps(found | {"phases": costs}, indent=2))
    return 0 if show(found, bench.phases, console) else 1


if __name__ == "__main__":
    sys.exit(main())
