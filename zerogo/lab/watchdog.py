# -*- test-case-name: integration.netns.test_lab -*-
"""Nothing stays behind: a process that outlives the lab's by a moment, and removes what it built.

The watchdog reads a pipe whose other end only the lab's process holds. At end of file, be it by `close`, by an
exception or by kill -9, it kills every process in the run's namespaces, deletes the namespaces and, unless told to keep
it, the run's directory. It runs in a session of its own, so a signal to the terminal's group does not reach it.

A run is known by its record, `/run/zerogo-lab/<prefix>`, which the watchdog keeps locked while it lives. A record that
nobody locks belongs to a run whose watchdog was killed too: `clean_leftovers` removes such.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from zerogo.lab.errors import LabFault
from zerogo.lab.namespaces import existing, processes, run

RECORDS = Path("/run/zerogo-lab")
PREFIX = re.compile(r"zl[0-9a-f]{4}", re.ASCII)
_KILL_SECONDS = 5.0
_READY = b"ready\n"


class Watchdog:
    """The lab's end of the pipe."""

    def __init__(self, directory: Path) -> None:
        """Reserve a prefix and start the process that will clean up after it; raises `LabFault`."""
        self.prefix = _reserve()
        argv = [sys.executable, "-m", "zerogo.lab.watchdog", self.prefix, str(directory)]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, cwd="/"
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != _READY:
            raise LabFault("the process that cleans up after the lab did not start")

    def close(self, *, keep_directory: bool) -> None:
        """Have everything removed and wait until it is; raises `LabFault` if something could not be."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"keep\n" if keep_directory else b"\n")
            self._process.stdin.close()
        code = self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        if code:
            raise LabFault("something of the lab could not be removed; try `zerogo lab clean`")


def running_labs() -> list[str]:
    """Prefixes of the labs that stand."""
    records = sorted(RECORDS.iterdir()) if RECORDS.is_dir() else []
    return [record.name for record in records if PREFIX.fullmatch(record.name) and existing(record.name)]


def clean_leftovers() -> list[str]:
    """Remove what killed runs left behind, and nothing of those that run; the prefixes that were removed."""
    removed = []
    for record in sorted(RECORDS.iterdir()) if RECORDS.is_dir() else []:
        if not PREFIX.fullmatch(record.name):
            continue
        with record.open("r+b") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            directory = Path(record.read_text(encoding="utf-8") or "/nonexistent")
            clean(record.name, directory)
        removed.append(record.name)
    return removed


def clean(prefix: str, directory: Path | None) -> None:
    """Kill and remove everything of one run; `directory` too unless it is None. Raises `LabFault`."""
    names = existing(prefix)
    deadline = time.monotonic() + _KILL_SECONDS
    while running := [pid for name in names for pid in processes(name)]:
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise LabFault(f"processes {running[:10]} of the lab do not end")
        time.sleep(0.02)
    for name in names:
        run(["ip", "netns", "del", name])
    if directory is not None and directory.name.startswith("zerogo-lab-"):
        shutil.rmtree(directory, ignore_errors=True)
    (RECORDS / prefix).unlink(missing_ok=True)


def _reserve() -> str:
    """A prefix that no run has: creating its record is what makes it ours."""
    try:
        RECORDS.mkdir(mode=0o755, parents=True, exist_ok=True)
        for _ in range(100):
            prefix = f"zl{secrets.token_hex(2)}"
            with contextlib.suppress(FileExistsError):
                os.close(os.open(RECORDS / prefix, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
                return prefix
    except OSError as error:
        raise LabFault(f"cannot write to {RECORDS}: {error}") from error
    raise LabFault("there are too many labs on this machine; try `zerogo lab clean`")


def main() -> None:
    """The process' entry: the prefix and the directory are its arguments, the pipe is its input."""
    prefix, directory = sys.argv[1], Path(sys.argv[2])
    with (RECORDS / prefix).open("r+b") as record:
        fcntl.flock(record, fcntl.LOCK_EX)
        record.write(str(directory).encode("utf-8"))
        record.flush()
        os.write(1, _READY)
        last = os.read(0, 100)
        clean(prefix, None if last == b"keep\n" else directory)


if __name__ == "__main__":
    main()
