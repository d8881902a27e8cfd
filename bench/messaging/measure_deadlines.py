"""What deadlines cost that only wait, and how soon thousands that fall due at once are worked off."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from statistics import median

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from autodeal_messaging.deadlines import BATCH, LOOK_AHEAD_SECONDS
from autodeal_messaging.postgres.deadline_store import PostgresDeadlineStore
from bench.measurement import Measurement
from bench.messaging.child_process import child
from bench.messaging.database_room import database_room, driver_url

FEW = 1_000
MANY = 1_000_000
LOOKS = 300
DUE = 5_000
WORKERS = (1, 2, 4)
LEAD_SECONDS = 2.0
WAIT_SECONDS = 60.0
_FILL = """
    INSERT INTO deadline (kind, subject, due_at)
    SELECT 'waiting', 'order/' || n, now() + interval '1 day' + n * interval '1 millisecond'
    FROM generate_series($1::int, $2::int) AS n
"""
_DUE = """
    INSERT INTO deadline (kind, subject, due_at)
    SELECT 'due', lpad(n::text, 9, '0'), $1::timestamptz + n * interval '1 microsecond'
    FROM generate_series(1, $2::int) AS n
"""
_TOOK = "SELECT extract(epoch FROM max(acted_at) - $1)::float8 FROM acted"
_DISPLACED = """
    SELECT max(abs(by_deed - by_due)) FROM (
        SELECT row_number() OVER (ORDER BY acted_at) AS by_deed,
               row_number() OVER (ORDER BY subject) AS by_due FROM acted
    ) AS both_orders
"""


async def measure() -> list[Measurement]:
    """Measure both on one database."""
    async with database_room() as (url, connection):
        await connection.execute(
            "CREATE TABLE acted (subject text PRIMARY KEY,"
            " acted_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        await _fill(connection, 1, FEW)
        few = await _time_looks(url)
        await _fill(connection, FEW + 1, MANY)
        many = await _time_looks(url)
        rates, displaced = [], []
        for workers in WORKERS:
            rate, places = await _work_off(url, connection, workers)
            rates.append(rate)
            displaced.append(places)
    return [
        Measurement(
            name=f"one look at deadlines, {MANY:,} waiting",
            figure=f"{median(many) * 1000:.2f} ms",
            beside=f"the same with {FEW:,} waiting: {median(few) * 1000:.2f} ms",
            ratio=median(many) / median(few),
            wanted="< 1.50",
            runs={"few_seconds": few[:10], "many_seconds": many[:10]},
        ),
        Measurement(
            name=f"{DUE:,} deadlines due at once, {MANY:,} others waiting",
            figure=" / ".join(f"{rate:,.0f}" for rate in rates)
            + f" a second by {' / '.join(map(str, WORKERS))} workers, each exactly once",
            beside=f"places by which one was off its turn, at most: {' / '.join(map(str, displaced))}",
            ratio=rates[-1] / rates[0],
            wanted="",
            runs={"per_second": rates, "displaced": [float(one) for one in displaced]},
        ),
    ]


async def _fill(connection: asyncpg.Connection, first: int, last: int) -> None:
    await connection.execute(_FILL, first, last)
    await connection.execute("VACUUM (ANALYZE) deadline")
    await connection.execute("CHECKPOINT")


async def _time_looks(url: str) -> list[float]:
    """Return how long each look of a worker took, in seconds."""
    engine = create_async_engine(driver_url(url))
    store = PostgresDeadlineStore(engine)
    found = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        before = datetime.now(UTC) + timedelta(seconds=LOOK_AHEAD_SECONDS)
        assert not await store.earliest(before=before, limit=BATCH)
        found.append(time.perf_counter() - began)
    await engine.dispose()
    return found


async def _work_off(url: str, connection: asyncpg.Connection, workers: int) -> tuple[float, int]:
    """Let so many workers act on what falls due at once; return deadlines a second and the disorder."""
    await connection.execute("TRUNCATE acted")
    async with AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(child("bench.messaging.deadline_program", url))
            for _ in range(workers)
        ]
        for worker in running:
            if not worker.last:
                await worker.wait_for_line()
        due_at = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)
        await connection.execute(_DUE, due_at, DUE)
        async with asyncio.timeout(WAIT_SECONDS):
            while await connection.fetchval("SELECT count(*) FROM acted") < DUE:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    # A second effect of one deadline would have broken the primary key, and this count.
    assert await connection.fetchval("SELECT count(*) FROM deadline WHERE kind = 'due'") == 0
    took = await connection.fetchval(
        "SELECT extract(epoch FROM max(acted_at) - $1)::float8 FROM acted", due_at
    )
    return DUE / took, int(await connection.fetchval(_DISPLACED))
