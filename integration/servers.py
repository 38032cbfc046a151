"""Servers that tests start for themselves and stop again: PostgreSQL and Redis, on unix sockets in a directory of their
own, as a user without rights where the tests run as root. What runs on this machine already is not touched."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 30.0
_POLL_SECONDS = 0.05
_NOT_ROOT = ("postgres", "nobody")


def postgresql_binaries() -> Path | None:
    """Where PostgreSQL's programs are; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if found:
        return found[-1]
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


class PostgresServer:
    """One server with one database, `zerogo`."""

    def __init__(self, directory: Path, binaries: Path) -> None:
        self._data = directory / "data"
        self._sockets = directory
        self._binaries = binaries
        self._user = _user()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of the database."""
        return self.url_of("zerogo")

    def url_of(self, database: str) -> str:
        """Of another database."""
        return f"postgresql:///{database}?host={self._sockets}&user={self._user.pw_name}"

    def prepare(self) -> None:
        """Make the cluster and the database."""
        os.chown(self._sockets, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-N", "-E", "UTF8", "--locale=C")

    def start(self, *settings: str) -> None:
        """Start it, and wait until it answers."""
        options = ["listen_addresses=", f"unix_socket_directories={self._sockets}", "shared_buffers=16MB", *settings]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-F"]
        for option in options:
            command += ["-c", option]
        with (self._sockets / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self._as_user())
        until = time.monotonic() + START_SECONDS
        while self._run("pg_isready", "-h", str(self._sockets), check=False):
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError((self._sockets / "log").read_text()[-2000:])
            time.sleep(_POLL_SECONDS)

    def create(self, database: str) -> None:
        """Make a database."""
        self._run("createdb", "-h", str(self._sockets), database)

    def stop(self) -> None:
        """Stop it at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(20)
            self._process = None

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        command = [str(self._binaries / program), *arguments]
        done = subprocess.run(command, capture_output=True, cwd="/", timeout=60, check=False, **self._as_user())
        if check and done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.decode(errors='replace')[-2000:]}")
        return done.returncode

    def _as_user(self) -> dict[str, int]:
        return {"user": self._user.pw_uid, "group": self._user.pw_gid} if os.geteuid() == 0 else {}


@contextmanager
def postgresql() -> Iterator[PostgresServer]:
    """A server that is gone when the body ends, in whatever way."""
    binaries = postgresql_binaries()
    if binaries is None:
        raise RuntimeError("PostgreSQL is not installed")
    # A unix socket's path has at most 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="zgpg"))
    server = PostgresServer(directory, binaries)
    try:
        server.prepare()
        server.start()
        server.create("zerogo")
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


class RedisServer:
    """One server that keeps nothing."""

    def __init__(self, directory: Path, program: str, password: str = "") -> None:
        self.socket = directory / "redis"
        self.url = f"unix://:{password}@{self.socket}" if password else f"unix://{self.socket}"
        self._password = password
        self._directory = directory
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.socket.unlink(missing_ok=True)
        command = [self._program, "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        command += ["--requirepass", self._password] if self._password else []
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen([*command, "--dir", str(self._directory)], stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while not self.socket.exists():
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError((self._directory / "log").read_text()[-2000:])
            time.sleep(_POLL_SECONDS)

    def kill(self) -> None:
        """At once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None


@contextmanager
def redis(password: str = "") -> Iterator[RedisServer]:
    """A server that is gone when the body ends, in whatever way."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is not installed")
    directory = Path(tempfile.mkdtemp(prefix="zgrd"))
    server = RedisServer(directory, program, password)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)


def _user() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in _NOT_ROOT:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is no user to run a server as")
