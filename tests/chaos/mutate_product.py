"""Deliberate faults in the product itself, for the workers of one run: chaos must see each of them.

They are patched in by the worker's program. Nothing in the product can be told to behave so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from tests.chaos import handle_events

from autodeal_messaging.dynamodb.outbox_store import DynamoOutboxStore
from autodeal_messaging.outbox.port import Batch
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.partition_lane import PartitionLane
from autodeal_messaging.postgres.outbox_store import PostgresOutboxStore


def commit_offset_before_effect() -> None:
    """Commit what was read, whether or not it took effect."""
    lanes: Any = PartitionLane
    lanes.committable_offset = property(lambda lane: lane._next_offset)


def delete_before_acknowledgement() -> None:
    """Delete rows from the outbox as soon as they are read."""
    for store in (PostgresOutboxStore, DynamoOutboxStore):
        _delete_what_is_read(store)


def _delete_what_is_read(store: Any) -> None:
    read = store.read

    async def read_and_delete(self: Any, **how: Any) -> Batch:
        batch: Batch = await read(self, **how)
        await self.delete([record.position for record in batch.records])
        return batch

    store.read = read_and_delete


def drop_inbox_check() -> None:
    """Handle every event as if it came for the first time."""

    async def claim_all(_connection: AsyncConnection, _group: str, ids: Collection[str]) -> Collection[str]:
        return set(ids)

    handlers: Any = handle_events
    handlers.claim_all_in_inbox = claim_all


def let_siblings_pass() -> None:
    """Handle later records of a key although an earlier one is parked."""

    async def take_over_none(_parking: RecordParking, records: Sequence[Any]) -> Sequence[bool]:
        return [False] * len(records)

    parking: Any = RecordParking
    parking.take_over = take_over_none


MUTATIONS: dict[str, Callable[[], None]] = {
    "offset-before-effect": commit_offset_before_effect,
    "delete-before-acknowledgement": delete_before_acknowledgement,
    "no-inbox": drop_inbox_check,
    "siblings-pass": let_siblings_pass,
}
