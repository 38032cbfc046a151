# -*- test-case-name: zerogo.test.controller.test_oidc_provider -*-
"""One HTTP request to a server that we chose and do not trust: a bound for time and size, no redirects.

Twisted's Agent would read a body of any length, so that is read here. Certificates are checked as browsers do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers

FETCH_SECONDS = 10.0
BODY_LIMIT = 512 * 1024


@frozen(kw_only=True)
class Wanted:
    """A request."""

    method: str
    url: str
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@frozen
class Fetched:
    """The answer to it."""

    status: int
    body: bytes = field(repr=False)


Fetch = Callable[[Wanted], Awaitable[Fetched]]
"""Makes a request; raises whatever went wrong."""


def make_fetch(reactor: Any) -> Fetch:
    """Requests by the network, without pools."""
    agent = Agent(reactor, connectTimeout=FETCH_SECONDS)

    async def fetch(wanted: Wanted) -> Fetched:
        sent = Headers({name: [value] for name, value in wanted.headers.items()})
        body = FileBodyProducer(BytesIO(wanted.body)) if wanted.body else None
        request: Any = agent.request(wanted.method.encode(), wanted.url.encode(), sent, body)
        response: Any = await request.addTimeout(FETCH_SECONDS, reactor)
        reader = _Reader()
        response.deliverBody(reader)
        content: bytes = await reader.done.addTimeout(FETCH_SECONDS, reactor)
        return Fetched(int(response.code), content)

    return fetch


class _Reader(Protocol):
    """Reads a body up to the limit."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self.done: Deferred[bytes] = Deferred(self._hang_up)

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > BODY_LIMIT:
            self._hang_up()
            self._end(ValueError(f"the answer has more than {BODY_LIMIT} bytes"))
            return
        self._pieces.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        is_whole = reason.check(ResponseDone, PotentialDataLoss)
        self._end(b"".join(self._pieces) if is_whole else reason)

    def _end(self, outcome: Any) -> None:
        if not self.done.called:
            self.done.errback(outcome) if isinstance(outcome, Exception | Failure) else self.done.callback(outcome)

    def _hang_up(self, _: object = None) -> None:
        lose: Any = getattr(self.transport, "abortConnection", None) or getattr(self.transport, "loseConnection", None)
        if lose is not None:
            lose()
