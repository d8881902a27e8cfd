"""Parked records in PostgreSQL, beside the effects of their handler."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from autodeal_messaging.parking.port import (
    AuditEntry,
    ParkedCounts,
    ParkedFilter,
    ParkedKey,
    ParkedRecord,
    ParkedState,
    TopicKey,
)
from autodeal_messaging.postgres.parking_operations import PostgresParkingOperations
from autodeal_messaging.postgres.parking_rows import (
    PARKED,
    dead_letter_insert,
    first_of_key,
    lock_key,
    of_key,
    parked_values,
    read_parked,
)
from autodeal_messaging.postgres.write import OUTBOX_SHARDS, inbox_insert

COUNT_CAP = 10_000
"""A gauge need not count all of a disaster to say that it is one."""


class PostgresParkingStore:
    """Implements ParkingStore; each act that changes a key's order holds the key's lock."""

    def __init__(self, engine: AsyncEngine, group: str, *, outbox_shards: int = OUTBOX_SHARDS) -> None:
        self._engine = engine
        self._group = group
        self._outbox_shards = outbox_shards
        self._operations = PostgresParkingOperations(engine, group)

    @property
    def group(self) -> str:
        """The consumer group."""
        return self._group

    async def parked_among(self, keys: Collection[TopicKey]) -> frozenset[TopicKey]:
        """Return those keys that have rows: one look-up in the index by key."""
        statement = (
            select(PARKED.c.topic, PARKED.c.key)
            .where(PARKED.c.consumer_group == self._group, tuple_(PARKED.c.topic, PARKED.c.key).in_(keys))
            .distinct()
        )
        async with self._engine.connect() as connection:
            return frozenset((topic, key) for topic, key in await connection.execute(statement))

    async def park(self, record: ParkedRecord) -> bool:
        """Store a record and its inbox mark."""
        async with self._engine.begin() as connection:
            await lock_key(connection, self._group, record.topic, record.key)
            marked = await connection.execute(inbox_insert(self._group, record.mark))
            if marked.first() is None:
                return False
            values = parked_values(record)
            earlier = select(PARKED.c.id).where(of_key(self._group, record.topic, record.key)).limit(1)
            behind = await connection.scalar(earlier) is not None
            if behind:
                values |= {"state": ParkedState.PARKED.value, "next_attempt_at": None}
            await connection.execute(insert(PARKED).values(values))
            if record.state is ParkedState.DEAD and not behind:
                await connection.execute(dead_letter_insert(record, record.parked_at, self._outbox_shards))
        return True

    async def claim_due(self, *, now: datetime, until: datetime, limit: int) -> Sequence[ParkedRecord]:
        """Claim what is due in one statement, past what other workers are claiming."""
        due = (
            select(PARKED.c.id)
            .where(PARKED.c.consumer_group == self._group, PARKED.c.next_attempt_at <= now)
            .order_by(PARKED.c.next_attempt_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        statement = (
            update(PARKED)
            .where(PARKED.c.id.in_(due))
            .values(attempts=PARKED.c.attempts + 1, next_attempt_at=until)
            .returning(*PARKED.c)
        )
        async with self._engine.begin() as connection:
            return [read_parked(row) for row in await connection.execute(statement)]

    async def settle(
        self, record: ParkedRecord, *, now: datetime, claim_until: datetime | None
    ) -> ParkedRecord | None:
        """Remove a record and let the next one come forward."""
        async with self._engine.begin() as connection:
            await lock_key(connection, self._group, record.topic, record.key)
            gone = await connection.execute(delete(PARKED).where(PARKED.c.id == int(record.id)))
            if gone.rowcount == 0:
                return None
            bring = update(PARKED).where(
                PARKED.c.id == first_of_key(self._group, record.topic, record.key),
                PARKED.c.state == ParkedState.PARKED.value,
            )
            if claim_until is None:
                await connection.execute(bring.values(next_attempt_at=now))
                return None
            values = {"attempts": PARKED.c.attempts + 1, "next_attempt_at": claim_until}
            row = (await connection.execute(bring.values(values).returning(*PARKED.c))).first()
            return read_parked(row) if row is not None else None

    async def put_off(
        self, record: ParkedRecord, *, next_attempt_at: datetime, last_error: str, counted: bool
    ) -> None:
        """Set the next attempt, unless somebody else has dealt with the record."""
        attempts = record.attempts if counted else record.attempts - 1
        values = {"next_attempt_at": next_attempt_at, "last_error": last_error, "attempts": attempts}
        async with self._engine.begin() as connection:
            await connection.execute(update(PARKED).where(_as_claimed(record)).values(values))

    async def bury(self, record: ParkedRecord, *, last_error: str, now: datetime) -> bool:
        """Declare a record dead, with its copy."""
        values = {"state": ParkedState.DEAD.value, "next_attempt_at": None, "last_error": last_error}
        async with self._engine.begin() as connection:
            await lock_key(connection, self._group, record.topic, record.key)
            statement = update(PARKED).where(_as_claimed(record)).values(values).returning(*PARKED.c)
            row = (await connection.execute(statement)).first()
            if row is None:
                return False
            await connection.execute(dead_letter_insert(read_parked(row), now, self._outbox_shards))
        return True

    async def counts(self) -> ParkedCounts:
        """Count rows up to a cap."""
        mine = PARKED.c.consumer_group == self._group
        async with self._engine.connect() as connection:
            both = [
                await _count_up_to_cap(connection, and_(mine, PARKED.c.state == state.value))
                for state in (ParkedState.PARKED, ParkedState.DEAD)
            ]
        return ParkedCounts(parked=both[0], dead=both[1])

    async def find(
        self, wanted: ParkedFilter, *, after: str = "", limit: int = 100
    ) -> Sequence[ParkedRecord]:
        """Return a page of records by id."""
        return await self._operations.find(wanted, after=after, limit=limit)

    async def get(self, record_id: str) -> ParkedRecord | None:
        """Return one record."""
        return await self._operations.get(record_id)

    async def keys(
        self, wanted: ParkedFilter, *, after: TopicKey | None = None, limit: int = 500
    ) -> Sequence[ParkedKey]:
        """Return a page of the keys with their first records."""
        return await self._operations.keys(wanted, after=after, limit=limit)

    async def revive(self, entry: AuditEntry) -> bool:
        """Make the first record of a key due at once."""
        return await self._operations.revive(entry)

    async def discard(self, entry: AuditEntry) -> bool:
        """Remove a record for good."""
        return await self._operations.discard(entry)

    async def audit_trail(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """Return what operators did, the latest first."""
        return await self._operations.audit_trail(limit=limit)


def _as_claimed(record: ParkedRecord) -> ColumnElement[bool]:
    """Return the condition that the record is as its claimant saw it."""
    return and_(
        PARKED.c.id == int(record.id),
        PARKED.c.attempts == record.attempts,
        PARKED.c.state == ParkedState.PARKED.value,
    )


async def _count_up_to_cap(connection: AsyncConnection, condition: ColumnElement[bool]) -> int:
    some = select(PARKED.c.id).where(condition).limit(COUNT_CAP).subquery()
    return await connection.scalar(select(func.count()).select_from(some)) or 0
