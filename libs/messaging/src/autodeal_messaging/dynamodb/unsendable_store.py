"""Events set aside from the outbox items, as parked records of a group of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from autodeal_messaging.dynamodb import parking_items as items
from autodeal_messaging.dynamodb.outbox_store import Position
from autodeal_messaging.dynamodb.parking_items import Item, KeyItem
from autodeal_messaging.dynamodb.parking_keys import AlreadyMarkedError, ParkedKeys
from autodeal_messaging.dynamodb.parking_store import DynamoParkingStore, until_unchanged
from autodeal_messaging.dynamodb.put_back import PutBack
from autodeal_messaging.dynamodb.write import OUTBOX_SHARDS, outbox_partition
from autodeal_messaging.outbox.port import OutboxRecord
from autodeal_messaging.parking.park_records import named
from autodeal_messaging.parking.port import AuditEntry, ParkedRecord, ParkedState, TopicKey
from autodeal_messaging.parking.unsendable import BEHIND

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient


class DynamoUnsendableStore(DynamoParkingStore):
    """Implements UnsendableStore for the relay, and ParkingStore for operators.

    Events keep the order of their outbox items, whenever they were moved. A redrive puts those of a key
    back under the sort keys they had, so that they come before whatever was committed later. Nothing
    here is replayed by itself.
    """

    def __init__(
        self, client: DynamoDBClient, table: str, group: str, *, outbox_shards: int = OUTBOX_SHARDS
    ) -> None:
        # There is no consumer behind it, and so no inbox whose retention would matter.
        super().__init__(client, table, group, inbox_retention=timedelta(), outbox_shards=outbox_shards)
        self._place = ParkedKeys(client, table, group)
        self._back = PutBack(self._place)

    async def held_keys(self) -> frozenset[TopicKey]:
        """Return the keys that have events set aside: one query of what is nearly always nothing."""
        return frozenset([(key.topic, key.key) async for key in self._place.each()])

    async def set_aside(self, records: Sequence[OutboxRecord], why: str) -> int:
        """Move items one by one, in their order; after the first one the key is held, so order stands.

        Of a key that is being put back none is moved: it waits in the outbox.
        """
        moved = 0
        for record in records:
            parked = _parked(self.group, record, why)
            moved += await until_unchanged(partial(self._move, parked, record.position))
        return moved

    async def _move(self, parked: ParkedRecord, position: Position) -> bool:
        key = await self._place.read(parked.topic, parked.key)
        if key is not None and key.is_returning:
            return False
        sequence = items.sequence_of(parked)
        after = KeyItem(
            topic=parked.topic, key=parked.key, version=0, records=1, first=sequence, last=sequence,
            first_state=ParkedState.DEAD, next_attempt_at=None,
        )  # fmt: skip
        if key is not None:
            parked = msgspec.structs.replace(parked, state=ParkedState.PARKED, last_error=BEHIND, attempts=0)
            after = replace(key, records=key.records + 1, last=max(key.last, sequence))
        try:
            await self._place.write(
                key,
                after,
                *self._place.put_new_record(parked, **_origin(position)),
                # Of all conditions this one is told apart: the event is no longer in the outbox.
                mark=self._place.delete(_outbox_key(position), must_exist=True),
            )
        except AlreadyMarkedError:
            return False
        return True

    async def revive(self, entry: AuditEntry) -> bool:
        """Put all events of a key back into the outbox."""
        return await until_unchanged(partial(self._back.put_back, entry))

    async def discard(self, entry: AuditEntry) -> bool:
        """Remove an event for good; if it was the first, the others of its key go back into the outbox."""
        discarded = await until_unchanged(partial(self._discard, entry))
        if discarded is None:
            return False
        if discarded.is_returning:
            await until_unchanged(partial(self._back.put_back, entry, is_audited=True))
        return True

    async def _discard(self, entry: AuditEntry) -> KeyItem | None:
        """Remove an event; return its key, which is returning if the others now go back."""
        key = await self._place.read(entry.topic, entry.key)
        record = await self.get(entry.record_id)
        if key is None or record is None:
            return None
        is_returning = key.is_returning or items.sequence_of(record) == key.first
        changed = replace(key, records=key.records - 1, is_returning=is_returning)
        audit = self._place.put(items.write_audit(self.group, entry))
        after = changed if changed.records else None
        await self._place.write(key, after, *self._place.delete_record(record), audit)
        return changed


def _parked(group: str, record: OutboxRecord, why: str) -> ParkedRecord:
    shard, sort_key = record.position
    sequence = int(sort_key.rpartition("#")[2])
    return named(
        ParkedRecord(
            id=items.record_id(record.topic, record.key, sequence),
            group=group,
            topic=record.topic,
            partition=shard,
            offset=sequence,
            timestamp_ms=int(record.created_at.timestamp() * 1000),
            key=record.key,
            record_key=record.key.encode(),
            headers=tuple(record.headers()),
            value=record.value,
            event_id=None,
            event_type=None,
            state=ParkedState.DEAD,
            attempts=1,
            next_attempt_at=None,
            last_error=why,
            parked_at=datetime.now(UTC),
        )
    )


def _outbox_key(position: Position) -> Item:
    shard, sort_key = position
    return {"pk": {"S": outbox_partition(shard)}, "sk": {"S": sort_key}}


def _origin(position: Position) -> dict[str, Any]:
    return {f"outbox_{name}": value for name, value in _outbox_key(position).items()}
