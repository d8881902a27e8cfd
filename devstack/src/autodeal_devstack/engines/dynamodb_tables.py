"""Tables of the shape that this platform uses: keys `pk` and `sk`, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the stubs are installed for development only
    from types_aiobotocore_dynamodb import DynamoDBClient


async def create_table(client: DynamoDBClient, name: str) -> None:
    """Create a table with the keys `pk` and `sk`, paid by request, and wait until it is there."""
    await client.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    await client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


async def drop_table(client: DynamoDBClient, name: str) -> None:
    """Drop a table, if it exists."""
    try:
        await client.delete_table(TableName=name)
    except client.exceptions.ResourceNotFoundException:
        return
