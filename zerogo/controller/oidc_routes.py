# -*- test-case-name: zerogo.test.controller.test_oidc_routes -*-
"""Routes about logging in by another site's accounts: to the provider and back, and whose account is whose.

The browser comes back by a GET from the provider's site, so what it gets is a page, also where it is refused: the
dashboard's, with the reason in one word. The sentence is in the log.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from twisted.logger import Logger

from zerogo.controller.callers import set_cookie
from zerogo.controller.desk import Answer, Call, Desk, OidcDesk, Route
from zerogo.controller.documents import RequestBody, rfc3339
from zerogo.controller.id_token import IdTokenInvalid
from zerogo.controller.oidc_attempt import Attempt, AttemptInvalid, attempt_cookie
from zerogo.controller.oidc_provider import Provider, ProviderFault, ProviderRefused
from zerogo.controller.problems import Problem
from zerogo.errors import ZeroGoError
from zerogo.store import identities
from zerogo.store.errors import Forbidden
from zerogo.store.identities import SUBJECT_LIMIT, AlreadyUsed, Arrival, StoredIdentity, Stranger
from zerogo.store.values import Role

START = "/api/v1/auth/oidc/start"

_log = Logger()


class ProviderDocument(msgspec.Struct, frozen=True):
    """Where else people have accounts."""

    name: str
    start: str
    """The path that a browser goes to."""


class MethodsDocument(msgspec.Struct, frozen=True):
    """How people log in beside name and password."""

    oidc: ProviderDocument | None


class IdentityRequest(RequestBody, frozen=True):
    """Who a user is at the provider: what its ID tokens have as `sub`."""

    subject: Annotated[str, Meta(min_length=1, max_length=SUBJECT_LIMIT)]


class IdentityDocument(msgspec.Struct, frozen=True):
    """Who a user is at the provider."""

    issuer: str
    subject: str
    created_at: str

    @classmethod
    def of(cls, identity: StoredIdentity) -> IdentityDocument:
        """As stored."""
        return cls(identity.issuer, identity.subject, rfc3339(identity.created_at))


async def get_login_methods(desk: Desk, call: Call) -> Answer:
    """How people log in beside name and password."""
    provider = None if desk.oidc is None else ProviderDocument(desk.oidc.provider.name, START)
    return Answer(200, MethodsDocument(provider))


async def start_oidc(desk: Desk, call: Call) -> Answer:
    """Send the browser to the provider."""
    provider, attempts = _oidc(desk).provider, _oidc(desk).attempts
    attempt = attempts.begin(desk.unix_time())
    try:
        address = await provider.address(attempt)
    except ProviderFault as fault:
        return _refused(call, "unavailable", fault)
    return Answer(303, location=address, cookies=(attempt_cookie(call.cookie_name, attempts.seal(attempt)),))


async def finish_oidc(desk: Desk, call: Call) -> Answer:
    """Take the browser back from the provider, and log it in."""
    provider, attempts = _oidc(desk).provider, _oidc(desk).attempts
    try:
        if call.words.get("iss", provider.issuer) != provider.issuer:
            # RFC 9207: another provider's answer.
            raise AttemptInvalid("the answer comes from another issuer")
        attempt = attempts.open(call.sealed_attempt, call.words.get("state", ""), desk.unix_time())
        if "code" not in call.words:
            raise ProviderRefused(f"the provider says {call.words.get('error', 'nothing')[:60]!r}")
        arrival = await _arrival(provider, call, attempt)
        _, session, secret = await desk.store.write(identities.come_in, arrival, desk.rng, desk.unix_time())
    except (AttemptInvalid, AlreadyUsed) as error:
        return _refused(call, "late", error)
    except Stranger as error:
        return _refused(call, "stranger", error)
    except (ProviderRefused, IdTokenInvalid, Forbidden) as error:
        return _refused(call, "refused", error)
    except ProviderFault as error:
        return _refused(call, "unavailable", error)
    cookie = set_cookie(call.cookie_name, session.session_id, secret, session.expires_at - session.created_at)
    return Answer(303, location="/", cookies=(cookie, attempt_cookie(call.cookie_name, "")))


async def get_identity(desk: Desk, call: Call) -> Answer:
    """Who a user is at the provider."""
    issuer = _oidc(desk).provider.issuer
    return Answer(200, IdentityDocument.of(await desk.store.read(identities.find_identity, call.path["user"], issuer)))


async def set_identity(desk: Desk, call: Call) -> Answer:
    """Say who a user is at the provider; from then on that account logs in as this user."""
    body = call.body
    assert isinstance(body, IdentityRequest)
    issuer = _oidc(desk).provider.issuer
    made = await desk.store.write(identities.link, call.path["user"], issuer, body.subject, call.user, desk.unix_time())
    return Answer(200, IdentityDocument.of(made))


async def delete_identity(desk: Desk, call: Call) -> Answer:
    """Let a user log in by password alone; the user's sessions end."""
    issuer = _oidc(desk).provider.issuer
    await desk.store.write(identities.unlink, call.path["user"], issuer, call.user, desk.unix_time())
    return Answer(204)


async def _arrival(provider: Provider, call: Call, attempt: Attempt) -> Arrival:
    person = await provider.redeem(call.words["code"], attempt)
    _log.info("{issuer} vouches for {subject}", issuer=person.issuer, subject=person.subject)
    return Arrival(
        issuer=person.issuer,
        subject=person.subject,
        state_hash=attempt.state_hash,
        state_expires_at=attempt.expires_at,
        source=call.source,
        role=provider.role_of(person),
        new_name=(person.name or person.email or "user") if provider.may_make(person) else None,
    )


def _oidc(desk: Desk) -> OidcDesk:
    if desk.oidc is None:
        raise Problem(404, "not-found", "this controller has no provider of accounts")
    return desk.oidc


def _refused(call: Call, reason: str, error: ZeroGoError) -> Answer:
    _log.info("A login by the provider failed: {why}", why=str(error))
    return Answer(303, location=f"/?oidc={reason}", cookies=(attempt_cookie(call.cookie_name, ""),))


_IDENTITY = "/users/<string:user>/identity"

ROUTES = (
    Route(method="GET", path="/auth/methods", function=get_login_methods, needs=None, answer=MethodsDocument),
    Route(method="GET", path="/auth/oidc/start", function=start_oidc, needs=None, status=303, problems=("not-found",)),
    Route(
        method="GET",
        path="/auth/oidc/callback",
        function=finish_oidc,
        needs=None,
        status=303,
        words=("state", "iss", "error"),
        long_words=("code",),
        problems=("not-found",),
    ),
    Route(method="GET", path=_IDENTITY, function=get_identity, needs=Role.ADMIN, area="users", answer=IdentityDocument),
    Route(
        method="PUT",
        path=_IDENTITY,
        function=set_identity,
        needs=Role.ADMIN,
        area="users",
        body=IdentityRequest,
        answer=IdentityDocument,
        problems=("conflict",),
    ),
    Route(method="DELETE", path=_IDENTITY, function=delete_identity, needs=Role.ADMIN, area="users", status=204),
)
