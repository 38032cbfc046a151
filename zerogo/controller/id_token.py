# -*- test-case-name: zerogo.test.controller.test_id_token -*-
"""ID tokens of a provider (OpenID Connect Core 1.0, sections 2 and 3.1.3.7), checked as RFC 8725 wants it.

The algorithms are fixed by us: RS256 and ES256, each with a key of its kind from the provider's set that has the
token's `kid`; so neither `none` nor an HMAC with a public key as its secret can be right. `iss` and `aud` are ours to
know, `azp` too where it is there; `exp`, `iat`, `sub` and `nonce` are required, and an unknown `crit` is refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import jwt
from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from zerogo.errors import RemoteError

ALGORITHMS = ("RS256", "ES256")
SKEW_SECONDS = 60.0
"""How far the provider's clock may be from ours."""
TOKEN_LIMIT = 64 * 1024
RSA_BITS = 2048
SUBJECT_LIMIT = 255
"""Core 1.0, section 2: so long at most, and ASCII."""
VALUES_LIMIT = 1000
_CLAIMS = ["iss", "sub", "aud", "exp", "iat", "nonce"]


class IdTokenInvalid(RemoteError):
    """The provider's token is not valid."""

    code = "E-OIDC-TOKEN"


class KeyUnknown(IdTokenInvalid):
    """The token is signed with a key that the provider has not published."""


@frozen
class ProviderKey:
    """A key of the provider, for one algorithm."""

    key_id: str
    algorithm: str
    public: RSAPublicKey | EllipticCurvePublicKey = field(repr=False)


@frozen(kw_only=True)
class Person:
    """Who the provider says it is."""

    issuer: str
    subject: str
    name: str
    """As they want to be called; empty: not told. Nothing follows from it."""
    email: str
    """Empty unless the provider verified it."""
    values: frozenset[str]
    """Of the claim that roles follow from."""


def parse_keys(document: object) -> tuple[ProviderKey, ...]:
    """The keys of a JWK set (RFC 7517) that sign ID tokens; others in it are left out."""
    entries = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        return ()
    keys = [_key(entry) for entry in entries[:100] if isinstance(entry, Mapping)]
    return tuple(key for key in keys if key is not None)


def check_id_token(
    token: str,
    keys: tuple[ProviderKey, ...],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    claim: str,
    unix_now: float,
) -> Person:
    """Who it is about; raises `KeyUnknown` or `IdTokenInvalid`."""
    key = _key_of(token, keys)
    try:
        claims = jwt.decode(
            token,
            key.public,
            algorithms=[key.algorithm],
            audience=client_id,
            issuer=issuer,
            options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise IdTokenInvalid(f"the ID token is not valid: {type(error).__name__}") from error
    _check_claims(claims, client_id, nonce, unix_now)
    return Person(
        issuer=issuer,
        subject=claims["sub"],
        name=_text(claims.get("preferred_username")) or _text(claims.get("name")),
        email=_text(claims.get("email")) if claims.get("email_verified") is True else "",
        values=_values(claims.get(claim)),
    )


def _key_of(token: str, keys: tuple[ProviderKey, ...]) -> ProviderKey:
    if len(token) > TOKEN_LIMIT:
        raise IdTokenInvalid("the ID token is too long")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise IdTokenInvalid("the ID token is no JSON Web Token") from error
    key_id, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in ALGORITHMS:
        raise IdTokenInvalid("the ID token is not signed with RS256 or ES256")
    if "crit" in header:
        raise IdTokenInvalid("the ID token demands what this controller does not know")
    fitting = [key for key in keys if key.algorithm == algorithm and (key_id is None or key.key_id == key_id)]
    # Without a kid there must be no choice (Core 1.0, section 10.1).
    if len(fitting) != 1:
        raise KeyUnknown("the ID token is signed with a key that the provider has not published")
    return fitting[0]


def _check_claims(claims: Mapping[str, Any], client_id: str, nonce: str, unix_now: float) -> None:
    audience, party = claims["aud"], claims.get("azp")
    if (isinstance(audience, list) and len(audience) > 1 and party is None) or party not in (None, client_id):
        raise IdTokenInvalid("the ID token was issued to another client")
    times = [claims["iat"], claims["exp"], claims.get("nbf", 0)]
    if not all(isinstance(time, int | float) and not isinstance(time, bool) for time in times):
        raise IdTokenInvalid("the ID token's times are no numbers")
    issued, expires, not_before = times
    if not max(issued, not_before) - SKEW_SECONDS <= unix_now < expires + SKEW_SECONDS:
        raise IdTokenInvalid("the ID token's time is over, or has not come: is this machine's clock right?")
    shown, subject = claims["nonce"], claims["sub"]
    if not isinstance(shown, str) or not hmac.compare_digest(shown.encode("utf-8", "replace"), nonce.encode()):
        raise IdTokenInvalid("the ID token answers another login")
    is_right = isinstance(subject, str) and subject.isascii() and subject.isprintable()
    if not is_right or not 0 < len(subject) <= SUBJECT_LIMIT:
        raise IdTokenInvalid("the ID token names nobody")


def _key(entry: Mapping[str, Any]) -> ProviderKey | None:
    key_id = entry.get("kid", "")
    if entry.get("use", "sig") != "sig" or not isinstance(key_id, str):
        return None
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(entry.get("kty")))
    if algorithm is None or entry.get("alg", algorithm) != algorithm:
        return None
    try:
        public: Any = jwt.PyJWK({str(name): value for name, value in entry.items()}, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return ProviderKey(key_id, algorithm, public) if _is_strong(public) else None


def _is_strong(public: object) -> bool:
    if isinstance(public, RSAPublicKey):
        return public.key_size >= RSA_BITS
    return isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= SUBJECT_LIMIT and value.isprintable() else ""


def _values(value: object) -> frozenset[str]:
    found = value if isinstance(value, list) else [value]
    return frozenset(each for each in found[:VALUES_LIMIT] if isinstance(each, str))
