"""Network locks: their public keys, and what they signed of members.

Revision ID: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "locks",
        sa.Column("network", sa.Text, sa.ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("public", sa.LargeBinary, nullable=False),
        sa.Column("end", sa.LargeBinary),
        sqlite_strict=True,
    )
    op.create_table(
        "lock_signatures",
        sa.Column("network", sa.Text, primary_key=True),
        sa.Column("node_id", sa.Text, primary_key=True),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["network", "node_id"], ["members.network", "members.node_id"], ondelete="CASCADE"),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Signatures would be lost: restore the backup instead."""
    raise NotImplementedError
