"""Events set aside from the outbox, as parked records of a group of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from autodeal_messaging.outbox.port import OutboxRecord, shard_of
from autodeal_messaging.parking.park_records import named
from autodeal_messaging.parking.port import AuditEntry, ParkedRecord, ParkedState, TopicKey
from autodeal_messaging.parking.unsendable import BEHIND
from autodeal_messaging.postgres.parking_rows import (
    PARKED,
    audit_insert,
    lock_key,
    of_key,
    parked_values,
    read_parked,
)
from autodeal_messaging.postgres.parking_store import PostgresParkingStore
from autodeal_messaging.postgres.write import OUTBOX, OUTBOX_SHARDS

_PUT_BACK = text(
    "INSERT INTO outbox (shard, id, topic, key, headers, value, created_at) OVERRIDING SYSTEM VALUE"
    " VALUES (:shard, :id, :topic, :key, :headers, :value, :created_at)"
)


class PostgresUnsendableStore(PostgresParkingStore):
    """Implements UnsendableStore for the relay, and ParkingStore for operators.

    A redrive puts all events of a key back into the outbox in one commit and under the ids they had, so
    that they come before whatever was committed later. Nothing here is replayed by itself.
    """

    def __init__(self, engine: AsyncEngine, group: str, *, outbox_shards: int = OUTBOX_SHARDS) -> None:
        super().__init__(engine, group, outbox_shards=outbox_shards)
        self._engine = engine
        self._shards = outbox_shards

    async def held_keys(self) -> frozenset[TopicKey]:
        """Return the keys that have events set aside: an index walk over what is nearly always nothing."""
        statement = select(PARKED.c.topic, PARKED.c.key).where(PARKED.c.consumer_group == self.group)
        async with self._engine.connect() as connection:
            return frozenset((topic, key) for topic, key in await connection.execute(statement.distinct()))

    async def set_aside(self, records: Sequence[OutboxRecord], why: str) -> int:
        """Move rows, key by key, each key's in one commit."""
        moved = 0
        by_key: defaultdict[TopicKey, list[OutboxRecord]] = defaultdict(list)
        for record in records:
            by_key[record.topic, record.key].append(record)
        for (topic, key), of_one_key in by_key.items():
            async with self._engine.begin() as connection:
                await lock_key(connection, self.group, topic, key)
                moved += await self._move(connection, of_one_key, why)
        return moved

    async def _move(self, connection: AsyncConnection, records: Sequence[OutboxRecord], why: str) -> int:
        positions = [record.position for record in records]
        gone = await connection.execute(
            delete(OUTBOX)
            .where(tuple_(OUTBOX.c.shard, OUTBOX.c.id).in_(positions))
            .returning(OUTBOX.c.shard, OUTBOX.c.id)
        )
        moved = {(shard, row_id) for shard, row_id in gone}
        topic, key = records[0].topic, records[0].key
        earlier = select(PARKED.c.id).where(of_key(self.group, topic, key)).limit(1)
        behind = await connection.scalar(earlier) is not None
        for record in records:
            if record.position in moved:
                parked = self._parked(record, why=BEHIND if behind else why, behind=behind)
                await connection.execute(insert(PARKED).values(parked_values(parked)))
                behind = True
        return len(moved)

    def _parked(self, record: OutboxRecord, *, why: str, behind: bool) -> ParkedRecord:
        shard, row_id = record.position
        return named(
            ParkedRecord(
                group=self.group,
                topic=record.topic,
                partition=shard,
                offset=row_id,
                timestamp_ms=int(record.created_at.timestamp() * 1000),
                key=record.key,
                record_key=record.key.encode(),
                headers=tuple(record.headers()),
                value=record.value,
                event_id=None,
                event_type=None,
                state=ParkedState.PARKED if behind else ParkedState.DEAD,
                attempts=0 if behind else 1,
                next_attempt_at=None,
                last_error=why,
                parked_at=datetime.now(UTC),
            )
        )

    async def revive(self, entry: AuditEntry) -> bool:
        """Put all events of a key back into the outbox."""
        async with self._engine.begin() as connection:
            await lock_key(connection, self.group, entry.topic, entry.key)
            if not await self._put_back(connection, entry):
                return False
            await connection.execute(audit_insert(self.group, entry))
        return True

    async def discard(self, entry: AuditEntry) -> bool:
        """Remove an event for good; if it was the first, the others of its key go back into the outbox."""
        if not entry.record_id.isdecimal():
            return False
        async with self._engine.begin() as connection:
            await lock_key(connection, self.group, entry.topic, entry.key)
            gone = await connection.execute(
                delete(PARKED)
                .where(PARKED.c.consumer_group == self.group, PARKED.c.id == int(entry.record_id))
                .returning(PARKED.c.state)
            )
            row = gone.first()
            if row is None:
                return False
            if row.state == ParkedState.DEAD.value:
                await self._put_back(connection, entry)
            await connection.execute(audit_insert(self.group, entry))
        return True

    async def _put_back(self, connection: AsyncConnection, entry: AuditEntry) -> int:
        gone = await connection.execute(
            delete(PARKED).where(of_key(self.group, entry.topic, entry.key)).returning(*PARKED.c)
        )
        rows = [_outbox_row(read_parked(row), self._shards) for row in gone]
        if rows:
            await connection.execute(_PUT_BACK, rows)
        return len(rows)


def _outbox_row(record: ParkedRecord, shards: int) -> dict[str, Any]:
    headers = {name: value.decode() for name, value in record.headers}
    return {
        "shard": shard_of(record.key, shards),
        "id": record.offset,
        "topic": record.topic,
        "key": record.key,
        "headers": msgspec.json.encode(headers).decode(),
        "value": record.value or b"",
        "created_at": datetime.fromtimestamp(record.timestamp_ms / 1000, UTC),
    }
