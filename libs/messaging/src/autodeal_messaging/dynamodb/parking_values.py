"""Values that are too large for one item of DynamoDB, kept in pieces beside their record."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from autodeal_messaging.parking.port import ParkedRecord

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient

PIECE_BYTES = 300_000
"""An item may have 400 KB, its other attributes included."""
COPY_BYTES = 100_000
"""So much of a large value goes into the copy for Kafka tooling, which must fit into an item, too."""


async def store_pieces(client: DynamoDBClient, table: str, record: ParkedRecord) -> None:
    """Write the pieces of a large value; before its record, which nobody finds without them."""
    value = record.value or b""
    if len(value) > PIECE_BYTES:
        for number in range(_count(len(value))):
            piece = value[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]
            await client.put_item(TableName=table, Item={**_key(record, number), "piece": {"B": piece}})


async def load_pieces(
    client: DynamoDBClient, table: str, record: ParkedRecord, value_bytes: int
) -> ParkedRecord:
    """Return a record with its large value; raises LookupError when a piece is missing."""
    found = await asyncio.gather(
        *(
            client.get_item(TableName=table, Key=_key(record, number), ConsistentRead=True)
            for number in range(_count(value_bytes))
        )
    )
    if not all("Item" in answer for answer in found):
        raise LookupError(f"a piece of {record.id} is missing")
    value = b"".join(bytes(answer["Item"]["piece"]["B"]) for answer in found)
    return msgspec.structs.replace(record, value=value)


async def delete_pieces(client: DynamoDBClient, table: str, record: ParkedRecord) -> None:
    """Delete the pieces of a record that has gone."""
    value = record.value or b""
    if len(value) > PIECE_BYTES:
        for number in range(_count(len(value))):
            await client.delete_item(TableName=table, Key=_key(record, number))


def _count(value_bytes: int) -> int:
    return -(-value_bytes // PIECE_BYTES)


def _key(record: ParkedRecord, number: int) -> dict[str, Any]:
    # The place in Kafka names a record also before it has an id.
    place = f"{record.topic}/{record.partition}/{record.offset}@{record.timestamp_ms}"
    return {"pk": {"S": f"PARKED_VALUE#{record.group}#{place}"}, "sk": {"S": f"{number:06d}"}}
