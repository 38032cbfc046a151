# -*- test-case-name: integration.test_exits -*-
"""What an edge keeps on disk: its key, and the token of its gateway; both for its owner's eyes only."""

from __future__ import annotations

from pathlib import Path

from zerogo.config.identity_file import IDENTITY_FILE, load_or_create_identity
from zerogo.config.private_file import make_private_directory, read_private, write_private
from zerogo.control.edge_token import EdgeToken
from zerogo.control.token import TOKEN_LIMIT
from zerogo.noise.identity import Identity

TOKEN_FILE = "token"  # noqa: S105 - the name of a file


class EdgeState:
    """The state directory. Its methods raise `PrivateFileError`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def identity(self) -> Identity:
        """This edge's key, made on the first call."""
        make_private_directory(self._directory)
        return load_or_create_identity(self._directory / IDENTITY_FILE)

    def token(self) -> EdgeToken | None:
        """The token of the gateway; None where it has not joined. Raises `ParseError` too."""
        path = self._directory / TOKEN_FILE
        if not path.exists():
            return None
        return EdgeToken.parse(read_private(path, TOKEN_LIMIT + 2).decode("ascii", "replace"))

    def forget_token(self) -> None:
        """Belong to no gateway."""
        (self._directory / TOKEN_FILE).unlink(missing_ok=True)

    def save_token(self, token: EdgeToken) -> None:
        """Join with this one from here on."""
        make_private_directory(self._directory)
        write_private(self._directory / TOKEN_FILE, token.format().encode("ascii") + b"\n")
