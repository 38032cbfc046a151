"""Runs the steps of the suite that are named on the command line, all of them, and adds up their figures.

A step that is a check (ruff, mypy, the layers) counts as one; where there is no Rust its step is skipped. The sum goes
to build/suite/summary as one plain line, `N passed, N failed, N skipped`. The exit status is 0 only where nothing
failed. On CI (CI=true) a test in network namespaces that was skipped counts as failed: there everything it needs must
be there.

Steps in which nothing hangs on how fast this machine is go on beside each other.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from functools import partial
from pathlib import Path
from typing import NamedTuple

import dashboard
import lanes
import node

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build" / "suite"
BIN = Path(sys.executable).parent
ON_CI = os.environ.get("CI") == "true"
TRIAL_SUMMARY = re.compile(r"^(?:PASSED|FAILED)(?: \((?P<counts>[\w=, ]+)\))?$", re.M)
TRIAL_RAN = re.compile(r"^Ran (\d+) tests? in [\d.]+s$", re.M)


class Figures(NamedTuple):
    """How many tests or checks went which way."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


CHECKS = {
    "lint": [["ruff", "check", "--quiet", "."], ["ruff", "format", "--quiet", "--check", "."]],
    "type": [["mypy", "--no-error-summary"]],
    "layers": [["lint-imports", "--config", "setup.cfg", "--no-cache"]],
}
RUST = ROOT / "rust"
RUST_CHECKS = (
    ["fmt", "--check"],
    ["clippy", "--quiet", "--locked", "--all-targets", "--", "--deny", "warnings"],
)
RUST_RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.M)
MATRIX = re.compile(r"^pair of .*?^\w+: \d+ pairs in .*?$", re.M | re.S)
"""A table of integration.netns.matrix in what trial printed."""
ALONE = ("integration.netns.test_matrix", "integration.netns.test_narrow")
"""Modules whose tests are about seconds."""
LONGEST = tuple(
    f"integration.{name}"
    for name in (
        "netns.test_dashboard",
        "netns.test_mixed_dataplane",
        "netns.test_routing",
        "netns.test_dataplane",
        "test_turn_coturn",
        "test_onion",
        "test_postgresql",
    )
)
"""Those of more than 40 seconds, the longest first."""


def run(command: list[str], log: Path, directory: Path = ROOT) -> int:
    """Run a program of our virtual environment, or of an absolute path, with its output in `log`; the exit status."""
    with log.open("ab") as output:
        full = [str(BIN / command[0]), *command[1:]]
        return subprocess.run(full, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output).returncode


def check(step: str, log: Path) -> Figures:
    """One check: passed if all its commands are."""
    statuses = [run(command, log) for command in CHECKS[step]]
    return Figures(failed=1) if any(statuses) else Figures(passed=1)


def rust(log: Path) -> Figures:
    """The crates: format, lints and the stub count as a check, and each test; skipped without cargo, except on CI."""
    cargo = shutil.which("cargo")
    if cargo is None:
        return Figures(failed=1) if ON_CI else Figures(skipped=1)
    checks = [run([cargo, *arguments], log, RUST) for arguments in RUST_CHECKS]
    status = run([cargo, "test", "--locked", "--release", "--no-fail-fast"], log, RUST)
    checks.append(run(["stubtest", "zerogo._native"], log))
    checked = Figures(failed=1) if any(checks) else Figures(passed=1)
    results = RUST_RESULT.findall(log.read_text(encoding="utf-8", errors="replace"))
    passed, failed, ignored = (sum(int(row[column]) for row in results) for column in range(3))
    if status != 0 or not passed:
        failed = max(failed, 1)
    return Figures(checked.passed + passed, checked.failed + failed, ignored)


def unit(log: Path) -> Figures:
    """The unit tests, in as many processes as there are cores."""
    scratch = OUTPUT / "trial" / "unit"
    status = run(["trial", f"-j{os.cpu_count()}", f"--temp-directory={scratch}", "zerogo.test"], log)
    return trial_figures(log.read_text(encoding="utf-8", errors="replace"), status)


def netns(log: Path) -> Figures:
    """The tests in network namespaces, a few modules beside each other."""
    if os.geteuid() != 0 and not ON_CI:
        print("needs root: ", end="")
        return Figures(skipped=1)
    # The browser test tells its story by Node.
    os.environ["PATH"] = node.path() or os.environ["PATH"]
    outcomes = lanes.run_all(ROOT, "integration", alone=ALONE, longest=LONGEST, scratch=OUTPUT / "trial" / "netns")
    failed_last = sorted(outcomes, key=lambda outcome: outcome.status != 0)
    slowest = sorted(outcomes, key=lambda outcome: -outcome.seconds)
    times = "".join(f"{outcome.seconds:6.0f} s  {outcome.module}\n" for outcome in slowest)
    again = [outcome for outcome in outcomes if outcome.first_output]
    for outcome in again:
        print(f"{outcome.module} failed and was tried a second time, by itself; ", end="")
    first_tries = "".join(outcome.first_output for outcome in again)
    log.write_text(times + first_tries + "".join(outcome.output for outcome in failed_last), encoding="utf-8")
    figures = add(trial_figures(outcome.output, outcome.status) for outcome in outcomes)
    return Figures(figures.passed, figures.failed + figures.skipped, 0) if ON_CI else figures


def add(figures: Iterable[Figures]) -> Figures:
    """The sum."""
    rows = list(figures)
    return Figures(*(sum(row[column] for row in rows) for column in range(3)))


def trial_figures(printed: str, status: int) -> Figures:
    """The figures in what trial printed; without any, or against its exit status, at least one failure."""
    ran = TRIAL_RAN.findall(printed)
    summaries = list(TRIAL_SUMMARY.finditer(printed))
    if not ran or not summaries or int(ran[-1]) == 0:
        return Figures(failed=1)
    counts = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", summaries[-1]["counts"] or "")}
    failed = counts.get("failures", 0) + counts.get("errors", 0) + counts.get("unexpectedSuccesses", 0)
    passed = counts.get("successes", 0) + counts.get("expectedFailures", 0)
    if status != 0:
        failed = max(failed, 1)
    return Figures(passed, failed, counts.get("skips", 0))


def web(log: Path, wait: Callable[[], object] = lambda: None) -> Figures:
    """The dashboard: types, lints, tests, and whether web-static is made of web; skipped without Node, except on CI."""
    result = dashboard.run(ROOT, log, wait)
    if result.is_missing:
        return Figures(failed=1) if ON_CI else Figures(skipped=1)
    return Figures(result.passed, result.failed)


STEPS = {"rust": rust, "web": web, "unit": unit, "netns": netns}
BESIDE = ("lint", "type", "layers", "rust", "web")


class Outcome(NamedTuple):
    """What became of one step."""

    figures: Figures
    seconds: float


def measured(step: str, *arguments: Callable[[], object]) -> Outcome:
    """Run a step."""
    log = OUTPUT / f"{step}.log"
    log.unlink(missing_ok=True)
    started = time.monotonic()
    figures = check(step, log) if step in CHECKS else STEPS[step](log, *arguments)
    return Outcome(figures, time.monotonic() - started)


def begin(steps: list[str], pool: ThreadPoolExecutor) -> dict[str, Future[Outcome]]:
    """Have those steps begin that go on beside each other; the last part of `web` waits for the others."""
    begun = {step: pool.submit(measured, step) for step in steps if step in BESIDE and step != "web"}
    if "web" in steps:
        begun["web"] = pool.submit(measured, "web", partial(wait_for, list(begun.values())))
    return begun


def report(figures: Figures, seconds: float, log: Path) -> None:
    """The rest of the step's line, and the end of its log where something failed."""
    print(f"{figures}  ({seconds:.0f} s)")
    if figures.failed:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        print("\n".join(f"    {line}" for line in lines[-160:]))
        print(f"    (all of it: {log.relative_to(ROOT)})")


def main(steps: list[str]) -> int:
    """Run the steps; the exit status."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    totals: list[Figures] = []
    with ThreadPoolExecutor(len(BESIDE)) as pool:
        begun = begin(steps, pool)
        # Those that measure time, and those that use all cores, have to wait for the others.
        for step in sorted(steps, key=lambda step: step not in begun):
            print(f"  {step:<7} ", end="", flush=True)
            outcome = begun[step].result() if step in begun else measured(step)
            totals.append(outcome.figures)
            log = OUTPUT / f"{step}.log"
            report(*outcome, log)
            if step == "netns":
                print("\n\n".join(MATRIX.findall(log.read_text(encoding="utf-8", errors="replace"))))
            sys.stdout.flush()
    total = add(totals)
    (OUTPUT / "summary").write_text(f"{total}\n", encoding="utf-8")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
