# -*- test-case-name: zerogo.test.lab.test_report -*-
"""A run for people: a table that lives while the mesh connects, then the table of pairs, the picture and the checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from attrs import asdict
from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from zerogo.lab.drawing import draw, path_style
from zerogo.lab.result import PairResult, Result
from zerogo.lab.scenario import Scenario

_TABLE_PAIRS = 40
"""Rows of the living table."""
_LINE_SECONDS = 2.0
"""Between lines of progress where there is no terminal."""


class LiveSpectator:
    """Shows a run on a terminal; plain lines elsewhere. Use as a context."""

    def __init__(self, console: Console, scenario: Scenario) -> None:
        self._console = console
        self._scenario = scenario
        self._phase = "building the internet"
        self._began = time.monotonic()
        self._line_at = 0.0
        self._pairs: Sequence[PairResult] = ()
        self._live = Live(console=console, refresh_per_second=5, transient=True) if console.is_terminal else None

    def __enter__(self) -> LiveSpectator:
        if self._live is not None:
            self._live.start()
        self.phase(self._phase)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def phase(self, text: str) -> None:
        """Something else begins."""
        self._phase = text
        if self._live is None:
            self._console.print(f"{self._clock()}  {text}", highlight=False)
        self._show()

    def update(self, pairs: Sequence[PairResult]) -> None:
        """What is known about all pairs so far."""
        self._pairs = pairs
        if self._live is not None:
            self._show()
        elif time.monotonic() >= self._line_at:
            self._line_at = time.monotonic() + _LINE_SECONDS
            answering = sum(1 for result in pairs if result.first_ping is not None)
            direct = sum(1 for result in pairs if result.path == "direct")
            line = f"{self._clock()}  {self._phase}: {answering} of {len(pairs)} pairs answered, {direct} direct"
            self._console.print(line, highlight=False)

    def _clock(self) -> str:
        return f"{time.monotonic() - self._began:6.1f} s"

    def _show(self) -> None:
        if self._live is not None:
            spinner = Spinner("dots", Text(f"{self._clock()}  {self._scenario.name}: {self._phase}"))
            pairs = self._pairs[:_TABLE_PAIRS]
            table = pair_table(pairs, self._console.width)
            self._live.update(Group(spinner, table, *(Text(line, "dim") for line in reasons(pairs))))


def pair_table(pairs: Sequence[PairResult], width: int) -> Table:
    """One row per pair; columns without any value are left out, and the lesser ones where `width` is not enough."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    shown = {name: [cell(result) for result in pairs] for name, cell in _COLUMNS}
    shown = {name: cells for name, cells in shown.items() if name == "pair" or any(map(str, cells))}
    for lesser in _LESSER_COLUMNS:
        if _width(shown) > width:
            shown.pop(lesser, None)
    for name in shown:
        table.add_column(name, justify="left" if name in _TEXT_COLUMNS else "right", no_wrap=True)
    for index in range(len(pairs)):
        table.add_row(*(cells[index] for cells in shown.values()))
    return table


def _width(columns: dict[str, list[Text | str]]) -> int:
    return sum(max(len(str(text)) for text in (name, *cells)) + 2 for name, cells in columns.items()) - 2


def reasons(pairs: Sequence[PairResult]) -> list[str]:
    """Why pairs have no better path, a line for each reason; a table would break them into crumbs."""
    found: dict[str, list[str]] = {}
    for result in pairs:
        if result.reason:
            found.setdefault(result.reason, []).append(f"{result.pair[0]} - {result.pair[1]}")
    return [f"{', '.join(names)}: {reason}" for reason, names in found.items()]


def _path(result: PairResult) -> Text:
    path = result.path or ("answers" if result.first_ping is not None else "none")
    return Text(path, path_style(result))


def _candidates(result: PairResult) -> str:
    return " / ".join(kind for kind in (result.local_candidate, result.remote_candidate) if kind)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value * 1000:.1f} ms"


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value / 1e6:.1f} Mbit/s"


_TEXT_COLUMNS = ("pair", "path", "candidates")
_LESSER_COLUMNS = ("p99", "candidates", "outage", "first ping", "throughput")
"""Left out in this order."""
_COLUMNS: Sequence[tuple[str, Callable[[PairResult], Text | str]]] = (
    ("pair", lambda result: f"{result.pair[0]} - {result.pair[1]}"),
    ("path", _path),
    ("candidates", _candidates),
    ("first ping", lambda result: _seconds(result.first_ping)),
    ("map to ping", lambda result: _seconds(result.map_to_ping)),
    ("direct", lambda result: _seconds(result.direct)),
    ("RTT p50", lambda result: _milliseconds(result.rtt_p50)),
    ("p99", lambda result: _milliseconds(result.rtt_p99)),
    ("loss", lambda result: _share(result.loss)),
    ("outage", lambda result: _seconds(result.outage)),
    ("throughput", lambda result: _rate(result.throughput)),
)


def show_result(console: Console, scenario: Scenario, result: Result) -> None:
    """Everything about a finished run."""
    console.print()
    console.print(Text(scenario.title or scenario.name, "bold"))
    console.print(pair_table(result.pairs, console.width))
    for reason in reasons(result.pairs):
        console.print(Text(reason, "dim"))
    console.print()
    for line in draw(scenario, result.pairs, console.width):
        console.print(line, no_wrap=True, crop=True)
    console.print()
    _show_facts(console, result)
    for check in result.checks:
        mark = Text("holds  ", "green") if check.passed else Text("fails  ", "bold red")
        console.print(mark, f"{check.check}" + ("" if check.passed else f": {check.sentence}"), highlight=False)
    verdict = "all checks hold" if result.passed else "not all checks hold"
    if not result.checks:
        verdict = "the scenario has no checks"
    console.print(Text(f"{verdict}, {result.seconds:.1f} s, seed {result.seed}", "green" if result.passed else "red"))
    if result.directory:
        console.print(f"logs: {result.directory}", highlight=False)


def _show_facts(console: Console, result: Result) -> None:
    for event in result.events[1:]:
        console.print(Text(event, "dim"))
    for host, nature in result.natures.items():
        console.print(f"{host}: mapping and filtering are {nature}", highlight=False)
    if result.joins is not None:
        joins = result.joins
        line = f"join to first ping, {joins.count} times: p50 {_seconds(joins.p50)}, p99 {_seconds(joins.p99)}"
        console.print(line, highlight=False)
    if result.sealing is not None:
        seen = result.sealing
        line = (
            f"a marked ping in the mesh was readable in {seen.inside} packets on the internet; "
            f"the same mark sent in the open was in {seen.control}"
        )
        console.print(line, highlight=False)


def as_json(result: Result) -> dict[str, object]:
    """The result as JSON's types, with `passed`."""
    return {"passed": result.passed, **asdict(result)}
