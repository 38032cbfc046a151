# -*- test-case-name: zerogo.test.dataplane.test_worker -*-
"""The reference plane's own process: `python -m zerogo.dataplane.worker SECONDS CONTROL TAP UDP...`: how often it tells
its counters, and descriptor numbers.

It is spawned by `zerogo.dataplane.reference` and ends when the other end of its control socket does. It imports no
Twisted and as little else as it can: it runs beside every agent, and its packets must not wait for a reactor.
"""

from __future__ import annotations

import gc
import math
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence

from zerogo.dataplane.limits import SIDE_SOCKETS_LIMIT
from zerogo.dataplane.messages import (
    ADD_SIDE_SOCKET,
    CLOSE,
    PLANE_FAULT,
    RECORD_LIMIT,
    REMOVE_SIDE_SOCKET,
    decode,
    encode,
)
from zerogo.dataplane.plane import Plane, start_plane

TICK_SECONDS = 1.0
_VERBS_PER_TURN = 256


class Channel:
    """The worker's end of the control socket."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self.is_full = False
        """Whether upcalls wait for the agent to read."""
        self.descriptors: list[int] = []
        """That came with the last record."""

    def receive(self) -> bytes | None:
        """The next record; None where there is none yet. Raises `EOFError` where the agent is gone."""
        try:
            record, self.descriptors, _, _ = socket.recv_fds(self._control, RECORD_LIMIT, 1)
        except BlockingIOError:
            return None
        except OSError as error:
            raise EOFError from error
        if not record:
            raise EOFError
        return record

    def send(self, record: bytes) -> bool:
        """Send a record; False where there is no room."""
        try:
            self._control.send(record)
        except BlockingIOError:
            return False
        except OSError as error:
            raise EOFError from error
        return True


class Loop:
    """Waits for descriptors and the clock, and calls the plane."""

    def __init__(
        self, control: socket.socket, tap_fd: int, sockets: list[socket.socket], report_seconds: float
    ) -> None:
        self._control = control
        self._channel = Channel(control)
        self._tap_fd = tap_fd
        self._sockets = sockets
        self._plane: Plane | None = None
        self._sides: dict[int, socket.socket] = {}
        self._poll = select.epoll()
        self._poll.register(control, select.EPOLLIN)
        self._ready: dict[int, Callable[[float], None]] = {control.fileno(): self._obey}
        self._tick_at = time.monotonic() + TICK_SECONDS
        self._report_seconds = report_seconds
        self._report_at = time.monotonic() + report_seconds

    def run(self) -> None:
        """Until the agent closes the plane, or is gone."""
        try:
            while True:
                self._turn()
        except EOFError:
            return

    def _turn(self) -> None:
        late_at = math.inf if self._plane is None else self._plane.late_at()
        due_at = min(self._tick_at, self._report_at, late_at)
        events = self._poll.poll(None if self._plane is None else max(due_at - time.monotonic(), 0.0))
        now = time.monotonic()
        for descriptor, _ in events:
            # A side socket may have been closed by a verb of this very turn.
            ready = self._ready.get(descriptor)
            if ready is not None:
                ready(now)
        if self._plane is None:
            return
        if now >= late_at:
            self._plane.send_late(now)
        if now >= self._tick_at:
            self._plane.tick(now)
            self._tick_at = now + TICK_SECONDS
        if now >= self._report_at:
            self._plane.report()
            self._report_at = now + self._report_seconds
        self._tell(self._plane)

    def _obey(self, now: float) -> None:
        for _ in range(_VERBS_PER_TURN):
            record = self._channel.receive()
            if record is None:
                return
            message = decode(record)
            if message[0] == CLOSE:
                raise EOFError
            if self._plane is None:
                self._open(start_plane(message, self._tap_fd, self._sockets))
            elif message[0] in (ADD_SIDE_SOCKET, REMOVE_SIDE_SOCKET):
                self._remove_side(self._plane, message[1])
                for descriptor in self._channel.descriptors:
                    self._add_side(self._plane, message[1], descriptor)
            else:
                self._plane.obey(message, now)

    def _open(self, plane: Plane) -> None:
        self._plane = plane
        self._ready[self._tap_fd] = plane.tap_readable
        self._poll.register(self._tap_fd, select.EPOLLIN)
        for sock in self._sockets:
            self._ready[sock.fileno()] = _reader(plane, sock)
            self._poll.register(sock, select.EPOLLIN)
        plane.report()

    def _add_side(self, plane: Plane, number: int, descriptor: int) -> None:
        sock = socket.socket(fileno=descriptor)
        sock.setblocking(False)
        if len(self._sides) >= SIDE_SOCKETS_LIMIT:
            sock.close()
            return
        self._sides[number] = sock
        plane.add_side(number, sock)
        self._ready[descriptor] = _reader(plane, sock, number)
        self._poll.register(sock, select.EPOLLIN)

    def _remove_side(self, plane: Plane, number: int) -> None:
        sock = self._sides.pop(number, None)
        if sock is not None:
            self._poll.unregister(sock)
            del self._ready[sock.fileno()]
            plane.remove_side(number)

    def _tell(self, plane: Plane) -> None:
        waiting = plane.upcalls.waiting
        while waiting and self._channel.send(encode(waiting[0])):
            waiting.popleft()
        if bool(waiting) != self._channel.is_full:
            self._channel.is_full = bool(waiting)
            self._poll.modify(self._control, select.EPOLLIN | (select.EPOLLOUT if waiting else 0))


def _reader(plane: Plane, sock: socket.socket, side: int = 0) -> Callable[[float], None]:
    return lambda now: plane.socket_readable(sock, now, side)


def _report_fault(control: socket.socket, reason: str) -> None:
    control.setblocking(True)
    control.send(encode((PLANE_FAULT, reason)))


def main(arguments: Sequence[str]) -> int:
    """Run a worker on the descriptors of those numbers; returns the exit code."""
    report_seconds = float(arguments[0])
    control_fd, tap_fd, *udp_fds = map(int, arguments[1:])
    control = socket.socket(fileno=control_fd)
    sockets = [socket.socket(fileno=descriptor) for descriptor in udp_fds]
    for sock in (control, *sockets):
        sock.setblocking(False)
    # The agent decides when to end; a terminal's interrupt goes to both processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    loop = Loop(control, tap_fd, sockets, report_seconds)
    gc.collect()
    gc.freeze()
    try:
        loop.run()
    except OSError as error:
        # The machine took a descriptor away, most often the TAP (EBADFD): nothing here to mend it with.
        _report_fault(control, f"the TAP or a data socket failed: {error.strerror}")
        return 1
    except Exception as error:
        # Whatever it is, the agent must hear of it: a plane that fell silent would look like a dead network.
        _report_fault(control, f"{type(error).__name__}: {error}")
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
