# -*- test-case-name: zerogo.test.controller.test_accounts -*-
"""The JSON documents about users, what they show to log in, and the audit log."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from zerogo.controller.documents import Name, RequestBody, rfc3339
from zerogo.store.audit import Verdict
from zerogo.store.values import AuditLine, Role, StoredApiToken, StoredUser

_Password = Annotated[str, Meta(min_length=10, max_length=256)]
_GivenPassword = Annotated[str, Meta(max_length=256)]
_Secret = Annotated[str, Meta(max_length=200)]
_Scope = Annotated[str, Meta(min_length=1, max_length=40)]


class BootstrapRequest(RequestBody, frozen=True):
    """Make the first user, with the secret that the controller wrote at its first start."""

    secret: Annotated[str, Meta(max_length=100)]
    name: Name
    password: _Password


class LoginRequest(RequestBody, frozen=True):
    """Who logs in."""

    name: Name
    password: _GivenPassword
    code: Annotated[str, Meta(max_length=40)] = ""
    """Of the second factor, or a recovery code, where the user has one (problem `second-factor`)."""


class RefreshRequest(RequestBody, frozen=True):
    """A refresh token, to be taken for a new one, or to be of no use any more."""

    refresh_token: _Secret


class PasswordRequest(RequestBody, frozen=True):
    """One's own new password."""

    password: _GivenPassword
    """The one so far."""
    new_password: _Password


class NewUserRequest(RequestBody, frozen=True):
    """A user to make."""

    name: Name
    password: _Password
    role: Role = Role.USER


class UserChange(RequestBody, frozen=True):
    """What to change of a user (JSON Merge Patch)."""

    role: Role | msgspec.UnsetType = msgspec.UNSET
    is_disabled: bool | msgspec.UnsetType = msgspec.UNSET
    password: _Password | msgspec.UnsetType = msgspec.UNSET


class NewTokenRequest(RequestBody, frozen=True):
    """An API token to make, for the caller or for the user with this id."""

    name: Name
    scopes: Annotated[list[_Scope], Meta(min_length=1, max_length=32)]
    expires_seconds: Annotated[float, Meta(gt=0, le=31_622_400)] = 90 * 86_400.0
    user: Annotated[str, Meta(max_length=40)] | None = None


class HealthDocument(msgspec.Struct, frozen=True):
    """The controller runs."""

    status: str
    version: str
    has_users: bool
    """Before, somebody has to make the first one."""


class TokenDocument(msgspec.Struct, frozen=True):
    """What a login gives: an access token, and what gets the next one."""

    token: str
    token_type: str
    expires_in: float
    """Seconds."""
    refresh_token: str


class MeDocument(msgspec.Struct, frozen=True):
    """Who calls."""

    id: str
    name: str
    role: Role


class SessionDocument(msgspec.Struct, frozen=True):
    """A browser's session. Its requests that change something bring `csrf_token` in `X-CSRF-Token`."""

    user: MeDocument
    csrf_token: str


class UserDocument(msgspec.Struct, frozen=True):
    """A user."""

    id: str
    name: str
    role: Role
    is_disabled: bool
    created_at: str

    @classmethod
    def of(cls, user: StoredUser) -> UserDocument:
        """As stored."""
        return cls(user.user_id, user.name, user.role, user.is_disabled, rfc3339(user.created_at))


class ApiTokenDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """An API token; `token` is there once, in the answer to its making."""

    id: str
    user: str
    name: str
    scopes: list[str]
    created_by: str
    created_at: str
    expires_at: str
    used_at: str | None
    token: str | None = None

    @classmethod
    def of(cls, stored: StoredApiToken, token: str | None = None) -> ApiTokenDocument:
        """As stored."""
        return cls(
            id=stored.token_id,
            user=stored.user_id,
            name=stored.name,
            scopes=list(stored.scopes),
            created_by=stored.created_by,
            created_at=rfc3339(stored.created_at),
            expires_at=rfc3339(stored.expires_at),
            used_at=None if stored.used_at is None else rfc3339(stored.used_at),
            token=token,
        )


class AuditDocument(msgspec.Struct, frozen=True):
    """A line of the audit log; `hash` is SHA-256 over the hash before it and this line."""

    number: int
    at: str
    unix_time: float
    """As it is hashed."""
    actor: str
    action: str
    network: str
    subject: str
    detail: str
    hash: str

    @classmethod
    def of(cls, line: AuditLine) -> AuditDocument:
        """As stored."""
        return cls(
            number=line.number,
            at=rfc3339(line.at),
            unix_time=line.at,
            actor=line.actor,
            action=line.action,
            network=line.network,
            subject=line.subject,
            detail=line.detail,
            hash=line.hash,
        )


class AuditVerdict(msgspec.Struct, frozen=True):
    """Whether the chain of hashes holds: `broken_at` is the number of the first line that does not fit."""

    is_whole: bool
    lines: int
    newest_hash: str
    broken_at: int | None

    @classmethod
    def of(cls, verdict: Verdict) -> AuditVerdict:
        """As computed."""
        return cls(verdict.broken_at is None, verdict.lines, verdict.newest_hash, verdict.broken_at)
