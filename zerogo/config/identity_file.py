# -*- test-case-name: zerogo.test.config.test_identity_file -*-
"""The node's key on disk: mode 0600 in a directory of mode 0700, never overwritten."""

from __future__ import annotations

import os
from pathlib import Path

from zerogo.config.errors import PrivateFileError
from zerogo.config.private_file import read_private, write_private
from zerogo.errors import ParseError
from zerogo.noise.identity import Identity

IDENTITY_FILE = "identity.key"
"""Its name in a role's state directory."""
SIZE_LIMIT = 4096


def load_identity(path: Path) -> Identity:
    """The identity in the file; raises `PrivateFileError` where it is missing, damaged or open to others."""
    data = read_private(path, SIZE_LIMIT)
    try:
        return Identity.parse(data.decode("ascii"))
    except (ParseError, UnicodeDecodeError):
        # The cause could quote the key.
        raise PrivateFileError(f"{path} does not hold an identity") from None


def create_identity(path: Path) -> Identity:
    """A new identity, on disk before this returns; raises `PrivateFileError` where the file is there already."""
    identity = Identity.generate(os.urandom)
    write_private(path, identity.export().encode("ascii") + b"\n", replace=False)
    return identity


def load_or_create_identity(path: Path) -> Identity:
    """The identity in the file, made on the first call; raises `PrivateFileError`."""
    return load_identity(path) if os.path.lexists(path) else create_identity(path)
