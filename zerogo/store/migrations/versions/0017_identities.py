"""Users who log in by another site's accounts.

Revision ID: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from zerogo.store.tables import time_type

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("created_at", time_type(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sqlite_strict=True,
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id"])
    op.create_table(
        "oidc_used",
        sa.Column("state_hash", sa.LargeBinary, primary_key=True),
        sa.Column("expires_at", time_type(), nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Who is who at the provider would be lost: restore the backup instead."""
    raise NotImplementedError
