"""The audit of streams through exits may have more than 2,147,483,647 rows, counted over all its time.

Revision ID: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let PostgreSQL number rows with 63 bits, as SQLite does anyway."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.alter_column("exit_streams", "id", type_=sa.BigInteger)
    # The sequence of a column that was made as SERIAL ends where INTEGER does.
    op.execute("ALTER SEQUENCE exit_streams_id_seq AS BIGINT")


def downgrade() -> None:
    """Numbers would not fit: restore the backup instead."""
    raise NotImplementedError
