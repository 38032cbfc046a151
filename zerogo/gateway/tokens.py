# -*- test-case-name: zerogo.test.gateway.test_accounts -*-
"""Edges that join with the gateway's own token: one secret for all, kept in the state directory.

What an edge says about its place is taken as it is: whoever has the token is trusted with that. Its address is the one
that the gateway sees, its name the key that it proved.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from pathlib import Path

from twisted.internet.defer import Deferred, fail, succeed

from zerogo.config.private_file import read_private, write_private
from zerogo.control.edge_token import EdgeToken
from zerogo.control.token import controller_key_hash, emit_base32, parse_base32
from zerogo.core import RandomBytes
from zerogo.exit.edges import EdgeProfile
from zerogo.exit.greeting import SECRET_BYTES, Join
from zerogo.net.exit_ports import EdgeRefused
from zerogo.noise.identity import Identity

SECRET_FILE = "edge-secret"  # noqa: S105 - the name of a file
TOKEN_FILE = "edge-token"  # noqa: S105 - likewise


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
            return fail(EdgeRefused("this edge is not wanted here", is_final=True))
        return succeed(EdgeProfile.of(edge, join, address))

    def arrived(self, profile: EdgeProfile) -> None:
        """Nothing is kept."""

    def departed(self, edge: str, reason: str) -> None:
        """Nothing is kept."""
