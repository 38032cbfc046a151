# -*- test-case-name: zerogo.test.controller.test_webhook_sender -*-
"""Tells webhooks what happens: signed POST requests, tried again with growing pauses.

Each request has `webhook-id` (the same at each try), `webhook-timestamp` (unix seconds of this try) and
`webhook-signature`: `v1,` and base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`, keyed with the webhook's secret, as the
Standard Webhooks specification has it. An answer of 2xx is a success, 410 ends the webhook, redirects are not followed,
and of the answer's body nothing is read.

While there is no webhook, nothing is written and the store is asked once in `ASK_SECONDS`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.client import Agent, FileBodyProducer
from twisted.web.http_headers import Headers

from zerogo import __version__
from zerogo.controller.event_log import Event
from zerogo.controller.link_documents import EventDocument
from zerogo.core import RandomBytes
from zerogo.errors import ZeroGoError
from zerogo.store import webhooks
from zerogo.store.threads import StoreAccess
from zerogo.store.webhooks import GONE, Delivery, Happening

LOOK_SECONDS = 2.0
ASK_SECONDS = 30.0
TRY_SECONDS = 15.0
"""A receiver that has not answered by then has failed."""
NOTED_LIMIT = 1000
"""Events that wait to be written; the oldest go first."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - how such secrets begin

_log = Logger()

Post = Callable[[Delivery, dict[str, str]], Awaitable[int]]
"""Sends a delivery with these headers; gives the status of the answer, raises what went wrong."""


class WebhookSender:
    """Of one controller. `note` takes events, the audit log is read from the store."""

    def __init__(
        self, store: StoreAccess, clock: IReactorTime, unix_time: Callable[[], float], rng: RandomBytes, post: Post
    ) -> None:
        self._store = store
        self._clock = clock
        self._unix_time = unix_time
        self._rng = rng
        self._post = post
        self.shown_changed: Callable[[], object] = lambda: None
        """Is told when what the API shows of webhooks is other than it was."""
        self._noted: deque[Event] = deque(maxlen=NOTED_LIMIT)
        self._has_webhooks = False
        self._asked_at = float("-inf")
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin."""
        self._loop.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """End; what waits is told by the next start, or by another controller."""
        if self._loop.running:
            self._loop.stop()

    def note(self, event: Event) -> None:
        """Something happened in a network."""
        if self._has_webhooks:
            self._noted.append(event)

    def changed(self) -> None:
        """Somebody made or changed a webhook."""
        self._asked_at = float("-inf")

    async def _look(self) -> None:
        try:
            if self._clock.seconds() - self._asked_at >= ASK_SECONDS:
                self._asked_at = self._clock.seconds()
                self._has_webhooks = await self._store.read(webhooks.has_webhooks)
            if self._has_webhooks:
                await self._tell()
        except ZeroGoError as error:
            _log.warn("Webhooks are told nothing at the moment: {reason}", reason=str(error))

    async def _tell(self) -> None:
        happenings = [_happening(event) for event in self._noted]
        self._noted.clear()
        now = self._unix_time()
        await self._store.write(webhooks.tell, happenings, self._rng, now)
        claimed = await self._store.write(webhooks.claim, now)
        tries: list[Deferred[None]] = [ensureDeferred(self._try(delivery)) for delivery in claimed]
        await gatherResults(tries)

    async def _try(self, delivery: Delivery) -> None:
        try:
            status = await self._post(delivery, headers_of(delivery, self._unix_time()))
            outcome = _outcome(status)
        except Exception as error:
            # Whatever the other end, its name or its certificate made of it.
            outcome = f"{type(error).__name__}: {error}"[:200]
        if outcome != "ok":
            _log.info("The webhook {webhook_id} failed: {why}", webhook_id=delivery.webhook_id, why=outcome)
        await self._store.write(webhooks.settle, delivery, outcome, self._unix_time())
        self.shown_changed()


def headers_of(delivery: Delivery, unix_now: float) -> dict[str, str]:
    """What a request shows, its signature included."""
    timestamp = str(int(unix_now))
    signed = f"{delivery.delivery_id}.{timestamp}.{delivery.body}".encode()
    signature = base64.b64encode(hmac.digest(delivery.secret, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": delivery.delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
        "content-type": "application/json",
        "user-agent": f"zerogo/{__version__}",
    }


def secret_text(secret: bytes) -> str:
    """The secret as its owner is shown it, once."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def make_post(reactor: Any) -> Post:
    """Requests by the network, without redirects and pools."""
    agent = Agent(reactor, connectTimeout=TRY_SECONDS)

    async def post(delivery: Delivery, headers: dict[str, str]) -> int:
        sent = Headers({name: [value] for name, value in headers.items()})
        body = FileBodyProducer(BytesIO(delivery.body.encode()))
        request: Any = agent.request(b"POST", delivery.url.encode(), sent, body)
        response: Any = await request.addTimeout(TRY_SECONDS, reactor)
        response.deliverBody(_Unread())
        return int(response.code)

    return post


class _Unread(Protocol):
    """Hangs up as soon as there is a body."""

    def connectionMade(self) -> None:
        lose: Any = getattr(self.transport, "abortConnection", None) or getattr(self.transport, "loseConnection", None)
        if lose is not None:
            lose()


def _outcome(status: int) -> str:
    if 200 <= status < 300:
        return "ok"
    if status == HTTPStatus.GONE:
        return GONE
    return f"the receiver answered {status}"


def _happening(event: Event) -> Happening:
    document = EventDocument.of(event)
    data = {name: getattr(document, name) for name in ("id", "network_id", "nodes", "change")}
    return Happening(event.kind, event.at, data)
