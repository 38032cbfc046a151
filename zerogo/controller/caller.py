# -*- test-case-name: zerogo.test.controller.test_api -*-
"""Who calls the API, once that is found out (`callers`)."""

from __future__ import annotations

from attrs import field, frozen

from zerogo.store.values import Role


@frozen
class Caller:
    """Who calls."""

    user_id: str
    """Empty: the owner of this machine."""
    name: str
    role: Role
    scopes: frozenset[str] | None = None
    """What the caller's API token is limited to; None: it is no such token."""
    token_id: str = ""
    session_id: str = ""
    """Of a browser."""
    csrf_token: str = field(default="", repr=False)
    """Of that session."""

    @property
    def actor(self) -> str:
        """For the audit."""
        if not self.user_id:
            return self.name
        return f"user:{self.name}" + (f" token:{self.token_id}" if self.token_id else "")
