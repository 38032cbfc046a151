"""Addresses that are kept out of the exits; streams by the address that they left from.

Revision ID: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from zerogo.store.tables import time_type

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the index."""
    op.create_table(
        "exit_denials",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("range", sa.Text, nullable=False, unique=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", time_type(), nullable=False),
        sa.Column("ends_at", time_type(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_exit_streams_exit_address_ended_at", "exit_streams", ["exit_address", "ended_at"])


def downgrade() -> None:
    """Who is kept out would be lost: restore the backup instead."""
    raise NotImplementedError
