# -*- test-case-name: zerogo.test.cli.test_owner_keys -*-
"""The keys of networks that only their owner has, on the owner's own machine: private files, one for each network.

The controller never sees them: the pre-shared key of a network in the mode `end-to-end`, and the key of its lock.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from zerogo.cli import logins
from zerogo.config.private_file import make_private_directory, read_private, write_private
from zerogo.control.lock import OwnerLock
from zerogo.errors import LocalError
from zerogo.ids import NetworkId

KEYS_DIRECTORY = "networks"
_LIMIT = 4096
_Key = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class NoOwnerKey(LocalError):
    """The key of this network is not on this machine."""

    code = "E-OWNER-KEY"


class OwnerKeys(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of one network; in base64 in the file."""

    psk: _Key | None = None
    lock_seed: _Key | None = None

    def __repr__(self) -> str:
        return "OwnerKeys(<secret>)"

    @property
    def lock(self) -> OwnerLock | None:
        """The lock, where its key is here."""
        return None if self.lock_seed is None else OwnerLock(self.lock_seed)


def path_of(network: str) -> Path:
    """Where the keys of a network, by its id, are; raises `ParseError`."""
    return logins.user_directory() / KEYS_DIRECTORY / f"{NetworkId.parse(network)}.json"


def owner_keys(network: str) -> OwnerKeys:
    """What is here; raises `NoOwnerKey` where the file is damaged."""
    path = path_of(network)
    if not path.exists():
        return OwnerKeys()
    try:
        return msgspec.json.decode(read_private(path, _LIMIT), type=OwnerKeys)
    except msgspec.MsgspecError:
        raise NoOwnerKey(f"{path} is damaged: put back a copy of it") from None


def keep_owner_keys(network: str, keys: OwnerKeys) -> Path:
    """Write them; where."""
    path = path_of(network)
    make_private_directory(path.parent.parent)
    write_private(path, msgspec.json.encode(keys) + b"\n")
    return path
