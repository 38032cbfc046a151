# -*- test-case-name: integration.netns.test_lab -*-
"""Network namespaces: entering them, and what is set up inside with `ip`, `nft`, sysctls and a TUN device.

`inside` moves the calling thread only, so one process can hold sockets and TUNs of many namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from zerogo.lab.errors import LabFault

NAMESPACES = Path("/run/netns")
COMMAND_SECONDS = 30
_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000

_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Run the body in a network namespace; only this thread moves."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(NAMESPACES / namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _enter(home)
    except FileNotFoundError as error:
        raise LabFault(f"the namespace {namespace} is not there") from error
    finally:
        os.close(home)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise LabFault(f"cannot enter a network namespace: {os.strerror(number)}")


def run(argv: Sequence[str], text: str | None = None) -> str:
    """Run a program to its end with `text` as input; its output. Raises `LabFault` with what it complained about."""
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabFault(f"cannot run {argv[0]}: {error}") from error
    if done.returncode:
        raise LabFault(f"{' '.join(argv)[:200]} failed: {done.stderr.strip()[:500]}")
    return done.stdout


def add_namespaces(names: Sequence[str]) -> None:
    """Create namespaces; loopback is up in each."""
    run(["ip", "-batch", "-"], "".join(f"netns add {name}\n" for name in names))
    for name in names:
        configure(name, ["link set lo up"])


def configure(namespace: str, commands: Sequence[str]) -> None:
    """Carry out `ip` commands (without the word `ip`) in a namespace."""
    run(["ip", "-n", namespace, "-batch", "-"], "".join(f"{command}\n" for command in commands))


def load_rules(namespace: str, rules: str) -> None:
    """Load nftables rules in a namespace."""
    with inside(namespace):
        run(["nft", "-f", "-"], rules)


def set_sysctls(namespace: str, values: Mapping[str, str]) -> None:
    """Write sysctls (path below /proc/sys) in a namespace; raises `LabFault`."""
    with inside(namespace):
        for name, value in values.items():
            try:
                Path("/proc/sys", name).write_text(value, encoding="ascii")
            except OSError as error:
                raise LabFault(f"cannot set {name} in {namespace}: {error}") from error


def open_tun(namespace: str, name: str) -> int:
    """Create a TUN device in a namespace; its non-blocking file descriptor, which carries bare IP packets."""
    with inside(namespace):
        try:
            descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode("ascii"), _IFF_TUN | _IFF_NO_PI))
        except OSError as error:
            raise LabFault(f"cannot create a TUN device: {error}") from error
    return descriptor


def processes(namespace: str) -> list[int]:
    """Ids of the processes in a namespace."""
    return [int(line) for line in run(["ip", "netns", "pids", namespace]).split()]


def existing(prefix: str) -> list[str]:
    """Names of the namespaces that begin with `prefix-`."""
    if not NAMESPACES.is_dir():
        return []
    return sorted(entry.name for entry in NAMESPACES.iterdir() if entry.name.startswith(f"{prefix}-"))
