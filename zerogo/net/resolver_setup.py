# -*- test-case-name: zerogo.test.net.test_resolver_setup -*-
"""How this machine's programs come to know of a network's names: by systemd-resolved, or by the hosts file.

systemd-resolved sends questions about one domain to the server of one device ("split DNS") and forgets it with the
device. Where it does not run, no file can say that of one domain only; the hosts file can hold the names themselves, in
a block of lines that is ours. It is written in place, since in a container it is a mount that cannot be replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.utils import getProcessOutputAndValue
from twisted.logger import Logger

from zerogo.names.zone import Zone

HOSTS = Path("/etc/hosts")
HOSTS_LIMIT = 4 * 1024 * 1024
"""A hosts file that is larger is left alone, bytes."""
RESOLVED = Path("/run/systemd/resolve/io.systemd.Resolve")

Run = Callable[[Sequence[str]], Deferred[bool]]

_log = Logger(namespace="zerogo.net.names")


def has_resolved(path: Path = RESOLVED) -> bool:
    """Whether systemd-resolved answers this machine's programs."""
    return path.exists()


def run_quietly(command: Sequence[str]) -> Deferred[bool]:
    """Run a program; True where it went well."""
    done: Deferred[tuple[bytes, bytes, int]] = getProcessOutputAndValue(command[0], command[1:], env=None)
    return done.addCallbacks(lambda result: result[2] == 0, lambda _: False)


class ResolvedLink:
    """The part of systemd-resolved that is about one device."""

    def __init__(self, run: Run = run_quietly) -> None:
        self._run = run
        self._told: tuple[str, str, tuple[str, ...]] | None = None

    @inlineCallbacks
    def use(self, device: str, origin: str, servers: Sequence[str]) -> Generator[Deferred[bool], bool, None]:
        """Have questions about `origin` go to `servers` through `device`, and short names be tried there."""
        wanted = (device, origin, tuple(servers))
        if wanted == self._told or not servers:
            return
        self._told = wanted
        for command in (
            ["resolvectl", "dns", device, *servers],
            ["resolvectl", "domain", device, origin],
            ["resolvectl", "default-route", device, "no"],
        ):
            if not (yield self._run(command)):
                _log.warn("`{command}` failed: names are not known to programs here", command=" ".join(command))
                self._told = None
                return

    def clear(self) -> None:
        """Nothing: what was said of a device goes with it."""
        self._told = None


def block_of(zone: Zone, device: str) -> str:
    """The lines of the hosts file for a zone, with its own first and last."""
    lines = [
        f"{address}\t{name} {name.partition('.')[0]}" for name, addresses in zone.hosts.items() for address in addresses
    ]
    return "\n".join([_first(device), *lines, _last(device), ""])


def with_block(text: str, block: str, device: str) -> str:
    """The hosts file `text` with our block in it, at its old place or at the end; without it where `block` is empty."""
    lines = text.splitlines(keepends=True)
    marks = [number for number, line in enumerate(lines) if line.rstrip() in (_first(device), _last(device))]
    if len(marks) == 2 and lines[marks[0]].rstrip() == _first(device):
        before, after = "".join(lines[: marks[0]]), "".join(lines[marks[1] + 1 :])
        return before + block + after
    if not block:
        return text
    return text + ("" if not text or text.endswith("\n") else "\n") + block


def _first(device: str) -> str:
    return f"# zerogo {device}: what is from here on is written by zerogo-agent"


def _last(device: str) -> str:
    return f"# zerogo {device}: end"


class HostsFile:
    """Our block in the hosts file, for one device."""

    def __init__(self, path: Path = HOSTS) -> None:
        self._path = path
        self._device = ""

    def use(self, zone: Zone, device: str) -> str:
        """Write the names of a zone; why that did not work, empty where it did."""
        self._device = device
        return self._write(block_of(zone, device))

    def clear(self) -> None:
        """Take our lines out."""
        if self._device:
            self._write("")
            self._device = ""

    def _write(self, block: str) -> str:
        try:
            if self._path.stat().st_size > HOSTS_LIMIT:
                return f"{self._path} is larger than {HOSTS_LIMIT} bytes: left as it is"
            text = self._path.read_text(encoding="utf-8", errors="surrogateescape")
            wanted = with_block(text, block, self._device)
            if wanted != text:
                self._path.write_text(wanted, encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            return f"{self._path} cannot be written: {error.strerror}"
        return ""
