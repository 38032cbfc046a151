# -*- test-case-name: zerogo.test.cli.test_privilege -*-
"""What this process may do: asked before anything is begun that would fail halfway for want of it."""

from __future__ import annotations

import os
from pathlib import Path

from zerogo.errors import EnvironmentFault

PROCESS_STATUS = Path("/proc/self/status")
CAP_NET_ADMIN = 12
"""Number of the capability to make network devices (linux/capability.h)."""


class NeedsRoot(EnvironmentFault):
    """This needs root."""

    code = "E-ROOT"


def may_make_devices(process_status: Path = PROCESS_STATUS) -> bool:
    """Whether this process holds CAP_NET_ADMIN (`CapEff` of proc(5), hexadecimal), which root in a container may lack.
    Where that cannot be read, whether it is root."""
    try:
        lines = process_status.read_text(encoding="ascii", errors="replace").splitlines()
        held = next(line.partition(":")[2] for line in lines if line.startswith("CapEff:"))
        return bool(int(held, 16) >> CAP_NET_ADMIN & 1)
    except (OSError, ValueError, StopIteration):
        return os.geteuid() == 0


def require_devices(what: str) -> None:
    """Raises `NeedsRoot` where `what` ("joining") could not make its network device."""
    if may_make_devices():
        return
    if os.geteuid() == 0:
        raise NeedsRoot(f"{what} makes a network device, and root may not here: give the container NET_ADMIN")
    raise NeedsRoot(f"{what} needs root (it makes a network device): run it with sudo")


def is_there(path: Path) -> bool:
    """Whether a file exists; raises `NeedsRoot` where this user may not even look."""
    try:
        return path.exists()
    except PermissionError:
        raise NeedsRoot(f"{path.parent} belongs to another user: run it with sudo") from None
