# -*- test-case-name: zerogo.test.controller.test_tokens -*-
"""Tokens of API callers: short JSON Web Tokens for users, and one random token for the owner of this machine.

RFC 8725: one algorithm (EdDSA) fixed by us and never by the token, `kid` only our own, `typ`, `aud` and `iss` checked,
every claim required, unknown `crit` refused. What a good token says is remembered by its hash, as the signature will be
good as long as the token is; its time is looked at each time, and whether its user still is one by who calls this.

The owner's token is made anew at each start and lives in a file that only the user who runs the controller may read:
who can read it owns the database anyway.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import jwt
from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from zerogo.control.token import emit_base32
from zerogo.core import RandomBytes
from zerogo.errors import RemoteError

LIFETIME_SECONDS = 15 * 60.0
SKEW_SECONDS = 5.0
"""A token may be this much from the future: clocks are set back now and then."""
TOKEN_LIMIT = 2048
REMEMBERED = 1000
"""Tokens whose signature was found good."""
ALGORITHM = "EdDSA"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068
AUDIENCE = "zerogo-api"
OWNER_PREFIX = "zgo_owner_"
_CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti"]


class TokenInvalid(RemoteError):
    """The token is not one of ours, or its time is over."""

    code = "unauthorized"


@frozen
class OwnerToken:
    """The token in the owner's file."""

    text: str = field(repr=False)

    @classmethod
    def make(cls, rng: RandomBytes) -> OwnerToken:
        """A new one, 160 random bits."""
        return cls(OWNER_PREFIX + emit_base32(rng(20)))

    def matches(self, text: str) -> bool:
        """Whether a caller showed it."""
        return hmac.compare_digest(text.encode(), self.text.encode())


@frozen
class Access:
    """What an access token says."""

    user_id: str
    issued_at: float


class TokenIssuer:
    """Issues and checks users' tokens. `unix_time` gives unix seconds."""

    def __init__(self, seed: bytes, issuer: str, rng: RandomBytes, unix_time: Callable[[], float]) -> None:
        """`seed` is secret, at least 32 bytes; the signing key follows from it."""
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"zerogo api tokens 1").derive(seed)
        self._key = Ed25519PrivateKey.from_private_bytes(derived)
        self._public = self._key.public_key()
        self._key_id = emit_base32(hashlib.blake2s(self._public.public_bytes_raw(), digest_size=10).digest())
        self._issuer = issuer
        self._rng = rng
        self._unix_time = unix_time
        self._good: dict[bytes, tuple[Access, float]] = {}
        """What tokens say whose signature was found good, and when they expire; by hash, the oldest first."""

    def issue(self, subject: str) -> str:
        """A token for the user with this id."""
        now = self._unix_time()
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": int(now),
            "exp": int(now + LIFETIME_SECONDS),
            "jti": emit_base32(self._rng(10)),
        }
        return jwt.encode(claims, self._key, ALGORITHM, headers={"kid": self._key_id, "typ": TOKEN_TYPE})

    def check(self, token: str) -> Access:
        """Whose it is, and since when; raises `TokenInvalid`."""
        try:
            return self._check(token)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise TokenInvalid("the token is not valid") from error

    def _check(self, token: str) -> Access:
        if len(token) > TOKEN_LIMIT:
            raise TokenInvalid("the token is too long")
        digest = hashlib.sha256(token.encode()).digest()
        access, expires = self._good.get(digest) or self._read(token)
        now = self._unix_time()
        if not access.issued_at - SKEW_SECONDS <= now < expires or expires - access.issued_at > LIFETIME_SECONDS:
            self._good.pop(digest, None)
            raise TokenInvalid("the token's time is over: log in again")
        self._good[digest] = access, expires
        if len(self._good) > REMEMBERED:
            del self._good[next(iter(self._good))]
        return access

    def _read(self, token: str) -> tuple[Access, float]:
        """What it says, and when it expires."""
        header = jwt.get_unverified_header(token)
        if (header.get("kid"), header.get("typ"), header.get("alg")) != (self._key_id, TOKEN_TYPE, ALGORITHM):
            raise TokenInvalid("the token is not one of this controller")
        if "crit" in header:
            raise TokenInvalid("the token demands what this controller does not know")
        claims = jwt.decode(
            token,
            self._public,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=self._issuer,
            options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        return Access(str(claims["sub"]), float(claims["iat"])), float(claims["exp"])
