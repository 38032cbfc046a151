"""Run by Alembic: applies the steps on the connection that `zerogo.store.migrate` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from zerogo.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
