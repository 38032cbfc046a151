"""Sessions and API tokens; blocked and ephemeral members, tags; the audit log as a chain of hashes.

Revision ID: 0002
"""

from __future__ import annotations

import hashlib
import json
from contextlib import AbstractContextManager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations
from sqlalchemy.sql.naming import conv

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _time() -> sa.types.TypeEngine[float]:
    return sa.Double().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Change four tables, make two."""
    _change_members()
    _change_join_keys()
    _change_users()
    _make_sessions()
    _make_api_tokens()
    _chain_audit()


def downgrade() -> None:
    """The old release cannot read what this one writes: restore the backup instead."""
    raise NotImplementedError


def _table(name: str) -> sa.Table:
    """The table as it is."""
    table = sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())
    for constraint in table.constraints:
        # Or the naming convention would be applied to what has its name already.
        constraint.name = conv(str(constraint.name)) if constraint.name else None
    return table


def _batch(name: str) -> AbstractContextManager[BatchOperations]:
    """SQLite changes a table by making another, since the text of the first would show what was added."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    return op.batch_alter_table(
        name,
        recreate="always" if is_sqlite else "never",
        copy_from=_table(name) if is_sqlite else None,
        table_kwargs={"sqlite_strict": True},
    )


def _change_members() -> None:
    with _batch("members") as batch:
        batch.add_column(sa.Column("tags", sa.Text, nullable=False, server_default=""))
        batch.add_column(sa.Column("is_ephemeral", sa.Integer, nullable=False, server_default="0"))
        batch.drop_constraint(op.f("ck_members_state"), type_="check")
        batch.create_check_constraint("state", "state IN ('pending', 'approved', 'denied', 'blocked')")


def _change_join_keys() -> None:
    with _batch("join_keys") as batch:
        batch.add_column(sa.Column("tags", sa.Text, nullable=False, server_default=""))
        batch.add_column(sa.Column("is_ephemeral", sa.Integer, nullable=False, server_default="0"))


def _change_users() -> None:
    with _batch("users") as batch:
        batch.add_column(sa.Column("is_disabled", sa.Integer, nullable=False, server_default="0"))
        batch.add_column(sa.Column("valid_after", _time(), nullable=False, server_default="0"))


def _make_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("used_at", _time(), nullable=False),
        sa.Column("expires_at", _time(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.CheckConstraint("kind IN ('browser', 'refresh')", name="kind"),
        sqlite_strict=True,
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def _make_api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("expires_at", _time(), nullable=False),
        sa.Column("used_at", _time()),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sqlite_strict=True,
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["user_id"])


def _chain_audit() -> None:
    with _batch("audit") as batch:
        batch.add_column(sa.Column("hash", sa.Text, nullable=False, server_default=""))
    audit = sa.table("audit", sa.column("number"), sa.column("hash"))
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT number, at, actor, action, network, subject, detail FROM audit ORDER BY number")
    ).all()
    # Numbers may have gaps from before; a chain has none.
    before = ""
    for number, row in enumerate(rows, 1):
        text = json.dumps([before, number, *row[1:]], separators=(",", ":"))
        before = hashlib.sha256(text.encode()).hexdigest()
        line = audit.update().where(audit.c.number == row.number)
        connection.execute(line.values(number=number, hash=before))
