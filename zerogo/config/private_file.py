# -*- test-case-name: zerogo.test.config.test_private_file -*-
"""Files that only their owner may read: mode 0600 in a directory of mode 0700, both ours.

Looser ones are refused on reading, as SSH does, with the command that repairs them. Writing is atomic and survives a
power cut: a temporary file is written and synced, moved into place, and the directory is synced.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from zerogo.config.errors import PrivateFileError

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


def read_private(path: Path, limit: int) -> bytes:
    """The bytes of a private file of at most `limit` bytes; raises `PrivateFileError`."""
    _check_directory(path.parent)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise PrivateFileError(f"{path} is not a plain file")
        _check_owner_and_mode(path, status, FILE_MODE)
        data = os.read(descriptor, limit + 1)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise PrivateFileError(f"{path} has more than {limit} bytes")
    return data


def write_private(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write `data`, making the directory where it is missing; raises `PrivateFileError`.

    With `replace=False` a file that is there stays as it is and is an error, also when another process races us.
    """
    make_private_directory(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            _write_synced(temporary, data)
            if replace:
                temporary.replace(path)
            else:
                path.hardlink_to(temporary)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except FileExistsError as error:
        raise PrivateFileError(f"{path} is there already; it was not touched") from error
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be written: {error.strerror}") from error


def make_private_directory(path: Path) -> None:
    """Make a directory for private files, or check the one that is there; raises `PrivateFileError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    except OSError as error:
        raise PrivateFileError(f"the directory {path} cannot be made: {error.strerror}") from error
    _check_directory(path)


def check_mode(path: Path) -> None:
    """Raise `PrivateFileError` where others than its owner, whoever that is, may use a directory for private files."""
    _check_mode(path, path.stat(), DIRECTORY_MODE)


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, FILE_MODE)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_directory(path: Path) -> None:
    try:
        status = path.stat()
    except OSError as error:
        raise PrivateFileError(f"the directory {path} cannot be used: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise PrivateFileError(f"{path} is not a directory")
    _check_owner_and_mode(path, status, DIRECTORY_MODE)


def _check_owner_and_mode(path: Path, status: os.stat_result, mode: int) -> None:
    if status.st_uid != os.geteuid():
        raise PrivateFileError(f"{path} belongs to user {status.st_uid}, not to us; run: chown {os.geteuid()} {path}")
    _check_mode(path, status, mode)


def _check_mode(path: Path, status: os.stat_result, mode: int) -> None:
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise PrivateFileError(
            f"{path} may be used by others (mode {stat.S_IMODE(status.st_mode):04o}); run: chmod {mode:o} {path}"
        )
