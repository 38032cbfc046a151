# -*- test-case-name: zerogo.test.controller.test_site -*-
"""HTTP with limits that twisted.web does not have: the size of a body, and no word about what serves it.

A body that is announced, or grows, beyond the limit is answered with 413 and the connection is closed before the rest
of it is taken. Headers have Twisted's own limits; an idle connection is closed by the Site's time-out.
"""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.web import http
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from zerogo.controller.problems import CONTENT_TYPE, Problem

BODY_LIMIT = 1024 * 1024
IDLE_SECONDS = 60


class LimitedRequest(Request):
    """A request whose body is at most `BODY_LIMIT` bytes."""

    _received = 0
    _is_refused = False

    def gotLength(self, length: int | None) -> None:
        if length is not None and length > BODY_LIMIT:
            self._refuse()
            return
        super().gotLength(length)  # type: ignore[no-untyped-call]

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        if self._is_refused:
            return
        if self._received > BODY_LIMIT:
            self._refuse()
            return
        super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if not self._is_refused:
            super().requestReceived(command, path, version)  # type: ignore[no-untyped-call]

    def write(self, data: bytes) -> None:
        if not self.startedWriting:
            self.responseHeaders.removeHeader(b"server")
        super().write(data)  # type: ignore[no-untyped-call]

    def _refuse(self) -> None:
        """Answer below the request's own machinery, which has not begun, and hang up."""
        self._is_refused = True
        problem = Problem(413, "too-large", f"a request's body has at most {BODY_LIMIT} bytes")
        body = msgspec.json.encode(problem.document())
        head = (
            "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n"
            f"Content-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        channel: Any = self.channel
        channel.transport.write(head.encode() + body)
        channel.loseConnection()


class ControllerSite(Site):
    """The Site of API and agents."""

    displayTracebacks = False
    noisy = False

    def __init__(self, resource: IResource, **options: Any) -> None:
        super().__init__(resource, requestFactory=LimitedRequest, timeout=IDLE_SECONDS, **options)  # type: ignore[no-untyped-call]

    def log(self, request: http.Request) -> None:
        """No access log: what changes something is in the audit."""
