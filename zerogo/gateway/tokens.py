# -*- test-case-name: zerogo.test.gateway.test_accounts -*-
"""Edges that join with the gateway's own token: one secret for all, kept in the state directory.

What an edge says about its place is taken as it is: whoever has the token is trusted with that. Its address is the one
that the gateway sees, its name the key that it proved.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred, fail, succeed

from zerogo.config.private_file import read_private, write_private
from zerogo.control.edge_token import EdgeToken, hash_secret
from zerogo.control.gateway_messages import Settings
from zerogo.control.token import controller_key_hash, emit_base32, parse_base32
from zerogo.core import RandomBytes
from zerogo.exit.edges import EdgeProfile
from zerogo.exit.greeting import SECRET_BYTES, Join
from zerogo.net.exit_ports import EdgeRefused
from zerogo.noise.identity import Identity

SECRET_FILE = "edge-secret"  # noqa: S105 - the name of a file
TOKEN_FILE = "edge-token"  # noqa: S105 - likewise
DENIED_SECONDS = 60.0
"""After which an edge that is kept out asks again, since it may be let in by then."""


def load_or_create_secret(directory: Path, rng: RandomBytes) -> bytes:
    """The secret of the token, made on the first call; raises `PrivateFileError`."""
    path = directory / SECRET_FILE
    if not path.exists():
        write_private(path, emit_base32(rng(SECRET_BYTES)).encode("ascii"), replace=False)
    return parse_base32(read_private(path, 100).decode("ascii").strip(), SECRET_BYTES, f"the secret in {path}")


def edge_token(identity: Identity, secret: bytes, addresses: Sequence[str], is_tls: bool) -> EdgeToken:
    """The token that edges are given."""
    key_hash = controller_key_hash(identity.static_public, identity.signing_public)
    return EdgeToken(tuple(addresses), key_hash, secret, is_tls)


class KeyedEdges:
    """Edges that join with a key of the controller's."""

    def __init__(self, denied: Sequence[str] = ()) -> None:
        self.changed: Callable[[EdgeProfile | None, str], object] = lambda come, gone: None
        """Told which edge came, and the id of one that went."""
        self._own_denied = frozenset(denied)
        self._hashes: tuple[bytes, ...] = ()
        self._denied = self._own_denied

    def set(self, settings: Settings) -> None:
        """What the controller says from here on."""
        self._hashes = tuple(settings.secret_hashes)
        self._denied = self._own_denied | frozenset(settings.denied_edges)

    def admit(self, edge: str, join: Join, address: str) -> Deferred[EdgeProfile]:
        """Whoever knows a secret that is good, and is not denied."""
        shown = b"" if join.secret is None else hash_secret(join.secret)
        if not any(hmac.compare_digest(shown, good) for good in self._hashes):
            if not self._hashes:
                return fail(EdgeRefused("this gateway knows no keys of edges yet", retry_seconds=5.0))
            return fail(EdgeRefused("the token is not good here, or was revoked", is_final=True))
        if edge in self._denied:
            return fail(EdgeRefused("this edge is not wanted here", retry_seconds=DENIED_SECONDS))
        return succeed(EdgeProfile.of(edge, join, address))

    def arrived(self, profile: EdgeProfile) -> None:
        """The controller is told."""
        self.changed(profile, "")

    def departed(self, edge: str, reason: str) -> None:
        """The controller is told."""
        self.changed(None, edge)


class TokenEdges:
    """Edges by token."""

    def __init__(self, secret: bytes, denied: Sequence[str] = ()) -> None:
        self._secret = secret
        self._denied = frozenset(denied)

    def admit(self, edge: str, join: Join, address: str) -> Deferred[EdgeProfile]:
        """Whoever knows the secret, and is not denied."""
        if join.secret is None or not hmac.compare_digest(join.secret, self._secret):
            return fail(EdgeRefused("the token is not of this gateway, or was replaced", is_final=True))
        if edge in self._denied:
            return fail(EdgeRefused("this edge is not wanted here", retry_seconds=DENIED_SECONDS))
        return succeed(EdgeProfile.of(edge, join, address))

    def arrived(self, profile: EdgeProfile) -> None:
        """Nothing is kept."""

    def departed(self, edge: str, reason: str) -> None:
        """Nothing is kept."""
