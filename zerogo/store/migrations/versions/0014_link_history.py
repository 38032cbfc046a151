"""The course of links.

Revision ID: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from zerogo.store.tables import count_type

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "link_history",
        sa.Column("network", sa.Text, primary_key=True),
        sa.Column("a", sa.Text, primary_key=True),
        sa.Column("b", sa.Text, primary_key=True),
        sa.Column("hour", count_type(), primary_key=True),
        sa.Column("figures", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], ondelete="CASCADE"),
        sqlite_strict=True,
    )
    op.create_index("ix_link_history_hour", "link_history", ["hour"])


def downgrade() -> None:
    """The course of links would be lost: restore the backup instead."""
    raise NotImplementedError
