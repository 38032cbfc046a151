# -*- test-case-name: zerogo.test.cli.test_login -*-
"""Where `zerogo login` keeps by what right a controller elsewhere is called: a private file of this user."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from zerogo.cli.owner_api import Access
from zerogo.config.private_file import read_private, write_private
from zerogo.errors import LocalError

LOGIN_FILE = "login.json"
LOGIN_LIMIT = 64 * 1024


class DamagedLogin(LocalError):
    """The file of the login is damaged: log in again."""

    code = "E-LOGIN"


def user_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where this user's own files are (XDG Base Directory Specification)."""
    base = environ.get("XDG_CONFIG_HOME") or ""
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "zerogo"


def stored_access() -> Access | None:
    """The login that is in force, if there is one; raises `DamagedLogin`."""
    path = user_directory() / LOGIN_FILE
    if not path.exists():
        return None
    try:
        held = json.loads(read_private(path, LOGIN_LIMIT))
        return Access(url=str(held["url"]), token=str(held["token"]), ca=str(held.get("ca", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DamagedLogin(f"{path} is damaged: log in again with `zerogo login URL`") from None


def store_access(access: Access, token_id: str) -> Path:
    """Keep a login; where."""
    path = user_directory() / LOGIN_FILE
    held = {"url": access.url, "token": access.token, "ca": access.ca, "id": token_id}
    write_private(path, json.dumps(held).encode() + b"\n")
    return path


def forget_access() -> str:
    """Forget the login; the id of its API token, empty where that is unknown."""
    path = user_directory() / LOGIN_FILE
    try:
        held = json.loads(read_private(path, LOGIN_LIMIT))
        token_id = str(held.get("id", ""))
    except (ValueError, AttributeError):
        token_id = ""
    path.unlink(missing_ok=True)
    return token_id
