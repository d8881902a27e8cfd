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
    TopicKey,
)

PAGE = 500
PLAN_KEYS = 100
"""So many keys are named; more are only counted."""


class UnknownRecordError(Exception):
    """No parked record has the id, in this consumer group."""

    code = "unknown_record"

    def __init__(self, record_id: str) -> None:
        super().__init__(f"no parked record is called {record_id}")


@dataclass(frozen=True)
class RedrivePlan:
    """What a redrive would revive, counted."""

    wanted: ParkedFilter
    keys: int
    records: int
    first_keys: Sequence[ParkedKey]
    """The first of them, for people."""


@dataclass
class Redrive:
    """How far a redrive has come; told after each key."""

    keys: int
    """Keys to revive."""
    records: int
    """Their records, all of which come through once the first ones do."""
    revived_keys: int = 0
    revived_records: int = 0
    gone_keys: int = 0
    """Keys whose records had gone before it was their turn."""
    gone: list[str] = field(default_factory=list)
    """The first of those."""


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

    async def plan(self, wanted: ParkedFilter) -> RedrivePlan:
        """Count what a redrive would revive; page by page, so that it may be millions."""
        keys = records = 0
        first_keys: list[ParkedKey] = []
        async for key in self._keys(wanted):
            keys += 1
            records += key.records
            if len(first_keys) < PLAN_KEYS:
                first_keys.append(key)
        return RedrivePlan(wanted, keys, records, first_keys)

    async def _keys(self, wanted: ParkedFilter) -> AsyncIterator[ParkedKey]:
        after: TopicKey | None = None
        while True:
            page = await self._store.keys(wanted, after=after, limit=PAGE)
            for key in page:
                yield key
            if len(page) < PAGE:
                return
            after = page[-1].topic, page[-1].key

    async def redrive(
        self, plan: RedrivePlan, *, records_per_second: float | None, reason: str
    ) -> AsyncIterator[Redrive]:
        """Make the first record of each key due at once; those behind it follow by themselves, in order.

        The rate counts all records of the keys, since all of them will come. What was revived stays so
        when this is interrupted; another run goes on with the rest.
        """
        progress = Redrive(keys=plan.keys, records=plan.records)
        async for key in self._keys(plan.wanted):
            if await self._store.revive(self._entry("redrive", key.first, reason)):
                progress.revived_keys += 1
                progress.revived_records += key.records
            else:
                progress.gone_keys += 1
                if len(progress.gone) < PLAN_KEYS:
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
