"""Runs the modules of a package of tests beside each other, each by a trial of its own.

Most tests in network namespaces wait more than they compute, and each has namespaces of its own, so a few at a time
cost little. Those that measure how long something takes are run one at a time, while nothing else is running.

Real kernels, processes and seconds stand between these tests and a sure result, on machines that others use too. So a
module that failed is tried once more, by itself; whoever reads the outcome is told. Where more than a few failed
nothing is tried again: then it is not the machine.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

LANES = 3
TRIAL = Path(sys.executable).parent / "trial"
SECOND_TRIES = 2
"""As many modules may be tried again."""
LIMIT_SECONDS = 900.0
"""A module that is not through by then has failed."""


class Outcome(NamedTuple):
    """What became of one module."""

    module: str
    status: int
    seconds: float
    output: str
    first_output: str = ""
    """What it printed when it failed, where this is the second try."""


def modules(root: Path, package: str) -> list[str]:
    """All modules of tests in a package."""
    paths = sorted((root / package).rglob("test_*.py"))
    return [".".join(path.relative_to(root).with_suffix("").parts) for path in paths]


def run_module(root: Path, module: str, scratch: Path) -> Outcome:
    """One module; its output is kept apart until it is through."""
    started = time.monotonic()
    command = [str(TRIAL), f"--temp-directory={scratch / module}", module]
    try:
        ran = subprocess.run(
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_SECONDS,
            text=True,
            errors="replace",
        )
        status, output = ran.returncode, ran.stdout
    except subprocess.TimeoutExpired as expired:
        status, output = (
            1,
            (expired.output or b"").decode(errors="replace") + f"\nnot through in {LIMIT_SECONDS:.0f} s\n",
        )
    return Outcome(module, status, time.monotonic() - started, output)


def run_all(root: Path, package: str, *, alone: Sequence[str], longest: Sequence[str], scratch: Path) -> list[Outcome]:
    """All modules of the package: those in `alone` first, one at a time, then the others beside each other, and of
    these the `longest` first, in their order, since one that begins last is waited for. A few that failed are tried a
    second time."""
    found = modules(root, package)
    outcomes = [run_module(root, module, scratch) for module in found if module in alone]
    with ThreadPoolExecutor(LANES) as pool:
        rest = [module for module in (*longest, *found) if module in found and module not in alone]
        rest = list(dict.fromkeys(rest))
        outcomes += pool.map(lambda module: run_module(root, module, scratch), rest)
    failed = [outcome for outcome in outcomes if outcome.status != 0]
    if len(failed) > SECOND_TRIES:
        return outcomes
    return [_tried_again(root, outcome, scratch) if outcome in failed else outcome for outcome in outcomes]


def _tried_again(root: Path, first: Outcome, scratch: Path) -> Outcome:
    second = run_module(root, first.module, scratch)
    return second._replace(seconds=first.seconds + second.seconds, first_output=first.output)
