"""Values that are too large for one item of DynamoDB, kept in pieces beside their record.

The pieces come and go in the transaction of their record, so none outlives it. One transaction has room
for 4 MB; the pieces of values beyond that, which no topic takes unless its limit was raised fourfold, are
written before their record and deleted after it. Only of those some are left by a process that dies in
between, or by a record that comes again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from autodeal_messaging.parking.port import ParkedRecord

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_dynamodb import DynamoDBClient

PIECE_BYTES = 300_000
"""An item may have 400 KB, its other attributes included."""
TRANSACTION_BYTES = 3_000_000
"""Values up to this are written with their record: a transaction takes 4 MB, other items included."""
COPY_BYTES = 100_000
"""So much of a large value goes into the copy for Kafka tooling, which must fit into an item, too."""


def pieces_beside(record: ParkedRecord) -> list[dict[str, Any]]:
    """Return the items to put in the transaction that stores the record."""
    return _pieces(record) if _value_bytes(record) <= TRANSACTION_BYTES else []


def piece_keys_beside(record: ParkedRecord) -> list[dict[str, Any]]:
    """Return the keys of the items to delete in the transaction that deletes the record."""
    return _piece_keys(record) if _value_bytes(record) <= TRANSACTION_BYTES else []


async def store_huge_value(client: DynamoDBClient, table: str, record: ParkedRecord) -> None:
    """Write the pieces for which the transaction has no room; before the record, which needs them."""
    if _value_bytes(record) > TRANSACTION_BYTES:
        for item in _pieces(record):
            await client.put_item(TableName=table, Item=item)


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


async def delete_huge_value(client: DynamoDBClient, table: str, record: ParkedRecord) -> None:
    """Delete the pieces for which the transaction had no room, of a record that has gone."""
    if _value_bytes(record) > TRANSACTION_BYTES:
        for key in _piece_keys(record):
            await client.delete_item(TableName=table, Key=key)


def _pieces(record: ParkedRecord) -> list[dict[str, Any]]:
    value = record.value or b""
    return [
        {**key, "piece": {"B": value[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]}}
        for number, key in enumerate(_piece_keys(record))
    ]


def _piece_keys(record: ParkedRecord) -> list[dict[str, Any]]:
    value_bytes = _value_bytes(record)
    count = _count(value_bytes) if value_bytes > PIECE_BYTES else 0
    return [_key(record, number) for number in range(count)]


def _value_bytes(record: ParkedRecord) -> int:
    return len(record.value or b"")


def _count(value_bytes: int) -> int:
    return -(-value_bytes // PIECE_BYTES)


def _key(record: ParkedRecord, number: int) -> dict[str, Any]:
    # The place in Kafka names a record also before it has an id.
    place = f"{record.topic}/{record.partition}/{record.offset}@{record.timestamp_ms}"
    return {"pk": {"S": f"PARKED_VALUE#{record.group}#{place}"}, "sk": {"S": f"{number:06d}"}}
