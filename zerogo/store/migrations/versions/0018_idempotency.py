"""Answers to requests that make something, for when they are sent again.

Revision ID: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from zerogo.store.tables import time_type

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "idempotency",
        sa.Column("caller", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("began_at", time_type(), nullable=False),
        sa.Column("answer", sa.LargeBinary),
        sqlite_strict=True,
    )
    op.create_index("ix_idempotency_began_at", "idempotency", ["began_at"])


def downgrade() -> None:
    """Answers would be lost: restore the backup instead."""
    raise NotImplementedError
