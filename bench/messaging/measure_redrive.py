"""Dead records a second that a redrive brings into effect, beside the same handler on fresh events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median

from aiokafka.structs import ConsumerRecord
from sqlalchemy import MetaData, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.parking.limits import ParkingLimits
from autodeal_messaging.parking.operate import ParkingOperator
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.port import ParkedFilter
from autodeal_messaging.parking.replay import ReplayWorker
from autodeal_messaging.postgres.parking_schema import define_parked_records, define_parking_audit
from autodeal_messaging.postgres.parking_store import PostgresParkingStore
from bench.measurement import Measurement
from bench.messaging.consumer_program import GROUP, Effects
from bench.messaging.measure_consumer import check_effects, make_effects
from bench.messaging.message_room import EVENT_BYTES, BenchTopic, MessageRoom, key_names, message_room

ROUNDS = 3
DEAD_KEYS = 100
EVENTS_PER_KEY = 20
EVENTS = DEAD_KEYS * EVENTS_PER_KEY
AT_A_TIME = ParkingLimits().concurrency


class BrokenError(Exception):
    """What kept the records from taking effect."""


KINDS = FailureKinds(permanent=(BrokenError,))


async def measure() -> list[Measurement]:
    """Take turns and compare the medians."""
    runs: dict[str, list[float]] = {"redriven": [], "fresh": []}
    async with message_room() as room:
        for _ in range(ROUNDS):
            runs["redriven"].append(await redrive(room))
            runs["fresh"].append(await handle_fresh(room))
    redriven, fresh = median(runs["redriven"]), median(runs["fresh"])
    return [
        Measurement(
            name=f"redrive of {EVENTS:,} records behind {DEAD_KEYS} dead ones",
            figure=f"{redriven:,.0f} records/s, {AT_A_TIME} keys at a time, each in order",
            beside=f"the same handler on fresh events, {AT_A_TIME} at a time: {fresh:,.0f}/s",
            ratio=redriven / fresh,
            wanted="",
            runs=runs,
        )
    ]


async def redrive(room: MessageRoom) -> float:
    """Park records behind dead ones, then redrive all of them; return records a second."""
    async with _room_for_parking(room) as (url, engine):
        store = PostgresParkingStore(engine, GROUP)
        await _park_all(RecordParking(store, KINDS), _records())
        operator = ParkingOperator(store, "bench")
        worker = ReplayWorker(store, Effects(engine).handle, KINDS)
        stop = asyncio.Event()
        began = time.perf_counter()
        plan = await operator.plan(ParkedFilter())
        async for _ in operator.redrive(plan, records_per_second=None, reason="measured"):
            pass
        replaying = asyncio.create_task(worker.run(stop))
        while await _parked_count(engine):  # noqa: ASYNC110  # the worker offers no event for this
            await asyncio.sleep(0.02)
        per_second = EVENTS / (time.perf_counter() - began)
        stop.set()
        await replaying
        await check_effects(url, EVENTS, marks=2)
    return per_second


async def handle_fresh(room: MessageRoom) -> float:
    """Hand the same events to the same handler; return events a second."""
    async with _room_for_parking(room) as (url, engine):
        effects = Effects(engine)
        waiting = iter(_records())

        async def take_turns() -> None:
            for record in waiting:
                await effects.handle(
                    Envelope.from_record(
                        topic=record.topic, key=record.key, headers=record.headers, value=record.value
                    )
                )

        began = time.perf_counter()
        await asyncio.gather(*(take_turns() for _ in range(AT_A_TIME)))
        per_second = EVENTS / (time.perf_counter() - began)
        await check_effects(url, EVENTS)
    return per_second


@asynccontextmanager
async def _room_for_parking(room: MessageRoom) -> AsyncIterator[tuple[str, AsyncEngine]]:
    url = await make_effects(room)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=20)
    metadata = MetaData()
    for define in (define_parked_records, define_parking_audit):
        define(metadata)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    try:
        yield url, engine
    finally:
        await engine.dispose()


async def _park_all(parking: RecordParking, records: Sequence[ConsumerRecord]) -> None:
    firsts, later = records[:DEAD_KEYS], records[DEAD_KEYS:]
    for record in firsts:
        await parking.on_failure(record, BrokenError(), 1)
    for start in range(0, len(later), DEAD_KEYS):
        assert all(await parking.take_over(later[start : start + DEAD_KEYS]))


async def _parked_count(engine: AsyncEngine) -> int:
    parked = define_parked_records(MetaData())
    async with engine.connect() as connection:
        return int(await connection.scalar(select(func.count()).select_from(parked)) or 0)


def _records() -> list[ConsumerRecord]:
    """Return events of the first keys, all keys in turn, as they come from Kafka."""
    topic = BenchTopic("bench.redrive.v1")
    records = []
    for number in range(EVENTS):
        key, sequence = key_names()[number % DEAD_KEYS], number // DEAD_KEYS + 1
        headers = _headers(key, sequence)
        records.append(
            ConsumerRecord(
                topic=topic.name,
                partition=0,
                offset=number,
                timestamp=0,
                timestamp_type=0,
                key=key.encode(),
                value=b"x" * EVENT_BYTES,
                checksum=None,
                serialized_key_size=len(key),
                serialized_value_size=EVENT_BYTES,
                headers=headers,
            )
        )
    return records


def _headers(key: str, sequence: int) -> tuple[tuple[str, bytes], ...]:
    named = {
        "ce_specversion": "1.0",
        "ce_id": f"{key}-{sequence}",
        "ce_type": "bench.happened",
        "ce_source": "/autodeal/bench",
        "ce_subject": f"bench/{key}",
        "ce_time": "2026-01-01T00:00:00+00:00",
        "ce_sequence": str(sequence),
        "ce_correlationid": key,
        "content-type": "application/json",
    }
    return tuple((name, value.encode()) for name, value in named.items())
