"""The stores of parked records behind the same few verbs, and records to park."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from autodeal_messaging.dynamodb.parking_store import DynamoParkingStore
from autodeal_messaging.dynamodb.write import inbox_key, outbox_partition
from autodeal_messaging.memory.inbox import MemoryInbox
from autodeal_messaging.memory.parking_store import MemoryParkingStore
from autodeal_messaging.parking.port import AuditEntry, ParkedFilter, ParkedRecord, ParkedState, ParkingStore
from autodeal_messaging.postgres.parking_store import PostgresParkingStore
from autodeal_messaging.postgres.write import INBOX, OUTBOX

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

GROUP = "autodeal-test"
TOPIC = "autodeal.test.v1"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(seconds=10)
LATER = NOW + timedelta(seconds=60)
UNTIL = NOW + timedelta(seconds=30)


class ParkingUnderTest(Protocol):
    store: ParkingStore

    async def is_handled(self, event_id: str) -> bool: ...

    async def dead_letters(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        """Return topic, key, headers and value of each copy, in the order of the outbox."""


class MemoryParkingUnderTest:
    def __init__(self) -> None:
        self._inbox = MemoryInbox()
        self._memory = MemoryParkingStore(self._inbox, GROUP)
        self.store: ParkingStore = self._memory

    async def is_handled(self, event_id: str) -> bool:
        return (GROUP, event_id) in self._inbox.handled

    async def dead_letters(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        return [
            (copy.topic, copy.key, msgspec.json.decode(copy.encoded_headers), copy.value)
            for copy in self._memory.dead_letters
        ]


class PostgresParkingUnderTest:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.store: ParkingStore = PostgresParkingStore(engine, GROUP)

    async def is_handled(self, event_id: str) -> bool:
        statement = select(INBOX).where(INBOX.c.consumer == GROUP, INBOX.c.event_id == event_id)
        async with self._engine.connect() as connection:
            return (await connection.execute(statement)).first() is not None

    async def dead_letters(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(OUTBOX).order_by(OUTBOX.c.id))
            return [(row.topic, row.key, msgspec.json.decode(row.headers), row.value) for row in rows]


class DynamoParkingUnderTest:
    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self.store: ParkingStore = DynamoParkingStore(
            client, table, GROUP, inbox_retention=timedelta(days=14), outbox_shards=1
        )

    async def is_handled(self, event_id: str) -> bool:
        return "Item" in await self._client.get_item(TableName=self._table, Key=inbox_key(GROUP, event_id))

    async def dead_letters(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        page = await self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :shard",
            ExpressionAttributeValues={":shard": {"S": outbox_partition(0)}},
        )
        return [
            (
                item["topic"]["S"],
                item["key"]["S"],
                msgspec.json.decode(item["headers"]["S"]),
                bytes(item["value"]["B"]),
            )
            for item in page["Items"]
        ]


def record(
    key: str = "key-1",
    offset: int = 1,
    *,
    next_attempt_at: datetime | None = NOW,
    event_id: str | None = "",
    topic: str = TOPIC,
) -> ParkedRecord:
    return ParkedRecord(
        group=GROUP,
        topic=topic,
        partition=3,
        offset=offset,
        timestamp_ms=1_700_000_000_000,
        key=key,
        record_key=key.encode(),
        headers=(("ce_id", b"event"), ("odd", b"\xff\x00"), ("empty", b"")),
        value=b'{"a":1}\xff',
        event_id=f"{key}-{offset}" if event_id == "" else event_id,
        event_type="test.happened",
        state=ParkedState.DEAD if next_attempt_at is None else ParkedState.PARKED,
        attempts=1,
        next_attempt_at=next_attempt_at,
        last_error="RuntimeError: no",
        parked_at=NOW,
    )


def entry(act: str, of: ParkedRecord, reason: str = "", at: datetime = NOW) -> AuditEntry:
    return AuditEntry(
        at=at, operator="ana@desk", act=act, topic=of.topic, key=of.key, record_id=of.id, reason=reason
    )


async def stored(parking: ParkingUnderTest) -> list[ParkedRecord]:
    return list(await parking.store.find(ParkedFilter()))


async def claim_one(parking: ParkingUnderTest, now: datetime = NOW, until: datetime = UNTIL) -> ParkedRecord:
    [claimed] = await parking.store.claim_due(now=now, until=until, limit=10)
    return claimed
