# -*- test-case-name: zerogo.test.controller.test_fellows -*-
"""Several controllers of one database: each tells the others what it changed, and passes on what is for their members.

All have the same identity, so agents see one controller; there is no leader, and each may die at any moment. The
database alone is the truth. Words are lost now and then, so every `LOOK_SECONDS` each controller compares the
networks' revisions with those it saw last. Words are sealed with a key that follows from the controllers' identity:
whoever carries them can read nothing and put nothing in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.utils import EncryptedMessage
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from zerogo.config.controller import ControllerConfig
from zerogo.control.fellow_words import NetworkChanged, NetworkDeleted, Word, emit_word, parse_word
from zerogo.core import RandomBytes
from zerogo.errors import EnvironmentFault, ParseError
from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity
from zerogo.secret import Secret
from zerogo.store.notices import PostgresNotices
from zerogo.store.rewind import revisions
from zerogo.store.threads import StoreAccess

LOOK_SECONDS = 3.0
"""Between two looks at the networks' revisions."""
ORIGIN_BYTES = 8
_PERSON = b"zg-fello"

_log = Logger()


class Carrier(Protocol):
    """Brings messages to all controllers, the sender too."""

    def start(self) -> None: ...

    def stop(self) -> Any: ...

    def publish(self, message: bytes) -> None: ...


Carry = Callable[[Callable[[bytes], object], Callable[[], object]], Carrier]
"""Makes a carrier, from what receives messages and what is called after a gap."""


def carrier_of(config: ControllerConfig, reactor: Any) -> Carry | None:
    """What carries words between the controllers of this database; None: it has one controller."""
    database, redis = config.database, config.redis
    if not isinstance(database, Secret):
        return None
    if redis is None:
        return lambda receive, on_gap: PostgresNotices(database, reactor, receive, on_gap)
    # Twisted's Redis client brings the reactor along.
    from zerogo.net.redis_notices import RedisNotices

    return lambda receive, on_gap: RedisNotices(redis, reactor, receive, on_gap)


class Fellows:
    """The other controllers. `hear` is given each word that one of them said."""

    def __init__(
        self,
        identity: Identity,
        carry: Carry,
        store: StoreAccess,
        hear: Callable[[Word], object],
        clock: IReactorTime,
        rng: RandomBytes,
    ) -> None:
        key = hashlib.blake2s(identity.export().encode(), digest_size=SecretBox.KEY_SIZE, person=_PERSON).digest()
        self._box = SecretBox(key)
        self._origin = rng(ORIGIN_BYTES)
        self._rng = rng
        self._store = store
        self._hear = hear
        self._seen: dict[str, int] | None = None
        self._carrier = carry(self._received, self._look)
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock
        self._is_looking = False

    def start(self) -> None:
        """Begin to listen and to look."""
        self._carrier.start()
        self._looking.start(LOOK_SECONDS, now=True)

    def stop(self) -> Deferred[object]:
        """End."""
        if self._looking.running:
            self._looking.stop()
        return maybeDeferred(self._carrier.stop)

    def tell(self, word: Word) -> None:
        """Tell all others."""
        sealed: EncryptedMessage = self._box.encrypt(self._origin + emit_word(word), self._rng(SecretBox.NONCE_SIZE))
        self._carrier.publish(bytes(sealed))

    def _received(self, message: bytes) -> None:
        try:
            text = self._box.decrypt(message)
            if text[:ORIGIN_BYTES] != self._origin:
                self._hear(parse_word(text[ORIGIN_BYTES:]))
        except (CryptoError, ValueError, TypeError, ParseError):
            _log.debug("something that no fellow controller said")

    def _look(self) -> Deferred[None]:
        return ensureDeferred(self._compare())

    async def _compare(self) -> None:
        if self._is_looking:
            return
        self._is_looking = True
        try:
            found = await self._store.read(revisions)
        except EnvironmentFault as error:
            _log.debug("the networks' revisions cannot be read: {reason}", reason=str(error))
            return
        finally:
            self._is_looking = False
        before, self._seen = self._seen or found, found
        for network, revision in found.items():
            if before.get(network) != revision:
                self._hear(NetworkChanged(NetworkId.parse(network).raw))
        for network in before:
            if network not in found:
                self._hear(NetworkDeleted(NetworkId.parse(network).raw))
