"""What the payment service relies on in DynamoDB, asked of whichever DynamoDB is chosen.

The embedded one is changed by `moto_by_partition`; these tests hold that change to the real behaviour.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from autodeal_devstack.engines.dynamodb_tables import create_table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

pytestmark = pytest.mark.integration

ABSENT = "attribute_not_exists(pk)"


@pytest.fixture
async def table(dynamodb_client: DynamoDBClient, dynamodb_table: str) -> str:
    await create_table(dynamodb_client, dynamodb_table)
    return dynamodb_table


def item(pk: str, sk: str, number: int = 0) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}, "n": {"N": str(number)}}


def put(table: str, pk: str, sk: str, number: int = 0) -> TransactWriteItemTypeDef:
    return {"Put": {"TableName": table, "Item": item(pk, sk, number), "ConditionExpression": ABSENT}}


def add(table: str, pk: str, sk: str, number: int) -> TransactWriteItemTypeDef:
    return {
        "Update": {
            "TableName": table,
            "Key": {"pk": {"S": pk}, "sk": {"S": sk}},
            "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": str(number)}},
        }
    }


async def everything(client: DynamoDBClient, table: str) -> dict[tuple[str, str], int]:
    found = (await client.scan(TableName=table, ConsistentRead=True))["Items"]
    return {(each["pk"]["S"], each["sk"]["S"]): int(each["n"]["N"]) for each in found}


async def keys(client: DynamoDBClient, table: str, pk: str, **options: Any) -> list[str]:
    answer = await client.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
        ConsistentRead=True,
        **options,
    )
    return [each["sk"]["S"] for each in answer["Items"]]


async def test_transaction_changes_nothing_when_its_last_condition_fails(
    dynamodb_client: DynamoDBClient, table: str
) -> None:
    before = {("a", "1"): 1, ("a", "2"): 2, ("b", "1"): 3}
    for (pk, sk), number in before.items():
        await dynamodb_client.put_item(TableName=table, Item=item(pk, sk, number))
    with pytest.raises(dynamodb_client.exceptions.TransactionCanceledException) as error:
        await dynamodb_client.transact_write_items(
            TransactItems=[
                put(table, "new", "1"),
                add(table, "a", "1", 100),
                {"Delete": {"TableName": table, "Key": {"pk": {"S": "a"}, "sk": {"S": "2"}}}},
                put(table, "b", "1"),
            ]
        )
    codes = [reason["Code"] for reason in error.value.response["CancellationReasons"]]
    assert codes == ["None", "None", "None", "ConditionalCheckFailed"]
    assert await everything(dynamodb_client, table) == before


async def test_transaction_changes_all_when_its_conditions_hold(
    dynamodb_client: DynamoDBClient, table: str
) -> None:
    await dynamodb_client.put_item(TableName=table, Item=item("a", "1", 1))
    await dynamodb_client.transact_write_items(
        TransactItems=[put(table, "b", "1", 5), put(table, "a", "2", 6), add(table, "a", "1", 10)]
    )
    expected = {("a", "1"): 11, ("a", "2"): 6, ("b", "1"): 5}
    assert await everything(dynamodb_client, table) == expected


async def test_no_write_is_lost_when_transactions_fail_beside_it(
    dynamodb_client: DynamoDBClient, table: str
) -> None:
    """A failed transaction is rolled back without taking what others wrote meanwhile."""
    await dynamodb_client.put_item(TableName=table, Item=item("taken", "1"))

    async def fail(number: int) -> None:
        with pytest.raises(dynamodb_client.exceptions.TransactionCanceledException):
            await dynamodb_client.transact_write_items(
                TransactItems=[put(table, "shared", f"failed {number}"), put(table, "taken", "1")]
            )

    async def write(number: int) -> None:
        await dynamodb_client.put_item(TableName=table, Item=item("shared", f"written {number:02}"))

    await asyncio.gather(*(task(number) for number in range(20) for task in (fail, write)))
    assert await keys(dynamodb_client, table, "shared") == [f"written {number:02}" for number in range(20)]


async def test_one_writer_wins_when_many_put_the_same_item(
    dynamodb_client: DynamoDBClient, table: str
) -> None:
    async def attempt(number: int) -> bool:
        try:
            await dynamodb_client.transact_write_items(
                TransactItems=[put(table, "root", "1", number), put(table, "log", str(number))]
            )
        except dynamodb_client.exceptions.TransactionCanceledException:
            return False
        return True

    won = await asyncio.gather(*(attempt(number) for number in range(20)))
    assert won.count(True) == 1
    assert await everything(dynamodb_client, table) == {
        ("root", "1"): won.index(True),
        ("log", str(won.index(True))): 0,
    }


async def test_query_gives_one_partition_in_order_when_there_are_many(
    dynamodb_client: DynamoDBClient, table: str
) -> None:
    for number in (3, 1, 2):
        for pk in ("a", "b", "c"):
            await dynamodb_client.put_item(TableName=table, Item=item(pk, f"{number}"))
    assert await keys(dynamodb_client, table, "b") == ["1", "2", "3"]
    assert await keys(dynamodb_client, table, "b", ScanIndexForward=False) == ["3", "2", "1"]
    assert await keys(dynamodb_client, table, "none") == []
    first = await keys(dynamodb_client, table, "b", Limit=2)
    start = {"pk": {"S": "b"}, "sk": {"S": first[-1]}}
    assert (first, await keys(dynamodb_client, table, "b", ExclusiveStartKey=start)) == (["1", "2"], ["3"])
