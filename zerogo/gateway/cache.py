# -*- test-case-name: zerogo.test.gateway.test_controlled -*-
"""What a gateway keeps on disk of its controller: the token to join with, and a sealed copy of the accounts.

The copy is sealed (ChaCha20-Poly1305) with a key that follows from the gateway's own, so that whoever can only write
the file cannot make users, and whoever can only read a backup of it sees none. With it, a gateway that is started while
its controller is away serves the users it knew, for as long as its configuration says, counted from when the controller
was heard last.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from attrs import field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from zerogo.config.private_file import make_private_directory, read_private, write_private
from zerogo.control.edge_token import GatewayToken
from zerogo.control.gateway_messages import Settings
from zerogo.control.token import TOKEN_LIMIT
from zerogo.core import RandomBytes
from zerogo.errors import ParseError
from zerogo.exit.account import Account
from zerogo.noise.identity import Identity

TOKEN_FILE = "controller-token"  # noqa: S105 - the name of a file
COPY_FILE = "controller-copy"
COPY_LIMIT = 256 * 1024 * 1024
_LABEL = b"zerogo gateway copy 1\x00"
_NONCE_BYTES = 12


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    revision: int
    heard_at: float
    accounts: list[Account]
    settings: Settings


@frozen
class Copy:
    """What the controller said last."""

    revision: int
    heard_at: float
    """Unix time."""
    accounts: list[Account] = field(repr=False)
    settings: Settings = field(repr=False)


class ControllerFiles:
    """Both files. Methods raise `PrivateFileError`, those that read `ParseError` too."""

    def __init__(self, directory: Path, identity: Identity, rng: RandomBytes) -> None:
        self._directory = directory
        key = hashlib.blake2b(_LABEL, key=identity.static_private, digest_size=32).digest()
        self._aead = ChaCha20Poly1305(key)
        self._rng = rng

    def token(self) -> GatewayToken | None:
        """The token; None where there is none."""
        return read_token(self._directory)

    def save(self, copy: Copy) -> None:
        """Keep it."""
        text = msgspec.msgpack.encode(_Stored(copy.revision, copy.heard_at, copy.accounts, copy.settings))
        nonce = self._rng(_NONCE_BYTES)
        write_private(self._directory / COPY_FILE, nonce + self._aead.encrypt(nonce, text, _LABEL))

    def load(self) -> Copy | None:
        """The copy; None where there is none."""
        path = self._directory / COPY_FILE
        if not path.exists():
            return None
        data = read_private(path, COPY_LIMIT)
        try:
            text = self._aead.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _LABEL)
            stored = msgspec.msgpack.decode(text, type=_Stored)
        except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
            raise ParseError(f"{path} is damaged, or of another gateway") from error
        return Copy(stored.revision, stored.heard_at, stored.accounts, stored.settings)


def read_token(directory: Path) -> GatewayToken | None:
    """The gateway token in a state directory; raises `PrivateFileError` and `ParseError`."""
    path = directory / TOKEN_FILE
    if not path.exists():
        return None
    return GatewayToken.parse(read_private(path, TOKEN_LIMIT + 2).decode("ascii", "replace"))


def save_token(directory: Path, token: GatewayToken) -> None:
    """Join with this one from the next start on; a copy of another controller is of no use then."""
    make_private_directory(directory)
    write_private(directory / TOKEN_FILE, token.format().encode("ascii") + b"\n")
    (directory / COPY_FILE).unlink(missing_ok=True)
