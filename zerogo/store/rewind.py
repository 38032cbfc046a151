# -*- test-case-name: zerogo.test.store.test_rewind -*-
"""What has to be done to a database from yesterday before a controller uses it today.

Agents refuse a network map that is older than the one they hold: whoever steals an old map, or an old backup, cannot
bring back a member that was removed. A restored controller therefore has to go on above every revision that the lost
one can have told. Every change of a network counts one, and a controller does not make `REVISIONS_PER_SECOND` of them
in the long run, so the time since the copy was taken bounds how far the lost one can have come; what the database that
is replaced says, where it can still be read, is taken into account too. Deltas from before do not lead to what is told
from then on, so every agent gets the whole map once.

Sessions are ended: one that was closed since the copy would be open again.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select, update

from zerogo.store import audit, tables

REVISIONS_PER_SECOND = 10
REVISIONS_LEAST = 1_000_000


def revisions(connection: Connection) -> dict[str, int]:
    """The revision of each network."""
    columns = tables.networks.c
    return {row.id: row.revision for row in connection.execute(select(columns.id, columns.revision))}


def go_on(connection: Connection, lost: Mapping[str, int], taken_at: float, unix_now: float) -> dict[str, int]:
    """Make a copy taken at `taken_at` fit to follow a controller that went on after it; `lost` are the revisions that
    are known of that one. Returns the new revisions."""
    step = REVISIONS_LEAST + int(max(0.0, unix_now - taken_at) * REVISIONS_PER_SECOND)
    raised = {network: max(own, lost.get(network, 0)) + step for network, own in revisions(connection).items()}
    for network, revision in raised.items():
        here = tables.networks.c.id == network
        connection.execute(update(tables.networks).where(here).values(revision=revision, complete_since=revision))
    connection.execute(delete(tables.sessions))
    connection.execute(update(tables.users).values(valid_after=unix_now))
    audit.record(connection, "owner", "controller.restore", unix_now, detail=f"taken_at={taken_at:.0f}")
    return raised
