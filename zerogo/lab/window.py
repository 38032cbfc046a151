# -*- test-case-name: zerogo.test.lab.test_window -*-
"""A port of this machine's loopback that leads into a lab, so that a browser outside sees a page that is served inside.

A thread for each direction of each connection: few people look through a window at once.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

CONNECTIONS_LIMIT = 64
_PIECE = 65536


class Window:
    """From its making to `close`. `connect` opens a connection inside; it may raise `OSError`."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Of 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """End it, and all that goes through it."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            held, self._open = self._open, []
        for one in held:
            _end(one)

    def _accept(self) -> None:
        while True:
            try:
                outside, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._lead, args=(outside,), daemon=True).start()

    def _lead(self, outside: socket.socket) -> None:
        with self._lock:
            is_full = len(self._open) >= 2 * CONNECTIONS_LIMIT
        try:
            inside = None if is_full else self._connect()
        except OSError:
            inside = None
        if inside is None:
            outside.close()
            return
        with self._lock:
            self._open += [outside, inside]
        back = threading.Thread(target=_pump, args=(inside, outside), daemon=True)
        back.start()
        _pump(outside, inside)
        back.join()
        with self._lock:
            self._open = [one for one in self._open if one not in (outside, inside)]
        outside.close()
        inside.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Until the end of one direction, which is passed on."""
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
