"""Parked records in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from autodeal_messaging.memory.inbox import MemoryInbox
from autodeal_messaging.parking.dead_letter import DeadLetter, dead_letter
from autodeal_messaging.parking.port import (
    AuditEntry,
    ParkedCounts,
    ParkedFilter,
    ParkedKey,
    ParkedRecord,
    ParkedState,
    TopicKey,
)

_with = msgspec.structs.replace


class MemoryParkingStore:
    """Implements ParkingStore. The inbox is the handler's own, as in a database."""

    def __init__(self, inbox: MemoryInbox, group: str) -> None:
        self._inbox = inbox
        self._group = group
        self._next_id = 1
        self.records: dict[str, ParkedRecord] = {}
        """By id, in the order in which they were parked."""
        self.dead_letters: list[DeadLetter] = []
        """What went into the outbox."""
        self.audit: list[AuditEntry] = []

    @property
    def group(self) -> str:
        """The consumer group."""
        return self._group

    async def parked_among(self, keys: Collection[TopicKey]) -> frozenset[TopicKey]:
        """Return those keys that have records."""
        return frozenset(keys) & {(record.topic, record.key) for record in self.records.values()}

    async def park(self, record: ParkedRecord) -> bool:
        """Store a record and its inbox mark."""
        if (self._group, record.mark) in self._inbox.handled:
            return False
        self._inbox.handled.add((self._group, record.mark))
        if self._first(record.topic, record.key) is not None:
            record = _with(record, state=ParkedState.PARKED, next_attempt_at=None)
        record = _with(record, id=str(self._next_id))
        self._next_id += 1
        self.records[record.id] = record
        if record.state is ParkedState.DEAD:
            self.dead_letters.append(dead_letter(record, record.parked_at))
        return True

    async def claim_due(self, *, now: datetime, until: datetime, limit: int) -> Sequence[ParkedRecord]:
        """Claim what is due."""
        due = [
            record
            for record in self.records.values()
            if record.next_attempt_at is not None and record.next_attempt_at <= now
        ]
        due.sort(key=lambda record: record.next_attempt_at or now)
        return [self._claim(record, until) for record in due[:limit]]

    async def settle(
        self, record: ParkedRecord, *, now: datetime, claim_until: datetime | None
    ) -> ParkedRecord | None:
        """Remove a record and let the next one come forward."""
        if self.records.pop(record.id, None) is None:
            return None
        following = self._first(record.topic, record.key)
        if following is None or following.state is not ParkedState.PARKED:
            return None
        if claim_until is not None:
            return self._claim(following, claim_until)
        self.records[following.id] = _with(following, next_attempt_at=now)
        return None

    async def put_off(
        self, record: ParkedRecord, *, next_attempt_at: datetime, last_error: str, counted: bool
    ) -> None:
        """Set the next attempt."""
        stored = self._as_claimed(record)
        if stored is not None:
            self.records[record.id] = _with(
                stored,
                next_attempt_at=next_attempt_at,
                last_error=last_error,
                attempts=stored.attempts if counted else stored.attempts - 1,
            )

    async def bury(self, record: ParkedRecord, *, last_error: str, now: datetime) -> bool:
        """Declare a record dead, with its copy."""
        stored = self._as_claimed(record)
        if stored is None:
            return False
        dead = _with(stored, state=ParkedState.DEAD, next_attempt_at=None, last_error=last_error)
        self.records[record.id] = dead
        self.dead_letters.append(dead_letter(dead, now))
        return True

    async def counts(self) -> ParkedCounts:
        """Count what waits."""
        dead = sum(record.state is ParkedState.DEAD for record in self.records.values())
        return ParkedCounts(parked=len(self.records) - dead, dead=dead)

    async def find(
        self, wanted: ParkedFilter, *, after: str = "", limit: int = 100
    ) -> Sequence[ParkedRecord]:
        """Return a page of records by id."""
        seen = int(after or 0)
        found = [one for one in self.records.values() if int(one.id) > seen and _matches(one, wanted)]
        return found[:limit]

    async def get(self, record_id: str) -> ParkedRecord | None:
        """Return one record."""
        return self.records.get(record_id)

    async def keys(
        self, wanted: ParkedFilter, *, after: TopicKey | None = None, limit: int = 500
    ) -> Sequence[ParkedKey]:
        """Return a page of the keys with their first records."""
        firsts: dict[TopicKey, ParkedRecord] = {}
        counted: dict[TopicKey, int] = {}
        for record in self.records.values():
            place = record.topic, record.key
            firsts.setdefault(place, record)
            counted[place] = counted.get(place, 0) + 1
        return [
            ParkedKey(topic=place[0], key=place[1], first=first, records=counted[place])
            for place, first in sorted(firsts.items())
            if _matches(first, wanted) and (after is None or place > after)
        ][:limit]

    async def revive(self, entry: AuditEntry) -> bool:
        """Make the first record of a key due at once."""
        first = self._first(entry.topic, entry.key)
        if first is None:
            return False
        self.records[first.id] = _with(first, state=ParkedState.PARKED, attempts=0, next_attempt_at=entry.at)
        self.audit.append(entry)
        return True

    async def discard(self, entry: AuditEntry) -> bool:
        """Remove a record for good."""
        gone = self.records.pop(entry.record_id, None)
        if gone is None:
            return False
        if gone.event_id is not None:
            self._inbox.handled.add((self._group, gone.event_id))
        first = self._first(gone.topic, gone.key)
        if first is not None and first.state is ParkedState.PARKED and first.next_attempt_at is None:
            self.records[first.id] = _with(first, next_attempt_at=entry.at)
        self.audit.append(entry)
        return True

    async def audit_trail(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """Return what operators did, the latest first."""
        return self.audit[::-1][:limit]

    def _first(self, topic: str, key: str) -> ParkedRecord | None:
        of_key = (one for one in self.records.values() if (one.topic, one.key) == (topic, key))
        return next(of_key, None)

    def _claim(self, record: ParkedRecord, until: datetime) -> ParkedRecord:
        claimed = _with(record, attempts=record.attempts + 1, next_attempt_at=until)
        self.records[record.id] = claimed
        return claimed

    def _as_claimed(self, record: ParkedRecord) -> ParkedRecord | None:
        stored = self.records.get(record.id)
        same = stored is not None and stored.attempts == record.attempts
        return stored if stored is not None and same and stored.state is ParkedState.PARKED else None


def _matches(record: ParkedRecord, wanted: ParkedFilter) -> bool:
    return (
        wanted.topic in {None, record.topic}
        and wanted.key in {None, record.key}
        and wanted.state in {None, record.state}
    )
