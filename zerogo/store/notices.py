# -*- test-case-name: zerogo.test.store.test_notices -*-
"""Short messages between the controllers of one PostgreSQL database, by its LISTEN and NOTIFY.

Two threads with a connection each: one listens, one sends what the reactor hands it. A message longer than a
notification may be is sent in pieces in one transaction; PostgreSQL delivers these in order and with nothing of the
same sender in between. What is sent while there is no connection is lost, and so is what others send meanwhile:
`on_gap` is called when it is over. Nothing waits for anything: who needs certainty looks into the database.
"""

from __future__ import annotations

import base64
import queue
import random
import threading
import time
from collections.abc import Callable

import psycopg
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from zerogo.secret import Secret
from zerogo.store.errors import cause_of
from zerogo.store.postgresql import APPLICATION, CONNECT_SECONDS, connection_text

CHANNEL = "zerogo"
PIECE_CHARACTERS = 7900
"""A notification has less than 8,000 bytes."""
MESSAGE_LIMIT = 96 * 1024
"""Characters of all pieces of a message."""
SENDERS_LIMIT = 64
"""Of whom a message may be incomplete."""
WAITING_LIMIT = 2000
"""Messages waiting to be sent; further ones are lost."""
LOOK_SECONDS = 0.5
"""How often a thread looks whether it is to end."""
RETRY_SECONDS_MOST = 5.0
_MORE, _LAST = "+", "."

_log = Logger()


class PostgresNotices:
    """Between `start` and `stop`; `receive` and `on_gap` are called in the reactor's thread."""

    def __init__(
        self,
        place: Secret,
        reactor: IReactorFromThreads,
        receive: Callable[[bytes], object],
        on_gap: Callable[[], object],
    ) -> None:
        self._place = place
        self._reactor = reactor
        self._receive = receive
        self._on_gap = on_gap
        self._waiting: queue.Queue[bytes] = queue.Queue(WAITING_LIMIT)
        self._is_stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep_up, args=(work,), name=name, daemon=True)
            for work, name in ((self._listen, "notices in"), (self._send, "notices out"))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; blocks until what was to be sent is sent, or `LOOK_SECONDS` at the most."""
        self._is_stopped.set()
        for thread in self._threads:
            thread.join(2 * LOOK_SECONDS)

    def publish(self, message: bytes) -> None:
        """Send to all who listen, ourselves too."""
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            _log.debug("a message to other controllers is lost: too many wait")

    def _keep_up(self, work: Callable[[psycopg.Connection[tuple[object, ...]]], None]) -> None:
        failures = 0
        while not self._is_stopped.is_set():
            try:
                text = connection_text(self._place)
                with psycopg.connect(
                    text, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name=APPLICATION
                ) as connection:
                    failures = 0
                    work(connection)
            except psycopg.Error as error:
                emit = _log.debug if failures else _log.warn
                emit("Word of other controllers is interrupted: {reason}", reason=cause_of(error))
            failures = min(failures + 1, 8)
            self._is_stopped.wait(random.uniform(0, min(RETRY_SECONDS_MOST, 0.1 * 2**failures)))  # noqa: S311 - jitter

    def _listen(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        self._reactor.callFromThread(self._on_gap)
        pieces: dict[int, str] = {}
        while not self._is_stopped.is_set():
            for notice in connection.notifies(timeout=LOOK_SECONDS):
                message = _joined(pieces, notice.pid, notice.payload)
                if message is not None:
                    self._reactor.callFromThread(self._receive, message)
                if self._is_stopped.is_set():
                    return
            # A connection that is dead says nothing, and so does one on which nothing happens.
            connection.execute("SELECT 1")

    def _send(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        began = time.monotonic()
        while not (self._is_stopped.is_set() and self._waiting.empty()):
            try:
                message = self._waiting.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            with connection.transaction():
                for piece in _cut(message):
                    connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, piece))
            if self._is_stopped.is_set() and time.monotonic() - began > LOOK_SECONDS:
                return


def _cut(message: bytes) -> list[str]:
    text = base64.b64encode(message).decode("ascii")
    pieces = [text[start : start + PIECE_CHARACTERS] for start in range(0, len(text), PIECE_CHARACTERS)] or [""]
    return [*(_MORE + piece for piece in pieces[:-1]), _LAST + pieces[-1]]


def _joined(pieces: dict[int, str], sender: int, payload: str) -> bytes | None:
    """The message that this piece completes; None: it does not, or there was something wrong with it."""
    text = pieces.pop(sender, "") + payload[1:]
    if len(text) > MESSAGE_LIMIT or payload[:1] not in (_MORE, _LAST):
        return None
    if payload.startswith(_MORE):
        pieces[sender] = text
        if len(pieces) > SENDERS_LIMIT:
            del pieces[next(iter(pieces))]
        return None
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
