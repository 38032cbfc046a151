# -*- test-case-name: zerogo.test.observe.test_process -*-
"""What this process costs its machine, for Prometheus and for whoever looks for what is wrong.

The figures have the names that Prometheus' own clients use. The diagnostics are for a person on the machine: what each
thread does at this moment, where memory went, and counters of the role. They name no person and hold no secret, and
are served on loopback only: requests must name 127.0.0.1 or localhost, so that no page in a browser can read them by a
name of its own that leads here.

Where memory went is known from the moment on at which somebody asked for it (`tracemalloc`), which costs speed until it
is switched off again.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import threading
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

from zerogo.observe.metrics import IDLE_SECONDS, Metric

SHOWN_PLACES = 25
"""Places in the code that hold most memory."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_STARTED_AT = time.time()

Counters = Callable[[], dict[str, object]]
"""What the role counts, as JSON has it."""


def process_metrics() -> Iterator[Metric]:
    """Processor, memory, descriptors, start."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    processor = "User and system time, in seconds."
    yield Metric("process_cpu_seconds_total", "counter", processor, {"": usage.ru_utime + usage.ru_stime})
    yield Metric("process_resident_memory_bytes", "gauge", "Resident memory.", {"": resident_bytes()})
    yield Metric("process_open_fds", "gauge", "Open file descriptors.", {"": len(os.listdir("/proc/self/fd"))})
    yield Metric("process_start_time_seconds", "gauge", "Start, unix seconds.", {"": _STARTED_AT})


def resident_bytes() -> int:
    """Resident memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def stacks() -> str:
    """What each thread does."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    lines: list[str] = []
    for ident, frame in sorted(sys._current_frames().items()):
        lines.append(f"thread {names.get(ident, '?')} ({ident})\n")
        lines += traceback.format_stack(frame)
    return "".join(lines)


def memory() -> str:
    """Where memory went, as far as it is traced."""
    lines = [f"resident {resident_bytes()} bytes, objects in the collector's generations {gc.get_count()}"]
    if not tracemalloc.is_tracing():
        lines.append("not traced: POST /memory?trace=on, wait, and come back; it costs speed until trace=off")
    else:
        traced, peak = tracemalloc.get_traced_memory()
        lines.append(f"traced {traced} bytes, at most {peak}")
        lines += [str(place) for place in tracemalloc.take_snapshot().statistics("lineno")[:SHOWN_PLACES]]
    return "\n".join(lines) + "\n"


class Diagnostics(Resource):
    """`GET /stacks`, `GET /memory`, `GET /counters`, `POST /memory?trace=on|off`."""

    isLeaf = True

    def __init__(self, counters: Counters) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._counters = counters

    def render_GET(self, request: Request) -> bytes:
        if not is_local(request):
            return refuse(request)
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        request.setHeader(b"cache-control", b"no-store")
        match _last_part(request):
            case b"stacks":
                return stacks().encode()
            case b"memory":
                return memory().encode()
            case b"counters":
                return json.dumps(self._counters(), indent=1).encode() + b"\n"
            case b"" | b"diagnostics":
                return b"stacks memory counters\n"
        request.setResponseCode(404)
        return b"there are /stacks, /memory and /counters\n"

    def render_POST(self, request: Request) -> bytes:
        if not is_local(request) or not request.getHeader(b"X-ZeroGo"):
            return refuse(request)
        wanted = (request.args or {}).get(b"trace", [b""])[0]
        if _last_part(request) != b"memory" or wanted not in (b"on", b"off"):
            request.setResponseCode(404)
            return b"there is POST /memory?trace=on and off\n"
        (tracemalloc.start if wanted == b"on" else tracemalloc.stop)()
        return b"ok\n"


def is_local(request: Request) -> bool:
    """Whether the request names this machine as itself; its address is seen to by who listens."""
    host = request.getRequestHostname()
    return (host.decode("latin-1") if isinstance(host, bytes) else str(host)) in _LOOPBACK


def refuse(request: Request) -> bytes:
    """What whoever is not local gets."""
    request.setResponseCode(403)
    return b"only from this machine, by its owner\n"


def diagnostics_site(counters: Counters) -> Site:
    """What to listen with, on loopback."""
    site = Site(Diagnostics(counters), timeout=IDLE_SECONDS)
    site.noisy = False
    site.log = lambda request: None  # type: ignore[method-assign]
    return site


def _last_part(request: Request) -> bytes:
    return bytes(request.path).strip(b"/").rpartition(b"/")[2]
