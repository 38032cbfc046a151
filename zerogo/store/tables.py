# -*- test-case-name: zerogo.test.store.test_migrate -*-
"""The schema as SQLAlchemy tables. The migrations make it; a test holds both to be the same.

Ids are text (base32), keys and hashes are bytes, times are unix seconds. On SQLite every table is STRICT.
"""

from __future__ import annotations

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def time_type() -> TypeEngine[float]:
    """Unix seconds; STRICT tables of SQLite know this type by the name REAL."""
    return Double().with_variant(REAL(), "sqlite")


def count_type() -> TypeEngine[int]:
    """What may outgrow 31 bits, which is all that PostgreSQL's INTEGER has."""
    return BigInteger().with_variant(Integer(), "sqlite")


networks = Table(
    "networks",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("ipv4_prefix", Text),
    Column("ipv6_prefix", Text),
    Column("mtu", Integer, nullable=False),
    Column("psk_mode", Text, nullable=False),
    Column("psk", LargeBinary),
    Column("approval", Text, nullable=False),
    Column("revision", count_type(), nullable=False),
    Column("complete_since", count_type(), nullable=False),
    Column("created_at", time_type(), nullable=False),
    Column("flow_log", Integer, nullable=False, server_default="0"),
    CheckConstraint("psk_mode IN ('managed', 'end-to-end')", name="psk_mode"),
    CheckConstraint("approval IN ('automatic', 'manual')", name="approval"),
    sqlite_strict=True,
)

members = Table(
    "members",
    METADATA,
    Column("network", Text, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("node_id", Text, primary_key=True),
    Column("static_public", LargeBinary, nullable=False),
    Column("signing_public", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("capabilities", Text, nullable=False),
    Column("is_bridge", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("join_key", Text),
    Column("revision", count_type(), nullable=False),
    Column("created_at", time_type(), nullable=False),
    Column("last_seen_at", time_type(), nullable=False),
    Column("tags", Text, nullable=False, server_default=""),
    Column("is_ephemeral", Integer, nullable=False, server_default="0"),
    UniqueConstraint("network", "name_key"),
    UniqueConstraint("network", "mac"),
    UniqueConstraint("network", "static_public"),
    CheckConstraint("state IN ('pending', 'approved', 'denied', 'blocked')", name="state"),
    Index("ix_members_network_state", "network", "state"),
    sqlite_strict=True,
)

subnets = Table(
    "subnets",
    METADATA,
    Column("network", Text, primary_key=True),
    Column("node_id", Text, primary_key=True),
    Column("subnet", Text, primary_key=True),
    Column("is_announced", Integer, nullable=False),
    Column("is_approved", Integer, nullable=False),
    ForeignKeyConstraint(["network", "node_id"], ["members.network", "members.node_id"], ondelete="CASCADE"),
    sqlite_strict=True,
)
"""Networks behind members; others reach those that are announced by the member and approved by a person."""

policies = Table(
    "policies",
    METADATA,
    Column("network", Text, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", time_type(), nullable=False),
    sqlite_strict=True,
)
"""All policies that a network had; the one with the greatest revision is in force."""

names = Table(
    "names",
    METADATA,
    Column("network", Text, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("label", Text, primary_key=True),
    Column("addresses", Text, nullable=False),
    Column("created_at", time_type(), nullable=False),
    sqlite_strict=True,
)
"""Names beside those of members."""

locks = Table(
    "locks",
    METADATA,
    Column("network", Text, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("public", LargeBinary, nullable=False),
    Column("end", LargeBinary),
    sqlite_strict=True,
)
"""The public key of a network's lock, and the word by which a lock of it ended."""

lock_signatures = Table(
    "lock_signatures",
    METADATA,
    Column("network", Text, primary_key=True),
    Column("node_id", Text, primary_key=True),
    Column("signature", LargeBinary, nullable=False),
    ForeignKeyConstraint(["network", "node_id"], ["members.network", "members.node_id"], ondelete="CASCADE"),
    sqlite_strict=True,
)
"""What a network's lock signed of its members."""

removals = Table(
    "removals",
    METADATA,
    Column("network", Text, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("node_id", Text, primary_key=True),
    Column("revision", count_type(), nullable=False),
    Index("ix_removals_network_revision", "network", "revision"),
    sqlite_strict=True,
)
"""Who was in the map of a network, and the revision since which it is not."""

addresses = Table(
    "addresses",
    METADATA,
    Column("network", Text, ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("family", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("node_id", Text, nullable=False),
    Column("released_at", time_type()),
    UniqueConstraint("network", "family", "position"),
    UniqueConstraint("network", "family", "node_id"),
    CheckConstraint("family IN (4, 6)", name="family"),
    sqlite_strict=True,
)
"""One row per address ever given out, with its last owner; `released_at` is null while the owner holds it."""

join_keys = Table(
    "join_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("network", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    Column("uses_total", Integer, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("approval", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", time_type(), nullable=False),
    Column("expires_at", time_type(), nullable=False),
    Column("revoked_at", time_type()),
    Column("tags", Text, nullable=False, server_default=""),
    Column("is_ephemeral", Integer, nullable=False, server_default="0"),
    ForeignKeyConstraint(["network"], ["networks.id"], ondelete="CASCADE"),
    CheckConstraint("uses_left >= 0 AND uses_left <= uses_total", name="uses"),
    CheckConstraint("approval IN ('automatic', 'manual')", name="approval"),
    sqlite_strict=True,
)

users = Table(
    "users",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", time_type(), nullable=False),
    Column("is_disabled", Integer, nullable=False, server_default="0"),
    Column("valid_after", time_type(), nullable=False, server_default="0"),
    CheckConstraint("role IN ('owner', 'admin', 'operator', 'auditor', 'user')", name="role"),
    sqlite_strict=True,
)
"""Tokens issued before `valid_after` are not good any more."""

sessions = Table(
    "sessions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", time_type(), nullable=False),
    Column("used_at", time_type(), nullable=False),
    Column("expires_at", time_type(), nullable=False),
    ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
    CheckConstraint("kind IN ('browser', 'refresh')", name="kind"),
    Index("ix_sessions_user_id", "user_id"),
    sqlite_strict=True,
)
"""What a login opened: a browser's session, or the right to have new access tokens."""

api_tokens = Table(
    "api_tokens",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", time_type(), nullable=False),
    Column("expires_at", time_type(), nullable=False),
    Column("used_at", time_type()),
    ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
    Index("ix_api_tokens_user_id", "user_id"),
    sqlite_strict=True,
)

second_factors = Table(
    "second_factors",
    METADATA,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("is_confirmed", Integer, nullable=False),
    Column("last_step", Integer, nullable=False),
    Column("created_at", time_type(), nullable=False),
    sqlite_strict=True,
)

recovery_codes = Table(
    "recovery_codes",
    METADATA,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True),
    sqlite_strict=True,
)

link_history = Table(
    "link_history",
    METADATA,
    Column("network", Text, primary_key=True),
    Column("a", Text, primary_key=True),
    Column("b", Text, primary_key=True),
    Column("hour", count_type(), primary_key=True),
    Column("figures", LargeBinary, nullable=False),
    ForeignKeyConstraint(["network"], ["networks.id"], ondelete="CASCADE"),
    Index("ix_link_history_hour", "hour"),
    sqlite_strict=True,
)
"""The course of a link in one hour since 1970: twelve times the floats of `zerogo.store.link_history`."""

flow_log = Table(
    "flow_log",
    METADATA,
    Column("number", count_type(), primary_key=True, autoincrement=False),
    Column("network", Text, nullable=False),
    Column("reporter", Text, nullable=False),
    Column("at", time_type(), nullable=False),
    Column("seconds", time_type(), nullable=False),
    Column("peer", Text, nullable=False),
    Column("is_outbound", Integer, nullable=False),
    Column("protocol", Integer, nullable=False),
    Column("port", Integer, nullable=False),
    Column("opened", count_type(), nullable=False),
    Column("refused", count_type(), nullable=False),
    ForeignKeyConstraint(["network"], ["networks.id"], ondelete="CASCADE"),
    Index("ix_flow_log_network_number", "network", "number"),
    Index("ix_flow_log_network_reporter_number", "network", "reporter", "number"),
    Index("ix_flow_log_at", "at"),
    sqlite_strict=True,
)
"""What members' data planes decided by the policy, as they told it (`zerogo.store.flow_log`)."""

webhooks = Table(
    "webhooks",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("is_enabled", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", time_type(), nullable=False),
    Column("last_at", time_type()),
    Column("last_outcome", Text, nullable=False),
    Column("dropped", count_type(), nullable=False),
    sqlite_strict=True,
)
"""Where to tell what happens; `kinds` are separated by spaces. The secret signs, so it cannot be hashed."""

webhook_deliveries = Table(
    "webhook_deliveries",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("webhook_id", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_at", time_type(), nullable=False),
    Column("due_at", time_type(), nullable=False),
    Column("attempts", Integer, nullable=False),
    ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], ondelete="CASCADE"),
    Index("ix_webhook_deliveries_due_at", "due_at"),
    Index("ix_webhook_deliveries_webhook_id", "webhook_id"),
    sqlite_strict=True,
)
"""What waits to be told."""

settings = Table(
    "settings",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_strict=True,
)

audit = Table(
    "audit",
    METADATA,
    Column("number", count_type(), primary_key=True),
    Column("at", time_type(), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("network", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("hash", Text, nullable=False, server_default=""),
    sqlite_strict=True,
)
"""Append-only; `hash` is of this line and of the hash before it (`zerogo.store.audit`)."""
