"""The limits of this machine: the same work without sharing, safety or the other half."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer

from autodeal_messaging.kafka_clients import make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.outbox.headers import decode_headers
from autodeal_messaging.relay_round import partition_of
from bench.messaging.message_room import BenchTopic

READ = 4_000
_SELECT = "SELECT id, shard, topic, key, headers, value FROM outbox WHERE id > $1 ORDER BY id LIMIT $2"
_DELETE = "DELETE FROM outbox WHERE id = ANY ($1::bigint[])"


async def open_bare(url: str) -> asyncpg.Connection:
    """Connect, with an index by id as the bare loops want it."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE UNIQUE INDEX outbox_bare ON outbox (id)")
    await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
    return connection


async def select_and_delete(connection: asyncpg.Connection, events: int) -> float:
    """Empty the outbox with no broker; return events a second."""
    began = time.perf_counter()
    last = done = 0
    while done < events:
        rows = await connection.fetch(_SELECT, last, READ)
        last = rows[-1]["id"]
        await connection.execute(_DELETE, [row["id"] for row in rows])
        done += len(rows)
    return events / (time.perf_counter() - began)


async def select_send_delete(
    connection: asyncpg.Connection, kafka: KafkaSettings, topic: BenchTopic, events: int
) -> float:
    """Empty the outbox to Kafka; the next read overlaps the acknowledgements, and nothing is guarded."""
    producer = make_producer(kafka)
    await producer.start()
    began = time.perf_counter()
    try:
        last = done = 0
        sending: asyncio.Task[list[int]] | None = None
        while done < events or sending is not None:
            rows = await connection.fetch(_SELECT, last, READ) if done < events else []
            if sending is not None:
                await connection.execute(_DELETE, await sending)
                sending = None
            if rows:
                last = rows[-1]["id"]
                done += len(rows)
                sending = asyncio.create_task(_send(producer, topic, rows))
        return events / (time.perf_counter() - began)
    finally:
        await producer.stop()


async def send_only(kafka: KafkaSettings, topic: BenchTopic, rows: Sequence[Any]) -> float:
    """Send the rows of memory, batch by batch, with no database; return events a second."""
    producer = make_producer(kafka)
    await producer.start()
    began = time.perf_counter()
    try:
        for start in range(0, len(rows), READ):
            await _send(producer, topic, rows[start : start + READ])
        return len(rows) / (time.perf_counter() - began)
    finally:
        await producer.stop()


async def send_each(kafka: KafkaSettings, topic: BenchTopic, rows: Sequence[Any]) -> float:
    """Send the same one `send` a record, as most programs use aiokafka; return events a second."""
    producer = make_producer(kafka)
    await producer.start()
    began = time.perf_counter()
    waiting: deque[Any] = deque()
    try:
        for row in rows:
            waiting.append(
                await producer.send(
                    topic.name,
                    key=row["key"].encode(),
                    value=row["value"],
                    headers=decode_headers(row["headers"]),
                )
            )
            while len(waiting) >= READ:
                await waiting.popleft()
        await asyncio.gather(*waiting)
        return len(rows) / (time.perf_counter() - began)
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, topic: BenchTopic, rows: Sequence[Any]) -> list[int]:
    by_partition: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        by_partition[partition_of(row["key"], topic.partitions)].append(row)
    await asyncio.gather(*(_send_run(producer, topic, *run) for run in by_partition.items()))
    return [row["id"] for row in rows]


async def _send_run(producer: AIOKafkaProducer, topic: BenchTopic, partition: int, rows: list[Any]) -> None:
    batch = producer.create_batch()
    for row in rows:
        added = {"key": row["key"].encode(), "value": row["value"], "headers": decode_headers(row["headers"])}
        if batch.append(timestamp=None, **added) is None:
            await _send_batch(producer, topic, partition, batch)
            batch = producer.create_batch()
            batch.append(timestamp=None, **added)
    await _send_batch(producer, topic, partition, batch)


async def _send_batch(producer: AIOKafkaProducer, topic: BenchTopic, partition: int, batch: Any) -> None:  # noqa: ANN401  # aiokafka has no types
    batch.close()
    await (await producer.send_batch(batch, topic.name, partition=partition))
