"""Where a controller keeps what: the names in its state directory."""

from __future__ import annotations

from pathlib import Path

from zerogo.config.controller import ControllerConfig

DATABASE_FILE = "controller.db"
TOKEN_SEED_FILE = "api-token.key"  # noqa: S105 - a file's name
BOOTSTRAP_FILE = "bootstrap-secret"
RESET_FILE = "reset-secret"
OWNER_FILE = "owner.json"


def database_place(config: ControllerConfig) -> Path:
    """The controller's database."""
    return config.database or config.state_dir / DATABASE_FILE
