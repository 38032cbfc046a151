# -*- test-case-name: integration.netns.test_lab -*-
"""One run of a scenario: build, start, wait until the mesh is up, play the time line, measure, judge, remove.

The mesh is *up* when every check about pings and paths holds, or when `connect-limit` has passed since all agents had
started. Then the time line begins. After it, and before the verdict, the mesh is given as long to be up again: a path
may be left for some seconds because a busy machine answered late. Loss and round-trip times are those of the `settle`
seconds and of the first such wait; outages are those since the mesh was up.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from attrs import evolve, frozen

from zerogo.lab.behaviour import observe
from zerogo.lab.errors import LabFault
from zerogo.lab.laboratory import Lab
from zerogo.lab.prober import CANARY_BYTES, Prober, Target
from zerogo.lab.result import Behaviour, CheckResult, Findings, JoinTimes, PairResult, PeerView, Result, Sealing
from zerogo.lab.roles import MESH_DEVICE, Mesh
from zerogo.lab.scenario import CheckKind, NatKind, Pair, Role, Scenario
from zerogo.lab.series import percentile
from zerogo.lab.timeline import Timeline
from zerogo.lab.verdict import judge

_TICK_SECONDS = 0.1
_VIEW_SECONDS = 0.5
"""How often agents are asked about their peers."""
START_SECONDS = 120.0
"""Given to agents to start on a busy machine, before `connect-limit` begins."""
_STATE_CHECKS = (CheckKind.PING, CheckKind.PATH, CheckKind.DIRECT)
_THROUGHPUT_SECONDS = 3


HELD_SETTINGS = {"local-browsers": True}
"""Of the controller of a lab that people look at: they do so by plain HTTP, from this machine."""


class Spectator(Protocol):
    """Who wants to see the run while it goes."""

    def phase(self, text: str) -> None:
        """Something else begins."""

    def update(self, pairs: Sequence[PairResult]) -> None:
        """What is known about all pairs so far."""


@frozen(kw_only=True)
class Wishes:
    """How to run; the scenario says what."""

    seed: int | None = None
    with_mesh: bool = True
    keep: bool = False
    """Keep logs also if all checks hold."""
    capture: Path | None = None
    hold: Callable[[Lab, Mesh], None] | None = None
    """Called with the standing lab and its mesh before they are removed."""


def run_scenario(scenario: Scenario, spectator: Spectator, wishes: Wishes | None = None) -> Result:
    """Run a scenario to its end; raises `LabFault` where the machine cannot. Leaves nothing but, on failure, logs."""
    wishes = wishes or Wishes()
    with Lab(scenario, seed=wishes.seed, keep_directory=True) as lab:
        spectator.phase("the internet stands")
        with contextlib.ExitStack() as stack:
            run = _Run(lab, spectator, wishes, stack)
            try:
                result = run.execute()
            except KeyboardInterrupt:
                lab.keep_directory = wishes.keep
                raise
            finally:
                run.add_events_to_log()
            if wishes.hold is not None:
                wishes.hold(lab, run.mesh)
        lab.keep_directory = wishes.keep or not result.passed
    return evolve(result, directory=str(lab.directory) if lab.keep_directory else "")


class _Run:
    def __init__(self, lab: Lab, spectator: Spectator, wishes: Wishes, stack: contextlib.ExitStack) -> None:
        self._lab = lab
        self._scenario = lab.scenario
        self._spectator = spectator
        self._wishes = wishes
        self._has_mesh = lab.scenario.has_mesh and wishes.with_mesh
        self._prober = Prober(lab)
        stack.callback(self._prober.close)
        self._mesh = Mesh(lab, HELD_SETTINGS if wishes.hold is not None else None)
        stack.callback(self._mesh.close)
        self._control_canary = os.urandom(CANARY_BYTES)
        self._began = time.time()
        self._deadline = self._began + lab.scenario.time_limit
        self._begun: dict[Pair, float] = {}
        self._known: dict[Pair, float] = {}
        self._views: dict[str, Mapping[str, PeerView]] = {}
        self._viewed_at = 0.0
        self._up_at: float | None = None
        self._settled_at = 0.0
        self._settled_until = float("inf")
        self._events: list[str] = []
        self._joins: list[float] = []
        self._behaviours: dict[str, Behaviour] = {}
        self._throughput: dict[Pair, float] = {}

    @property
    def mesh(self) -> Mesh:
        """Its roles."""
        return self._mesh

    # ----- the course of it

    def execute(self) -> Result:
        """From the start of the roles to the verdict."""
        if self._wishes.capture is not None:
            self._lab.record(self._wishes.capture)
        self._lab.watch(self._prober.canary)
        self._lab.watch(self._control_canary)
        self._event("built")
        if self._has_mesh:
            self._spectator.phase("starting the controller and the agents")
            self._in_background(self._mesh.start_all)
        self._connect()
        for _ in range(self._scenario.repeat - 1):
            self._join_again()
        self._play()
        sealing = self._prove_sealing() if self._checks(CheckKind.SEALED) else None
        self._observe_nats()
        self._measure_throughput()
        return self._judge(sealing)

    def _connect(self) -> None:
        self._spectator.phase("connecting" if self._has_mesh else "measuring")
        started_by = time.time() + START_SECONDS
        self._wait(lambda: not self._has_mesh or self._mesh.has_started() or time.time() > started_by)
        limit = time.time() + self._scenario.connect_limit
        self._wait(lambda: self._is_up() or time.time() > limit)
        self._up_at = self._settled_at = time.time()
        self._event(
            "the mesh is up" if self._is_up() else "the mesh is not up as the checks want it; going on all the same"
        )
        self._note_joins(self._scenario.pairs())

    def _join_again(self) -> None:
        """The last agent forgets all and joins anew."""
        newcomer = self._scenario.with_role(Role.AGENT)[-1]
        pairs = [pair for pair in self._scenario.pairs() if newcomer in pair]
        self._in_background(lambda: self._mesh.rejoin(newcomer))
        self._prober.forget(pairs)
        for pair in pairs:
            self._begun.pop(pair, None)
            self._known.pop(pair, None)
        limit = time.time() + self._scenario.connect_limit
        self._wait(lambda: all(self._answered(pair) for pair in pairs) or time.time() > limit)
        self._event(f"{newcomer} joined again")
        self._note_joins(pairs)

    def _play(self) -> None:
        timeline = Timeline(self._scenario.actions, self._lab, self._mesh)
        if not timeline.is_over:
            self._spectator.phase("playing the time line")
        begin = time.time()
        while not timeline.is_over and time.time() < self._deadline:
            for action in timeline.advance(time.time() - begin):
                self._event(str(action))
                self._retarget()
            self._tick()
        self._spectator.phase("measuring")
        self._settled_at = time.time()
        self._wait(lambda: time.time() > self._settled_at + self._scenario.settle)
        self._regain()
        self._settled_until = time.time()

    def _regain(self) -> None:
        """Until the mesh is up again, if it is not."""
        self._look(0.0)
        limit = time.time() + self._scenario.connect_limit
        self._wait(lambda: self._is_up() or time.time() > limit)

    def _judge(self, sealing: Sealing | None) -> Result:
        self._regain()
        pairs = self._pairs()
        joins = self._join_times()
        findings = Findings(
            pairs={result.pair: result for result in pairs},
            sealing=sealing,
            behaviours=self._behaviours,
            joins=joins,
        )
        checks: list[CheckResult] = [judge(check, findings) for check in self._scenario.checks]
        if time.time() > self._deadline:
            limit = f"{self._scenario.time_limit:g} s"
            checks.append(CheckResult(check="time-limit", passed=False, sentence=f"the run took longer than {limit}"))
        return Result(
            scenario=self._scenario.name,
            seed=self._lab.seed,
            seconds=time.time() - self._began,
            pairs=pairs,
            checks=tuple(checks),
            events=tuple(self._events),
            joins=joins,
            sealing=sealing,
            internet=self._lab.counters(),
            natures={host: f"{seen.mapping} / {seen.filtering}" for host, seen in self._behaviours.items()},
        )

    # ----- waiting and looking

    def _in_background(self, step: Callable[[], None]) -> None:
        """Run a step that takes long, and keep looking meanwhile; its error is raised here."""
        with ThreadPoolExecutor(1) as pool:
            future: Future[None] = pool.submit(step)
            while not future.done():
                self._tick()
            future.result()

    def _wait(self, is_over: Callable[[], bool]) -> None:
        while not is_over() and time.time() < self._deadline:
            self._tick()

    def _tick(self) -> None:
        self._find_targets()
        self._look(_VIEW_SECONDS)
        self._spectator.update(self._pairs())
        self._mesh.check()
        time.sleep(_TICK_SECONDS)

    def _look(self, age: float) -> None:
        """Ask all agents about their peers if the last answers are older than `age` seconds."""
        if self._has_mesh and time.time() >= self._viewed_at + age:
            self._viewed_at = time.time()
            self._views = {name: self._mesh.peers(name) for name in self._scenario.with_role(Role.AGENT)}
            for pair in self._scenario.pairs():
                self._note_known(pair)

    def _note_known(self, pair: Pair) -> None:
        """Agents' answers take time, so the latest moment that any of them names is the nearest to the truth."""
        views = [self._views.get(one, {}).get(other) for one, other in (pair, pair[::-1])]
        moments = [view.known_since for view in views if view is not None and view.known_since is not None]
        series = self._prober.series.get(pair)
        first = None if series is None else series.first_answer_at
        # An agent that was started again after the first answer knows of the peer since then.
        if len(moments) == 2 and (first is None or max(moments) <= first):
            self._known[pair] = max(self._known.get(pair, 0.0), *moments)

    def _find_targets(self) -> None:
        """Begin to ping the pairs whose addresses have become known."""
        for pair in self._scenario.pairs():
            if pair not in self._begun:
                target = self._target(pair)
                if target is not None:
                    self._begun[pair] = self._start_of(pair)
                    self._prober.set_target(target)

    def _start_of(self, pair: Pair) -> float:
        return max(self._mesh.joined_at(name) for name in pair) if self._has_mesh else time.time()

    def _target(self, pair: Pair) -> Target | None:
        if self._has_mesh:
            is_member = Role.AGENT in self._lab.host(pair[1]).host.roles
            address = self._mesh.address(pair[1]) if is_member else self._lab.host(pair[1]).addresses[0]
            return Target(pair, pair[0], address, MESH_DEVICE) if address and self._mesh.address(pair[0]) else None
        for source, target in (pair, pair[::-1]):
            there = self._lab.host(target)
            if self._lab.site(there.site).site.nat is NatKind.OPEN or there.site == self._lab.host(source).site:
                return Target(pair, source, there.addresses[0])
        return None

    def _retarget(self) -> None:
        """Without a mesh, addresses change with actions."""
        if not self._has_mesh:
            for pair in self._begun:
                target = self._target(pair)
                if target is not None:
                    self._prober.set_target(target)

    def _is_up(self) -> bool:
        findings = Findings(pairs={result.pair: result for result in self._pairs()})
        checks = [check for check in self._scenario.checks if check.kind in _STATE_CHECKS]
        if not checks:
            return all(self._answered(pair) for pair in self._begun)
        return all(judge(evolve(check, limit=1e9), findings).passed for check in checks)

    def _answered(self, pair: Pair) -> bool:
        series = self._prober.series.get(pair)
        return series is not None and series.first_answer_at is not None

    # ----- what is known

    def _pairs(self) -> tuple[PairResult, ...]:
        """All pairs of the mesh; without one, those that can be pinged at all."""
        return tuple(self._pair(pair) for pair in self._scenario.pairs() if self._has_mesh or pair in self._begun)

    def _pair(self, pair: Pair) -> PairResult:
        measured = [self._throughput[way] for way in (pair, pair[::-1]) if way in self._throughput]
        result = self._with_view(PairResult(pair=pair, throughput=min(measured, default=None)), pair)
        series, now = self._prober.series.get(pair), time.time()
        if series is None or pair not in self._begun:
            return result
        until = min(now, self._settled_until)
        figures = series.figures(self._settled_at, until)
        first, known = series.first_answer_at, self._known.get(pair)
        return evolve(
            result,
            first_ping=None if first is None else max(0.0, first - self._begun[pair]),
            map_to_ping=None if first is None or known is None else max(0.0, first - known),
            rtt_p50=figures.rtt_p50,
            rtt_p99=figures.rtt_p99,
            loss=figures.loss,
            outage=None if self._up_at is None else series.figures(self._up_at, until).outage,
            answers=series.answers_since(now - 2.0) > 0,
        )

    def _with_view(self, result: PairResult, pair: Pair) -> PairResult:
        """Add what the two agents say; a path counts for what the worse of both calls it."""
        here = self._views.get(pair[0], {}).get(pair[1])
        there = self._views.get(pair[1], {}).get(pair[0])
        known = [view for view in (here, there) if view is not None]
        if not known:
            return result
        worst = next((view for view in known if view.path != "direct"), known[0])
        times = [view.seconds_to_direct for view in known if view.seconds_to_direct is not None]
        return evolve(
            result,
            path=worst.path if len(known) == 2 else "none",
            local_candidate=known[0].local_candidate,
            remote_candidate=known[0].remote_candidate,
            direct=max(times) if len(times) == 2 else None,
            reason=next((view.reason for view in known if view.reason), ""),
        )

    def _note_joins(self, pairs: Sequence[Pair]) -> None:
        for pair in pairs:
            first = self._pair(pair).first_ping
            self._joins.append(float("inf") if first is None else first)

    def _join_times(self) -> JoinTimes | None:
        if self._scenario.repeat == 1:
            return None
        times = sorted(self._joins)
        return JoinTimes(
            count=len(times), p50=percentile(times, 0.50), p99=percentile(times, 0.99), seconds=tuple(self._joins)
        )

    def _event(self, text: str) -> None:
        self._events.append(f"{time.time() - self._began:7.2f} s  {text}")

    def add_events_to_log(self) -> None:
        """Write the time line as it went beside the roles' logs."""
        (self._lab.directory / "events.log").write_text("".join(f"{line}\n" for line in self._events))

    # ----- measurements of their own

    def _checks(self, kind: CheckKind) -> bool:
        return any(check.kind is kind for check in self._scenario.checks)

    def _prove_sealing(self) -> Sealing:
        """Count what leaked, after sending something in the open that must be seen."""
        controller = self._lab.host(self._scenario.with_role(Role.CONTROLLER)[0])
        family = socket.AF_INET6 if ":" in controller.addresses[0] else socket.AF_INET
        for name in self._scenario.with_role(Role.AGENT):
            with self._lab.socket(name, family, socket.SOCK_DGRAM) as plain, contextlib.suppress(OSError):
                plain.sendto(self._prober.canary[::-1] + self._control_canary, (controller.addresses[0], 9))
        time.sleep(_TICK_SECONDS)
        answered = sum(series.answers_since(self._began) for series in self._prober.series.values())
        inside, control = self._lab.watch(self._prober.canary), self._lab.watch(self._control_canary)
        return Sealing(inside=inside, control=control, answered=answered if self._has_mesh else 0)

    def _observe_nats(self) -> None:
        hosts = [check.host for check in self._scenario.checks if check.kind is CheckKind.NAT]
        for host in dict.fromkeys(host for host in hosts if host):
            self._spectator.phase(f"looking at the NAT of {host}")
            self._in_background(lambda host=host: self._behaviours.update({host: observe(self._lab, host)}))  # type: ignore[misc]

    def _measure_throughput(self) -> None:
        pairs = [pair for check in self._scenario.checks if check.kind is CheckKind.THROUGHPUT for pair in check.pairs]
        for pair in dict.fromkeys(pairs):
            self._spectator.phase(f"measuring the throughput from {pair[0]} to {pair[1]}")
            target = self._mesh.address(pair[1]) if self._has_mesh else self._lab.host(pair[1]).addresses[0]
            if target is not None:
                self._in_background(lambda p=pair, t=target: self._throughput.update({p: _iperf(self._lab, p, t)}))  # type: ignore[misc]


def _iperf(lab: Lab, pair: Pair, address: str) -> float:
    """Bits per second of one TCP stream, as received; 0 if the measurement failed."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = lab.popen(pair[1], ["iperf3", "-s", "-1", "-B", address], **quiet)
    try:
        for _ in range(20):
            time.sleep(0.1)
            try:
                text = lab.run(pair[0], ["iperf3", "-c", address, "-t", str(_THROUGHPUT_SECONDS), "-J"])
                return float(json.loads(text)["end"]["sum_received"]["bits_per_second"])
            except (LabFault, KeyError, ValueError):
                if server.poll() is not None:
                    break
        return 0.0
    finally:
        server.kill()
        server.wait()
