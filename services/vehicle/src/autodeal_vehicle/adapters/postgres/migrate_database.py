"""Bringing a database up to date, from empty or from any earlier release."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from autodeal_platform.logs import get_logger
from autodeal_vehicle.adapters.postgres.identify import identity_arguments, sqlalchemy_url
from autodeal_vehicle.settings import DatabaseSettings

_log = get_logger(__name__)

MIGRATION_LOCK = 0x6175746F
"""Of several processes that migrate at once, one works and the others find it done."""
LOCK_TIMEOUT_MS = 60_000
STATEMENT_TIMEOUT_MS = 600_000


async def migrate_database(settings: DatabaseSettings) -> None:
    """Run every migration that the database lacks, all in one transaction."""
    engine = create_async_engine(
        sqlalchemy_url(settings),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args=identity_arguments(settings),
    )
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
            await connection.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}"))
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()
    _log.info("database.migrated")


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "autodeal_vehicle:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
