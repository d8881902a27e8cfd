"""After the faults: the cause is mended, an operator redrives what is dead, and everything comes through."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.chaos.chaos_stage import (
    CURE,
    DYNAMODB_GROUP,
    DYNAMODB_SHARDS,
    DYNAMODB_TABLE,
    GROUP,
    INBOX_RETENTION,
    METADATA,
    PARTITIONS,
    Stage,
)
from tests.chaos.handle_events import cure_item
from tests.chaos.judge_outcome import Verdict, judge, read_outcome

from autodeal_messaging.dynamodb.parking_store import DynamoParkingStore
from autodeal_messaging.dynamodb.write import outbox_partition
from autodeal_messaging.parking.dead_letter import dead_letter_topic
from autodeal_messaging.parking.operate import ParkingOperator
from autodeal_messaging.parking.port import ParkedFilter, ParkedState, ParkingStore
from autodeal_messaging.postgres.parking_store import PostgresParkingStore

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

PAUSE_SECONDS = 0.5
READ_TIMEOUT_MS = 2_000
ALL_KEYS = 100_000
"""More than any storm leaves dead."""


@dataclass
class Settlement:
    """How everything came through, or did not."""

    redriven: int = 0
    """Records that an operator brought through after the cause of their failures was mended."""
    seconds: float = 0.0
    """From the end of the load until the last event took effect."""
    verdict: Verdict = field(default_factory=lambda: Verdict(events=0, missing=0))


class Storm:
    """The stores after a storm, and the operator who clears up in both."""

    def __init__(self, stage: Stage, engine: AsyncEngine, client: DynamoDBClient) -> None:
        self._stage = stage
        self._engine = engine
        self._client = client
        self._parked: list[ParkingStore] = [
            PostgresParkingStore(engine, GROUP),
            DynamoParkingStore(
                client,
                DYNAMODB_TABLE,
                DYNAMODB_GROUP,
                inbox_retention=INBOX_RETENTION,
                outbox_shards=DYNAMODB_SHARDS,
            ),
        ]
        self._dead: dict[str, set[str]] = {store.group: set() for store in self._parked}

    async def settle(self, stuck_seconds: float) -> Settlement:
        """Wait until nothing is missing or left over, or until nothing has changed for so long."""
        loop = asyncio.get_running_loop()
        began = moved_at = loop.time()
        await self._cure()
        settlement = Settlement()
        last: object = None
        while True:
            settlement.redriven += await self._redrive()
            verdict = judge(await read_outcome(self._engine, self._client))
            left = await self._left_over()
            settlement.seconds = loop.time() - began
            if verdict.missing == 0 and not left:
                break
            if (verdict.missing, left) != last:
                last, moved_at = (verdict.missing, left), loop.time()
            if loop.time() - moved_at > stuck_seconds:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        wrongs = [*verdict.wrongs, *left, *await self._unannounced()]
        settlement.verdict = replace(verdict, wrongs=wrongs)
        return settlement

    async def _cure(self) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(insert(CURE).values(id=1))
        await self._client.put_item(TableName=DYNAMODB_TABLE, Item=cure_item())

    async def _redrive(self) -> int:
        """Redrive what is dead by now; some of it is still on its way to where it is found."""
        redriven = 0
        for store in self._parked:
            operator = ParkingOperator(store, "chaos")
            wanted = ParkedFilter(state=ParkedState.DEAD)
            self._dead[store.group] |= {
                str(key.first.event_id) for key in await store.keys(wanted, limit=ALL_KEYS)
            }
            plan = await operator.plan(wanted)
            revived_records = 0
            async for progress in operator.redrive(plan, records_per_second=None, reason="it is mended"):
                revived_records = progress.revived_records
            redriven += revived_records
        return redriven

    async def _left_over(self) -> list[str]:
        """Name what must be empty in the end and is not."""
        counts: dict[str, int] = {}
        async with self._engine.connect() as connection:
            counts["the outbox table"] = (
                await connection.scalar(select(func.count()).select_from(METADATA.tables["outbox"])) or 0
            )
        counts["the outbox items"] = sum(
            [await self._count_items(outbox_partition(shard)) for shard in range(DYNAMODB_SHARDS)]
        )
        for store in self._parked:
            parked = await store.counts()
            counts[f"the parking of {store.group}"] = parked.parked + parked.dead
        return [f"{count} are left in {place}" for place, count in counts.items() if count]

    async def _count_items(self, partition: str) -> int:
        page = await self._client.query(
            TableName=DYNAMODB_TABLE,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
            ConsistentRead=True,
            Select="COUNT",
        )
        return page["Count"]

    async def _unannounced(self) -> list[str]:
        """Name the groups whose dead records have no copy for Kafka tooling to see."""
        found = []
        for group, dead in self._dead.items():
            copies = await read_event_ids(self._stage, dead_letter_topic(group)) if dead else ()
            if unannounced := len(dead - set(copies)):
                found.append(f"{unannounced} of {len(dead)} dead records of {group} have no copy")
        return found


async def read_event_ids(stage: Stage, topic: str) -> Collection[str]:
    """Return the ids of all events in a topic."""
    places: Sequence[TopicPartition] = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=stage.kafka.kafka_bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[str] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            fetched = await consumer.getmany(timeout_ms=READ_TIMEOUT_MS)
            found += [
                dict(record.headers)["ce_id"].decode() for records in fetched.values() for record in records
            ]
        return found
    finally:
        await consumer.stop()
