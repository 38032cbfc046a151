"""Networks behind members: what each announces, and what a person approved.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "subnets",
        sa.Column("network", sa.Text, primary_key=True),
        sa.Column("node_id", sa.Text, primary_key=True),
        sa.Column("subnet", sa.Text, primary_key=True),
        sa.Column("is_announced", sa.Integer, nullable=False),
        sa.Column("is_approved", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["network", "node_id"], ["members.network", "members.node_id"], ondelete="CASCADE"),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Approvals would be lost: restore the backup instead."""
    raise NotImplementedError
