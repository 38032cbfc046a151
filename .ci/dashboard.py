"""The dashboard: its types, lints and tests, and whether web-static/ is what its sources make.

The packages of web/package-lock.json are installed where they are not; Node is fetched where the system's is too old.
What is built is compared file by file, of compressed files what is in them: another zlib may compress otherwise. All
that may go on beside other steps of the suite, but for the tests, which wait for pages to change, a second at most.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TextIO

import node

VITEST_RESULT = re.compile(r"^\s*Tests\s+(.*)\(\d+\)\s*$", re.M)
COLOURS = re.compile(r"\x1b\[[\d;]*m")


class Result(NamedTuple):
    """How many checks and tests went which way; `is_missing` where there is no Node that will do."""

    passed: int = 0
    failed: int = 0
    is_missing: bool = False


def run(root: Path, log: Path, wait: Callable[[], object]) -> Result:
    """All of it; `wait` returns when the tests have the machine for themselves."""
    web = root / "web"
    path = node.path()
    if path is None:
        return Result(is_missing=True)
    os.environ["PATH"] = path
    with log.open("w") as output:
        if not _install(web, output):
            return Result(failed=1)
        built = root / "build" / "web-static"
        shutil.rmtree(built, ignore_errors=True)
        commands = (
            ["npm", "run", "typecheck"],
            ["npm", "run", "lint"],
            ["node_modules/.bin/vite", "build", "--outDir", str(built), "--emptyOutDir"],
            ["node", "scripts/budget.mjs", str(built)],
        )
        statuses = [_run(command, web, output) for command in commands]
        wait()
        # Else it leaves a core to whoever watches the files.
        tested = _run(["npm", "test", "--", f"--maxWorkers={os.cpu_count()}"], web, output)
        different = differences(root / "web-static", built)
        if different:
            print("web-static/ is not what web/ makes (`make web-static`):", *different, file=output)
    passed, failed = test_figures(log.read_text(encoding="utf-8", errors="replace"), tested)
    checks = [*(status == 0 for status in statuses), not different]
    return Result(sum(checks) + passed, len(checks) - sum(checks) + failed)


def differences(one: Path, other: Path) -> list[str]:
    """Names of files that are not the same below both."""
    names = {str(path.relative_to(root)) for root in (one, other) for path in root.rglob("*") if path.is_file()}
    return sorted(name for name in names if _content(one / name) != _content(other / name))


def _content(path: Path) -> bytes | None:
    if not path.is_file():
        return None
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def test_figures(printed: str, status: int) -> tuple[int, int]:
    """How many of vitest's tests passed and failed; against its exit status, at least one failure."""
    results = VITEST_RESULT.findall(COLOURS.sub("", printed))
    counts = {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", results[-1])} if results else {}
    passed, failed = counts.get("passed", 0), counts.get("failed", 0)
    return passed, max(failed, 1) if status != 0 or passed == 0 else failed


def _install(web: Path, output: TextIO) -> bool:
    """The packages of the lock file, where they were not installed since it was written."""
    lock, stamp = web / "package-lock.json", web / "node_modules" / ".zerogo-installed"
    if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
        return True
    if _run(["npm", "ci", "--no-audit", "--no-fund"], web, output) != 0:
        return False
    stamp.write_bytes(lock.read_bytes())
    return True


def _run(command: list[str], web: Path, output: TextIO) -> int:
    output.flush()
    environment = {**os.environ, "CI": "true", "NO_COLOR": "1"}
    ran = subprocess.run(
        command,
        cwd=web,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return ran.returncode
