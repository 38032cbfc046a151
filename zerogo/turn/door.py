# -*- test-case-name: zerogo.test.turn.test_door -*-
"""Who a request is from: the long-term credential mechanism of RFC 8489 section 9.2, seen from the server.

Three outcomes. `Admitted`: the integrity holds with a key of the named user and the nonce is ours and fresh. A
`Challenge`: 401 for a request without integrity or with a wrong one, 438 for a nonce that is not ours or is old, each
with a new nonce. On a connection, a nonce that somebody with the relay's secret has handed out is as good, but only on
the first one that it came by with an authentic request (`zerogo.turn.nonce_uses`). None: what no honest client sends
(integrity without a name, realm or nonce) is not answered at all.
The nonce is judged before the key, so nobody learns from a forged address whether a user exists. To a user whose
credential was revoked (`zerogo.turn.revocation`) the answer is that of a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from zerogo.core import RandomBytes
from zerogo.secret import Secret
from zerogo.stun.attributes import Nonce, Realm, Username
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message, check_integrity, integrity_of
from zerogo.turn.allocation import ClientAddress
from zerogo.turn.credentials import Account, Authority
from zerogo.turn.errors import Code
from zerogo.turn.nonce import NonceIssuer, is_handed_out
from zerogo.turn.nonce_uses import NonceUses
from zerogo.turn.revocation import EPOCH_BYTES, Revocations


@frozen
class Admitted:
    """An authentic request."""

    account: Account
    integrity: Integrity
    """What the answer is protected with: the stronger kind that the request has."""


@frozen
class Challenge:
    """The client is to try again with this nonce."""

    code: Code
    realm: str
    nonce: bytes


class Door:
    """Judges requests. `unix_time` gives Unix seconds; credentials that are limited in time need them."""

    def __init__(
        self,
        realm: str,
        authority: Authority,
        rng: RandomBytes,
        unix_time: Callable[[], float],
        secrets: Sequence[Secret] = (),
    ) -> None:
        self.realm = realm
        self._authority = authority
        self._nonces = NonceIssuer(rng)
        self._uses = NonceUses()
        self._unix_time = unix_time
        self._secrets = tuple(secrets)
        self.revocations = Revocations(secrets, rng(EPOCH_BYTES))

    def judge(self, request: Message, raw: bytes, client: ClientAddress, now: float) -> Admitted | Challenge | None:
        """Who sent `request`, whose bytes are `raw`."""
        integrity = integrity_of(request)
        if integrity is None:
            return self._challenge(Code.UNAUTHENTICATED, client, now)
        username, realm, nonce = request.get(Username), request.get(Realm), request.get(Nonce)
        if username is None or realm is None or nonce is None:
            return None
        may_use = self._may_use(nonce.nonce, username.text, client, now)
        if not may_use and not self._nonces.is_fresh(nonce.nonce, str(client), now):
            return self._challenge(Code.STALE_NONCE, client, now)
        if realm.text == self.realm:
            for account in self._authority.accounts(username.text, self.realm, self._unix_time()):
                is_void = self.revocations.is_void(account.user, account.expires_at)
                if not is_void and check_integrity(raw, account.key):
                    if may_use:
                        self._uses.use(nonce.nonce, client, now)
                    kind = Integrity.SHA1 if integrity is Integrity.SHA1 else Integrity.SHA256
                    return Admitted(account, kind)
        return self._challenge(Code.UNAUTHENTICATED, client, now)

    def connection_lost(self, client: ClientAddress) -> None:
        """The connection of a client is closed."""
        self._uses.connection_lost(client)

    def _may_use(self, nonce: bytes, username: str, client: ClientAddress, now: float) -> bool:
        """Whether this nonce was handed out and is good on this connection."""
        if not client.is_stream or not is_handed_out(self._secrets, nonce, username, self._unix_time()):
            return False
        return self._uses.may_use(nonce, client, now)

    def _challenge(self, code: Code, client: ClientAddress, now: float) -> Challenge:
        return Challenge(code, self.realm, self._nonces.issue(str(client), now))
