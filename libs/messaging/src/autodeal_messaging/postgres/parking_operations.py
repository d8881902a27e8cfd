"""What operators do to parked records in PostgreSQL: look, revive, discard."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncEngine

from autodeal_messaging.parking.port import (
    AuditEntry,
    ParkedFilter,
    ParkedKey,
    ParkedRecord,
    ParkedState,
    TopicKey,
)
from autodeal_messaging.postgres.parking_rows import (
    AUDIT,
    PARKED,
    audit_insert,
    first_of_key,
    lock_key,
    read_parked,
)
from autodeal_messaging.postgres.write import inbox_insert


class PostgresParkingOperations:
    """The operators' half of a parking store; each act commits with its audit entry."""

    def __init__(self, engine: AsyncEngine, group: str) -> None:
        self._engine = engine
        self._group = group

    async def find(self, wanted: ParkedFilter, *, after: str, limit: int) -> Sequence[ParkedRecord]:
        """Return a page of records by id."""
        statement = (
            select(PARKED)
            .where(*self._matching(wanted), PARKED.c.id > int(after or 0))
            .order_by(PARKED.c.id)
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            return [read_parked(row) for row in await connection.execute(statement)]

    async def get(self, record_id: str) -> ParkedRecord | None:
        """Return one record of this group."""
        if not record_id.isdecimal():
            return None
        statement = select(PARKED).where(
            PARKED.c.consumer_group == self._group, PARKED.c.id == int(record_id)
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(statement)).first()
        return read_parked(row) if row is not None else None

    async def keys(self, wanted: ParkedFilter, *, after: TopicKey | None, limit: int) -> Sequence[ParkedKey]:
        """Return a page of the keys with their first records: a walk along the index by key."""
        conditions = self._matching(ParkedFilter(topic=wanted.topic, key=wanted.key))
        if after is not None:
            conditions.append(tuple_(PARKED.c.topic, PARKED.c.key) > after)
        counted = (
            select(
                PARKED.c.topic,
                PARKED.c.key,
                func.min(PARKED.c.id).label("first_id"),
                func.count().label("records"),
            )
            .where(*conditions)
            .group_by(PARKED.c.topic, PARKED.c.key)
            .subquery()
        )
        statement = select(*PARKED.c, counted.c.records).join(counted, PARKED.c.id == counted.c.first_id)
        if wanted.state is not None:
            statement = statement.where(PARKED.c.state == wanted.state.value)
        async with self._engine.connect() as connection:
            rows = await connection.execute(statement.order_by(counted.c.topic, counted.c.key).limit(limit))
            return [
                ParkedKey(topic=row.topic, key=row.key, first=read_parked(row), records=row.records)
                for row in rows
            ]

    async def revive(self, entry: AuditEntry) -> bool:
        """Make the first record of a key due at once."""
        async with self._engine.begin() as connection:
            await lock_key(connection, self._group, entry.topic, entry.key)
            revived = await connection.execute(
                update(PARKED)
                .where(PARKED.c.id == first_of_key(self._group, entry.topic, entry.key))
                .values(state=ParkedState.PARKED.value, attempts=0, next_attempt_at=entry.at)
            )
            if revived.rowcount == 0:
                return False
            await connection.execute(audit_insert(self._group, entry))
        return True

    async def discard(self, entry: AuditEntry) -> bool:
        """Remove a record, mark its event as handled, and let the next one of its key come forward."""
        if not entry.record_id.isdecimal():
            return False
        async with self._engine.begin() as connection:
            await lock_key(connection, self._group, entry.topic, entry.key)
            gone = await connection.execute(
                delete(PARKED)
                .where(PARKED.c.consumer_group == self._group, PARKED.c.id == int(entry.record_id))
                .returning(PARKED.c.event_id)
            )
            row = gone.first()
            if row is None:
                return False
            if row.event_id is not None:
                await connection.execute(inbox_insert(self._group, row.event_id))
            await connection.execute(
                update(PARKED)
                .where(
                    PARKED.c.id == first_of_key(self._group, entry.topic, entry.key),
                    PARKED.c.state == ParkedState.PARKED.value,
                    PARKED.c.next_attempt_at.is_(None),
                )
                .values(next_attempt_at=entry.at)
            )
            await connection.execute(audit_insert(self._group, entry))
        return True

    async def audit_trail(self, *, limit: int) -> Sequence[AuditEntry]:
        """Return what operators did, the latest first."""
        statement = (
            select(AUDIT)
            .where(AUDIT.c.consumer_group == self._group)
            .order_by(AUDIT.c.id.desc())
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            return [
                AuditEntry(
                    at=row.at,
                    operator=row.operator,
                    act=row.act,
                    topic=row.topic,
                    key=row.key,
                    record_id=row.record_id,
                    reason=row.reason,
                )
                for row in await connection.execute(statement)
            ]

    def _matching(self, wanted: ParkedFilter) -> list[ColumnElement[bool]]:
        conditions = [PARKED.c.consumer_group == self._group]
        if wanted.topic is not None:
            conditions.append(PARKED.c.topic == wanted.topic)
        if wanted.key is not None:
            conditions.append(PARKED.c.key == wanted.key)
        if wanted.state is not None:
            conditions.append(PARKED.c.state == wanted.state.value)
        return conditions
