"""A relay's view of the outbox items: its shards, their items in order, and the deletes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from autodeal_messaging.backoff import Backoff
from autodeal_messaging.dynamodb.shard_leases import ShardLeases
from autodeal_messaging.dynamodb.write import OUTBOX_SHARDS, outbox_partition
from autodeal_messaging.outbox.port import Backlog, Batch, OutboxRecord, shard_of

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient

log = structlog.get_logger(__name__)

Position = tuple[int, str]
"""Shard and sort key of an item."""
Item = dict[str, Any]

DELETE_BATCH = 25
"""The most that one BatchWriteItem takes."""
DELETE_ATTEMPTS = 6
PARALLEL_REQUESTS = 4
COUNT_CAP = 1_000
"""Items counted per shard; a gauge need not read a whole backlog to say "far too many"."""


class DynamoOutboxStore:
    """Reads its shards by strongly consistent queries, from the highest sort key downwards.

    Downwards, because a query is no snapshot: items may be committed while it walks. Walking upwards it
    could pass the place of event 1 before its commit and then meet event 2, committed after it. Walking
    downwards it meets event 2 first, and event 1, committed earlier still, is there when it arrives.
    For the same reason a page that ends within a key leaves that key to the next read.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        owner: str,
        shards: int = OUTBOX_SHARDS,
        lease_seconds: float = 6.0,
        balance_interval_seconds: float = 2.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._table = table
        self._shards = shards
        self._balance_interval_seconds = balance_interval_seconds
        self._leases = ShardLeases(
            client, table, shards=shards, owner=owner, lease_seconds=lease_seconds, now=now
        )
        self._resume_at: dict[int, Item] = {}
        self._slots = asyncio.Semaphore(PARALLEL_REQUESTS)
        self._reading_or_balancing = asyncio.Lock()

    async def open(self) -> None:
        """Nothing to connect: the client is the process's own, and `balance` joins."""

    async def close(self) -> None:
        """Leave; if that fails, the leases run out."""
        self._resume_at.clear()
        with contextlib.suppress(Exception):
            await self._leases.leave()

    @property
    def balance_interval_seconds(self) -> float:
        """How often the lease is renewed; several times in its length."""
        return self._balance_interval_seconds

    @property
    def held(self) -> frozenset[int]:
        """The shards that are read."""
        return self._leases.held

    async def balance(self, busy: Callable[[], Collection[int]], *, can_send: bool = True) -> None:
        """Renew the lease, and take and give up shards by what all members hold now."""
        async with self._reading_or_balancing:
            await self._leases.renew_and_balance(busy, can_send=can_send)

    async def read(self, *, limit: int, exclude: Collection[Position], keys: frozenset[str] | None) -> Batch:
        """Return records of the held shards, or only of those that the keys belong to."""
        async with self._reading_or_balancing:
            wanted = self.held
            if keys is not None:
                wanted &= {shard_of(key, self._shards) for key in keys}
            if not wanted:
                return Batch([], more=False)
            in_flight = Counter(shard for shard, _ in exclude)
            share = -(-limit // len(wanted))
            pages = await asyncio.gather(
                *(self._read_shard(shard, share + in_flight[shard]) for shard in wanted)
            )
        records = [
            _record(shard, item)
            for shard, items in zip(wanted, pages, strict=True)
            for item in items
            if (shard, item["sk"]["S"]) not in exclude
        ]
        return Batch(records, more=not self._resume_at.keys().isdisjoint(wanted))

    async def _read_shard(self, shard: int, limit: int) -> list[Item]:
        """Return items of whole keys in ascending order, going on where the last read was cut off."""
        found: list[Item] = []
        resume_at = self._resume_at.pop(shard, None)
        while True:
            request: dict[str, Any] = {"ExclusiveStartKey": resume_at} if resume_at else {}
            async with self._slots:
                page = await self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :shard",
                    ExpressionAttributeValues={":shard": {"S": outbox_partition(shard)}},
                    ConsistentRead=True,
                    ScanIndexForward=False,
                    Limit=limit,
                    **request,
                )
            found.extend(page["Items"])
            resume_at = page.get("LastEvaluatedKey")
            if not resume_at:
                return found[::-1]
            cut_off = _sequence_of(found[-1])
            whole = [item for item in found if _sequence_of(item) != cut_off]
            if whole:
                self._resume_at[shard] = {"pk": whole[-1]["pk"], "sk": whole[-1]["sk"]}
                return whole[::-1]

    async def delete(self, positions: Sequence[Position]) -> None:
        """Delete items in batches, and again what DynamoDB left undone.

        Raises TimeoutError when some are still there after several attempts.
        """
        batches = [
            positions[start : start + DELETE_BATCH] for start in range(0, len(positions), DELETE_BATCH)
        ]
        await asyncio.gather(*(self._delete_batch(batch) for batch in batches))

    async def _delete_batch(self, positions: Sequence[Position]) -> None:
        requests: Any = {
            self._table: [
                {"DeleteRequest": {"Key": {"pk": {"S": outbox_partition(shard)}, "sk": {"S": sort_key}}}}
                for shard, sort_key in positions
            ]
        }
        backoff = Backoff(first_seconds=0.05, maximum_seconds=1.0)
        for _ in range(DELETE_ATTEMPTS):
            async with self._slots:
                answer = await self._client.batch_write_item(RequestItems=requests)
            requests = answer.get("UnprocessedItems")
            if not requests:
                return
            await asyncio.sleep(backoff.next_seconds())
        raise TimeoutError(f"{len(requests[self._table])} outbox items could not be deleted")

    async def measure(self) -> Backlog:
        """Count the waiting items up to a cap, and take the age of the oldest among them."""
        stamps: list[str] = []
        for shard in self.held:
            async with self._slots:
                page = await self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :shard",
                    ExpressionAttributeValues={":shard": {"S": outbox_partition(shard)}},
                    ProjectionExpression="created_at",
                    Limit=COUNT_CAP,
                )
            stamps.extend(item["created_at"]["S"] for item in page["Items"])
        if not stamps:
            return Backlog(depth=0, oldest_age_seconds=0.0)
        oldest = min(datetime.fromisoformat(stamp) for stamp in stamps)
        return Backlog(
            depth=len(stamps), oldest_age_seconds=max(0.0, (datetime.now(UTC) - oldest).total_seconds())
        )


def _sequence_of(item: Item) -> tuple[str, str]:
    """Name the sequence whose order matters: a key's events on one topic."""
    return item["topic"]["S"], item["key"]["S"]


def _record(shard: int, item: Item) -> OutboxRecord:
    return OutboxRecord(
        position=(shard, item["sk"]["S"]),
        shard=shard,
        topic=item["topic"]["S"],
        key=item["key"]["S"],
        encoded_headers=item["headers"]["S"],
        value=bytes(item["value"]["B"]),
        created_at=datetime.fromisoformat(item["created_at"]["S"]),
    )
