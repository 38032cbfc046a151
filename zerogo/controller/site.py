# -*- test-case-name: zerogo.test.controller.test_site -*-
"""HTTP with limits that twisted.web does not have, and no word about what serves it.

A body that is announced, or grows, beyond the limit is answered with 413 and the connection is closed before the rest
of it is taken. A request must be complete `REQUEST_SECONDS` after the connection was opened or the answer before it
was sent: bytes that trickle in do not buy more time. Connections are counted, by host and in all, until they become an
agent's WebSocket, which the coordinator counts. Those of a proxy that is trusted come from many hosts, and are counted
in all only. Headers have Twisted's own limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from zerogo.control.connection import origin_of
from zerogo.controller.problems import CONTENT_TYPE, Problem

BODY_LIMIT = 1024 * 1024
REQUEST_SECONDS = 30
ABORT_SECONDS = 5
CONNECTIONS_LIMIT = 1024
"""Connections of HTTP, agents' WebSockets not counted."""
CONNECTIONS_PER_ORIGIN = 64


class LimitedChannel(http.HTTPChannel):
    """A connection whose time-out nobody puts off by sending a little."""

    _aborting: IDelayedCall | None = None
    is_lost = False

    @property
    def is_http(self) -> bool:
        """Whether it is still ours: an agent's WebSocket takes the transport away."""
        return not self.is_lost and self.transport is not None

    def resetTimeout(self) -> None:
        """Only a request that is complete ends the wait for it."""

    def timeoutConnection(self) -> None:
        """Twisted's own would write a line to the log each time."""
        transport: Any = self.transport
        self.loseConnection()  # type: ignore[no-untyped-call]
        self._aborting = self.callLater(ABORT_SECONDS, transport.abortConnection)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_lost = True
        if self._aborting is not None and self._aborting.active():
            self._aborting.cancel()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class LimitedRequest(Request):
    """A request whose body is at most `BODY_LIMIT` bytes."""

    _received = 0
    _is_refused = False

    def gotLength(self, length: int | None) -> None:
        if length is not None and length > BODY_LIMIT:
            self._refuse_body()
            return
        super().gotLength(length)  # type: ignore[no-untyped-call]

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        if self._is_refused:
            return
        if self._received > BODY_LIMIT:
            self._refuse_body()
            return
        super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if not self._is_refused and not self._is_text(path):
            self._refuse(Problem(400, "bad-request", "path and headers must be UTF-8"))
        if not self._is_refused:
            super().requestReceived(command, path, version)  # type: ignore[no-untyped-call]

    def finish(self) -> None:
        statuses = getattr(getattr(self, "site", None), "statuses", None)
        if statuses is not None:
            statuses[self.code] += 1
        super().finish()  # type: ignore[no-untyped-call]

    def write(self, data: bytes) -> None:
        if not self.startedWriting:
            self.responseHeaders.removeHeader(b"server")
        super().write(data)  # type: ignore[no-untyped-call]

    def _is_text(self, path: bytes) -> bool:
        """Klein and we decode them, and what cannot be decoded would be a bug each time."""
        try:
            unquote_to_bytes(path).decode()
            for _, values in self.requestHeaders.getAllRawHeaders():
                b"".join(values).decode()
        except UnicodeDecodeError:
            return False
        return True

    def _refuse_body(self) -> None:
        self._refuse(Problem(413, "too-large", f"a request's body has at most {BODY_LIMIT} bytes"))

    def _refuse(self, problem: Problem) -> None:
        """Answer below the request's own machinery, which has not begun, and hang up."""
        self._is_refused = True
        body = msgspec.json.encode(problem.document())
        head = (
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\nConnection: close\r\n"
            f"Content-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        channel: Any = self.channel
        channel.transport.write(head.encode() + body)
        channel.loseConnection()


class ControllerSite(Site):
    """The Site of API and agents."""

    displayTracebacks = False
    noisy = False
    protocol = LimitedChannel  # type: ignore[assignment]

    def __init__(
        self, resource: IResource, is_proxy: Callable[[str], bool] = lambda host: False, **options: Any
    ) -> None:
        """`is_proxy` says whether a host is a proxy that is trusted."""
        super().__init__(  # type: ignore[no-untyped-call]
            resource,
            requestFactory=LimitedRequest,
            timeout=REQUEST_SECONDS,
            parsePOSTFormSubmission=False,
            **options,
        )
        self._is_proxy = is_proxy
        self._channels: dict[str, list[LimitedChannel]] = {}
        self.statuses: Counter[int] = Counter()
        """Requests answered, by status."""

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A channel, or None, which closes the connection, where there are too many."""
        host = str(getattr(addr, "host", ""))
        origin = origin_of(host)
        channels = self._live(origin)
        is_one_too_many = len(channels) >= CONNECTIONS_PER_ORIGIN and not self._is_proxy(host)
        if is_one_too_many or self._total() >= CONNECTIONS_LIMIT:
            return None
        channel = super().buildProtocol(addr)  # type: ignore[no-untyped-call]
        self._channels.setdefault(origin, []).append(channel)
        return channel

    def acceptableProtocols(self) -> list[bytes]:
        """What is offered by ALPN: `LimitedChannel` speaks no other version of HTTP."""
        return [b"http/1.1"]

    def _live(self, origin: str) -> list[LimitedChannel]:
        """Forget those that are over, or are HTTP no more."""
        channels = [channel for channel in self._channels.get(origin, ()) if channel.is_http]
        if channels:
            self._channels[origin] = channels
        else:
            self._channels.pop(origin, None)
        return channels

    def _total(self) -> int:
        if sum(map(len, self._channels.values())) >= CONNECTIONS_LIMIT:
            for origin in list(self._channels):
                self._live(origin)
        return sum(map(len, self._channels.values()))

    def log(self, request: http.Request) -> None:
        """No access log: what changes something is in the audit."""
