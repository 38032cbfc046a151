"""Names in networks beside those of members.

Revision ID: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from zerogo.store.tables import time_type

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "names",
        sa.Column("network", sa.Text, sa.ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("label", sa.Text, primary_key=True),
        sa.Column("addresses", sa.Text, nullable=False),
        sa.Column("created_at", time_type(), nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Names would be lost: restore the backup instead."""
    raise NotImplementedError
