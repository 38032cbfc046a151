"""Exits: accounts, packages, gateways, edges, keys to join with, leases, statistics, the audit of streams.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from zerogo.store.tables import time_type

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _make_accounts()
    _make_places()
    _make_counts()


def _make_accounts() -> None:
    op.create_table(
        "exit_packages",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("bytes", _COUNT, nullable=False),
        sa.Column("seconds", time_type(), nullable=False),
        sa.CheckConstraint("bytes >= 0", name="bytes"),
        sqlite_strict=True,
    )
    op.create_table(
        "exit_users",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("package", sa.Text, sa.ForeignKey("exit_packages.name")),
        sa.Column("window_at", time_type(), nullable=False),
        sa.Column("used", _COUNT, nullable=False),
        sa.Column("total_up", _COUNT, nullable=False),
        sa.Column("total_down", _COUNT, nullable=False),
        sa.Column("created_at", time_type(), nullable=False),
        sqlite_strict=True,
    )


def _make_places() -> None:
    op.create_table(
        "exit_gateways",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("static_public", sa.LargeBinary, nullable=False),
        sa.Column("signing_public", sa.LargeBinary, nullable=False),
        sa.Column("addresses", sa.Text, nullable=False),
        sa.Column("is_tls", sa.Integer, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("edges_limit", _COUNT, nullable=False),
        sa.Column("is_draining", sa.Integer, nullable=False),
        sa.Column("boot", sa.LargeBinary, nullable=False),
        sa.Column("batch", _COUNT, nullable=False),
        sa.Column("created_at", time_type(), nullable=False),
        sa.Column("last_seen_at", time_type(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "exit_edges",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("city", sa.Text, nullable=False),
        sa.Column("asn", _COUNT, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("is_denied", sa.Integer, nullable=False),
        sa.Column("consent_at", time_type(), nullable=False),
        sa.Column("created_at", time_type(), nullable=False),
        sa.Column("last_seen_at", time_type(), nullable=False),
        sa.Column("discrepancy", _COUNT, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "exit_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", time_type(), nullable=False),
        sa.Column("expires_at", time_type(), nullable=False),
        sa.CheckConstraint("kind IN ('gateway', 'edge')", name="kind"),
        sqlite_strict=True,
    )


def _make_counts() -> None:
    op.create_table(
        "exit_leases",
        sa.Column("gateway", sa.Text, sa.ForeignKey("exit_gateways.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user", sa.Text, sa.ForeignKey("exit_users.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("bytes", _COUNT, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "exit_stats",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("period", sa.Text, primary_key=True),
        sa.Column("began_at", time_type(), primary_key=True),
        sa.Column("up", _COUNT, nullable=False),
        sa.Column("down", _COUNT, nullable=False),
        sa.Column("streams", _COUNT, nullable=False),
        sa.CheckConstraint("kind IN ('user', 'edge', 'country')", name="kind"),
        sa.CheckConstraint("period IN ('minute', 'hour', 'day')", name="period"),
        sqlite_strict=True,
    )
    op.create_index("ix_exit_stats_period_began_at", "exit_stats", ["period", "began_at"])
    op.create_table(
        "exit_streams",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("edge", sa.Text, nullable=False),
        sa.Column("exit_address", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("ended_at", time_type(), nullable=False),
        sa.Column("seconds", time_type(), nullable=False),
        sa.Column("up", _COUNT, nullable=False),
        sa.Column("down", _COUNT, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_exit_streams_ended_at", "exit_streams", ["ended_at"])
    op.create_index("ix_exit_streams_user_id", "exit_streams", ["user", "id"])


def downgrade() -> None:
    """Accounts and what they used would be lost: restore the backup instead."""
    raise NotImplementedError
