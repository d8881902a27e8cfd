"""Migrations build exactly what the code believes in, however often and from however many places."""

from __future__ import annotations

import asyncio

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from autodeal_platform.settings import Secret
from autodeal_vehicle.adapters.postgres.identify import sqlalchemy_url
from autodeal_vehicle.adapters.postgres.migrate_database import migrate_database
from autodeal_vehicle.adapters.postgres.tables import METADATA
from autodeal_vehicle.settings import DatabaseSettings

SHAPE = """
    SELECT 'column' AS kind, table_name || '.' || column_name AS name,
           concat_ws(' ', data_type, is_nullable, column_default, is_identity, identity_generation) AS shape
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'table', relname, array_to_string(reloptions, ' ') FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    UNION ALL
    SELECT 'comment', attrelid::regclass || '.' || attname, col_description(attrelid, attnum)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND col_description(attrelid, attnum) IS NOT NULL
    UNION ALL
    SELECT 'sequence', sequencename,
           concat_ws(' ', data_type, start_value, increment_by, max_value, cache_size, cycle)
    FROM pg_sequences WHERE schemaname = 'public'
"""


async def shape_of(database_url: str) -> set[tuple[str, str, str | None]]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(SHAPE)
    finally:
        await connection.close()
    return {tuple(row) for row in rows if "alembic_version" not in row["name"]}


async def build_from_metadata(database_url: str) -> None:
    engine = create_async_engine(sqlalchemy_url(DatabaseSettings(database_url=Secret(database_url))))
    async with engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    await engine.dispose()


async def clear(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()


async def test_database_is_what_the_code_declares_when_migrated(postgres_url: str) -> None:
    await build_from_metadata(postgres_url)
    declared = await shape_of(postgres_url)
    await clear(postgres_url)

    await migrate_database(DatabaseSettings(database_url=Secret(postgres_url)))

    assert await shape_of(postgres_url) == declared
    assert {"vehicle", "vehicle_brand", "vehicle_sold"} <= {
        name for kind, name, _ in declared if kind == "table"
    }


async def test_nothing_changes_when_migrated_twice(postgres_url: str) -> None:
    await migrate_database(DatabaseSettings(database_url=Secret(postgres_url)))
    once = await shape_of(postgres_url)

    await migrate_database(DatabaseSettings(database_url=Secret(postgres_url)))

    assert await shape_of(postgres_url) == once


async def test_one_migrates_when_several_processes_start_at_once(postgres_url: str) -> None:
    await asyncio.gather(
        *(migrate_database(DatabaseSettings(database_url=Secret(postgres_url))) for _ in range(4))
    )

    assert ("table", "vehicle", None) in await shape_of(postgres_url)
