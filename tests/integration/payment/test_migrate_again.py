"""`migrate` runs at each installation: what is in the table stays, and running processes notice nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from autodeal_payment.adapters.dynamodb_table import create_table

if TYPE_CHECKING:
    from tests.integration.payment.conftest import Desk
    from types_aiobotocore_dynamodb import DynamoDBClient


async def contents(client: DynamoDBClient, table: str) -> list[Any]:
    found = (await client.scan(TableName=table, ConsistentRead=True))["Items"]
    return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


async def described(client: DynamoDBClient, table: str) -> dict[str, Any]:
    found = (await client.describe_table(TableName=table))["Table"]
    kept = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingModeSummary")
    shape: dict[str, Any] = {name: found.get(name) for name in kept}
    indexes = shape["GlobalSecondaryIndexes"]
    figures = {"IndexSizeBytes", "ItemCount"}
    shape["GlobalSecondaryIndexes"] = sorted(
        ({key: value for key, value in index.items() if key not in figures} for index in indexes),
        key=lambda index: index["IndexName"],
    )
    return shape


async def test_data_and_indexes_stay_when_the_table_is_migrated_again(desk: Desk) -> None:
    await desk.begin()
    before = await contents(desk.client, desk.table)
    shape = await described(desk.client, desk.table)
    assert before

    await asyncio.gather(*(create_table(desk.client, desk.table) for _ in range(3)))

    assert await contents(desk.client, desk.table) == before
    assert await described(desk.client, desk.table) == shape
    await desk.cancel()
    assert await contents(desk.client, desk.table) != before
