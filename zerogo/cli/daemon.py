# -*- test-case-name: zerogo.test.cli.test_daemon -*-
"""Roles that the `zerogo` command starts itself: twistd daemons with pid file and log in their state directory.

Where systemd runs a role, it is systemd's to start and stop; this is for everything else.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from zerogo.config.private_file import make_private_directory
from zerogo.errors import EnvironmentFault

START_SECONDS = 30.0
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
_LOG_TAIL = 8192
_TWISTD_ADVICE = "Please look at log file"
"""twistd's last line where a daemon ended; the line before says more."""
_TWISTD_WRAPPING = re.compile(r"""An error has occurred: b(['"])(.*)\1""")
_COMPLAINT = " zerogo: "
"""What a role says last where it cannot start, after date and level (`zerogo.observe.service`)."""


class RoleFailed(EnvironmentFault):
    """A role did not start, or did not stop."""

    code = "E-ROLE"


def twistd_command() -> list[str]:
    """How twistd is run with this interpreter."""
    script = Path(sys.executable).with_name("twistd")
    if script.exists():
        return [str(script)]
    return [sys.executable, "-P", "-c", "from twisted.scripts.twistd import run; run()"]


@frozen
class Daemon:
    """One role (`agent`, `controller`, `relay`) in one state directory."""

    role: str
    directory: Path

    @property
    def pid_file(self) -> Path:
        """Written by twistd."""
        return self.directory / f"{self.role}.pid"

    @property
    def log_file(self) -> Path:
        """Written by the role."""
        return self.directory / f"{self.role}.log"

    def pid(self) -> int | None:
        """The process, None where it does not run (a pid file may be left by a crash, and its number be another's)."""
        try:
            pid = int(self.pid_file.read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if f"zerogo-{self.role}".encode() in command else None

    def command(self, arguments: Sequence[str], *, in_foreground: bool) -> list[str]:
        """What is run; `arguments` are the role's own options."""
        where = ["--nodaemon", "--pidfile="] if in_foreground else self._daemon_options()
        return [*twistd_command(), *where, f"zerogo-{self.role}", *arguments]

    def _daemon_options(self) -> list[str]:
        return ["--pidfile", str(self.pid_file), "--logfile", str(self.log_file), "--umask", "0077"]

    def start(self, arguments: Sequence[str]) -> None:
        """Start it in the background and wait until its services run; raises `RoleFailed` with the role's sentence."""
        make_private_directory(self.directory)
        if self.pid() is None:
            self.pid_file.unlink(missing_ok=True)
        log_begin = self.log_file.stat().st_size if self.log_file.exists() else 0
        try:
            done = subprocess.run(
                self.command(arguments, in_foreground=False),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=START_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            sentence = f"the {self.role} did not start within {START_SECONDS:.0f} s; its log is {self.log_file}"
            raise RoleFailed(sentence) from error
        if done.returncode != 0:
            said = self.complaint(log_begin) or _last_line(done.stderr)
            raise RoleFailed(said or f"the {self.role} did not start; its log is {self.log_file}")

    def complaint(self, log_begin: int = 0) -> str:
        """The sentence with which the role ended, from its log after byte `log_begin`; empty where there is none."""
        try:
            with self.log_file.open("rb") as log:
                log.seek(max(log_begin, self.log_file.stat().st_size - _LOG_TAIL))
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        found = [line.partition(_COMPLAINT)[2] for line in lines if _COMPLAINT in line]
        return found[-1] if found else ""

    def stop(self) -> bool:
        """Stop it; True where it ran. Raises `RoleFailed` where it may not be stopped."""
        pid = self.pid()
        if pid is None:
            self.pid_file.unlink(missing_ok=True)
            return False
        try:
            os.kill(pid, signal.SIGTERM)
            if not self._ended(pid, STOP_SECONDS):
                os.kill(pid, signal.SIGKILL)
                self._ended(pid, STOP_SECONDS)
        except ProcessLookupError:
            pass
        except PermissionError as error:
            raise RoleFailed(f"the {self.role} (process {pid}) is another user's: run as root") from error
        self.pid_file.unlink(missing_ok=True)
        return True

    def _ended(self, pid: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.pid() != pid:
                return True
            time.sleep(_POLL_SECONDS)
        return False


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(_TWISTD_ADVICE)]
    last = lines[-1].removeprefix(_COMPLAINT.lstrip()) if lines else ""
    # What the child told before it had a log is wrapped by twistd, as the representation of bytes.
    wrapped = _TWISTD_WRAPPING.fullmatch(last)
    return wrapped[2] if wrapped else last
