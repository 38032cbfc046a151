# -*- test-case-name: zerogo.test.controller.test_accounts -*-
"""The two secrets that make an owner without a login: files in the state directory, which only the owner of the machine
reads and writes.

`bootstrap-secret` is there until there is a user. `reset-secret` is made by `zerogo controller reset-admin`, is good
for a day, and is gone before it takes effect: of two who show it at once, one wins.
"""

from __future__ import annotations

import hmac
from pathlib import Path

from zerogo.config.errors import PrivateFileError
from zerogo.config.private_file import read_private
from zerogo.controller.places import RESET_FILE
from zerogo.controller.problems import Problem

SECRET_LIMIT = 200
RESET_SECONDS = 24 * 3600.0


def take_secret(bootstrap_path: Path, given: str, unix_now: float) -> bool:
    """Whether the secret that was shown is one that resets an owner; False: it makes the first user. Raises `Problem`
    where it is neither."""
    secrets = {path: _read(path) for path in (bootstrap_path, bootstrap_path.with_name(RESET_FILE))}
    if not any(secrets.values()):
        raise Problem(409, "conflict", "the controller has an owner already")
    for path, secret in secrets.items():
        if secret and hmac.compare_digest(secret.encode(), given.strip().encode()):
            return path.name == RESET_FILE and _use_up(path, unix_now)
    names = " or ".join(path.name for path, secret in secrets.items() if secret)
    raise Problem(401, "unauthorized", f"that is not the secret in {names}")


def _read(path: Path) -> str:
    try:
        return read_private(path, SECRET_LIMIT).decode("ascii", "replace").strip()
    except PrivateFileError:
        return ""


def _use_up(path: Path, unix_now: float) -> bool:
    try:
        made_at = path.stat().st_mtime
        path.unlink()
    except FileNotFoundError as error:
        raise Problem(401, "unauthorized", "the secret was used already") from error
    if unix_now - made_at > RESET_SECONDS:
        raise Problem(401, "unauthorized", "the secret is older than a day: make another one")
    return True
