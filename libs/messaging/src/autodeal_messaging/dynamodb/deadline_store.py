"""Reading deadlines from their items; the handler's own transaction deletes them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from autodeal_messaging.deadlines import Deadline
from autodeal_messaging.dynamodb.write import DEADLINE_SHARDS, deadline_partition, sortable_time

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient


class DynamoDeadlineStore:
    """Queries each shard for its soonest deadlines, strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str, *, shards: int = DEADLINE_SHARDS) -> None:
        self._client = client
        self._table = table
        self._shards = shards

    async def earliest(self, *, before: datetime, limit: int) -> Sequence[Deadline]:
        """Return deadlines due by then, the soonest first."""
        shards = await asyncio.gather(
            *(self._earliest_of(shard, before, limit) for shard in range(self._shards))
        )
        return sorted(deadline for found in shards for deadline in found)[:limit]

    async def _earliest_of(self, shard: int, before: datetime, limit: int) -> list[Deadline]:
        page = await self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :shard AND sk < :end",
            ExpressionAttributeValues={
                ":shard": {"S": deadline_partition(shard)},
                ":end": {"S": sortable_time(before + timedelta(microseconds=1))},
            },
            ConsistentRead=True,
            Limit=limit,
        )
        return [
            Deadline(
                due_at=datetime.fromisoformat(item["due_at"]["S"]),
                kind=item["kind"]["S"],
                subject=item["subject"]["S"],
            )
            for item in page["Items"]
        ]
