# -*- test-case-name: zerogo.test.store.test_join_keys -*-
"""Join keys: made, listed, revoked, redeemed. Only the SHA-256 of a secret is kept: 160 random bits need no slow hash.

A use is taken by one UPDATE that finds the key valid and a use left, in the transaction that makes the member: many at
once get as many members as there were uses, and a controller killed in between has taken none.
"""

from __future__ import annotations

import hashlib
from typing import Any

from attrs import frozen
from sqlalchemy import Connection, Row, bindparam, insert, select, tuple_, update

from zerogo.control.messages import RefusalCode
from zerogo.control.token import SECRET_BYTES, emit_base32
from zerogo.core import RandomBytes
from zerogo.errors import ParseError
from zerogo.ids import NetworkId
from zerogo.store import audit, networks, tables
from zerogo.store.errors import JoinRefused, NotFound
from zerogo.store.paging import Paging, Piece
from zerogo.store.tags import checked_tags
from zerogo.store.values import Approval, StoredJoinKey

USES_LIMIT = 100_000
LIFETIME_LIMIT_SECONDS = 10 * 366 * 24 * 3600.0
KEY_ID_BYTES = 5

_keys = tables.join_keys.c
# Made once: each machine that joins asks both.
_WITH_SECRET = select(tables.join_keys).where(_keys.secret_hash == bindparam("of_secret"))
_TAKE = (
    update(tables.join_keys)
    .where(
        _keys.secret_hash == bindparam("of_secret"),
        _keys.network == bindparam("of_network"),
        _keys.uses_left > 0,
        _keys.expires_at > bindparam("at_time"),
        _keys.revoked_at.is_(None),
    )
    .values(uses_left=_keys.uses_left - 1)
    .returning(tables.join_keys)
)


@frozen(kw_only=True)
class NewJoinKey:
    """What to make."""

    network: NetworkId
    uses: int = 1
    lifetime: float = 24 * 3600.0
    """Seconds."""
    approval: Approval = Approval.AUTOMATIC
    tags: tuple[str, ...] = ()
    """Of the members that join with it."""
    is_ephemeral: bool = False
    """Whether these are forgotten when they have been away for a while."""


def create_join_key(
    connection: Connection, new: NewJoinKey, actor: str, rng: RandomBytes, unix_now: float
) -> tuple[StoredJoinKey, bytes]:
    """Make a join key; the secret (20 bytes) is returned here and never again. Raises `NotFound` or `ParseError`."""
    if not 1 <= new.uses <= USES_LIMIT:
        raise ParseError(f"an invite has 1 to {USES_LIMIT} uses, not {new.uses}")
    if not 0 < new.lifetime <= LIFETIME_LIMIT_SECONDS:
        raise ParseError("an invite is valid for at most ten years, and for longer than no time")
    networks.find_network(connection, new.network)
    secret, key_id = rng(SECRET_BYTES), emit_base32(rng(KEY_ID_BYTES))
    connection.execute(
        insert(tables.join_keys).values(
            id=key_id,
            network=str(new.network),
            secret_hash=hash_secret(secret),
            uses_total=new.uses,
            uses_left=new.uses,
            approval=new.approval.value,
            created_by=actor,
            created_at=unix_now,
            expires_at=unix_now + new.lifetime,
            tags=" ".join(checked_tags(new.tags)),
            is_ephemeral=int(new.is_ephemeral),
        )
    )
    detail = (
        f"uses={new.uses} lifetime={new.lifetime:.0f} approval={new.approval}"
        f" tags={','.join(new.tags)} ephemeral={new.is_ephemeral}"
    )
    audit.record(connection, actor, "invite.create", unix_now, network=new.network, subject=key_id, detail=detail)
    return _find(connection, new.network, key_id), secret


def page_join_keys(connection: Connection, network: NetworkId, paging: Paging) -> Piece[StoredJoinKey]:
    """A piece of the join keys of a network, newest first; raises `NotFound`."""
    networks.find_network(connection, network)
    keys = tables.join_keys.c
    query = select(tables.join_keys).where(keys.network == str(network))
    if paging.after is not None:
        query = query.where(tuple_(keys.created_at, keys.id) < tuple_(*paging.after))
    rows = connection.execute(query.order_by(keys.created_at.desc(), keys.id.desc()).limit(paging.limit + 1))
    return Piece.cut([_join_key(row) for row in rows], paging, lambda key: (key.created_at, key.key_id))


def revoke_join_key(connection: Connection, network: NetworkId, key_id: str, actor: str, unix_now: float) -> None:
    """Let a join key be of no use any more; raises `NotFound`."""
    found = _find(connection, network, key_id)
    if found.revoked_at is None:
        connection.execute(update(tables.join_keys).where(tables.join_keys.c.id == key_id).values(revoked_at=unix_now))
        audit.record(connection, actor, "invite.revoke", unix_now, network=network, subject=key_id)


def redeem(connection: Connection, network: NetworkId, secret: bytes, unix_now: float) -> StoredJoinKey:
    """Take one use of the key with this secret; raises `JoinRefused` with the reason."""
    asked = {"of_secret": hash_secret(secret), "of_network": str(network), "at_time": unix_now}
    taken = connection.execute(_TAKE, asked).first()
    if taken is not None:
        return _join_key(taken)
    raise _refusal(_with_secret(connection, secret), network, unix_now)


def check_secret(connection: Connection, network: NetworkId, secret: bytes, unix_now: float) -> None:
    """Raise what `redeem` would raise at this moment; takes nothing."""
    row = _with_secret(connection, secret)
    if row is None or row.network != str(network) or row.revoked_at is not None:
        raise _refusal(row, network, unix_now)
    if row.expires_at <= unix_now or not row.uses_left:
        raise _refusal(row, network, unix_now)


def find_by_secret(connection: Connection, secret: bytes) -> StoredJoinKey | None:
    """The key with this secret, used up or not."""
    row = _with_secret(connection, secret)
    return None if row is None else _join_key(row)


def hash_secret(secret: bytes) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(b"zerogo join key 1\x00" + secret).digest()


def _with_secret(connection: Connection, secret: bytes) -> Row[Any] | None:
    return connection.execute(_WITH_SECRET, {"of_secret": hash_secret(secret)}).first()


def _refusal(row: Row[Any] | None, network: NetworkId, unix_now: float) -> JoinRefused:
    if row is None:
        return JoinRefused(RefusalCode.TOKEN_UNKNOWN, "this controller does not know the join token: ask for a new one")
    if row.network != str(network):
        return JoinRefused(RefusalCode.TOKEN_FOREIGN, "the join token belongs to another network of this controller")
    if row.revoked_at is not None:
        return JoinRefused(RefusalCode.TOKEN_REVOKED, "the join token was revoked: ask for a new one")
    if row.expires_at <= unix_now:
        ago = _ago(unix_now - row.expires_at)
        return JoinRefused(RefusalCode.TOKEN_EXPIRED, f"the join token expired {ago}: ask for a new one")
    times = "its one use is" if row.uses_total == 1 else f"all its {row.uses_total} uses are"
    return JoinRefused(RefusalCode.TOKEN_USED, f"the join token is used up ({times} taken): ask for a new one")


def _ago(seconds: float) -> str:
    """`2 seconds ago`, `90 minutes ago`, `3 days ago`: a unit of which there are at least two."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit} ago"
    return "a moment ago"


def _find(connection: Connection, network: NetworkId, key_id: str) -> StoredJoinKey:
    where = (tables.join_keys.c.id == key_id) & (tables.join_keys.c.network == str(network))
    row = connection.execute(select(tables.join_keys).where(where)).first()
    if row is None:
        raise NotFound(f"there is no invite {key_id[:20]} in this network")
    return _join_key(row)


def _join_key(row: Row[Any]) -> StoredJoinKey:
    return StoredJoinKey(
        key_id=row.id,
        network=NetworkId.parse(row.network),
        uses_total=row.uses_total,
        uses_left=row.uses_left,
        approval=Approval(row.approval),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        tags=tuple(row.tags.split()),
        is_ephemeral=bool(row.is_ephemeral),
    )
