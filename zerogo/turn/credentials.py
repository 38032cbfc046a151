# -*- test-case-name: zerogo.test.turn.test_credentials -*-
"""Who may use a relay: users with a password, and time-limited users that whoever knows a secret can make.

A time-limited user name is `EXPIRY` or `EXPIRY:USER`, EXPIRY in Unix seconds; the password is
base64(HMAC-SHA1(secret, user name)). That is the "REST API" scheme (draft-uberti-behave-turn-rest), as coturn's
`use-auth-secret` has it. A relay so knows users without a list of them, and a credential that leaks ends by itself.

A client renews such a credential with another name for the same user: quotas and ownership hang on `Account.user`, the
part behind the colon.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import field, frozen

from zerogo.secret import Secret
from zerogo.stun.integrity import long_term_key

USERNAME_CHARACTERS = 128
REALM = "zerogo"
"""Of a relay whose configuration does not name another."""
_TIMED = re.compile(r"(?P<expiry>[0-9]{1,12})(:(?P<user>.{1,100}))?", re.ASCII | re.DOTALL)


@frozen
class Account:
    """Whom a request claims to come from, before its integrity is checked."""

    user: str
    """Who it is, whatever name this credential has."""
    key: bytes = field(repr=False)
    """What its messages are protected with."""
    expires_at: float | None = None
    """Unix seconds at which the credential ends; None: never."""


class Authority(Protocol):
    """Knows users."""

    def accounts(self, username: str, realm: str, unix_now: float) -> Sequence[Account]:
        """The accounts that a name may stand for, with a key each: more than one while a secret is being changed."""
        ...


class StaticUsers:
    """A list of users with passwords."""

    def __init__(self, passwords: Mapping[str, Secret]) -> None:
        self._passwords = dict(passwords)

    def accounts(self, username: str, realm: str, unix_now: float) -> Sequence[Account]:
        """The user of that name."""
        password = self._passwords.get(username)
        if password is None:
            return ()
        return (Account(username, long_term_key(username, realm, password.reveal())),)


class TimedUsers:
    """Users that the holders of a secret make; `secrets` are all those in force."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._secrets = tuple(secrets)

    def accounts(self, username: str, realm: str, unix_now: float) -> Sequence[Account]:
        """The user that a name which has not expired stands for."""
        found = _TIMED.fullmatch(username)
        if found is None or len(username) > USERNAME_CHARACTERS or int(found["expiry"]) <= unix_now:
            return ()
        return tuple(
            Account(
                found["user"] or username,
                long_term_key(username, realm, timed_password(secret, username).reveal()),
                float(found["expiry"]),
            )
            for secret in self._secrets
        )


class Authorities:
    """Several authorities, asked in order."""

    def __init__(self, members: Sequence[Authority]) -> None:
        self._members = tuple(members)

    def accounts(self, username: str, realm: str, unix_now: float) -> Sequence[Account]:
        """The accounts of all of them."""
        return tuple(each for member in self._members for each in member.accounts(username, realm, unix_now))


def timed_username(user: str, expires_at: float) -> str:
    """The name of a time-limited credential for `user` that ends at `expires_at` (Unix seconds)."""
    return f"{int(expires_at)}:{user}"


def timed_password(secret: Secret, username: str) -> Secret:
    """The password that belongs to a time-limited user name."""
    digest = hmac.digest(secret.reveal().encode("utf-8"), username.encode("utf-8"), "sha1")
    return Secret(base64.b64encode(digest).decode("ascii"))
