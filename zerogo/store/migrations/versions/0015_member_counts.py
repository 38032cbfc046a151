"""Members are counted by their state without reading them.

Revision ID: 0015
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index("ix_members_network_state", "members", ["network", "state"])


def downgrade() -> None:
    """Not offered: restore the backup instead."""
    raise NotImplementedError
