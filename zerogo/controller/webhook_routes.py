# -*- test-case-name: zerogo.test.controller.test_webhook_routes -*-
"""Routes about webhooks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.documents import Page, RequestBody, page, rfc3339
from zerogo.controller.webhook_sender import secret_text
from zerogo.store import webhooks
from zerogo.store.values import Role
from zerogo.store.webhooks import KINDS_LIMIT, URL_LIMIT, StoredWebhook

_Url = Annotated[str, Meta(min_length=1, max_length=URL_LIMIT)]
_Kinds = Annotated[list[Annotated[str, Meta(min_length=1, max_length=40)]], Meta(min_length=1, max_length=KINDS_LIMIT)]


class NewWebhookRequest(RequestBody, frozen=True):
    """A webhook to make. Kinds are those of events (`member.online`, `link.path`) and the actions of the audit log
    (`member.approve`); `member.*` and `*` stand for many."""

    url: _Url
    kinds: _Kinds


class WebhookChange(RequestBody, frozen=True):
    """What to change of a webhook (JSON Merge Patch)."""

    url: _Url | msgspec.UnsetType = msgspec.UNSET
    kinds: _Kinds | msgspec.UnsetType = msgspec.UNSET
    is_enabled: bool | msgspec.UnsetType = msgspec.UNSET


class WebhookDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """A webhook; `secret` is there once, in the answer to its making."""

    id: str
    url: str
    kinds: list[str]
    is_enabled: bool
    created_by: str
    created_at: str
    last_at: str | None
    """Of the last try."""
    last_outcome: str
    """`ok`, `gone`, or why it failed; empty before the first try."""
    waiting: int
    """What waits to be told."""
    dropped: int
    """What was given up."""
    secret: str | None = None

    @classmethod
    def of(cls, webhook: StoredWebhook, secret: str | None = None) -> WebhookDocument:
        """As stored."""
        return cls(
            id=webhook.webhook_id,
            url=webhook.url,
            kinds=list(webhook.kinds),
            is_enabled=webhook.is_enabled,
            created_by=webhook.created_by,
            created_at=rfc3339(webhook.created_at),
            last_at=None if webhook.last_at is None else rfc3339(webhook.last_at),
            last_outcome=webhook.last_outcome,
            waiting=webhook.waiting,
            dropped=webhook.dropped,
            secret=secret,
        )


async def list_webhooks(desk: Desk, call: Call) -> Answer:
    """All webhooks."""
    return Answer(200, page(await desk.store.read(webhooks.list_webhooks, call.paging), WebhookDocument.of))


async def create_webhook(desk: Desk, call: Call) -> Answer:
    """Make a webhook; the secret that signs its requests is in this answer and never again."""
    body = call.body
    assert isinstance(body, NewWebhookRequest)
    made = await desk.store.write(webhooks.create_webhook, body.url, body.kinds, call.actor, desk.rng, desk.unix_time())
    desk.webhooks.changed()
    return Answer(201, WebhookDocument.of(made, secret_text(made.secret)), made.tag)


async def change_webhook(desk: Desk, call: Call) -> Answer:
    """Change where it is sent, what it is told, or whether it is told anything."""
    body = call.body
    assert isinstance(body, WebhookChange)
    given = msgspec.structs.asdict(body).items()
    changes = {name: value for name, value in given if value is not msgspec.UNSET}
    changed = await desk.store.write(
        webhooks.change_webhook, call.path["webhook"], changes, call.actor, desk.unix_time()
    )
    desk.webhooks.changed()
    return Answer(200, WebhookDocument.of(changed), changed.tag)


async def delete_webhook(desk: Desk, call: Call) -> Answer:
    """Remove a webhook, with what waits for it."""
    await desk.store.write(webhooks.delete_webhook, call.path["webhook"], call.actor, desk.unix_time())
    return Answer(204)


async def send_test(desk: Desk, call: Call) -> Answer:
    """Have a webhook told something of the kind `webhook.test`; what became of it is in its `last_outcome`."""
    await desk.store.write(webhooks.send_test, call.path["webhook"], desk.rng, desk.unix_time())
    desk.webhooks.changed()
    return Answer(204)


_WEBHOOK = "/webhooks/<string:webhook>"

ROUTES = (
    Route(
        method="GET",
        path="/webhooks",
        function=list_webhooks,
        needs=Role.ADMIN,
        area="webhooks",
        answer=Page[WebhookDocument],
        cursor=tuple[str],
    ),
    Route(
        method="POST",
        path="/webhooks",
        function=create_webhook,
        needs=Role.ADMIN,
        area="webhooks",
        body=NewWebhookRequest,
        answer=WebhookDocument,
        status=201,
        is_creation=True,
        problems=("conflict",),
    ),
    Route(
        method="PATCH",
        path=_WEBHOOK,
        function=change_webhook,
        needs=Role.ADMIN,
        area="webhooks",
        body=WebhookChange,
        answer=WebhookDocument,
    ),
    Route(method="DELETE", path=_WEBHOOK, function=delete_webhook, needs=Role.ADMIN, area="webhooks", status=204),
    Route(
        method="POST",
        path=f"{_WEBHOOK}/test",
        function=send_test,
        needs=Role.ADMIN,
        area="webhooks",
        status=204,
    ),
)
