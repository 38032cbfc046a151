"""Requests at an even pace over kept-up connections, and how long each took.

    python -m integration.bench.rest PLAN

A process of its own, which reads a plan (`Plan`, a file of JSON) and writes what it found (`Found`). It is an open
loop: request number n is due n intervals after the beginning, whatever became of those before it, and its time runs
from when it was due until the last byte of its answer was read, so that a wait for a free connection counts. Requests
are bytes made beforehand, and nothing of an answer is read but its status and length: what is measured is to be the
controller, with which this competes for the processor. By how much this process itself was late is told too (`late`):
times are that much too long.
"""

from __future__ import annotations

import gc
import select
import socket
import sys
import time
from collections import deque
from pathlib import Path

import msgspec

CHUNK = 256 * 1024
LEAD_SECONDS = 0.2


class Asked(msgspec.Struct, frozen=True):
    """One kind of request."""

    title: str
    method: str
    path: str
    body: str = ""
    headers: dict[str, str] = {}


class Plan(msgspec.Struct, frozen=True):
    """What to do. The kinds take turns."""

    host: str
    port: int
    rate: float
    """Requests a second."""
    total: int
    connections: int
    kinds: list[Asked]


class Found(msgspec.Struct, frozen=True):
    """What it came to."""

    took: dict[str, list[float]]
    """Seconds each request took, by its kind, from when it was due."""
    late: list[float]
    """Seconds that this process sent a request after it was due and a connection was free."""
    statuses: dict[int, int]
    processor: float
    """Seconds of processor time that this process used meanwhile."""


class Line:
    """One connection."""

    def __init__(self, plan: Plan) -> None:
        self.socket = socket.create_connection((plan.host, plan.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.title = ""
        self.due = 0.0
        self._received = bytearray()

    def send(self, title: str, request: bytes, due: float) -> None:
        """Begin a request; it is small enough for the socket's buffer."""
        self.title, self.due = title, due
        self.socket.sendall(request)

    def receive(self) -> int:
        """Take what is there: the status once the answer is whole, else 0."""
        data = self.socket.recv(CHUNK)
        if not data:
            raise SystemExit("the controller closed a connection")
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or len(self._received) < end + 4 + _length(self._received[:end]):
            return 0
        status = int(self._received[9:12])
        self._received.clear()
        return status


def _length(head: bytearray) -> int:
    """Of the body that follows."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    if head[9:12] == b"204":
        return 0
    raise SystemExit(f"an answer without a length: {bytes(head[:200])!r}")


def encoded(plan: Plan, kind: Asked) -> bytes:
    """The request as it is sent."""
    body = kind.body.encode()
    headers = {"Host": f"{plan.host}:{plan.port}", **kind.headers}
    if body:
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{kind.method} {kind.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def carry_out(plan: Plan) -> Found:
    """All requests."""
    kinds = [(kind.title, encoded(plan, kind)) for kind in plan.kinds]
    lines = [Line(plan) for _ in range(plan.connections)]
    of_socket = {line.socket.fileno(): line for line in lines}
    poll = select.epoll()
    for number in of_socket:
        poll.register(number, select.EPOLLIN)
    found = Found(took={title: [] for title, _ in kinds}, late=[], statuses={}, processor=time.process_time())
    free, sent, answered, freed_at = deque(lines), 0, 0, 0.0
    began = time.monotonic() + LEAD_SECONDS
    while answered < plan.total:
        wait = began + sent / plan.rate - time.monotonic() if sent < plan.total and free else 1.0
        for number, _ in poll.poll(max(0.0, wait)):
            line = of_socket[number]
            if status := line.receive():
                found.took[line.title].append(time.monotonic() - line.due)
                found.statuses[status] = found.statuses.get(status, 0) + 1
                freed_at = freed_at if free else time.monotonic()
                free.append(line)
                answered += 1
        while free and sent < plan.total and (due := began + sent / plan.rate) <= (now := time.monotonic()):
            found.late.append(now - max(due, freed_at))
            free.popleft().send(*kinds[sent % len(kinds)], due)
            sent += 1
    return msgspec.structs.replace(found, processor=time.process_time() - found.processor)


def main() -> int:
    """Read the plan, write what was found."""
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    gc.disable()
    sys.stdout.buffer.write(msgspec.json.encode(carry_out(plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
