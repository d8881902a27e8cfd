"""Expand and contract: releases that are one step apart share the database, whichever of them migrated it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from tests.integration.vehicle.conftest import Service
from tests.integration.vehicle.test_migrations import shape_of

from autodeal_platform.settings import Secret
from autodeal_vehicle.adapters.postgres.identify import sqlalchemy_url
from autodeal_vehicle.settings import DatabaseSettings

Shape = set[tuple[str, str, str | None]]
REQUIRED = re.compile(r" NO NO$")
"""Of a column: not nullable, no default, no identity."""


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", "autodeal_vehicle:migrations")
    return config


def revisions() -> list[str]:
    """Return the revisions, oldest first."""
    return [each.revision for each in ScriptDirectory.from_config(configuration()).walk_revisions()][::-1]


STEPS = list(zip(revisions(), revisions()[1:], strict=False))


@asynccontextmanager
async def stepping(database_url: str) -> AsyncIterator[Callable[..., Any]]:
    """Give a function that runs a command of Alembic in a transaction of its own."""
    settings = DatabaseSettings(database_url=Secret(database_url))
    engine = create_async_engine(sqlalchemy_url(settings), poolclass=NullPool)

    async def step(move: Callable[[Config, str], None], revision: str) -> None:
        def run(connection: Connection) -> None:
            config = configuration()
            config.attributes["connection"] = connection
            move(config, revision)

        async with engine.begin() as connection:
            await connection.run_sync(run)

    yield step
    await engine.dispose()


async def rows_of(database_url: str) -> dict[str, list[Any]]:
    connection = await asyncpg.connect(database_url)
    try:
        tables = ("vehicle", "vehicle_sold", "order_timeline", "outbox", "deadline", "idempotency_answer")
        return {table: await connection.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}
    finally:
        await connection.close()


async def buy(service: Service) -> int:
    """Go through what buyers and admins do; return the order's number."""
    vehicle_id = await service.offer()
    reserved = await service.reserve(vehicle_id, key=f"key-{vehicle_id}")
    assert reserved.status == 201, reserved
    again = await service.reserve(vehicle_id, key=f"key-{vehicle_id}")
    assert again.content == reserved.content
    order_id: int = reserved.body["order_id"]
    assert (await service.call("GET", f"/orders/{order_id}")).status == 200
    assert (await service.call("GET", "/vehicles", group=None)).status == 200
    return order_id


async def test_service_sells_on_and_keeps_its_data_when_the_schema_steps_back_and_forth(
    service: Service, database_url: str
) -> None:
    newest, previous = revisions()[-1], revisions()[-2]
    orders = [await buy(service)]
    async with stepping(database_url) as step:
        for move, revision in (
            (command.downgrade, previous),
            (command.upgrade, newest),
            (command.downgrade, previous),
            (command.upgrade, newest),
        ):
            before = await rows_of(database_url)
            await step(move, revision)
            assert await rows_of(database_url) == before
            for known in orders:
                assert (await service.call("GET", f"/orders/{known}")).status == 200
            orders.append(await buy(service))
    cancelled = await service.call("POST", f"/orders/{orders[0]}/cancel")
    assert cancelled.status == 200, cancelled


async def test_database_is_the_same_when_it_stepped_up_down_and_up_again(postgres_url: str) -> None:
    async with stepping(postgres_url) as step:
        for before, after in STEPS:
            await step(command.upgrade, before)
            lower = await shape_of(postgres_url)
            await step(command.upgrade, after)
            upper = await shape_of(postgres_url)
            await step(command.downgrade, before)
            assert await shape_of(postgres_url) == lower
            await step(command.upgrade, after)
            assert await shape_of(postgres_url) == upper


async def test_step_down_is_refused_when_it_would_lose_parked_records(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        """
        INSERT INTO parked_record (consumer_group, topic, partition, "offset", timestamp_ms, key, headers,
                                   state, attempts, last_error, parked_at)
        VALUES ('autodeal-vehicle', 'autodeal.payment.v1', 0, 0, 0, '1', '[]',
                'dead', 8, 'why', now())
        """
    )
    async with stepping(database_url) as step:
        with pytest.raises(DBAPIError, match="records are parked"):
            await step(command.downgrade, "0001")
    assert await connection.fetchval("SELECT count(*) FROM parked_record") == 1
    await connection.close()


def narrowing(before: Shape, after: Shape) -> list[str]:
    """Return what a step takes from the statements of the release before it.

    What a table had stays as it was; what it gains has a value of its own and forbids nothing.
    """
    tables = {name for kind, name, _ in before if kind == "table"}
    faults = [f"{kind} {name} is gone or changed" for kind, name, _ in before - after if kind != "comment"]
    for kind, name, shape in after - before:
        table = name.partition(".")[0]
        if kind == "column" and table in tables and REQUIRED.search(shape or ""):
            faults.append(f"column {name} wants a value")
        # That a column is not null is told by the column too.
        if kind == "constraint" and table in tables and not (shape or "").startswith("NOT NULL"):
            faults.append(f"constraint {name} forbids what was allowed")
        if kind == "index" and (shape or "").startswith("CREATE UNIQUE") and on_one_of(tables, shape or ""):
            faults.append(f"index {name} forbids what was allowed")
    return faults


def on_one_of(tables: set[str], index: str) -> bool:
    return any(f" ON public.{table} " in index for table in tables)


async def test_each_step_only_adds_when_the_release_before_it_still_runs(postgres_url: str) -> None:
    async with stepping(postgres_url) as step:
        await step(command.upgrade, revisions()[0])
        before = await shape_of(postgres_url)
        for _, revision in STEPS:
            await step(command.upgrade, revision)
            after = await shape_of(postgres_url)
            assert narrowing(before, after) == [], revision
            before = after


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("ALTER TABLE vehicle DROP COLUMN color", "column vehicle.color is gone or changed"),
        ("ALTER TABLE vehicle ALTER model TYPE VARCHAR(80)", "column vehicle.model is gone or changed"),
        ("ALTER TABLE vehicle ADD fuel TEXT NOT NULL", "column vehicle.fuel wants a value"),
        ("ALTER TABLE vehicle ADD CONSTRAINT new CHECK (year > 1900)", "constraint vehicle.new forbids"),
        ("CREATE UNIQUE INDEX one_model ON vehicle (model)", "index one_model forbids"),
        ("DROP TABLE deadline", "table deadline is gone or changed"),
    ],
)
async def test_narrowing_is_found_when_a_step_takes_something_away(
    database_url: str, statement: str, fault: str
) -> None:
    before = await shape_of(database_url)
    await execute(database_url, statement)
    assert any(found.startswith(fault) for found in narrowing(before, await shape_of(database_url)))


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE vehicle ADD fuel TEXT",
        "ALTER TABLE vehicle ADD fuel TEXT NOT NULL DEFAULT 'flex'",
        "CREATE INDEX by_model ON vehicle (model)",
        "CREATE TABLE garage (id BIGINT PRIMARY KEY, name TEXT NOT NULL)",
    ],
)
async def test_nothing_is_found_when_a_step_only_adds(database_url: str, statement: str) -> None:
    before = await shape_of(database_url)
    await execute(database_url, statement)
    assert narrowing(before, await shape_of(database_url)) == []


async def execute(database_url: str, statement: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(statement)
    await connection.close()
