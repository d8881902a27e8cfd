"""Events a second into effect, with commits that are shared and with a transaction for each event."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median
from typing import Any

import asyncpg
import msgspec

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.outbox.headers import encode_headers
from bench.measurement import Measurement
from bench.messaging.bare_loops import send_only
from bench.messaging.child_process import Child, child
from bench.messaging.message_room import EVENT_BYTES, KEYS, BenchTopic, MessageRoom, key_names, message_room

ROUNDS = 3
EVENTS = {"together": 30_000, "each": 8_000}
WARM_SHARE = 0.1
"""The first events are not timed: the group forms, and pools fill."""
WANTED_PER_SECOND = 2_500


async def measure() -> list[Measurement]:
    """Take turns between both ways and compare the medians."""
    runs: dict[str, list[float]] = {"together": [], "each": []}
    cpu: list[float] = []
    async with message_room() as room:
        for _ in range(ROUNDS):
            for way, rates in runs.items():
                per_second, cpu_milliseconds = await consume(room, way, EVENTS[way])
                rates.append(per_second)
                if way == "together":
                    cpu.append(cpu_milliseconds)
    together, each = median(runs["together"]), median(runs["each"])
    return [
        Measurement(
            name="Kafka to PostgreSQL, inbox and one update an event, one process",
            figure=f"{together:,.0f} events/s, {median(cpu):.2f} ms of CPU each",
            beside=f"a transaction for each event: {each:,.0f}/s",
            ratio=together / each,
            wanted=f"≥ 3.00, and ≥ {WANTED_PER_SECOND:,}/s",
            runs=runs,
        )
    ]


async def consume(room: MessageRoom, way: str, events: int) -> tuple[float, float]:
    """Let a consumer work off a full topic; return events a second and its CPU milliseconds for each."""
    url, topic = await make_effects(room), await room.make_topic()
    await send_only(room.kafka, topic, memory_rows(topic, events))
    settings = msgspec.json.encode(room.kafka).decode()
    async with child("bench.messaging.consumer_program", way, settings, url, topic.name) as consumer:
        began, first, cpu_before = await _await_count(consumer, int(events * WARM_SHARE))
        ended, last, cpu_after = await _await_count(consumer, events)
    await check_effects(url, events)
    return (last - first) / (ended - began), (cpu_after - cpu_before) / (last - first) * 1000


async def make_effects(room: MessageRoom) -> str:
    """Make a database with a row to update for each key."""
    url = await room.make_database()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE effect (key text PRIMARY KEY, events int NOT NULL)")
        await connection.execute("INSERT INTO effect SELECT unnest($1::text[]), 0", key_names())
        await connection.execute("VACUUM (ANALYZE) effect")
    finally:
        await connection.close()
    return url


async def check_effects(url: str, events: int, *, marks: int = 1) -> None:
    """See that every event took effect once; a parked one has left two marks in the inbox."""
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("SELECT sum(events) FROM effect") == events
        assert await connection.fetchval("SELECT count(*) FROM inbox") == events * marks
    finally:
        await connection.close()


def memory_rows(topic: BenchTopic, events: int) -> list[dict[str, Any]]:
    """Return events of all keys in turn, as rows of an outbox."""
    return [
        {"id": number, "key": envelope.key, "headers": encode_headers(envelope), "value": envelope.data}
        for number, envelope in enumerate(memory_envelopes(topic, events))
    ]


def memory_envelopes(topic: BenchTopic, events: int) -> list[Envelope]:
    """Return events of all keys in turn."""
    keys = key_names()
    value = b"x" * EVENT_BYTES
    return [
        Envelope(
            topic=topic.name,
            key=keys[number % KEYS],
            id=f"{keys[number % KEYS]}-{number // KEYS + 1}",
            type="bench.happened",
            source="/autodeal/bench",
            subject=f"bench/{keys[number % KEYS]}",
            time=datetime.now(UTC),
            sequence=number // KEYS + 1,
            correlation_id=keys[number % KEYS],
            data=value,
        )
        for number in range(events)
    ]


async def _await_count(consumer: Child, count: int) -> tuple[float, int, float]:
    while not consumer.last or int(consumer.last[0]) < count:
        await consumer.wait_for_line()
    return time.perf_counter(), int(consumer.last[0]), float(consumer.last[1])
