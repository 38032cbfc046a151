# -*- test-case-name: zerogo.test.controller.test_oidc_provider -*-
"""The provider of accounts (OpenID Connect), as its relying party sees it: discovery, the address to send browsers to,
and a code taken for an ID token with PKCE (RFC 7636) as RFC 9700 wants it.

What the provider publishes is kept for an hour, and asked for anew where a token names a key that is not in it, at most
once in a minute. One request at a time is under way, and a failure is remembered for some seconds: who begins logins
in great numbers costs the provider nothing. All its addresses are https, except where provider and controller are on
this machine.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import msgspec
from attrs import frozen
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime

from zerogo.config.oidc import OidcConfig
from zerogo.controller.browsers import LOCAL_HOSTS
from zerogo.controller.id_token import KeyUnknown, Person, ProviderKey, check_id_token, parse_keys
from zerogo.controller.oidc_attempt import Attempt
from zerogo.errors import EnvironmentFault, RemoteError
from zerogo.net.fetch import Fetch, Wanted
from zerogo.store.values import Role

KEEP_SECONDS = 3600.0
AGAIN_SECONDS = 60.0
FAILED_SECONDS = 5.0
CALLBACK = "/api/v1/auth/oidc/callback"
DISCOVERY = "/.well-known/openid-configuration"


class OidcSettingsWrong(EnvironmentFault):
    """The keys about logging in by a provider do not fit together."""

    code = "E-OIDC-SETTINGS"


class ProviderFault(EnvironmentFault):
    """The provider of accounts cannot be used at the moment."""

    code = "E-OIDC-PROVIDER"


class ProviderRefused(RemoteError):
    """The provider does not vouch for whoever logs in."""

    code = "E-OIDC-REFUSED"


class _Discovered(msgspec.Struct, frozen=True):
    """What we need of the discovery document (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: list[str] = []


class _Tokens(msgspec.Struct, frozen=True):
    """What we need of the token response."""

    id_token: str

    def __repr__(self) -> str:
        return "_Tokens()"


@frozen
class _Published:
    """What the provider says of itself."""

    discovered: _Discovered
    keys: tuple[ProviderKey, ...]
    at: float


def check_settings(config: OidcConfig) -> None:
    """Raise `OidcSettingsWrong` with one sentence where the keys do not fit together."""
    if config.issuer is None:
        return
    if config.client_id is None or config.dashboard is None:
        raise OidcSettingsWrong("oidc needs client-id and dashboard beside issuer")
    for key, url in (("issuer", config.issuer), ("dashboard", config.dashboard)):
        if not _is_safe(url):
            raise OidcSettingsWrong(f"oidc: {key} must begin with https://")
    if urlsplit(config.dashboard).path not in ("", "/"):
        raise OidcSettingsWrong("oidc: dashboard is an origin, https://HOST, without a path")
    if config.create_users and not (config.subjects or config.domains or config.roles):
        raise OidcSettingsWrong(
            "oidc: create-users needs subjects, domains or roles, or everybody at the provider could come in"
        )
    if config.domains and "email" not in config.scopes:
        raise OidcSettingsWrong("oidc: domains needs email among scopes")


class Provider:
    """Of one controller. `fetch` makes requests, `clock` is monotonic, `unix_time` gives unix seconds."""

    def __init__(self, config: OidcConfig, fetch: Fetch, clock: IReactorTime, unix_time: Callable[[], float]) -> None:
        """Raises `OidcSettingsWrong`."""
        check_settings(config)
        assert config.issuer is not None and config.client_id is not None and config.dashboard is not None
        self.issuer = config.issuer
        self._client_id = config.client_id
        self._config = config
        self._redirect = config.dashboard.rstrip("/") + CALLBACK
        self._fetch = fetch
        self._clock = clock
        self._unix_time = unix_time
        self._published: _Published | None = None
        self._failure: tuple[float, ProviderFault] | None = None
        self._lock = DeferredLock()

    @property
    def name(self) -> str:
        """What people call it."""
        return self._config.name

    async def address(self, attempt: Attempt) -> str:
        """Where a browser is sent to log in; raises `ProviderFault`."""
        endpoint = (await self._ask()).discovered.authorization_endpoint
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(dict.fromkeys(("openid", *self._config.scopes))),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query, quote_via=quote)}"

    async def redeem(self, code: str, attempt: Attempt) -> Person:
        """Whom the code is about; raises `ProviderFault`, `ProviderRefused` or `IdTokenInvalid`."""
        published = await self._ask()
        token = await self._exchange(published.discovered, code, attempt)
        try:
            person = self._check(token, published, attempt)
        except KeyUnknown:
            person = self._check(token, await self._ask(AGAIN_SECONDS), attempt)
        self._check_may_come(person)
        return person

    def role_of(self, person: Person) -> Role | None:
        """That follows from what the provider says; None: that is not for it to say."""
        if not self._config.roles:
            return None
        given = [Role(grant.role) for grant in self._config.roles if grant.value in person.values]
        return max(given, key=lambda role: role.rank, default=Role.USER)

    def may_make(self, person: Person) -> bool:
        """Whether somebody who comes for the first time becomes a user."""
        config = self._config
        is_granted = any(grant.value in person.values for grant in config.roles)
        return config.create_users and (bool(config.subjects or config.domains) or is_granted)

    def _check(self, token: str, published: _Published, attempt: Attempt) -> Person:
        return check_id_token(
            token,
            published.keys,
            issuer=self.issuer,
            client_id=self._client_id,
            nonce=attempt.nonce,
            claim=self._config.claim,
            unix_now=self._unix_time(),
        )

    def _check_may_come(self, person: Person) -> None:
        config = self._config
        domain = person.email.rpartition("@")[2].lower()
        is_named = person.subject in config.subjects or domain in {one.lower() for one in config.domains}
        if (config.subjects or config.domains) and not is_named:
            raise ProviderRefused(f"{person.subject!r} is none of those who may come in from {self.issuer}")

    async def _exchange(self, discovered: _Discovered, code: str, attempt: Attempt) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": attempt.verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        secret = self._config.client_secret
        if secret is None:
            form["client_id"] = self._client_id
        elif discovered.token_endpoint_auth_methods_supported == ["client_secret_post"]:
            form |= {"client_id": self._client_id, "client_secret": secret.reveal()}
        else:
            # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
            pair = f"{quote_plus(self._client_id)}:{quote_plus(secret.reveal())}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        wanted = Wanted(method="POST", url=discovered.token_endpoint, headers=headers, body=urlencode(form).encode())
        tokens: _Tokens = await self._get(wanted, _Tokens, ProviderRefused)
        return tokens.id_token

    async def _ask(self, oldest: float = KEEP_SECONDS) -> _Published:
        """What the provider publishes, not older than so many seconds."""
        await self._lock.acquire()
        try:
            now = self._clock.seconds()
            if self._published is not None and now - self._published.at < oldest:
                return self._published
            if self._failure is not None and now - self._failure[0] < FAILED_SECONDS:
                raise self._failure[1]
            try:
                self._published = await self._publication()
            except ProviderFault as fault:
                self._failure = (self._clock.seconds(), fault)
                raise
            return self._published
        finally:
            self._lock.release()

    async def _publication(self) -> _Published:
        where = self.issuer.rstrip("/") + DISCOVERY
        found = await self._get(Wanted(method="GET", url=where), _Discovered, ProviderFault)
        if found.issuer != self.issuer:
            raise ProviderFault(f"{where} is of another issuer, {found.issuer[:80]!r}, than the configuration names")
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            if not _is_safe(url) or (urlsplit(self.issuer).scheme == "https" and urlsplit(url).scheme != "https"):
                raise ProviderFault(f"{where} has an address that is not https: {url[:80]!r}")
        keys = parse_keys(await self._get(Wanted(method="GET", url=found.jwks_uri), dict[str, Any], ProviderFault))
        if not keys:
            raise ProviderFault(f"{found.jwks_uri} has no key for RS256 or ES256")
        return _Published(found, keys, self._clock.seconds())

    async def _get(self, wanted: Wanted, kind: Any, error: type[ProviderFault | ProviderRefused]) -> Any:
        try:
            answer = await self._fetch(wanted)
        except Exception as failure:
            # Whatever the other end, its name or its certificate made of it.
            raise ProviderFault(f"{wanted.url} cannot be reached: {type(failure).__name__}") from failure
        if answer.status != 200:
            raise error(f"{wanted.url} answered {answer.status}")
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as failure:
            raise error(f"what {wanted.url} answered cannot be used") from failure


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL_HOSTS)
    except ValueError:
        return False
