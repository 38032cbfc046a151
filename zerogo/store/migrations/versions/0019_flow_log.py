"""Networks may keep a log of what their policy decided.

Revision ID: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from zerogo.store.tables import count_type, time_type

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and the setting."""
    op.add_column("networks", sa.Column("flow_log", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "flow_log",
        sa.Column("number", count_type(), primary_key=True, autoincrement=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("reporter", sa.Text, nullable=False),
        sa.Column("at", time_type(), nullable=False),
        sa.Column("seconds", time_type(), nullable=False),
        sa.Column("peer", sa.Text, nullable=False),
        sa.Column("is_outbound", sa.Integer, nullable=False),
        sa.Column("protocol", sa.Integer, nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("opened", count_type(), nullable=False),
        sa.Column("refused", count_type(), nullable=False),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], ondelete="CASCADE"),
        sqlite_strict=True,
    )
    op.create_index("ix_flow_log_network_number", "flow_log", ["network", "number"])
    op.create_index("ix_flow_log_network_reporter_number", "flow_log", ["network", "reporter", "number"])
    op.create_index("ix_flow_log_at", "flow_log", ["at"])


def downgrade() -> None:
    """The log would be lost: restore the backup instead."""
    raise NotImplementedError
