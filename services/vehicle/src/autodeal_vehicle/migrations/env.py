"""Alembic's entry: runs the migrations on the connection that `migrate_database` hands over."""

from __future__ import annotations

from alembic import context

from autodeal_vehicle.adapters.postgres.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
