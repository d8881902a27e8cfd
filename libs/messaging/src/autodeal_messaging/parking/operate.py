"""What an operator does with parked records; each act is audited in its own commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from autodeal_messaging.parking.port import (
    AuditEntry,
    ParkedFilter,
    ParkedKey,
    ParkedRecord,
    ParkingStore,
)

PAGE = 500


class UnknownRecordError(Exception):
    """No parked record has the id, in this consumer group."""

    code = "unknown_record"

    def __init__(self, record_id: str) -> None:
        super().__init__(f"no parked record is called {record_id}")


@dataclass
class Redrive:
    """How far a redrive has come; told after each key."""

    keys: int
    """Keys to revive."""
    records: int
    """Their records, all of which come through once the first ones do."""
    revived_keys: int = 0
    revived_records: int = 0
    gone: list[str] = field(default_factory=list)
    """Keys whose records had gone before it was their turn."""


class ParkingOperator:
    """The operator's view of one consumer group's parked records."""

    def __init__(
        self,
        store: ParkingStore,
        operator: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], object] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._operator = operator
        self._now = now
        self._sleep = sleep

    async def find(self, wanted: ParkedFilter, limit: int | None = None) -> Sequence[ParkedRecord]:
        """Return up to `limit` records, or all."""
        found: list[ParkedRecord] = []
        while limit is None or len(found) < limit:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = await self._store.find(wanted, after=found[-1].id if found else "", limit=size)
            found.extend(page)
            if len(page) < size:
                break
        return found

    async def show(self, record_id: str) -> ParkedRecord:
        """Return one record; raises UnknownRecordError."""
        record = await self._store.get(record_id)
        if record is None:
            raise UnknownRecordError(record_id)
        return record

    async def plan(self, wanted: ParkedFilter) -> Sequence[ParkedKey]:
        """Return the keys that a redrive would revive."""
        return await self._store.keys(wanted)

    async def redrive(
        self, keys: Sequence[ParkedKey], *, records_per_second: float | None, reason: str
    ) -> AsyncIterator[Redrive]:
        """Make the first record of each key due at once; those behind it follow by themselves, in order.

        The rate counts all records of the keys, since all of them will come. What was revived stays so
        when this is interrupted; another run goes on with the rest.
        """
        progress = Redrive(keys=len(keys), records=sum(key.records for key in keys))
        for key in keys:
            if await self._store.revive(self._entry("redrive", key.first, reason)):
                progress.revived_keys += 1
                progress.revived_records += key.records
            else:
                progress.gone.append(key.key)
            yield progress
            if records_per_second is not None and progress.revived_keys < progress.keys:
                pause = self._sleep(key.records / records_per_second)
                if asyncio.iscoroutine(pause):
                    await pause

    async def discard(self, record_id: str, reason: str) -> ParkedRecord:
        """Remove a record for good; raises UnknownRecordError."""
        record = await self.show(record_id)
        if not await self._store.discard(self._entry("discard", record, reason)):
            raise UnknownRecordError(record_id)
        return record

    async def audit_trail(self, limit: int) -> Sequence[AuditEntry]:
        """Return what was done, the latest first."""
        return await self._store.audit_trail(limit=limit)

    def _entry(self, act: str, record: ParkedRecord, reason: str) -> AuditEntry:
        return AuditEntry(
            at=self._now(),
            operator=self._operator,
            act=act,
            topic=record.topic,
            key=record.key,
            record_id=record.id,
            reason=reason,
        )
