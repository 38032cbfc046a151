# -*- test-case-name: zerogo.test.store.test_exit_users -*-
"""Tables of the exits: accounts, packages, gateways, edges, keys, leases, statistics, the audit of streams.

Ids of gateways and edges are node ids, times are unix seconds, counts are payload bytes. On SQLite all are STRICT.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from zerogo.store.tables import METADATA, time_type

COUNT = BigInteger().with_variant(Integer(), "sqlite")

exit_packages = Table(
    "exit_packages",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("bytes", COUNT, nullable=False),
    Column("seconds", time_type(), nullable=False),
    CheckConstraint("bytes >= 0", name="bytes"),
    sqlite_strict=True,
)
"""So many bytes in each window of so many seconds; 0 seconds: once."""

exit_users = Table(
    "exit_users",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("package", Text, ForeignKey("exit_packages.name")),
    Column("window_at", time_type(), nullable=False),
    Column("used", COUNT, nullable=False),
    Column("total_up", COUNT, nullable=False),
    Column("total_down", COUNT, nullable=False),
    Column("created_at", time_type(), nullable=False),
    sqlite_strict=True,
)
"""`account` is JSON (`zerogo.exit.account`); `used` is of the package's window that began at `window_at`."""

exit_gateways = Table(
    "exit_gateways",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("static_public", LargeBinary, nullable=False),
    Column("signing_public", LargeBinary, nullable=False),
    Column("addresses", Text, nullable=False),
    Column("is_tls", Integer, nullable=False),
    Column("region", Text, nullable=False),
    Column("edges_limit", COUNT, nullable=False),
    Column("is_draining", Integer, nullable=False),
    Column("boot", LargeBinary, nullable=False),
    Column("batch", COUNT, nullable=False),
    Column("created_at", time_type(), nullable=False),
    Column("last_seen_at", time_type(), nullable=False),
    sqlite_strict=True,
)
"""`batch` is the last one of usage that was stored of the start `boot`."""

exit_edges = Table(
    "exit_edges",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("asn", COUNT, nullable=False),
    Column("address", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("is_denied", Integer, nullable=False),
    Column("consent_at", time_type(), nullable=False),
    Column("created_at", time_type(), nullable=False),
    Column("last_seen_at", time_type(), nullable=False),
    Column("discrepancy", COUNT, nullable=False),
    sqlite_strict=True,
)
"""`discrepancy`: bytes that edge and gateways counted differently, beyond the tolerance."""

exit_keys = Table(
    "exit_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    Column("created_by", Text, nullable=False),
    Column("created_at", time_type(), nullable=False),
    Column("expires_at", time_type(), nullable=False),
    CheckConstraint("kind IN ('gateway', 'edge')", name="kind"),
    sqlite_strict=True,
)

exit_denials = Table(
    "exit_denials",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("range", Text, nullable=False, unique=True),
    Column("reason", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", time_type(), nullable=False),
    Column("ends_at", time_type(), nullable=False),
    sqlite_strict=True,
)
"""Addresses from which neither users nor edges are taken; `ends_at` 0: until somebody deletes it."""

exit_leases = Table(
    "exit_leases",
    METADATA,
    Column("gateway", Text, ForeignKey("exit_gateways.id", ondelete="CASCADE"), primary_key=True),
    Column("user", Text, ForeignKey("exit_users.name", ondelete="CASCADE"), primary_key=True),
    Column("bytes", COUNT, nullable=False),
    sqlite_strict=True,
)
"""Bytes of a user's package that a gateway may spend without asking."""

exit_stats = Table(
    "exit_stats",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("began_at", time_type(), primary_key=True),
    Column("up", COUNT, nullable=False),
    Column("down", COUNT, nullable=False),
    Column("streams", COUNT, nullable=False),
    CheckConstraint("kind IN ('user', 'edge', 'country')", name="kind"),
    CheckConstraint("period IN ('minute', 'hour', 'day')", name="period"),
    Index("ix_exit_stats_period_began_at", "period", "began_at"),
    sqlite_strict=True,
)

exit_streams = Table(
    "exit_streams",
    METADATA,
    Column("id", COUNT, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("edge", Text, nullable=False),
    Column("exit_address", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("ended_at", time_type(), nullable=False),
    Column("seconds", time_type(), nullable=False),
    Column("up", COUNT, nullable=False),
    Column("down", COUNT, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_exit_streams_ended_at", "ended_at"),
    Index("ix_exit_streams_user_id", "user", "id"),
    Index("ix_exit_streams_exit_address_ended_at", "exit_address", "ended_at"),
    sqlite_strict=True,
)
"""Who went where by which exit; kept for as long as the controller's configuration says."""
