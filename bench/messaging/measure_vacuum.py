"""The outbox after a minute of sustained load: how large it is, and whether its reads have become slower."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from statistics import median

import asyncpg

from autodeal_messaging.postgres.outbox_store import PREPARE_SESSION, READ
from autodeal_messaging.postgres.write import OUTBOX_SHARDS
from bench.measurement import Measurement
from bench.messaging.child_process import child
from bench.messaging.measure_relay import running_relays
from bench.messaging.message_room import MessageRoom, message_room

SECONDS = 240
"""Autovacuum looks once a minute."""
RATE = 3_000
SETTLE_SECONDS = 3.0
SAMPLE_SECONDS = 0.5
SAMPLES = 10
"""So many of the first and of the last readings are compared."""
READ_LIMIT = 64
_SIZES = """
    SELECT pg_relation_size('outbox') AS heap, pg_indexes_size('outbox') AS indexes,
           (SELECT count(*) FROM outbox) AS live, vacuums.autovacuum_count AS vacuums
    FROM pg_stat_user_tables AS vacuums WHERE relname = 'outbox'
"""


@dataclass
class Findings:
    """What was seen of the table while the load lasted."""

    reads_seconds: list[float]
    largest_bytes: int = 0
    heap_bytes: int = 0
    index_bytes: int = 0
    live_rows: int = 0
    vacuums: int = 0
    written: int = 0


async def measure() -> list[Measurement]:
    """Measure four minutes."""
    async with message_room() as room:
        found = await watch_load(room)
    first, last = median(found.reads_seconds[:SAMPLES]), median(found.reads_seconds[-SAMPLES:])
    return [
        Measurement(
            name=f"outbox after {SECONDS} s at {RATE:,} events/s",
            figure=f"table {found.heap_bytes / 1e6:.1f} MB, index {found.index_bytes / 1e6:.1f} MB"
            f" for {found.live_rows:,} live rows; at most {found.largest_bytes / 1e6:.1f} MB;"
            f" {found.vacuums} vacuums by themselves, {found.written:,} events",
            beside=f"a read at the end {last * 1000:.1f} ms, at the start {first * 1000:.1f} ms",
            ratio=last / first,
            wanted="< 2.00",
            runs={"read_seconds": [round(one, 5) for one in found.reads_seconds]},
        )
    ]


async def watch_load(room: MessageRoom) -> Findings:
    """Write and relay for some minutes; look at the table from aside, as a relay reads it."""
    url, topic = await room.make_database(), await room.make_topic()
    connection = await asyncpg.connect(url)
    found = Findings([])
    try:
        await connection.execute(PREPARE_SESSION)
        async with running_relays(room, url, 1):
            load = ("bench.messaging.writer_program", url, topic.name, str(RATE), str(SECONDS))
            async with child(*load) as writer:
                await asyncio.sleep(SETTLE_SECONDS)
                while not writer.last:
                    await _look(connection, found)
                    await asyncio.sleep(SAMPLE_SECONDS)
            found.written = int(writer.last[0])
            async with asyncio.timeout(SETTLE_SECONDS * 5):
                while await connection.fetchval("SELECT count(*) FROM outbox"):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
    finally:
        await connection.close()
    return found


async def _look(connection: asyncpg.Connection, found: Findings) -> None:
    share = -(-READ_LIMIT // OUTBOX_SHARDS)
    began = time.perf_counter()
    await connection.fetch(READ, list(range(OUTBOX_SHARDS)), [], share)
    found.reads_seconds.append(time.perf_counter() - began)
    sizes = await connection.fetchrow(_SIZES)
    assert sizes is not None
    found.heap_bytes, found.index_bytes = sizes["heap"], sizes["indexes"]
    found.largest_bytes = max(found.largest_bytes, found.heap_bytes + found.index_bytes)
    found.live_rows, found.vacuums = sizes["live"], sizes["vacuums"]
