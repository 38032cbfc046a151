# -*- test-case-name: integration.test_exits -*-
"""What an edge keeps on disk, for its owner's eyes only: its key, the token of its gateway, the gateways that it was
told of, when the owner agreed, and what the month has carried.
"""

from __future__ import annotations

from pathlib import Path

from zerogo.config.identity_file import IDENTITY_FILE, load_identity, load_or_create_identity
from zerogo.config.private_file import make_private_directory, read_private, write_private
from zerogo.control.edge_token import EdgeToken
from zerogo.control.token import TOKEN_LIMIT
from zerogo.errors import ParseError
from zerogo.exit.notes import Places, emit_note, parse_note
from zerogo.exit.owner_limits import MonthUse
from zerogo.noise.identity import Identity

TOKEN_FILE = "token"  # noqa: S105 - the name of a file
PLACES_FILE = "gateways"
CONSENT_FILE = "consent"
MONTH_FILE = "month"
FILE_LIMIT = 64 * 1024


class EdgeState:
    """The state directory. Its methods raise `PrivateFileError`.

    :param identity: another file that holds the key; None: one in the directory.
    """

    def __init__(self, directory: Path, identity: Path | None = None) -> None:
        self._directory = directory
        self._identity = identity

    def identity(self) -> Identity:
        """This edge's key, made on the first call."""
        make_private_directory(self._directory)
        if self._identity is not None:
            return load_identity(self._identity)
        return load_or_create_identity(self._directory / IDENTITY_FILE)

    def token(self) -> EdgeToken | None:
        """The token of the gateway; None where it has not joined. Raises `ParseError` too."""
        path = self._directory / TOKEN_FILE
        if not path.exists():
            return None
        return EdgeToken.parse(read_private(path, TOKEN_LIMIT + 2).decode("ascii", "replace"))

    def forget_token(self) -> None:
        """Belong to no gateway."""
        for name in (TOKEN_FILE, PLACES_FILE, CONSENT_FILE):
            (self._directory / name).unlink(missing_ok=True)

    def places(self) -> Places | None:
        """The gateways that it was told of last; None where that is not known."""
        try:
            found = parse_note(self._read(PLACES_FILE))
        except ParseError:
            return None
        return found if isinstance(found, Places) else None

    def save_places(self, places: Places) -> None:
        """Keep them."""
        write_private(self._directory / PLACES_FILE, emit_note(places))

    def consent_at(self) -> float:
        """When the owner agreed that others' traffic leaves here, unix time; 0: not known."""
        text = self._read(CONSENT_FILE).split(b" ")[0].decode("ascii", "replace")
        return float(text) if text.isdigit() and len(text) < 12 else 0.0

    def save_consent(self, unix_time: float, sentence: str) -> None:
        """The owner was told `sentence`, and agreed."""
        make_private_directory(self._directory)
        write_private(self._directory / CONSENT_FILE, f"{int(unix_time)} {sentence}\n".encode())

    def month_use(self) -> MonthUse | None:
        """What the month has carried; None where that is not known."""
        month, _, used = self._read(MONTH_FILE).decode("ascii", "replace").strip().partition(" ")
        return MonthUse(month, int(used)) if used.isdigit() and len(used) < 20 else None

    def save_month_use(self, use: MonthUse) -> None:
        """Keep it."""
        write_private(self._directory / MONTH_FILE, f"{use.month} {use.used}\n".encode("ascii"))

    def _read(self, name: str) -> bytes:
        path = self._directory / name
        return read_private(path, FILE_LIMIT) if path.exists() else b""

    def save_token(self, token: EdgeToken) -> None:
        """Join with this one from here on."""
        make_private_directory(self._directory)
        write_private(self._directory / TOKEN_FILE, token.format().encode("ascii") + b"\n")
