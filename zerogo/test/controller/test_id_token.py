"""ID tokens: what is right is taken, and each thing that can be wrong is refused."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.id_token import TOKEN_LIMIT, IdTokenInvalid, KeyUnknown, Person, check_id_token, parse_keys
from zerogo.test.controller.oidc_site import CLIENT, SUBJECT, OidcSite, ec_key, rsa_key
from zerogo.test.store.stock import NOW

ISSUER = "https://id.example.net"
NONCE = "the nonce of this login"


class IdTokenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = OidcSite(ISSUER, lambda: NOW)
        self.keys = parse_keys(self.site.published())

    def check(self, token: str, now: float = NOW) -> Person:
        return check_id_token(
            token, self.keys, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, claim="groups", unix_now=now
        )

    def assertRefused(self, **claims: Any) -> None:
        self.site.claims = claims
        self.assertRaises(IdTokenInvalid, self.check, self.site.token(NONCE))
        self.site.claims = {}

    def test_a_right_token_of_either_algorithm_says_who_it_is(self) -> None:
        self.site.claims = {"preferred_username": "ann", "groups": ["netops", 7], "email": "ann@example.net"}
        for algorithm, key_id in (("RS256", "one"), ("ES256", "two")):
            self.site.algorithm, self.site.key_id = algorithm, key_id
            person = self.check(self.site.token(NONCE))
            self.assertEqual((person.issuer, person.subject, person.name), (ISSUER, SUBJECT, "ann"))
            self.assertEqual(person.values, {"netops"})
            self.assertEqual(person.email, "", "not verified")
        self.site.claims["email_verified"] = True
        self.assertEqual(self.check(self.site.token(NONCE)).email, "ann@example.net")

    def test_wrong_issuer(self) -> None:
        self.assertRefused(iss="https://evil.example")
        self.assertRefused(iss=ISSUER + "/")
        self.assertRefused(iss=None)

    def test_wrong_audience(self) -> None:
        self.assertRefused(aud="another")
        self.assertRefused(aud=[])
        self.assertRefused(aud=None)
        self.assertRefused(aud=[CLIENT, "another"])
        self.assertRefused(aud=[CLIENT, "another"], azp="another")
        self.assertRefused(azp="another")
        self.site.claims = {"aud": [CLIENT, "another"], "azp": CLIENT}
        self.assertEqual(self.check(self.site.token(NONCE)).subject, SUBJECT)

    def test_wrong_nonce(self) -> None:
        for nonce in ("another", "", None, 7, [NONCE]):
            self.assertRefused(nonce=nonce)

    def test_wrong_times(self) -> None:
        self.assertRefused(exp=NOW - 61)
        self.assertRefused(exp=None)
        self.assertRefused(iat=NOW + 61)
        self.assertRefused(iat=None)
        self.assertRefused(nbf=NOW + 61)
        for value in ("soon", True, [], {}):
            self.assertRefused(exp=value)
            self.assertRefused(iat=value)
        self.assertRefused(exp=float("nan"))

    def test_wrong_subject(self) -> None:
        for subject in ("", "x" * 256, "ä", "a\nb", 7, None):
            self.assertRefused(sub=subject)

    def test_a_token_over_the_limit(self) -> None:
        self.site.claims = {"more": "x" * 1000}
        self.assertEqual(self.check(self.site.token(NONCE)).subject, SUBJECT)
        self.assertRefused(more="x" * TOKEN_LIMIT)

    def test_no_signature(self) -> None:
        good = self.site.token(NONCE)
        _, claims, signature = good.split(".")
        for algorithm in ("none", "None", "NONE", "", None, 7):
            header = _base64(json.dumps({"alg": algorithm, "kid": "one", "typ": "JWT"}).encode())
            for end in ("", signature):
                self.assertRaises(IdTokenInvalid, self.check, f"{header}.{claims}.{end}")

    def test_a_public_key_is_no_secret_of_an_hmac(self) -> None:
        public = rsa_key().public_key()
        forms = [
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            json.dumps(self.site.published()["keys"][0]).encode(),
        ]
        signed = self.site.token(NONCE).split(".")[1]
        for form in forms:
            header = _base64(b'{"alg":"HS256","kid":"one","typ":"JWT"}')
            # PyJWT refuses to make such a token from PEM, so it is made by hand.
            signature = hmac.digest(form, f"{header}.{signed}".encode(), "sha256")
            self.assertRaises(IdTokenInvalid, self.check, f"{header}.{signed}.{_base64(signature)}")

    def test_an_algorithm_with_the_key_of_another(self) -> None:
        self.site.key_id = "two"
        self.assertRaises(KeyUnknown, self.check, self.site.token(NONCE))
        for algorithm in ("RS384", "RS512", "PS256"):
            self.site.algorithm, self.site.key_id = algorithm, "one"
            self.assertRaises(IdTokenInvalid, self.check, self.site.token(NONCE))

    def test_a_key_that_is_not_published(self) -> None:
        self.site.key_id = "three"
        self.assertRaises(KeyUnknown, self.check, self.site.token(NONCE))
        self.site.key_id, self.site.signing_key = "one", rsa_key(1)
        self.assertRaises(IdTokenInvalid, self.check, self.site.token(NONCE))
        self.site.header = {"jwk": RSAAlgorithm.to_jwk(rsa_key(1).public_key(), True)}
        self.assertRaises(IdTokenInvalid, self.check, self.site.token(NONCE))

    def test_without_a_key_id_there_must_be_no_choice(self) -> None:
        self.site.header = {"kid": None}
        self.assertEqual(self.check(self.site.token(NONCE)).subject, SUBJECT)
        self.keys *= 2
        self.assertRaises(KeyUnknown, self.check, self.site.token(NONCE))

    def test_what_we_do_not_know_and_must(self) -> None:
        self.site.header = {"crit": ["exp"], "exp": 1}
        self.assertRaises(IdTokenInvalid, self.check, self.site.token(NONCE))

    def test_a_changed_token(self) -> None:
        header, claims, signature = self.site.token(NONCE).split(".")
        self.site.claims = {"sub": "somebody else"}
        other = self.site.token(NONCE).split(".")[1]
        self.assertRaises(IdTokenInvalid, self.check, f"{header}.{other}.{signature}")
        self.assertRaises(IdTokenInvalid, self.check, f"{header}.{claims}.{signature[:-8]}")
        self.assertRaises(IdTokenInvalid, self.check, "x" * 70_000)

    @settings(max_examples=100, deadline=None)
    @given(st.one_of(st.text(), st.binary().map(lambda data: f"{_base64(data)}.{_base64(data)}.{_base64(data)}")))
    def test_garbage_is_refused(self, token: str) -> None:
        self.assertRaises(IdTokenInvalid, self.check, token)


class KeySetTests(SynchronousTestCase):
    def test_weak_and_foreign_keys_are_left_out(self) -> None:
        weak = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), True)
        curve = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), True)
        good = ECAlgorithm.to_jwk(ec_key().public_key(), True)
        entries = [weak, curve, {"kty": "oct", "k": "AAAA"}, {**good, "use": "enc"}, {**good, "alg": "ES512"}, {}, 7]
        self.assertEqual(parse_keys({"keys": entries}), ())
        self.assertEqual(len(parse_keys({"keys": [*entries, good]})), 1)

    @settings(max_examples=100, deadline=None)
    @given(
        st.recursive(
            st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        )
    )
    def test_garbage_has_no_keys(self, document: object) -> None:
        self.assertEqual(parse_keys(document), ())
        self.assertEqual(parse_keys({"keys": [document, {"kty": "RSA", "n": document, "e": "AQAB"}]}), ())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
