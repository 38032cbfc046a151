# -*- test-case-name: zerogo.test.turn.test_revocation -*-
"""Word to a relay of users that are to be served no longer, from whoever shares its secret.

Time-limited credentials (`turn.credentials`) are good until they end by themselves. A revocation says of one USER that
names with an EXPIRY up to `until` are void: the relay ends what was lent by such a credential and takes none of them
any more. A later credential of the same user is good, so nothing is ever to be taken back.

    request   STUN method 0xE5A: REVOKED | MESSAGE-INTEGRITY-SHA256
    REVOKED   0xE5A1: ( until 4, Unix seconds | bytes of the user 1 | user ) ...
    answer    success: EPOCH 0xE5A2, 8 bytes that are random for each start of a relay | MESSAGE-INTEGRITY-SHA256
    key       BLAKE2s-256(secret), person zg-void

No nonce: whoever repeats a request of somebody else changes nothing, since only the latest `until` counts and is
forgotten when it is over. An answer has 68 bytes and a request at least as many, so a repeated request with a forged
source brings nobody more than was sent. Another epoch than before means that the relay was restarted, knows of nobody,
and is to be told again.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.secret import Secret
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message, MessageClass, check_integrity, emit, integrity_of
from zerogo.turn.attributes import Epoch, Revoked
from zerogo.turn.message import TurnMethod, parse

EPOCH_BYTES = 8
REVOKED_BYTES = 1000
"""Of one request: it goes through every network in one datagram."""
KNOWN_LIMIT = 65_536
"""Revocations that a relay keeps; each takes about 200 bytes."""
PURGE_SECONDS = 10.0
"""In a full table those that are over are looked for so often: that takes some milliseconds."""
_UNTIL_BYTES = 4
_USER_BYTES = 100
_PERSON = b"zg-void"


@frozen
class Revocation:
    """Names of `user` that end at `until` (Unix seconds) or sooner are void."""

    user: str
    until: int

    def encode(self) -> bytes:
        """Its bytes within REVOKED."""
        user = self.user.encode("utf-8")
        return self.until.to_bytes(_UNTIL_BYTES, "big") + bytes([len(user)]) + user


def revocation_key(secret: Secret) -> bytes:
    """What requests and answers are protected with."""
    return hashlib.blake2s(secret.reveal().encode("utf-8"), person=_PERSON).digest()


def emit_request(key: bytes, transaction_id: bytes, revocations: Iterable[Revocation]) -> bytes:
    """A request; the caller sees to it that there is at least one, and that they fit (`REVOKED_BYTES`)."""
    revoked = Revoked(b"".join(each.encode() for each in revocations))
    message = Message(TurnMethod.REVOKE, MessageClass.REQUEST, transaction_id, (revoked,))
    return emit(message, key, fingerprint=False, integrity=Integrity.SHA256)


def parse_answer(data: bytes, key: bytes, transaction_id: bytes) -> bytes:
    """The relay's epoch; raises `ParseError` for what is no authentic answer to that request."""
    message = parse(data)
    epoch = message.get(Epoch)
    is_answer = message.message_class is MessageClass.SUCCESS and message.method == TurnMethod.REVOKE
    if not is_answer or message.transaction_id != transaction_id or epoch is None:
        raise ParseError("no answer to a revocation")
    if integrity_of(message) is not Integrity.SHA256 or not check_integrity(data, key):
        raise ParseError("an answer to a revocation that is not authentic")
    return epoch.data


class Revocations:
    """What a relay was told. `epoch` is random for each start."""

    def __init__(self, secrets: Sequence[Secret], epoch: bytes) -> None:
        self._keys = tuple(revocation_key(secret) for secret in secrets)
        self._epoch = epoch
        self._until: OrderedDict[str, int] = OrderedDict()
        """In the order in which they were learned."""
        self._purged_at = float("-inf")

    def __len__(self) -> int:
        """Users that are known to be void."""
        return len(self._until)

    def receive(self, request: Message, raw: bytes, unix_now: float) -> tuple[bytes, tuple[Revocation, ...]] | None:
        """The answer, and what was not known before; None for what nobody with a secret of ours has made. Raises
        `ParseError`."""
        if integrity_of(request) is not Integrity.SHA256:
            return None
        key = next((key for key in self._keys if check_integrity(raw, key)), None)
        revoked = request.get(Revoked)
        if key is None or revoked is None or not revoked.data:
            return None
        new = tuple(each for each in _parse_revoked(revoked.data) if self._learn(each, unix_now))
        answer = Message(request.method, MessageClass.SUCCESS, request.transaction_id, (Epoch(self._epoch),))
        return emit(answer, key, fingerprint=False, integrity=Integrity.SHA256), new

    def is_void(self, user: str, expires_at: float | None) -> bool:
        """Whether a credential of `user` that ends at `expires_at` (Unix seconds; None: never) is void."""
        return expires_at is not None and expires_at <= self._until.get(user, 0)

    def _learn(self, revocation: Revocation, unix_now: float) -> bool:
        """Whether it says what was not known."""
        if revocation.until <= max(unix_now, self._until.get(revocation.user, 0)):
            return False
        self._until.pop(revocation.user, None)
        if len(self._until) >= KNOWN_LIMIT:
            self._make_room(unix_now)
        self._until[revocation.user] = revocation.until
        return True

    def _make_room(self, unix_now: float) -> None:
        """Forget those that are over; where none is known to be, the one that was learned first."""
        if abs(unix_now - self._purged_at) >= PURGE_SECONDS:
            self._purged_at = unix_now
            for user in [user for user, until in self._until.items() if until <= unix_now]:
                del self._until[user]
        if len(self._until) >= KNOWN_LIMIT:
            self._until.popitem(last=False)


def _parse_revoked(value: bytes) -> Iterable[Revocation]:
    found, at = [], 0
    while at < len(value):
        start = at + _UNTIL_BYTES + 1
        if start > len(value):
            raise ParseError("half a revocation")
        end = start + value[start - 1]
        user = value[start:end]
        if end > len(value) or not 0 < len(user) <= _USER_BYTES:
            raise ParseError("a revocation whose user has the wrong length")
        try:
            found.append(Revocation(user.decode("utf-8"), int.from_bytes(value[at : at + _UNTIL_BYTES], "big")))
        except UnicodeDecodeError as error:
            raise ParseError("a revoked user that is not UTF-8") from error
        at = end
    return found
