# -*- test-case-name: zerogo.test.controller.test_lock_routes -*-
"""Routes about the network lock. Its key is the owner's; here are only signatures that were made elsewhere."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.documents import Page, RequestBody, page
from zerogo.ids import KEY_BYTES, NetworkId
from zerogo.noise.fingerprint import fingerprint
from zerogo.noise.identity import SIGNATURE_BYTES, PublicIdentity
from zerogo.store import locks, members
from zerogo.store.locks import StoredLock
from zerogo.store.values import Role, StoredMember

_Key = Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
_Signature = Annotated[bytes, Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]


class LockDocument(msgspec.Struct, frozen=True):
    """A network's lock: its public key and, once it ended, its word for that. Both in base64."""

    key: bytes | None
    end: bytes | None
    is_locked: bool

    @classmethod
    def of(cls, stored: StoredLock, network: NetworkId) -> LockDocument:
        """As stored."""
        return cls(stored.public, stored.end, stored.is_in_force(network))


class LockRequest(RequestBody, frozen=True):
    """Lock a network with this key (base64), or pass on the word by which the lock ended."""

    key: _Key | None = None
    end: _Signature | None = None


class LockedMemberDocument(msgspec.Struct, frozen=True):
    """What is to be signed of a member, and whether it is; keys in base64."""

    id: str
    name: str
    state: str
    static_public: bytes
    signing_public: bytes
    is_signed: bool
    fingerprint: str
    """Of both keys, as `zerogo status` shows it on that machine."""


class SignatureRequest(RequestBody, frozen=True):
    """What the lock with this public key signed of a member; both in base64."""

    key: _Key
    signature: _Signature


async def get_lock(desk: Desk, call: Call) -> Answer:
    """A network's lock."""
    return Answer(200, LockDocument.of(await desk.store.read(locks.find_lock, call.network), call.network))


async def change_lock(desk: Desk, call: Call) -> Answer:
    """Lock a network, or end its lock; all members are told at once."""
    body = call.body
    assert isinstance(body, LockRequest)
    now, network = desk.unix_time(), call.network
    if body.end is not None:
        await desk.store.write(locks.end_lock, network, body.end, call.actor, now)
    if body.key is not None:
        await desk.store.write(locks.set_lock, network, body.key, call.actor, now)
    desk.members.network_changed(network)
    return await get_lock(desk, call)


async def list_locked(desk: Desk, call: Call) -> Answer:
    """The members of a network with the keys that a lock signs."""
    network = call.network
    held = await desk.store.read(locks.signatures, network)
    piece = await desk.store.read(members.page_members, network, call.paging)

    def document(member: StoredMember) -> LockedMemberDocument:
        return LockedMemberDocument(
            id=str(member.node_id),
            name=member.name,
            state=member.state.value,
            static_public=member.static_public,
            signing_public=member.signing_public,
            is_signed=str(member.node_id) in held,
            fingerprint=fingerprint(PublicIdentity(member.static_public, member.signing_public)),
        )

    return Answer(200, page(piece, document))


async def sign_member(desk: Desk, call: Call) -> Answer:
    """Pass on the lock's signature of a member."""
    body = call.body
    assert isinstance(body, SignatureRequest)
    network, node_id = call.network, call.node_id
    await desk.store.write(locks.sign_member, network, node_id, body.key, body.signature, call.actor, desk.unix_time())
    desk.members.network_changed(network)
    return Answer(204)


_LOCK = "/networks/<string:network>/lock"

ROUTES = (
    Route(method="GET", path=_LOCK, function=get_lock, needs=Role.AUDITOR, area="networks", answer=LockDocument),
    Route(
        method="PUT",
        path=_LOCK,
        function=change_lock,
        needs=Role.ADMIN,
        area="networks",
        body=LockRequest,
        answer=LockDocument,
        problems=("conflict",),
    ),
    Route(
        method="GET",
        path=f"{_LOCK}/members",
        function=list_locked,
        needs=Role.AUDITOR,
        area="networks",
        answer=Page[LockedMemberDocument],
        cursor=tuple[str, str],
    ),
    Route(
        method="PUT",
        path=f"{_LOCK}/members/<string:node>",
        function=sign_member,
        needs=Role.ADMIN,
        area="networks",
        body=SignatureRequest,
        status=204,
        problems=("conflict",),
    ),
)
