# -*- test-case-name: zerogo.test.config.test_roles -*-
"""The keys about logging in by another site's accounts (OpenID Connect)."""

from __future__ import annotations

import re

from attrs import frozen

from zerogo.config.schema import option, sections
from zerogo.config.values import SWITCH, URL, many, one_of, secret, text
from zerogo.secret import Secret

_WORD = text(re.compile(r"[\x21-\x7e]{1,255}"), "1 to 255 printable characters without spaces")
_LABEL = text(re.compile(r"[^\x00-\x1f\x7f]{1,60}"), "1 to 60 characters, as in Example Inc.")
_DOMAIN = text(re.compile(r"[A-Za-z0-9.-]{1,253}", re.ASCII), "a domain, as in example.net")
_ROLES = ("owner", "admin", "operator", "auditor", "user")


@frozen(kw_only=True)
class RoleGrant:
    """A role for who has something in the claim."""

    value: str = option(_WORD, "", "netops")
    """What the claim says, or has in its list."""
    role: str = option(one_of(_ROLES), "user", "admin")
    """owner, admin, operator, auditor or user. Who has several gets the highest."""


@frozen(kw_only=True)
class OidcConfig:
    """The provider, who may come from there, and with which role."""

    issuer: str | None = option(URL, None, "https://id.example.net/realms/main")
    """The provider's issuer, exactly as its discovery document names it; without it, there is no such login."""
    client_id: str | None = option(_WORD, None, "zerogo")
    """What the provider calls this controller."""
    client_secret: Secret | None = option(
        secret(8, "take the one that the provider shows for this client"), None, "file:/etc/zerogo/oidc-secret"
    )
    """The client's secret, or file:PATH of a file (mode 0600) that holds it; without it, this is a public client: PKCE
    is used in either case."""
    dashboard: str | None = option(URL, None, "https://zerogo.example.net")
    """The origin under which browsers reach this controller. The provider has to allow the redirect to
    ORIGIN/api/v1/auth/oidc/callback."""
    name: str = option(_LABEL, "single sign-on", "Example Inc.")
    """What the dashboard calls the provider."""
    scopes: tuple[str, ...] = option(many(_WORD), ("profile", "email"), "[profile, email, groups]")
    """What is asked for beyond openid."""
    subjects: tuple[str, ...] = option(many(_WORD), (), "[8c2f1a, 77b0de]")
    """Who may come in, by the provider's `sub`; where neither subjects nor domains are named, everybody whom the
    provider lets in and who is a user here."""
    domains: tuple[str, ...] = option(many(_DOMAIN), (), "[example.net]")
    """Domains whose e-mail addresses, verified by the provider, may come in."""
    claim: str = option(_WORD, "groups")
    """The claim of the ID token that roles follow from."""
    roles: tuple[RoleGrant, ...] = sections(RoleGrant, "{value: netops, role: admin}")
    """Which role who gets, at each login. Who has none of these is a mere user, and where nothing is named here roles
    are given in ZeroGo only."""
    create_users: bool = option(SWITCH, False)
    """Whether who comes for the first time becomes a user at once. Without it, an admin makes the user and says who it
    is at the provider (`zerogo users link`)."""
