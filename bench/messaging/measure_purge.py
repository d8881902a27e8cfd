"""Deleting a million inbox rows past their time, while a handler goes on claiming events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import timedelta
from itertools import count
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from autodeal_messaging.postgres.write import claim_in_inbox, purge_inbox
from bench.measurement import Measurement
from bench.messaging.database_room import database_room, driver_url

EXPIRED = 1_000_000
KEPT = 100_000
BATCH = 5_000
"""As vehicle's purge has it."""
QUIET_SECONDS = 5.0
_FILL = """
    INSERT INTO inbox (consumer, event_id, handled_at)
    SELECT 'bench', gen_random_uuid()::text, now() - $1::interval - ($2::int - n) * interval '10 milliseconds'
    FROM generate_series(1, $2::int) AS n
"""


async def measure() -> list[Measurement]:
    """Measure a writer alone, then beside the purge."""
    async with database_room() as (url, connection):
        engine = create_async_engine(driver_url(url))
        await _fill(connection)
        alone = await _write_during(engine, "alone", asyncio.sleep(QUIET_SECONDS))
        began = time.perf_counter()
        batches: list[float] = []
        beside = await _write_during(engine, "beside", _purge(engine, batches))
        seconds = time.perf_counter() - began
        left = await connection.fetchval("SELECT count(*) FROM inbox")
        assert left == KEPT + len(alone) + len(beside)
        await engine.dispose()
    return [
        Measurement(
            name=f"inbox purge of {EXPIRED:,} expired rows",
            figure=f"{EXPIRED / seconds:,.0f} rows/s in batches of {BATCH:,},"
            f" the longest {max(batches) * 1000:.0f} ms",
            beside=f"a writer's commit meanwhile {_told(beside)}; alone {_told(alone)}",
            ratio=_p99(beside) / _p99(alone),
            wanted="",
            runs={"batch_seconds": [batches[0], batches[len(batches) // 2], batches[-1]]},
        )
    ]


async def _fill(connection: asyncpg.Connection) -> None:
    await connection.execute(_FILL, timedelta(days=30), EXPIRED)
    await connection.execute(_FILL, timedelta(0), KEPT)
    await connection.execute("VACUUM (ANALYZE) inbox")
    await connection.execute("CHECKPOINT")


async def _purge(engine: AsyncEngine, batches: list[float]) -> None:
    """Purge batch by batch until nothing is left, each in a transaction of its own."""
    while True:
        began = time.perf_counter()
        async with engine.begin() as connection:
            gone = await purge_inbox(connection, older_than=timedelta(days=15), limit=BATCH)
        batches.append(time.perf_counter() - began)
        if not gone:
            return


async def _write_during(engine: AsyncEngine, kind: str, work: Coroutine[Any, Any, None]) -> list[float]:
    """Claim events, each with its commit, while some work runs; return how long each took."""
    running = asyncio.create_task(work)
    found: list[float] = []
    for number in count():
        if running.done():
            break
        began = time.perf_counter()
        async with engine.begin() as connection:
            assert await claim_in_inbox(connection, "bench", f"{kind}-{number}")
        found.append(time.perf_counter() - began)
    await running
    return found


def _told(seconds: list[float]) -> str:
    return f"p99 {_p99(seconds):.1f} ms, longest {max(seconds) * 1000:.0f} ms"


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) * 99 // 100] * 1000
