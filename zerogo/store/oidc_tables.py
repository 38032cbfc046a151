# -*- test-case-name: zerogo.test.store.test_identities -*-
"""Tables about logins by another site's accounts: whose they are, and which logins came back.

Times are unix seconds.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, Text

from zerogo.store.tables import METADATA, time_type

identities = Table(
    "identities",
    METADATA,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", time_type(), nullable=False),
    Index("ix_identities_user_id", "user_id"),
    sqlite_strict=True,
)
"""Issuer and subject are the account, for ever; names and addresses of mail go from one person to another."""

oidc_used = Table(
    "oidc_used",
    METADATA,
    Column("state_hash", LargeBinary, primary_key=True),
    Column("expires_at", time_type(), nullable=False),
    sqlite_strict=True,
)
"""States of logins that came back, until their time would have been over anyway."""
