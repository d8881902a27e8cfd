"""What operators do to parked records in DynamoDB: look, revive, discard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import msgspec

from autodeal_messaging.dynamodb import parking_items as items
from autodeal_messaging.dynamodb.parking_items import KeyItem
from autodeal_messaging.dynamodb.parking_keys import ParkedKeys, with_first
from autodeal_messaging.dynamodb.parking_values import delete_huge_value
from autodeal_messaging.parking.port import (
    AuditEntry,
    ParkedFilter,
    ParkedKey,
    ParkedRecord,
    ParkedState,
    TopicKey,
)

_with = msgspec.structs.replace


class DynamoParkingOperations:
    """The operators' half of a parking store; each act commits with its audit entry.

    `revive` and `discard` raise KeyChangedError when somebody else came first.
    """

    def __init__(self, keys: ParkedKeys, inbox_retention: timedelta) -> None:
        self._keys = keys
        self._retention = inbox_retention

    async def find(self, wanted: ParkedFilter, *, after: str, limit: int) -> Sequence[ParkedRecord]:
        """Return a page of records, key by key."""
        seen = items.parse_record_id(after)
        found: list[ParkedRecord] = []
        async for key in self._keys.each(since=seen[:2] if seen is not None else None):
            if not _is_of(key, wanted):
                continue
            # Only the first record of a key can be dead, which its key tells without a look at it.
            if wanted.state is ParkedState.DEAD and key.first_state is not ParkedState.DEAD:
                continue
            is_where_it_stopped = seen is not None and seen[:2] == (key.topic, key.key)
            sequence = seen[2] if seen is not None and is_where_it_stopped else 0
            while len(found) < limit:
                page = await self._keys.records_after(key.topic, key.key, sequence, limit - len(found))
                found.extend(one for one in page if wanted.state in {None, one.state})
                if not page:
                    break
                sequence = items.sequence_of(page[-1])
            if len(found) == limit:
                break
        return found

    async def get(self, record_id: str) -> ParkedRecord | None:
        """Return one record."""
        named = items.parse_record_id(record_id)
        return await self._keys.record(*named) if named is not None else None

    async def keys(self, wanted: ParkedFilter, *, after: TopicKey | None, limit: int) -> Sequence[ParkedKey]:
        """Return a page of the keys with their first records."""
        found: list[ParkedKey] = []
        async for key in self._keys.each(since=after):
            if len(found) == limit:
                break
            if not _is_of(key, wanted) or wanted.state not in {None, key.first_state}:
                continue
            if after == (key.topic, key.key):
                continue
            first = await self._keys.record(key.topic, key.key, key.first)
            if first is not None:
                found.append(ParkedKey(topic=key.topic, key=key.key, first=first, records=key.records))
        return found

    async def revive(self, entry: AuditEntry) -> bool:
        """Make the first record of a key due at once."""
        key = await self._keys.read(entry.topic, entry.key)
        first = await self._keys.record(entry.topic, entry.key, key.first) if key is not None else None
        if key is None or first is None:
            return False
        revived = _with(first, state=ParkedState.PARKED, attempts=0, next_attempt_at=entry.at)
        await self._keys.write(
            key,
            with_first(key, revived),
            self._keys.put(items.write_record(revived)),
            self._keys.put(items.write_audit(self._keys.group, entry)),
        )
        return True

    async def discard(self, entry: AuditEntry) -> bool:
        """Remove a record, mark its event as handled, and let the next one of its key come forward."""
        key = await self._keys.read(entry.topic, entry.key)
        record = await self.get(entry.record_id)
        if key is None or record is None:
            return False
        more = [
            *self._keys.delete_record(record),
            self._keys.put(items.write_audit(self._keys.group, entry)),
        ]
        if record.event_id is not None:
            more.append(self._keys.mark(record.event_id, entry.at, self._retention, new=False))
        after: KeyItem | None = replace(key, records=key.records - 1)
        if key.first == items.sequence_of(record):
            following = await self._keys.records_after(record.topic, record.key, key.first, 1)
            if following:
                first = _with(following[0], next_attempt_at=entry.at)
                after = with_first(replace(key, records=key.records - 1), first)
                more.append(self._keys.put(items.write_record(first)))
            else:
                after = None
        await self._keys.write(key, after, *more)
        await delete_huge_value(self._keys.client, self._keys.table, record)
        return True

    async def audit_trail(self, *, limit: int) -> Sequence[AuditEntry]:
        """Return what operators did, the latest first."""
        page = await self._keys.client.query(
            TableName=self._keys.table,
            KeyConditionExpression="pk = :audit",
            ExpressionAttributeValues={":audit": {"S": items.audit_partition(self._keys.group)}},
            ScanIndexForward=False,
            ConsistentRead=True,
            Limit=limit,
        )
        return [items.read_audit(item) for item in page["Items"]]


def _is_of(key: KeyItem, wanted: ParkedFilter) -> bool:
    return wanted.topic in {None, key.topic} and wanted.key in {None, key.key}
