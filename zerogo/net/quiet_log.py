# -*- test-case-name: zerogo.test.net.test_quiet_log -*-
"""Autobahn's log, for our servers of WebSockets.

What it finds worth knowing is at level debug; what it tells of each step and each message is not said at all: a line
that is not even shown costs as much as sending the frame, and strangers can cause as many as they like.
"""

from __future__ import annotations

from twisted.logger import Logger


class QuietLog:
    """Takes the place of `log` in a protocol of Autobahn's; `log` is where the lines go."""

    def __init__(self, log: Logger) -> None:
        self._log = log

    def debug(self, message: str, /, **values: object) -> None:
        """Nothing: Autobahn says a dozen such words for each connection, and two for each message."""

    def info(self, message: str, /, **values: object) -> None:
        """What is worth a line."""
        self._log.debug(message, **values)

    trace = debug
    warn = error = critical = info
