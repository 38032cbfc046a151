import base64
import hashlib
import hmac
import json

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller import tokens
from zerogo.controller.tokens import AUDIENCE, Access, OwnerToken, TokenInvalid, TokenIssuer
from zerogo.test.control.pair import seeded

NOW = 1_800_000_000.0


class TokenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = NOW
        self.issuer = TokenIssuer(bytes(32), "zerogo:test", seeded("t"), lambda: self.now)
        self.claims = {
            "iss": "zerogo:test",
            "aud": AUDIENCE,
            "sub": "ann",
            "iat": int(NOW),
            "exp": int(NOW + 900),
            "jti": "x",
        }

    def sign(self, headers: dict[str, object] | None = None, **changes: object) -> str:
        claims = {key: value for key, value in (self.claims | changes).items() if value is not None}
        given = {"kid": self.issuer._key_id, "typ": "at+jwt"} | (headers or {})
        return jwt.encode(claims, self.issuer._key, "EdDSA", headers=given)

    def refused(self, token: str) -> None:
        self.assertRaises(TokenInvalid, self.issuer.check, token)

    def test_an_issued_token_names_its_user(self) -> None:
        self.assertEqual(self.issuer.check(self.issuer.issue("ann")), Access("ann", NOW))
        self.assertEqual(self.issuer.check(self.sign()).user_id, "ann")

    def test_each_claim_and_header_is_checked(self) -> None:
        for changes in (
            {"aud": "other"},
            {"iss": "other"},
            {"exp": int(NOW)},
            {"exp": int(NOW + 9000)},
            {"iat": int(NOW + 60)},
            {"iat": "soon"},
            {"sub": None},
            {"jti": None},
            {"exp": None},
            {"sub": 7},
        ):
            self.refused(self.sign(**changes))
        for headers in ({"kid": "x"}, {"typ": "JWT"}, {"crit": ["b64"], "b64": False}):
            self.refused(self.sign(headers))

    def test_a_token_over_the_limit_is_refused_whoever_signed_it(self) -> None:
        self.assertEqual(self.issuer.check(self.sign(pad="x" * 1000)).user_id, "ann")
        self.refused(self.sign(pad="x" * tokens.TOKEN_LIMIT))

    def test_a_token_that_was_good_is_held_to_its_time_all_the_same(self) -> None:
        token = self.issuer.issue("ann")
        for now in (NOW, NOW + 899):
            self.now = now
            self.assertEqual(self.issuer.check(token), Access("ann", NOW))
        self.now = NOW + 900
        self.refused(token)
        self.now = NOW - 60
        self.refused(token)
        self.now = NOW
        self.assertEqual(self.issuer.check(token), Access("ann", NOW))

    def test_only_so_many_good_tokens_are_remembered_and_no_bad_ones(self) -> None:
        self.patch(tokens, "REMEMBERED", 3)
        for number in range(5):
            self.issuer.check(self.issuer.issue(f"user-{number}"))
        self.refused(self.issuer.issue("ann")[:-2])
        self.assertEqual([access.user_id for access, _ in self.issuer._good.values()], ["user-2", "user-3", "user-4"])

    def test_other_algorithms_are_refused(self) -> None:
        """CVE-2017-11424, CVE-2022-29217, CVE-2026-38651."""
        key_id = self.issuer._key_id
        body = base64.urlsafe_b64encode(json.dumps(self.claims).encode()).rstrip(b"=")
        public = self.issuer._public.public_bytes_raw()
        for algorithm in ("none", "NONE", "HS256", "EdDSA"):
            head = json.dumps({"alg": algorithm, "kid": key_id, "typ": "at+jwt"}).encode()
            text = base64.urlsafe_b64encode(head).rstrip(b"=") + b"." + body
            mac = base64.urlsafe_b64encode(hmac.new(public, text, hashlib.sha256).digest()).rstrip(b"=")
            for signature in (b"", mac, b"A" * 86):
                self.refused((text + b"." + signature).decode())

    def test_another_key_is_refused(self) -> None:
        other = Ed25519PrivateKey.generate()
        headers = {"kid": self.issuer._key_id, "typ": "at+jwt"}
        self.refused(jwt.encode(self.claims, other, "EdDSA", headers=headers))
        stranger = TokenIssuer(b"\x01" * 32, "zerogo:test", seeded("t"), lambda: self.now)
        self.refused(stranger.issue("ann"))

    def test_the_same_seed_gives_the_same_key_after_a_restart(self) -> None:
        again = TokenIssuer(bytes(32), "zerogo:test", seeded("u"), lambda: self.now)
        self.assertEqual(again.check(self.issuer.issue("ann")).user_id, "ann")

    @settings(deadline=None, max_examples=150)
    @given(st.text(max_size=300))
    def test_garbage_is_refused_and_nothing_else_is_raised(self, token: str) -> None:
        self.refused(token)

    def test_the_owners_token_matches_itself_only_and_does_not_show(self) -> None:
        token = OwnerToken.make(seeded("o"))
        self.assertTrue(token.matches(token.text))
        self.assertFalse(token.matches(token.text[:-1]) or token.matches("") or token.matches("é"))
        self.assertNotIn(token.text, repr(token))
