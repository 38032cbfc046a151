"""Alembic's directory: `env` runs the steps in `versions`, one file per released schema."""
