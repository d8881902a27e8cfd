"""PostgreSQL alone, with the tables of messaging, for what needs no Kafka."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.engines.postgres_databases import create_database
from autodeal_devstack.engines.run_engines import running_engines
from autodeal_messaging.postgres.schema import define_deadlines, define_inbox, define_outbox

FILL_TIMEOUT_SECONDS = 300.0


@asynccontextmanager
async def database_room() -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    """Give the URL of a database that is durable as in production, and a connection to fill it by."""
    async with running_engines(EngineChoice.EMBEDDED, need={"postgres"}) as endpoints:
        url = await create_database(endpoints.postgres_url, f"b{secrets.token_hex(6)}")
        engine = create_async_engine(driver_url(url))
        metadata = MetaData()
        for define in (define_outbox, define_inbox, define_deadlines):
            define(metadata)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await engine.dispose()
        filling = await asyncpg.connect(url, command_timeout=FILL_TIMEOUT_SECONDS)
        try:
            yield url, filling
        finally:
            await filling.close()


def driver_url(url: str) -> str:
    """Return a URL as SQLAlchemy wants it."""
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)
