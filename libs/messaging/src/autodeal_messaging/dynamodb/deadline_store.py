"""Reading deadlines from their items; the handler's own transaction deletes them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from autodeal_messaging.deadlines import Deadline
from autodeal_messaging.dynamodb.write import (
    DEADLINE_SHARDS,
    DEADLINE_SHARDS_READ,
    deadline_key,
    deadline_partition,
    sortable_time,
)

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import AttributeValueTypeDef


class DynamoDeadlineStore:
    """Queries each shard for its soonest deadlines, strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str, *, shards: int = DEADLINE_SHARDS_READ) -> None:
        self._client = client
        self._table = table
        self._shards = shards

    async def earliest(self, *, before: datetime, limit: int) -> Sequence[Deadline]:
        """Return deadlines due by then, the soonest first."""
        shards = await asyncio.gather(
            *(self._earliest_of(shard, before, limit) for shard in range(self._shards))
        )
        # One that is brought home meanwhile may be met in both places.
        return sorted({deadline for found in shards for deadline in found})[:limit]

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
        return [await self._read(item) for item in page["Items"]]

    async def _read(self, item: dict[str, AttributeValueTypeDef]) -> Deadline:
        """Return an item's deadline; one that another release put elsewhere is brought home before.

        The handler deletes it from where this release would have put it: left elsewhere, it would be
        due for ever.
        """
        due_at = datetime.fromisoformat(item["due_at"]["S"])
        deadline = Deadline(due_at=due_at, kind=item["kind"]["S"], subject=item["subject"]["S"])
        home = deadline_key(deadline.kind, deadline.subject, due_at, DEADLINE_SHARDS)
        if item["pk"] != home["pk"]:
            await self._bring_home(item, home)
        return deadline

    async def _bring_home(
        self, item: dict[str, AttributeValueTypeDef], home: dict[str, dict[str, str]]
    ) -> None:
        try:
            await self._client.transact_write_items(
                TransactItems=[
                    {
                        "Delete": {
                            "TableName": self._table,
                            "Key": {"pk": item["pk"], "sk": item["sk"]},
                            "ConditionExpression": "attribute_exists(pk)",
                        }
                    },
                    {"Put": {"TableName": self._table, "Item": {**item, **home}}},
                ]
            )
        except ClientError as error:
            # Another worker was sooner, or the deadline was acted on.
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
