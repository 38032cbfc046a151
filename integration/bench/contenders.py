"""What is measured side by side: the limits (bare veth, clear vxlan), our planes, and the rivals that are installed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from integration.bench import rivals
from integration.bench.goals import BARE, VXLAN
from integration.bench.measure import Running
from zerogo.dataplane.choice import make_plane
from zerogo.dataplane.interface import Offloads, SessionConfirmed
from zerogo.dataplane.native import is_built
from zerogo.dataplane.reference import ReferenceDataplane
from zerogo.test.dataplane.kernel import End, Wire, connect, introduce, open_end, wait_until
from zerogo.wire.handshake import Suite

Contender = Callable[[Wire], AbstractContextManager[Running]]


@contextlib.contextmanager
def bare(wire: Wire) -> Iterator[Running]:
    """No tunnel."""
    yield Running("192.0.2.2")


@contextlib.contextmanager
def vxlan(wire: Wire) -> Iterator[Running]:
    """The kernel's own Ethernet over UDP, without encryption: the practical limit."""
    for host in wire.hosts:
        remote = f"192.0.2.{3 - host.number}"
        host.run(
            "ip", "link", "add", "vx", "type", "vxlan", "id", "7", "dev", "wire", "remote", remote, "dstport", "4789"
        )
        host.run("ip", "addr", "add", f"10.78.0.{host.number}/24", "dev", "vx")
        host.run("ip", "link", "set", "vx", "up")
    try:
        yield Running("10.78.0.2")
    finally:
        for host in wire.hosts:
            host.run("ip", "link", "del", "vx")


@contextlib.contextmanager
def tunnel(wire: Wire, suite: Suite, plane: str = "reference", offloads: Offloads | None = None) -> Iterator[list[End]]:
    """Two of our planes, of that name, with a session between the two hosts of a wire."""
    ends = [open_end(make_plane(plane), host, offloads or Offloads()) for host in wire.hosts]
    try:
        introduce(ends)
        connect(ends, suite)
        wait_until(ends, lambda: bool(ends[1].of(SessionConfirmed)), "the session")
        yield ends
    finally:
        for end in ends:
            end.plane.close()


@contextlib.contextmanager
def ours(wire: Wire, suite: Suite, plane: str) -> Iterator[Running]:
    """`tunnel`, as it is measured."""
    with tunnel(wire, suite, plane) as ends:
        workers = [_worker(end) for end in ends if isinstance(end.plane, ReferenceDataplane)]
        if workers:
            yield Running("10.77.0.2", tuple(each / "stat" for each in workers), partial(_greatest_mb, workers))
        else:
            rows = [row for row in Path("/proc/self/task").glob("*/stat") if "(zerogo-" in row.read_text()]
            yield Running("10.77.0.2", tuple(rows))


def _worker(end: End) -> Path:
    assert isinstance(end.plane, ReferenceDataplane) and end.plane.worker_pid
    return Path(f"/proc/{end.plane.worker_pid}")


def _greatest_mb(processes: list[Path]) -> float:
    rows = [(process / "status").read_text() for process in processes]
    return max(int(re.search(r"VmRSS:\s+(\d+)", row)[1]) for row in rows) / 1000  # type: ignore[index]


def contenders() -> dict[str, Contender]:
    """All that can run here, by name, in the order they are measured."""
    found: dict[str, Contender] = {BARE: bare, VXLAN: vxlan}
    for plane in ("reference", "native") if is_built() else ("reference",):
        for suite, title in ((Suite.CHACHAPOLY, "chacha"), (Suite.AESGCM, "aes")):
            found[f"zerogo {plane} {title}"] = partial(ours, suite=suite, plane=plane)
    found.update(rivals.installed())
    return found
