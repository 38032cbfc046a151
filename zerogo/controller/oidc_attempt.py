# -*- test-case-name: zerogo.test.controller.test_oidc_attempt -*-
"""A login that went to the provider and has not come back: what only this browser and the controllers know of it.

It is kept in a cookie of the browser, sealed, and nowhere else: a stranger who begins logins costs no memory, and any
controller with the same seed takes up what another one began. The state in the address must be the one in the cookie,
so nobody is logged in by a link from somebody else; it lasts ten minutes, and the store sees to it that it is good
once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from zerogo.control.token import emit_base32
from zerogo.controller.browsers import LOCAL_COOKIE
from zerogo.core import RandomBytes
from zerogo.errors import RemoteError

ATTEMPT_SECONDS = 600.0
SUFFIX = "-oidc"
COOKIE_LIMIT = 4096
_RANDOM_BYTES = 25
_VERIFIER_BYTES = 32


class AttemptInvalid(RemoteError):
    """This browser did not begin that login, or it took too long."""

    code = "E-OIDC-STATE"


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """State, nonce and PKCE verifier (RFC 7636) of one login."""

    state: str
    nonce: str
    verifier: str
    expires_at: float
    """Unix seconds."""

    def __repr__(self) -> str:
        return f"Attempt(expires_at={self.expires_at})"

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier, S256."""
        return _base64url(hashlib.sha256(self.verifier.encode()).digest())

    @property
    def state_hash(self) -> bytes:
        """What is kept of a state that was used."""
        return hashlib.sha256(b"zerogo oidc state 1\x00" + self.state.encode()).digest()


class Attempts:
    """Begins and takes up logins."""

    def __init__(self, seed: bytes, rng: RandomBytes) -> None:
        """`seed` is secret, at least 32 bytes, and the same at all controllers of a database."""
        derived = HKDF(algorithm=SHA256(), length=SecretBox.KEY_SIZE, salt=None, info=b"zerogo oidc attempts 1")
        self._box = SecretBox(derived.derive(seed))
        self._rng = rng

    def begin(self, unix_now: float) -> Attempt:
        """Another login."""
        state, nonce = (emit_base32(self._rng(_RANDOM_BYTES)) for _ in range(2))
        return Attempt(state, nonce, _base64url(self._rng(_VERIFIER_BYTES)), unix_now + ATTEMPT_SECONDS)

    def seal(self, attempt: Attempt) -> str:
        """As it stands in the cookie."""
        sealed = self._box.encrypt(msgspec.json.encode(attempt), self._rng(SecretBox.NONCE_SIZE))
        return _base64url(bytes(sealed))

    def open(self, sealed: str, state: str, unix_now: float) -> Attempt:
        """The login that comes back with this state; raises `AttemptInvalid`."""
        try:
            text = self._box.decrypt(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))
            attempt = msgspec.json.decode(text, type=Attempt)
        except (CryptoError, ValueError, TypeError, msgspec.MsgspecError) as error:
            raise AttemptInvalid("this browser did not begin that login") from error
        if not hmac.compare_digest(attempt.state.encode(), state.encode("utf-8", "replace")):
            raise AttemptInvalid("this browser did not begin that login")
        if unix_now >= attempt.expires_at:
            raise AttemptInvalid("the login took too long")
        return attempt


def attempt_cookie(session_cookie: str, sealed: str) -> str:
    """The header that gives a browser an attempt, or takes it away where `sealed` is empty. SameSite=Lax: the browser
    comes back from the provider's site."""
    secure = "" if session_cookie == LOCAL_COOKIE else "Secure; "
    age = int(ATTEMPT_SECONDS) if sealed else 0
    return f"{session_cookie}{SUFFIX}={sealed}; Path=/; Max-Age={age}; {secure}HttpOnly; SameSite=Lax"


def sealed_attempt(header: str, session_cookie: str) -> str:
    """What the browser kept; empty: nothing."""
    if len(header) > COOKIE_LIMIT:
        return ""
    try:
        morsel = SimpleCookie(header).get(session_cookie + SUFFIX)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
