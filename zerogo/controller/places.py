"""Where a controller keeps what: the names in its state directory."""

from __future__ import annotations

from pathlib import Path

from zerogo.config.controller import ControllerConfig
from zerogo.secret import Secret

DATABASE_FILE = "controller.db"
TOKEN_SEED_FILE = "api-token.key"  # noqa: S105 - a file's name
BOOTSTRAP_FILE = "bootstrap-secret"
RESET_FILE = "reset-secret"
OWNER_FILE = "owner.json"
ONION_FILE = "onion.json"


def database_place(config: ControllerConfig) -> Path | Secret:
    """The controller's database: a file, or the URL of a server's."""
    return config.database or config.state_dir / DATABASE_FILE
