"""The first schema: networks, members, addresses, join keys, users, audit.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _time() -> sa.types.TypeEngine[float]:
    return sa.Double().with_variant(sa.REAL(), "sqlite")


def _count() -> sa.types.TypeEngine[int]:
    """SQLite's INTEGER has 63 bits, PostgreSQL's has 31."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    _make_networks()
    _make_members()
    _make_addresses()
    _make_join_keys()
    _make_the_rest()


def downgrade() -> None:
    """There is nothing before the first schema: restore the backup instead."""
    raise NotImplementedError


def _make_networks() -> None:
    op.create_table(
        "networks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False, unique=True),
        sa.Column("ipv4_prefix", sa.Text),
        sa.Column("ipv6_prefix", sa.Text),
        sa.Column("mtu", sa.Integer, nullable=False),
        sa.Column("psk_mode", sa.Text, nullable=False),
        sa.Column("psk", sa.LargeBinary),
        sa.Column("approval", sa.Text, nullable=False),
        sa.Column("revision", _count(), nullable=False),
        sa.Column("complete_since", _count(), nullable=False),
        sa.Column("created_at", _time(), nullable=False),
        sa.CheckConstraint("psk_mode IN ('managed', 'end-to-end')", name="psk_mode"),
        sa.CheckConstraint("approval IN ('automatic', 'manual')", name="approval"),
        sqlite_strict=True,
    )


def _make_members() -> None:
    op.create_table(
        "members",
        sa.Column("network", sa.Text, sa.ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("node_id", sa.Text, primary_key=True),
        sa.Column("static_public", sa.LargeBinary, nullable=False),
        sa.Column("signing_public", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("capabilities", sa.Text, nullable=False),
        sa.Column("is_bridge", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("join_key", sa.Text),
        sa.Column("revision", _count(), nullable=False),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("last_seen_at", _time(), nullable=False),
        sa.UniqueConstraint("network", "name_key"),
        sa.UniqueConstraint("network", "mac"),
        sa.UniqueConstraint("network", "static_public"),
        sa.CheckConstraint("state IN ('pending', 'approved', 'denied')", name="state"),
        sqlite_strict=True,
    )
    op.create_table(
        "removals",
        sa.Column("network", sa.Text, sa.ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("node_id", sa.Text, primary_key=True),
        sa.Column("revision", _count(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_removals_network_revision", "removals", ["network", "revision"])


def _make_addresses() -> None:
    op.create_table(
        "addresses",
        sa.Column("network", sa.Text, sa.ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("family", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("node_id", sa.Text, nullable=False),
        sa.Column("released_at", _time()),
        sa.UniqueConstraint("network", "family", "position"),
        sa.UniqueConstraint("network", "family", "node_id"),
        sa.CheckConstraint("family IN (4, 6)", name="family"),
        sqlite_strict=True,
    )


def _make_join_keys() -> None:
    op.create_table(
        "join_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("uses_total", sa.Integer, nullable=False),
        sa.Column("uses_left", sa.Integer, nullable=False),
        sa.Column("approval", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("expires_at", _time(), nullable=False),
        sa.Column("revoked_at", _time()),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], ondelete="CASCADE"),
        sa.CheckConstraint("uses_left >= 0 AND uses_left <= uses_total", name="uses"),
        sa.CheckConstraint("approval IN ('automatic', 'manual')", name="approval"),
        sqlite_strict=True,
    )


def _make_the_rest() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False, unique=True),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_at", _time(), nullable=False),
        sa.CheckConstraint("role IN ('owner', 'admin', 'operator', 'auditor', 'user')", name="role"),
        sqlite_strict=True,
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "audit",
        sa.Column("number", _count(), primary_key=True),
        sa.Column("at", _time(), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_strict=True,
    )
