"""The service's one table: made by `migrate`, which may run again at any time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient

BY_BUYER = "by_buyer"
"""Index: the payments of a buyer, by age."""
BY_STATUS = "by_status"
"""Index: the payments of a status, in shards, by age."""
TTL_ATTRIBUTE = "expires_at"
_WAIT_SECONDS = 0.2
_WAIT_LIMIT = 600


async def create_table(client: DynamoDBClient, table: str) -> None:
    """Make the table with its indexes, its TTL and, where there is such a thing, its backups."""
    try:
        await client.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"}
                for name in ("pk", "sk", "buyer_id", "status_shard", "listed_at")
            ],
            GlobalSecondaryIndexes=[
                _index(BY_BUYER, "buyer_id"),
                _index(BY_STATUS, "status_shard"),
            ],
        )
    except ClientError as error:
        if _code(error) != "ResourceInUseException":
            raise
    await _wait_until_active(client, table)
    await _set_ttl(client, table)
    with contextlib.suppress(ClientError, NotImplementedError):  # DynamoDB Local has no backups.
        await client.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )


def _index(name: str, partition: str) -> Any:  # noqa: ANN401 - a literal of the client's own type
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": partition, "KeyType": "HASH"},
            {"AttributeName": "listed_at", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "ALL"},
    }


async def _wait_until_active(client: DynamoDBClient, table: str) -> None:
    for _ in range(_WAIT_LIMIT):
        found = (await client.describe_table(TableName=table))["Table"]
        indexes = found.get("GlobalSecondaryIndexes", [])
        if found.get("TableStatus") == "ACTIVE" and all(
            index.get("IndexStatus", "ACTIVE") == "ACTIVE" for index in indexes
        ):
            return
        await asyncio.sleep(_WAIT_SECONDS)
    raise TimeoutError(f"the table {table} does not become active")


async def _set_ttl(client: DynamoDBClient, table: str) -> None:
    found = await client.describe_time_to_live(TableName=table)
    if found["TimeToLiveDescription"].get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
        return
    await client.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
    )


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
