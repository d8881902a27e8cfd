"""The number of partitions that DynamoDB's deadlines are spread over may grow while deadlines wait."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from autodeal_messaging.deadlines import Deadline
from autodeal_messaging.dynamodb.deadline_store import DynamoDeadlineStore
from autodeal_messaging.dynamodb.write import (
    DEADLINE_SHARDS,
    DEADLINE_SHARDS_READ,
    deadline_delete,
    deadline_put,
)

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SUBJECTS = [str(number) for number in range(20)]
DUE = sorted(Deadline(due_at=NOON, kind="sale", subject=subject) for subject in SUBJECTS)


async def write(client: DynamoDBClient, table: str, *, shards: int) -> None:
    for subject in SUBJECTS:
        put = deadline_put(table, "sale", subject, NOON, shards)
        await client.transact_write_items(TransactItems=[put])


async def finish(client: DynamoDBClient, table: str) -> None:
    for subject in SUBJECTS:
        await client.transact_write_items(TransactItems=[deadline_delete(table, "sale", subject, NOON)])


def test_deadlines_are_looked_for_wherever_they_are_written() -> None:
    assert DEADLINE_SHARDS_READ >= DEADLINE_SHARDS


@pytest.mark.parametrize("written", [1, DEADLINE_SHARDS * 4], ids=["fewer", "more"])
async def test_deadlines_that_another_release_wrote_end_when_they_were_acted_on(
    dynamodb_client: DynamoDBClient, created_table: str, written: int
) -> None:
    await write(dynamodb_client, created_table, shards=written)
    store = DynamoDeadlineStore(dynamodb_client, created_table, shards=DEADLINE_SHARDS * 4)

    assert await store.earliest(before=NOON, limit=100) == DUE

    await finish(dynamodb_client, created_table)
    assert await store.earliest(before=NOON, limit=100) == []


async def test_each_is_found_once_when_two_workers_bring_them_home(
    dynamodb_client: DynamoDBClient, created_table: str
) -> None:
    await write(dynamodb_client, created_table, shards=1)
    stores = [DynamoDeadlineStore(dynamodb_client, created_table) for _ in range(2)]

    looks = await asyncio.gather(*(store.earliest(before=NOON, limit=100) for store in stores))

    # What is on its way home while it is looked for may be missed by one look, never by the next.
    assert all(len(look) == len(set(look)) for look in looks)
    for store in stores:
        assert await store.earliest(before=NOON, limit=100) == DUE
