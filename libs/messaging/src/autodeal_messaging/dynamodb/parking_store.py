"""Parked records in DynamoDB, in the table of their handler's effects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from autodeal_messaging.dynamodb import parking_items as items
from autodeal_messaging.dynamodb.parking_items import KeyItem
from autodeal_messaging.dynamodb.parking_keys import (
    CONFLICT_LIMIT,
    AlreadyMarkedError,
    KeyChangedError,
    ParkedKeys,
    claimed,
    due_place,
    pause_after_conflict,
    with_first,
)
from autodeal_messaging.dynamodb.parking_operations import DynamoParkingOperations
from autodeal_messaging.dynamodb.parking_values import delete_huge_value, store_huge_value
from autodeal_messaging.dynamodb.write import OUTBOX_SHARDS, sortable_time
from autodeal_messaging.parking.port import (
    AuditEntry,
    ParkedCounts,
    ParkedFilter,
    ParkedKey,
    ParkedRecord,
    ParkedState,
    TopicKey,
)

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient

LOOK_UP_BATCH = 100
"""The most that one BatchGetItem takes."""
Result = TypeVar("Result")
_with = msgspec.structs.replace


class DynamoParkingStore:
    """Implements ParkingStore; each change of a key is one transaction under the key's version."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        group: str,
        *,
        inbox_retention: timedelta,
        outbox_shards: int = OUTBOX_SHARDS,
    ) -> None:
        self._keys = ParkedKeys(client, table, group)
        self._retention = inbox_retention
        self._outbox_shards = outbox_shards
        self._operations = DynamoParkingOperations(self._keys, inbox_retention)

    @property
    def group(self) -> str:
        """The consumer group."""
        return self._keys.group

    async def parked_among(self, keys: Collection[TopicKey]) -> frozenset[TopicKey]:
        """Return those keys that have items: one strongly consistent look-up."""
        wanted = list(dict.fromkeys(keys))
        found: set[TopicKey] = set()
        for start in range(0, len(wanted), LOOK_UP_BATCH):
            batch = [
                items.key_item_key(self.group, topic, key)
                for topic, key in wanted[start : start + LOOK_UP_BATCH]
            ]
            requests: Any = {self._keys.table: {"Keys": batch, "ConsistentRead": True}}
            for number in range(CONFLICT_LIMIT):
                answer = await self._keys.client.batch_get_item(RequestItems=requests)
                found.update(due_place(item) for item in answer["Responses"].get(self._keys.table, ()))
                requests = answer.get("UnprocessedKeys")
                if not requests:
                    break
                await pause_after_conflict(number)
            else:
                raise TimeoutError("DynamoDB leaves look-ups undone")
        return frozenset(found)

    async def park(self, record: ParkedRecord) -> bool:
        """Store a record and its inbox mark."""

        async def park() -> bool:
            key = await self._keys.read(record.topic, record.key)
            await self._park_behind(key, record)
            return True

        await store_huge_value(self._keys.client, self._keys.table, record)
        try:
            return await until_unchanged(park)
        except AlreadyMarkedError:
            return False

    async def _park_behind(self, key: KeyItem | None, record: ParkedRecord) -> None:
        # Sequences grow with time, so that none comes twice even if its key was empty in between.
        sequence = max(items.microseconds(record.parked_at), key.last + 1 if key is not None else 0)
        stored = _with(record, id=items.record_id(record.topic, record.key, sequence))
        more = []
        if key is not None:
            stored = _with(stored, state=ParkedState.PARKED, next_attempt_at=None)
            after = replace(key, records=key.records + 1, last=sequence)
        else:
            after = KeyItem(
                topic=record.topic,
                key=record.key,
                version=0,
                records=1,
                first=sequence,
                last=sequence,
                first_state=stored.state,
                next_attempt_at=stored.next_attempt_at,
            )
            if stored.state is ParkedState.DEAD:
                copy = items.write_dead_letter(stored, record.parked_at, self._outbox_shards)
                more.append(self._keys.put(copy, new=True))
        await self._keys.write(
            key,
            after,
            *self._keys.put_new_record(stored),
            *more,
            mark=self._keys.mark(record.mark, record.parked_at, self._retention, new=True),
        )

    async def claim_due(self, *, now: datetime, until: datetime, limit: int) -> Sequence[ParkedRecord]:
        """Claim what is due; what another worker claims at the same moment is left to it."""
        page = await self._keys.client.query(
            TableName=self._keys.table,
            KeyConditionExpression="pk = :due AND sk < :end",
            ExpressionAttributeValues={
                ":due": {"S": items.due_partition(self.group)},
                ":end": {"S": sortable_time(now + timedelta(microseconds=1))},
            },
            ConsistentRead=True,
            Limit=limit,
        )
        claims = await asyncio.gather(
            *(self._claim(*due_place(item), now=now, until=until) for item in page["Items"])
        )
        return [record for record in claims if record is not None]

    async def _claim(self, topic: str, key: str, *, now: datetime, until: datetime) -> ParkedRecord | None:
        found = await self._keys.read(topic, key)
        if found is None or found.next_attempt_at is None or found.next_attempt_at > now:
            return None
        first = await self._keys.record(topic, key, found.first)
        if first is None:
            return None
        mine = claimed(first, until)
        try:
            await self._keys.write(found, with_first(found, mine), self._keys.put(items.write_record(mine)))
        except KeyChangedError:
            return None
        return mine

    async def settle(
        self, record: ParkedRecord, *, now: datetime, claim_until: datetime | None
    ) -> ParkedRecord | None:
        """Remove a record and let the next one come forward."""

        async def settle() -> ParkedRecord | None:
            sequence = items.sequence_of(record)
            key = await self._keys.read(record.topic, record.key)
            if key is None or key.first != sequence:
                return None
            following = await self._keys.records_after(record.topic, record.key, sequence, 1)
            gone = self._keys.delete_record(record)
            if not following:
                await self._keys.write(key, None, *gone)
                return None
            first = _with(following[0], next_attempt_at=now)
            if claim_until is not None:
                first = claimed(first, claim_until)
            after = with_first(replace(key, records=key.records - 1), first)
            await self._keys.write(key, after, *gone, self._keys.put(items.write_record(first)))
            return first if claim_until is not None else None

        following = await until_unchanged(settle)
        await delete_huge_value(self._keys.client, self._keys.table, record)
        return following

    async def put_off(
        self, record: ParkedRecord, *, next_attempt_at: datetime, last_error: str, counted: bool
    ) -> None:
        """Set the next attempt, unless somebody else has dealt with the record."""
        later = _with(
            record,
            next_attempt_at=next_attempt_at,
            last_error=last_error,
            attempts=record.attempts if counted else record.attempts - 1,
        )
        await self._change_claimed(record, later)

    async def bury(self, record: ParkedRecord, *, last_error: str, now: datetime) -> bool:
        """Declare a record dead, with its copy."""
        dead = _with(record, state=ParkedState.DEAD, next_attempt_at=None, last_error=last_error)
        copy = items.write_dead_letter(dead, now, self._outbox_shards)
        return await self._change_claimed(record, dead, self._keys.put(copy, new=True))

    async def _change_claimed(
        self, record: ParkedRecord, changed: ParkedRecord, *more: dict[str, Any]
    ) -> bool:
        """Change a record if it is still as its claimant saw it."""

        async def change() -> bool:
            key = await self._keys.read(record.topic, record.key)
            if key is None or key.first != items.sequence_of(record):
                return False
            stored = await self._keys.record(record.topic, record.key, key.first)
            if stored is None or (stored.attempts, stored.state) != (record.attempts, ParkedState.PARKED):
                return False
            await self._keys.write(
                key, with_first(key, changed), self._keys.put(items.write_record(changed)), *more
            )
            return True

        return await until_unchanged(change)

    async def counts(self) -> ParkedCounts:
        """Sum up what the keys say."""
        records = dead = 0
        async for key in self._keys.each():
            records += key.records
            dead += key.first_state is ParkedState.DEAD
        return ParkedCounts(parked=records - dead, dead=dead)

    async def find(
        self, wanted: ParkedFilter, *, after: str = "", limit: int = 100
    ) -> Sequence[ParkedRecord]:
        """Return a page of records, key by key."""
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
        return await until_unchanged(lambda: self._operations.revive(entry))

    async def discard(self, entry: AuditEntry) -> bool:
        """Remove a record for good."""
        return await until_unchanged(lambda: self._operations.discard(entry))

    async def audit_trail(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """Return what operators did, the latest first."""
        return await self._operations.audit_trail(limit=limit)


async def until_unchanged(change: Callable[[], Awaitable[Result]]) -> Result:
    """Decide a change anew as long as others come first; raises KeyChangedError in the end."""
    for number in range(CONFLICT_LIMIT):
        try:
            return await change()
        except KeyChangedError:
            await pause_after_conflict(min(number, 5))
    return await change()
