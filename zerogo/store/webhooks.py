# -*- test-case-name: zerogo.test.store.test_webhooks -*-
"""Units of work about webhooks: where to tell what happens, and what waits to be told.

What people decided is told from the audit log: a mark in the settings says up to which line. The one who moves the mark
makes the deliveries, in one transaction, so of several controllers on one database each line is told by one. A delivery
is claimed by putting it off for `LEASE_SECONDS`: if its controller dies, another one takes it up. So a receiver may be
told something twice, with the same id, and never nothing, within the bounds: `WAITING_LIMIT` deliveries of a webhook,
beyond which the oldest goes, and `ATTEMPTS` tries.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from attrs import field, frozen
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from zerogo.control.token import emit_base32
from zerogo.core import RandomBytes
from zerogo.errors import ParseError
from zerogo.store import audit, tables
from zerogo.store.errors import Conflict, NotFound
from zerogo.store.paging import Paging, Piece

ID_BYTES = 10
SECRET_BYTES = 32
WEBHOOKS_LIMIT = 50
KINDS_LIMIT = 32
URL_LIMIT = 1024
WAITING_LIMIT = 1000
AUDIT_AT_ONCE = 200
CLAIMED_AT_ONCE = 16
LEASE_SECONDS = 60.0
ATTEMPTS = 12
RETRY_SECONDS, RETRY_MOST = 5.0, 3600.0
"""After the first failure, doubled with each, up to the most."""
GONE = "gone"
TEST_KIND = "webhook.test"
_KIND = re.compile(r"\*|[a-z]+(\.[a-z0-9-]+)*(\.\*)?")
_MARK = "webhooks-told"


@frozen(kw_only=True)
class StoredWebhook:
    """A webhook."""

    webhook_id: str
    url: str
    kinds: tuple[str, ...]
    is_enabled: bool
    created_by: str
    created_at: float
    last_at: float | None
    last_outcome: str
    """Of the last try: `ok`, or one sentence."""
    dropped: int
    """Deliveries that were given up."""
    waiting: int
    secret: bytes = field(repr=False)

    @property
    def tag(self) -> str:
        """Changes with what people can set."""
        said = f"{self.url}\0{' '.join(self.kinds)}\0{self.is_enabled}"
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def wants(self, kind: str) -> bool:
        """Whether it is to be told things of this kind."""
        return kind == TEST_KIND or any(_fits(wanted, kind) for wanted in self.kinds)


@frozen(kw_only=True)
class Delivery:
    """Something to tell, claimed."""

    delivery_id: str
    webhook_id: str
    url: str
    secret: bytes = field(repr=False)
    body: str
    attempts: int
    """Tries before this one."""


@frozen
class Happening:
    """Something happened; `data` is for JSON."""

    kind: str
    at: float
    data: Mapping[str, Any]

    def body(self) -> str:
        """What is sent."""
        return msgspec.json.encode({"type": self.kind, "unix_time": self.at, "data": self.data}).decode()


def create_webhook(
    connection: Connection, url: str, kinds: Iterable[str], actor: str, rng: RandomBytes, unix_now: float
) -> StoredWebhook:
    """Make one; raises `Conflict` or `ParseError`."""
    if (connection.scalar(select(func.count()).select_from(tables.webhooks)) or 0) >= WEBHOOKS_LIMIT:
        raise Conflict(f"there are {WEBHOOKS_LIMIT} webhooks already")
    _mark(connection)
    webhook_id = emit_base32(rng(ID_BYTES))
    connection.execute(
        insert(tables.webhooks).values(
            id=webhook_id,
            url=check_url(url),
            kinds=" ".join(check_kinds(kinds)),
            secret=rng(SECRET_BYTES),
            is_enabled=1,
            created_by=actor,
            created_at=unix_now,
            last_at=None,
            last_outcome="",
            dropped=0,
        )
    )
    audit.record(connection, actor, "webhook.create", unix_now, subject=webhook_id, detail=_origin(url))
    return find_webhook(connection, webhook_id)


def find_webhook(connection: Connection, webhook_id: str) -> StoredWebhook:
    """One; raises `NotFound`."""
    row = connection.execute(select(tables.webhooks).where(tables.webhooks.c.id == webhook_id)).first()
    if row is None:
        raise NotFound("there is no such webhook")
    return _webhook(connection, row)


def list_webhooks(connection: Connection, paging: Paging) -> Piece[StoredWebhook]:
    """All, by id."""
    query = select(tables.webhooks).order_by(tables.webhooks.c.id).limit(paging.limit + 1)
    if paging.after is not None:
        query = query.where(tables.webhooks.c.id > paging.after[0])
    found = [_webhook(connection, row) for row in connection.execute(query).all()]
    return Piece.cut(found, paging, lambda webhook: (webhook.webhook_id,))


def change_webhook(
    connection: Connection, webhook_id: str, changes: Mapping[str, Any], actor: str, unix_now: float
) -> StoredWebhook:
    """Change `url`, `kinds` or `is_enabled`; raises `NotFound` or `ParseError`."""
    find_webhook(connection, webhook_id)
    values: dict[str, Any] = {}
    if "url" in changes:
        values["url"] = check_url(changes["url"])
    if "kinds" in changes:
        values["kinds"] = " ".join(check_kinds(changes["kinds"]))
    if "is_enabled" in changes:
        values["is_enabled"] = int(changes["is_enabled"])
    if values:
        connection.execute(update(tables.webhooks).where(tables.webhooks.c.id == webhook_id).values(**values))
        audit.record(connection, actor, "webhook.change", unix_now, subject=webhook_id, detail=" ".join(sorted(values)))
    return find_webhook(connection, webhook_id)


def delete_webhook(connection: Connection, webhook_id: str, actor: str, unix_now: float) -> None:
    """Remove one, with what waits for it; raises `NotFound`."""
    find_webhook(connection, webhook_id)
    connection.execute(delete(tables.webhooks).where(tables.webhooks.c.id == webhook_id))
    audit.record(connection, actor, "webhook.delete", unix_now, subject=webhook_id)


def send_test(connection: Connection, webhook_id: str, rng: RandomBytes, unix_now: float) -> None:
    """Tell it something that means nothing; raises `NotFound`."""
    webhook = find_webhook(connection, webhook_id)
    _add(connection, webhook, Happening(TEST_KIND, unix_now, {}), rng, unix_now)


# What happens


def has_webhooks(connection: Connection) -> bool:
    """Whether anybody wants to be told anything."""
    return connection.execute(select(tables.webhooks.c.id).limit(1)).first() is not None


def tell(connection: Connection, happenings: Iterable[Happening], rng: RandomBytes, unix_now: float) -> None:
    """Have webhooks told of these, and of what was written into the audit log since the last time."""
    rows = connection.execute(select(tables.webhooks).where(tables.webhooks.c.is_enabled == 1)).all()
    webhooks = [_webhook(connection, row) for row in rows]
    for happening in (*happenings, *_audited(connection)):
        for webhook in webhooks:
            if webhook.wants(happening.kind):
                _add(connection, webhook, happening, rng, unix_now)


def claim(connection: Connection, unix_now: float) -> list[Delivery]:
    """What is to be tried, put off for others meanwhile."""
    deliveries, webhooks = tables.webhook_deliveries.c, tables.webhooks.c
    query = (
        select(tables.webhook_deliveries, webhooks.url, webhooks.secret)
        .join(tables.webhooks, webhooks.id == deliveries.webhook_id)
        .where(deliveries.due_at <= unix_now, webhooks.is_enabled == 1)
        .order_by(deliveries.due_at, deliveries.id)
        .limit(CLAIMED_AT_ONCE)
    )
    found = []
    for row in connection.execute(query).all():
        own = (deliveries.id == row.id) & (deliveries.due_at == row.due_at)
        taken = connection.execute(update(tables.webhook_deliveries).where(own).values(due_at=unix_now + LEASE_SECONDS))
        if taken.rowcount == 1:
            found.append(
                Delivery(
                    delivery_id=row.id,
                    webhook_id=row.webhook_id,
                    url=row.url,
                    secret=row.secret,
                    body=row.body,
                    attempts=row.attempts,
                )
            )
    return found


def settle(connection: Connection, delivery: Delivery, outcome: str, unix_now: float) -> None:
    """Note what became of a try: `ok`, `gone` (the receiver wants nothing any more), or why it failed."""
    own = tables.webhook_deliveries.c.id == delivery.delivery_id
    is_over = outcome in ("ok", GONE) or delivery.attempts + 1 >= ATTEMPTS
    if is_over:
        connection.execute(delete(tables.webhook_deliveries).where(own))
    else:
        due_at = unix_now + retry_after(delivery.attempts)
        connection.execute(
            update(tables.webhook_deliveries).where(own).values(attempts=delivery.attempts + 1, due_at=due_at)
        )
    values: dict[str, Any] = {"last_at": unix_now, "last_outcome": outcome[:200]}
    if is_over and outcome != "ok":
        values["dropped"] = tables.webhooks.c.dropped + 1
    if outcome == GONE:
        values["is_enabled"] = 0
    connection.execute(update(tables.webhooks).where(tables.webhooks.c.id == delivery.webhook_id).values(**values))


def retry_after(attempts: int) -> float:
    """Seconds after that many failures before this one."""
    return min(RETRY_MOST, RETRY_SECONDS * 2.0**attempts)


def check_url(url: str) -> str:
    """An http or https URL; raises `ParseError`."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_good = is_good and parts.username is None and not parts.fragment
        if is_good and _is_metadata(parts.hostname or ""):
            raise ParseError("link-local addresses are where clouds keep secrets: a webhook is not sent there")
    except ValueError:
        is_good = False
    if not is_good or len(url) > URL_LIMIT or not re.fullmatch(r"[!-~]+", url):
        raise ParseError("a webhook needs a URL such as https://example.net/hook, without user name and fragment")
    return url


def check_kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    """Kinds such as `member.online`, `member.*` or `*`; raises `ParseError`."""
    found = tuple(dict.fromkeys(kinds))
    if not 0 < len(found) <= KINDS_LIMIT or any(len(kind) > 40 or not _KIND.fullmatch(kind) for kind in found):
        raise ParseError("kinds are such as member.online, member.* or *")
    return found


def _fits(wanted: str, kind: str) -> bool:
    return wanted in ("*", kind) or (wanted.endswith(".*") and kind.startswith(wanted[:-1]))


def _is_metadata(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_link_local
    except ValueError:
        return False


def _origin(url: str) -> str:
    """What the log may show: paths of receivers are secrets now and then."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _audited(connection: Connection) -> list[Happening]:
    """Lines of the audit log since the mark, which is moved."""
    mark = _mark(connection)
    number = tables.audit.c.number
    rows = connection.execute(select(tables.audit).where(number > mark).order_by(number).limit(AUDIT_AT_ONCE)).all()
    if not rows:
        return []
    own = (tables.settings.c.key == _MARK) & (tables.settings.c.value == str(mark))
    moved = connection.execute(update(tables.settings).where(own).values(value=str(rows[-1].number)))
    return [_happening(row) for row in rows] if moved.rowcount == 1 else []


def _mark(connection: Connection) -> int:
    """The last line that was told; what was written before there was a webhook is not."""
    found = connection.scalar(select(tables.settings.c.value).where(tables.settings.c.key == _MARK))
    if found is None:
        newest = connection.scalar(select(func.max(tables.audit.c.number))) or 0
        connection.execute(insert(tables.settings).values(key=_MARK, value=str(newest)))
        return newest
    return int(found)


def _happening(row: Row[Any]) -> Happening:
    data = {name: getattr(row, name) for name in ("number", "actor", "action", "network", "subject", "detail")}
    return Happening(row.action, row.at, data)


def _add(
    connection: Connection, webhook: StoredWebhook, happening: Happening, rng: RandomBytes, unix_now: float
) -> None:
    deliveries = tables.webhook_deliveries.c
    here = deliveries.webhook_id == webhook.webhook_id
    waiting = connection.scalar(select(func.count()).select_from(tables.webhook_deliveries).where(here)) or 0
    if waiting >= WAITING_LIMIT:
        oldest = select(deliveries.id).where(here).order_by(deliveries.made_at, deliveries.id).limit(1)
        connection.execute(delete(tables.webhook_deliveries).where(deliveries.id == oldest.scalar_subquery()))
        more = tables.webhooks.c.dropped + 1
        connection.execute(
            update(tables.webhooks).where(tables.webhooks.c.id == webhook.webhook_id).values(dropped=more)
        )
    connection.execute(
        insert(tables.webhook_deliveries).values(
            id=emit_base32(rng(ID_BYTES)),
            webhook_id=webhook.webhook_id,
            body=happening.body(),
            made_at=unix_now,
            due_at=unix_now,
            attempts=0,
        )
    )


def _webhook(connection: Connection, row: Row[Any]) -> StoredWebhook:
    here = tables.webhook_deliveries.c.webhook_id == row.id
    return StoredWebhook(
        webhook_id=row.id,
        url=row.url,
        kinds=tuple(row.kinds.split()),
        is_enabled=bool(row.is_enabled),
        created_by=row.created_by,
        created_at=row.created_at,
        last_at=row.last_at,
        last_outcome=row.last_outcome,
        dropped=row.dropped,
        waiting=connection.scalar(select(func.count()).select_from(tables.webhook_deliveries).where(here)) or 0,
        secret=row.secret,
    )
