"""Look behind the public routes: the log, the two databases. For checks only; no ending uses it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from autodeal_contracts.catalog import EVENT_TYPES
from autodeal_contracts.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from autodeal_devstack.stack import Stack

READ_TIMEOUT_MS = 2_000


@dataclass(frozen=True)
class LogRecord:
    """A record as it lies in the log."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    value: bytes

    @property
    def type(self) -> str:
        """The event's type."""
        return self.headers.get("ce_type", "")

    def text(self) -> str:
        """Return everything that the record says, as one text."""
        return f"{self.key} {self.headers} {self.value.decode(errors='replace')}"


@asynccontextmanager
async def database(stack: Stack) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Open the vehicle service's database."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def idle_in_transaction(stack: Stack) -> int:
    """Count the sessions that hold a transaction open and do nothing."""
    async with database(stack) as connection:
        found = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE state LIKE 'idle in transaction%' AND datname = current_database()"
        )
    return int(found)


async def all_records(stack: Stack, topic: str) -> list[LogRecord]:
    """Return every record of a topic, each partition's in the order of the log."""
    partitions = next(known.partitions for known in TOPICS if known.name == topic)
    places = [TopicPartition(topic, number) for number in range(partitions)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stack.endpoints.kafka_bootstrap_servers,
        enable_auto_commit=False,
        # Not by seeking: that races with the first fetch, which by default begins at the end.
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    await consumer.start()
    try:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[LogRecord] = []
        waiting = {place for place in places if ends[place] > 0}
        while waiting:
            batches = await consumer.getmany(*waiting, timeout_ms=READ_TIMEOUT_MS)
            found += [
                LogRecord(
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    key=(record.key or b"").decode(),
                    headers={name: value.decode() for name, value in record.headers},
                    value=record.value or b"",
                )
                for records in batches.values()
                for record in records
            ]
            for place in list(waiting):
                if await consumer.position(place) >= ends[place]:
                    waiting.discard(place)
        return found
    finally:
        await consumer.stop()


async def publish_again(stack: Stack, event_type: str, order_id: int, *, times: int) -> int:
    """Write copies of an order's event into the log, as a relay that crashed would; return how many."""
    topic = EVENT_TYPES[event_type].topic
    original = next(
        record
        for record in await all_records(stack, topic)
        if record.key == str(order_id) and record.type == event_type
    )
    producer = AIOKafkaProducer(bootstrap_servers=stack.endpoints.kafka_bootstrap_servers)
    await producer.start()
    try:
        for _ in range(times):
            await producer.send_and_wait(
                topic,
                key=original.key.encode(),
                value=original.value,
                headers=[(name, value.encode()) for name, value in original.headers.items()],
            )
    finally:
        await producer.stop()
    return times
