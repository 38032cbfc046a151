"""The provider as its relying party sees it: what is asked when, and what is not believed."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.oidc import OidcConfig, RoleGrant
from zerogo.controller.id_token import KeyUnknown
from zerogo.controller.oidc_attempt import Attempt
from zerogo.controller.oidc_provider import (
    AGAIN_SECONDS,
    FAILED_SECONDS,
    KEEP_SECONDS,
    OidcSettingsWrong,
    Provider,
    ProviderFault,
    check_settings,
)
from zerogo.net.fetch import Fetched, Wanted
from zerogo.test.controller.oidc_site import OidcSite
from zerogo.test.controller.test_oidc_routes import CONFIG, ISSUER
from zerogo.test.store.stock import NOW

ATTEMPT = Attempt("state", "nonce", "v" * 43, NOW + 600)
DISCOVERY = "/.well-known/openid-configuration"


class ProviderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = OidcSite(ISSUER, lambda: NOW)
        self.clock = Clock()
        self.provider = Provider(CONFIG, self.site.fetch, self.clock, lambda: NOW)

    def address(self) -> str:
        return self.successResultOf(ensureDeferred(self.provider.address(ATTEMPT)))

    def assertFault(self, words: str) -> None:
        fault = self.failureResultOf(ensureDeferred(self.provider.address(ATTEMPT)), ProviderFault).value
        self.assertIn(words, str(fault))

    def test_what_is_published_is_asked_for_once_in_an_hour(self) -> None:
        for _ in range(3):
            self.address()
        self.assertEqual(self.site.asked, [DISCOVERY, "/keys"])
        self.clock.advance(KEEP_SECONDS)
        self.address()
        self.assertEqual(len(self.site.asked), 4)

    def test_many_who_ask_at_once_ask_once(self) -> None:
        waiting: list[Any] = []
        fetch = self.site.fetch

        async def slow(wanted: Wanted) -> Fetched:
            waiting.append(Deferred())
            await waiting[-1]
            return await fetch(wanted)

        provider = Provider(CONFIG, slow, self.clock, lambda: NOW)
        asked = [ensureDeferred(provider.address(ATTEMPT)) for _ in range(50)]
        while waiting:
            self.assertEqual(len(waiting), 1)
            waiting.pop().callback(None)
        self.assertEqual(len([self.successResultOf(one) for one in asked]), 50)
        self.assertEqual(self.site.asked, [DISCOVERY, "/keys"])

    def test_a_failure_is_remembered_for_some_seconds(self) -> None:
        self.site.is_down = True
        for _ in range(3):
            self.assertFault("cannot be reached: ConnectionRefusedError")
        self.assertEqual(len(self.site.asked), 1)
        self.site.is_down = False
        self.clock.advance(FAILED_SECONDS)
        self.address()

    def test_a_key_that_is_not_known_is_looked_for_once_in_a_minute(self) -> None:
        self.site.key_id = "three"
        for _ in range(3):
            address = self.address()
            code = self.site.log_in(address).partition("code=")[2].partition("&")[0]
            self.failureResultOf(ensureDeferred(self.provider.redeem(code, ATTEMPT)), KeyUnknown)
        self.assertEqual(self.site.asked.count("/keys"), 1)
        self.clock.advance(AGAIN_SECONDS)
        self.site.published = lambda: published_as(three="one")  # type: ignore[method-assign]
        code = self.site.log_in(self.address()).partition("code=")[2].partition("&")[0]
        person = self.successResultOf(ensureDeferred(self.provider.redeem(code, ATTEMPT)))
        self.assertEqual(person.issuer, ISSUER)

    def test_a_discovery_of_another_issuer_is_not_believed(self) -> None:
        self.site.discovery = {"issuer": "https://evil.example"}
        self.assertFault("another issuer")

    def test_addresses_that_are_not_https_are_not_used(self) -> None:
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            self.clock.advance(FAILED_SECONDS)
            for url in ("http://id.example.net/x", "http://127.0.0.1/x", "javascript:1", "//id.example.net/x"):
                self.clock.advance(FAILED_SECONDS)
                self.site.discovery = {name: url}
                self.assertFault("not https")

    def test_answers_that_cannot_be_used_are_a_fault(self) -> None:
        for status, body in ((500, b"{}"), (302, b"{}"), (200, b""), (200, b"[]"), (200, b"\xff"), (200, b"[" * 9999)):

            async def fetch(_: Wanted, answer: Fetched = Fetched(status, body)) -> Fetched:  # noqa: B008
                return answer

            self.provider = Provider(CONFIG, fetch, self.clock, lambda: NOW)
            self.assertFault(ISSUER)


class SettingsTests(SynchronousTestCase):
    def test_keys_that_do_not_fit_together_are_refused_in_one_sentence(self) -> None:
        grants = (RoleGrant(value="x", role="admin"),)
        for changes, words in (
            ({"client_id": None}, "client-id"),
            ({"dashboard": None}, "dashboard"),
            ({"issuer": "http://id.example.net"}, "https"),
            ({"dashboard": "http://zerogo.example.net"}, "https"),
            ({"dashboard": "https://zerogo.example.net/path"}, "without a path"),
            ({"create_users": True}, "everybody"),
            ({"domains": ("example.net",), "scopes": ("profile",)}, "email"),
        ):
            refused = self.assertRaises(OidcSettingsWrong, check_settings, evolve(CONFIG, **changes))
            self.assertIn(words, str(refused))
        for changes in ({}, {"issuer": "http://127.0.0.1:1"}, {"create_users": True, "roles": grants}):
            check_settings(evolve(CONFIG, **changes))
        check_settings(OidcConfig())


def published_as(**names: str) -> dict[str, Any]:
    """The keys, by other ids."""
    keys = OidcSite(ISSUER, lambda: NOW).published()["keys"]
    return {"keys": [{**key, "kid": new} for new, old in names.items() for key in keys if key["kid"] == old]}
