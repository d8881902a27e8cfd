"""Values that DynamoDB keeps in pieces: none is left without its record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import AsyncMock

import pytest

from autodeal_messaging.dynamodb.parking_store import DynamoParkingStore
from autodeal_messaging.dynamodb.parking_values import PIECE_BYTES, TRANSACTION_BYTES
from autodeal_messaging.parking.port import AuditEntry, ParkedRecord, ParkedState

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

GROUP, TOPIC, KEY = "autodeal-test", "autodeal.test.v1", "key-1"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(seconds=30)
CountPieces = Callable[[], Awaitable[int]]


def large_record(offset: int, size: int) -> ParkedRecord:
    return ParkedRecord(
        id="",
        group=GROUP,
        topic=TOPIC,
        partition=3,
        offset=offset,
        timestamp_ms=1_767_268_800_000,
        key=KEY,
        record_key=KEY.encode(),
        headers=(),
        value=bytes([offset]) * size,
        event_id=f"event-{offset}",
        event_type="test.happened",
        state=ParkedState.PARKED,
        attempts=1,
        next_attempt_at=NOW,
        last_error="no",
        parked_at=NOW,
    )


@pytest.fixture
def store(dynamodb_client: DynamoDBClient, created_table: str) -> DynamoParkingStore:
    return DynamoParkingStore(dynamodb_client, created_table, GROUP, inbox_retention=timedelta(days=14))


@pytest.fixture
def count_pieces(dynamodb_client: DynamoDBClient, created_table: str) -> CountPieces:
    async def count() -> int:
        pages = dynamodb_client.get_paginator("scan").paginate(
            TableName=created_table,
            FilterExpression="begins_with(pk, :pieces)",
            ExpressionAttributeValues={":pieces": {"S": "PARKED_VALUE#"}},
            Select="COUNT",
        )
        return sum([page["Count"] async for page in pages])

    return count


@pytest.mark.parametrize("size", [700_000, TRANSACTION_BYTES, TRANSACTION_BYTES + 1])
async def test_no_piece_stays_when_records_have_gone(
    store: DynamoParkingStore, count_pieces: CountPieces, size: int
) -> None:
    for offset in (1, 2):
        await store.park(large_record(offset, size))
    assert await count_pieces() == 2 * -(-size // PIECE_BYTES)
    [claimed] = await store.claim_due(now=NOW, until=UNTIL, limit=10)
    assert claimed.value == large_record(1, size).value
    following = await store.settle(claimed, now=NOW, claim_until=UNTIL)
    assert following is not None
    assert following.value == large_record(2, size).value
    act = AuditEntry(
        at=NOW, operator="ana", act="discard", topic=TOPIC, key=KEY, record_id=following.id, reason="no use"
    )
    assert await store.discard(act)
    assert await count_pieces() == 0


async def test_no_piece_is_written_when_the_record_is_not(
    dynamodb_client: DynamoDBClient,
    store: DynamoParkingStore,
    count_pieces: CountPieces,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(dynamodb_client, "transact_write_items", AsyncMock(side_effect=ConnectionError))
        with pytest.raises(ConnectionError):
            await store.park(large_record(1, 700_000))
    assert await count_pieces() == 0


async def test_no_piece_is_written_when_a_record_comes_again_that_has_been_through(
    store: DynamoParkingStore, count_pieces: CountPieces
) -> None:
    await store.park(large_record(1, 700_000))
    [claimed] = await store.claim_due(now=NOW, until=UNTIL, limit=10)
    await store.settle(claimed, now=NOW, claim_until=None)
    assert not await store.park(large_record(1, 700_000))
    assert await count_pieces() == 0
