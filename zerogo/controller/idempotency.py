# -*- test-case-name: zerogo.test.controller.test_idempotency -*-
"""Requests that make something, sent again because their answer was lost: answered as the first time, by whichever
controller they reach.

A key belongs to its caller. The same key with another request is refused, and so is the same request while the first
is under way. Only successes are kept, for an hour; what failed is tried again. Some answers show a secret that is
stored nowhere else: they are sealed with a key that follows from the controllers' own and from the Idempotency-Key, so
the database alone gives none away.
"""

from __future__ import annotations

import hashlib

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from twisted.logger import Logger

from zerogo.controller.problems import Problem
from zerogo.core import RandomBytes
from zerogo.errors import EnvironmentFault
from zerogo.store import idempotency
from zerogo.store.idempotency import Entry, InProgress, KeyReused
from zerogo.store.threads import StoreAccess

KEY_LIMIT = 128

_log = Logger()


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """An answer as it was sent."""

    status: int
    body: bytes
    tag: str | None

    def __repr__(self) -> str:
        return f"Kept(status={self.status})"


class Idempotency:
    """Keys and answers, in the store."""

    def __init__(self, store: StoreAccess, seed: bytes, rng: RandomBytes) -> None:
        """`seed` is secret, at least 32 bytes, and the same at all controllers of a database."""
        self._store = store
        self._seed = seed
        self._rng = rng

    async def begin(self, entry: Entry, unix_now: float) -> Kept | None:
        """The answer to give again, or None: make the request, then call `finish` or `give_up`. Raises `Problem`."""
        try:
            sealed = await self._store.write(idempotency.begin, entry, unix_now)
        except KeyReused as error:
            raise Problem(422, "key-reused", str(error)) from error
        except InProgress as error:
            raise Problem(409, "in-progress", str(error)) from error
        if sealed is None:
            return None
        try:
            return msgspec.json.decode(self._box(entry).decrypt(sealed), type=Kept)
        except (CryptoError, msgspec.MsgspecError) as error:
            raise Problem(
                422, "key-reused", "this Idempotency-Key was used before the controller's key changed"
            ) from error

    async def finish(self, entry: Entry, kept: Kept) -> None:
        """The request was answered. Where that cannot be written it is answered all the same."""
        sealed = bytes(self._box(entry).encrypt(msgspec.json.encode(kept), self._rng(SecretBox.NONCE_SIZE)))
        try:
            await self._store.write(idempotency.finish, entry, sealed)
        except EnvironmentFault as error:
            _log.warn("An answer could not be kept: {reason}", reason=str(error))

    async def give_up(self, entry: Entry) -> None:
        """The request failed; it may be tried again."""
        try:
            await self._store.write(idempotency.give_up, entry)
        except EnvironmentFault as error:
            _log.warn("A request that failed could not be noted: {reason}", reason=str(error))

    def _box(self, entry: Entry) -> SecretBox:
        info = b"\x00".join((b"zerogo idempotency 1", entry.caller.encode(), entry.key.encode()))
        derived = HKDF(algorithm=SHA256(), length=SecretBox.KEY_SIZE, salt=None, info=info)
        return SecretBox(derived.derive(self._seed))


def entry_of(caller: str, key: str, request: bytes) -> Entry:
    """Of this request of this caller; raises `Problem`."""
    if not (0 < len(key) <= KEY_LIMIT and key.isascii() and key.isprintable()):
        raise Problem(400, "invalid-key", f"an Idempotency-Key has 1 to {KEY_LIMIT} printable ASCII characters")
    return Entry(caller, key, hashlib.sha256(request).digest())
