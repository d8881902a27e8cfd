"""A steady load: events of many keys committed on both stores, and some transactions that roll back."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.chaos.chaos_stage import (
    AGGREGATE,
    COMMITTED,
    DYNAMODB_SHARDS,
    DYNAMODB_TABLE,
    DYNAMODB_TOPIC,
    HARMLESS,
    POISONOUS,
    POSTGRES_TOPIC,
)

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.dynamodb.write import outbox_put
from autodeal_messaging.postgres.write import add_to_outbox

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

POSTGRES_KEYS = 24
DYNAMODB_KEYS = 8
PAUSE_SECONDS = 0.1
DYNAMODB_PAUSE_SECONDS = 0.4
"""DynamoDB Local is slow: faster than this, the load itself would be the fault."""
FAILED_PAUSE_SECONDS = 0.5
TIMEOUT_SECONDS = 10.0
ROLLED_BACK_SHARE = 0.1
POISONOUS_SHARE = 0.003
DYNAMODB_POISONOUS_SHARE = 0.01
"""More, as there are fewer events in all."""


class RolledBackError(Exception):
    """Raised inside a transaction that must not take effect."""


async def write_until(stop: asyncio.Event, engine: AsyncEngine, client: DynamoDBClient, seed: int) -> None:
    """Let one writer a key commit until told to stop; an engine that is away only slows them down.

    A commit whose outcome is unknown is not repeated: what was committed is read from the stores.
    """
    chance = random.Random(seed)
    writers = [
        (_postgres_writer(engine, f"postgres-{number}", chance), PAUSE_SECONDS)
        for number in range(POSTGRES_KEYS)
    ]
    writers += [(_dynamodb_writer(client, key, chance), DYNAMODB_PAUSE_SECONDS) for key in dynamodb_keys()]
    await asyncio.gather(*(_repeat(writer, pause, stop, chance) for writer, pause in writers))


def dynamodb_keys() -> list[str]:
    """Return the keys whose events are committed in DynamoDB."""
    return [f"dynamodb-{number}" for number in range(DYNAMODB_KEYS)]


async def _repeat(
    write: Callable[[], Awaitable[None]], usual_seconds: float, stop: asyncio.Event, chance: random.Random
) -> None:
    while not stop.is_set():
        pause_seconds = usual_seconds
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await write()
        except RolledBackError:
            pass
        except Exception:  # noqa: BLE001  # the engine is away, in any of a hundred ways
            pause_seconds = FAILED_PAUSE_SECONDS
        await asyncio.sleep(pause_seconds * chance.uniform(0.5, 1.5))


def _postgres_writer(engine: AsyncEngine, key: str, chance: random.Random) -> Callable[[], Awaitable[None]]:
    async def write() -> None:
        async with engine.begin() as connection:
            version = await connection.scalar(
                upsert(AGGREGATE)
                .values(key=key, version=1)
                .on_conflict_do_update(index_elements=["key"], set_={"version": AGGREGATE.c.version + 1})
                .returning(AGGREGATE.c.version)
            )
            assert isinstance(version, int)
            event = _event(POSTGRES_TOPIC, key, version, poisonous=chance.random() < POISONOUS_SHARE)
            await add_to_outbox(connection, [event])
            await connection.execute(insert(COMMITTED).values(key=key, sequence=version, event_id=event.id))
            if chance.random() < ROLLED_BACK_SHARE:
                raise RolledBackError

    return write


def _dynamodb_writer(
    client: DynamoDBClient, key: str, chance: random.Random
) -> Callable[[], Awaitable[None]]:
    root = {"pk": {"S": f"AGGREGATE#{key}"}, "sk": {"S": "ROOT"}}

    async def write() -> None:
        found = await client.get_item(TableName=DYNAMODB_TABLE, Key=root, ConsistentRead=True)
        version = int(found["Item"]["version"]["N"]) if "Item" in found else 0
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if version:
            condition = {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": {"N": str(version)}},
            }
        if chance.random() < ROLLED_BACK_SHARE:
            condition = {"ConditionExpression": "attribute_exists(nothing)"}
        poisonous = chance.random() < DYNAMODB_POISONOUS_SHARE
        event = _event(DYNAMODB_TOPIC, key, version + 1, poisonous=poisonous)
        ledger = {"pk": root["pk"], "sk": {"S": f"EVENT#{version + 1:012d}"}, "event_id": {"S": event.id}}
        item = root | {"version": {"N": str(version + 1)}}
        put_root: Any = {"TableName": DYNAMODB_TABLE, "Item": item} | condition
        await client.transact_write_items(
            TransactItems=[
                {"Put": put_root},
                {"Put": {"TableName": DYNAMODB_TABLE, "Item": ledger}},
                outbox_put(DYNAMODB_TABLE, event, DYNAMODB_SHARDS),
            ]
        )

    return write


def _event(topic: str, key: str, sequence: int, *, poisonous: bool) -> Envelope:
    return Envelope(
        topic=topic,
        key=key,
        id=uuid.uuid4().hex,  # of this attempt alone, so that a rolled-back one is recognized for ever
        type=POISONOUS if poisonous else HARMLESS,
        source="/autodeal/chaos",
        subject=f"chaos/{key}",
        time=datetime.now(UTC),
        sequence=sequence,
        correlation_id=key,
        data=b"{}",
    )
