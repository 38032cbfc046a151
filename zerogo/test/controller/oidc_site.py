"""A provider of accounts for tests: it signs its own tokens, and lies where it is told to.

It answers in memory; `integration.test_oidc` puts it behind a real HTTP server.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from zerogo.net.fetch import Fetched, Wanted

CLIENT = "zerogo"
SECRET = "what+only=this:client%knows"
SUBJECT = "8c2f1a"


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """Making one takes longer than most tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


class OidcSite:
    """The provider. What is in `claims` and `header` replaces what is right; None takes it out."""

    def __init__(self, issuer: str, unix_time: Callable[[], float]) -> None:
        self.issuer = issuer
        self.unix_time = unix_time
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.algorithm = "RS256"
        self.key_id = "one"
        self.signing_key: Any = None
        """In place of the published one."""
        self.discovery: dict[str, Any] = {}
        self.is_down = False
        self.is_careless = False
        """It takes a code as often as it comes."""
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def log_in(self, address: str) -> str:
        """A browser is sent here and somebody logs in: where it is sent back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT), query
        assert query["code_challenge_method"] == "S256", query
        assert "openid" in query["scope"].split(), query
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.issuer}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    async def fetch(self, wanted: Wanted) -> Fetched:
        """As the controller reaches it."""
        return self.answer(wanted)

    def answer(self, wanted: Wanted) -> Fetched:
        """The answer to a request."""
        path = urlsplit(wanted.url).path
        self.asked.append(path)
        if self.is_down:
            raise ConnectionRefusedError
        if path == "/.well-known/openid-configuration":
            return _json(self._discovery())
        if path == "/keys":
            return _json(self.published())
        return self._token(wanted) if path == "/token" else Fetched(404, b"")

    def published(self) -> dict[str, Any]:
        """The JWK set."""
        keys = (RSAAlgorithm.to_jwk(rsa_key().public_key(), True), ECAlgorithm.to_jwk(ec_key().public_key(), True))
        named = zip(("one", "two"), ("RS256", "ES256"), keys, strict=True)
        return {"keys": [{**key, "kid": key_id, "alg": algorithm} for key_id, algorithm, key in named]}

    def token(self, nonce: str) -> str:
        """An ID token."""
        now = self.unix_time()
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": SUBJECT, "iat": now, "exp": now + 300, "nonce": nonce}
        key = self.signing_key or (ec_key() if self.algorithm == "ES256" else rsa_key())
        if self.algorithm == "none":
            key = None
        header = {"kid": self.key_id} | self.header
        right = {name: value for name, value in (claims | self.claims).items() if value is not None}
        kept = {name: value for name, value in header.items() if value is not None}
        return jwt.encode(right, key, self.algorithm, headers=kept)

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        } | self.discovery

    def _token(self, wanted: Wanted) -> Fetched:
        form = {name: values[0] for name, values in parse_qs(wanted.body.decode()).items()}
        pair = base64.b64encode(f"{CLIENT}:{quote_plus(SECRET)}".encode()).decode()
        began = self._codes.get(form["code"])
        if not self.is_careless:
            self._codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode()
        is_right = began is not None and began["code_challenge"] == challenge.rstrip("=")
        if wanted.headers.get("authorization") != f"Basic {pair}" or not is_right:
            return Fetched(400, b'{"error":"invalid_grant"}')
        assert began is not None
        return _json({"access_token": "unused", "token_type": "Bearer", "id_token": self.token(began["nonce"])})


def _json(document: object) -> Fetched:
    return Fetched(200, json.dumps(document).encode())
