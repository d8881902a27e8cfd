"""faststream-outbox at the same work: `python relay_faststream.py <url> <brokers> <topic> <events> <way>`.

Runs in an environment of its own, with nothing of this project in it. Makes its own table and fills it
with events of 500 bytes, relays them to Kafka (`acks=all`, idempotent) with the key of each, and says how
many it did a second. `way` is `plain`, one event at a time as its first page shows, or `batched`, with
wide fetches, many workers and deletes that are flushed together.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time

from faststream.kafka import KafkaBroker, KafkaResponse
from faststream_outbox import OutboxBroker, make_outbox_table
from faststream_outbox.annotations import OutboxMessage
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine

KEYS = 1_000
WAYS = {
    "plain": {"min_fetch_interval": 0.01},
    "batched": {
        "max_workers": 64,
        "fetch_batch_size": 500,
        "min_fetch_interval": 0.01,
        "terminal_flush_batch_size": 100,
    },
}
FILL = """
    INSERT INTO outbox (queue, payload, headers)
    SELECT 'events', $1,
           jsonb_build_object('content-type', 'application/octet-stream', 'key', 'key-' || n % $2)
    FROM generate_series(1, $3) AS n
"""


async def main(url: str, brokers: str, topic: str, events: str, way: str) -> None:
    """Fill, relay, and time until the table is empty."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=80)
    metadata = MetaData()
    table = make_outbox_table(metadata)
    outbox = OutboxBroker(engine, outbox_table=table, logger=None)
    kafka = KafkaBroker(brokers, acks="all", enable_idempotence=True, logger=None)

    @kafka.publisher(topic)  # type: ignore[untyped-decorator]  # its packages are in another environment
    @outbox.subscriber("events", **WAYS[way])  # type: ignore[untyped-decorator]  # likewise
    async def relay(body: bytes, message: OutboxMessage) -> KafkaResponse:
        return KafkaResponse(body, key=message.headers["key"].encode())

    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        value = b"x" * 500
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.execute(FILL, value, KEYS, int(events))
    await kafka.start()
    began = time.perf_counter()
    await outbox.start()
    async with engine.connect() as connection:
        while await connection.scalar(text("SELECT count(*) FROM outbox")):
            await connection.commit()
            await asyncio.sleep(0.02)
    print(f"{int(events) / (time.perf_counter() - began):.1f}", flush=True)
    await outbox.stop()
    await kafka.stop()
    await engine.dispose()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    asyncio.run(main(*sys.argv[1:]))
