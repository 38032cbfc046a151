"""What people see of a run."""

from __future__ import annotations

import json
from io import StringIO

from attrs import evolve
from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.loader import load_scenario
from zerogo.lab.report import LiveSpectator, as_json, pair_table, reasons, show_result
from zerogo.lab.result import CheckResult, JoinTimes, PairResult, Result, Sealing

PAIRS = (
    PairResult(
        pair=("alice", "bob"), path="direct", local_candidate="srflx", first_ping=1.5, direct=0.25, rtt_p50=0.081
    ),
    PairResult(pair=("alice", "carol"), path="none", reason="no answer from any address"),
)
RESULT = Result(
    scenario="demo",
    seed=4,
    seconds=7.5,
    pairs=PAIRS,
    checks=(
        CheckResult(check="ping", passed=True, sentence="holds"),
        CheckResult(check="rtt", passed=False, sentence="slow"),
    ),
    events=("0 built", "1 up"),
    joins=JoinTimes(count=3, p50=1.0, p99=2.0),
    sealing=Sealing(inside=0, control=4, answered=9),
    directory="/tmp/kept",
)


def shown(width: int = 140) -> str:
    console = Console(file=StringIO(), width=width)
    show_result(console, load_scenario("demo"), RESULT)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


class ReportTests(SynchronousTestCase):
    def test_report_says_everything(self) -> None:
        text = shown()
        for part in (
            "alice - bob",
            "srflx",
            "1.50 s",
            "0.25 s",
            "81.0 ms",
            "no answer from any address",
            "port-restr.",
        ):
            self.assertIn(part, text)
        for part in ("rtt: slow", "not all checks hold", "seed 4", "/tmp/kept", "3 times", "in the open was in 4"):
            self.assertIn(part, text)

    def test_columns_without_values_are_left_out(self) -> None:
        self.assertNotIn("throughput", shown())
        self.assertNotIn("outage", shown())

    def test_a_narrow_table_has_fewer_columns_and_whole_words(self) -> None:
        result = evolve(PAIRS[0], remote_candidate="srflx", rtt_p99=0.09, loss=0.0, outage=1.25)
        for width in (100, 60, 45):
            console = Console(file=StringIO(), width=width)
            console.print(pair_table([result], width))
            assert isinstance(console.file, StringIO)
            text = console.file.getvalue()
            self.assertNotIn("\N{HORIZONTAL ELLIPSIS}", text)
            self.assertIn("81.0 ms", text)
            self.assertEqual("90.0 ms" in text, width == 100)

    def test_a_reason_is_told_once_with_all_its_pairs(self) -> None:
        other = evolve(PAIRS[1], pair=("bob", "carol"))
        self.assertEqual(reasons([*PAIRS, other]), ["alice - carol, bob - carol: no answer from any address"])

    def test_narrow_terminals_get_a_list_for_the_picture(self) -> None:
        text = shown(60)
        self.assertNotIn("╭", text)
        self.assertIn("alice - bob: direct", text)

    def test_json_is_complete_and_plain(self) -> None:
        found = json.loads(json.dumps(as_json(RESULT)))
        self.assertEqual((found["passed"], found["seed"], found["joins"]["p50"]), (False, 4, 1.0))
        self.assertEqual(found["pairs"][0]["pair"], ["alice", "bob"])

    def test_without_a_terminal_progress_is_plain_lines(self) -> None:
        console = Console(file=StringIO(), width=100)
        with LiveSpectator(console, load_scenario("demo")) as spectator:
            spectator.phase("connecting")
            spectator.update(PAIRS)
            spectator.update(PAIRS)
        assert isinstance(console.file, StringIO)
        lines = console.file.getvalue().splitlines()
        self.assertEqual(len(lines), 3)
        self.assertIn("connecting: 1 of 2 pairs answered, 1 direct", lines[-1])
