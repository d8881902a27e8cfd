"""What the consumers do with an event, on each store: one effect, in the transaction of its inbox mark."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from tests.chaos.chaos_stage import (
    CURE,
    DYNAMODB_GROUP,
    DYNAMODB_TABLE,
    EFFECT,
    GROUP,
    INBOX_RETENTION,
    POISONOUS,
)

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.dynamodb.write import inbox_put
from autodeal_messaging.postgres.write import claim_all_in_inbox

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

log = structlog.get_logger(__name__)

FAILING_SHARE = 0.1
"""Attempts that fail after their effect was written and before it is committed."""
CURE_KEY: Any = {"pk": {"S": "CURE"}, "sk": {"S": "CURE"}}


class PoisonError(Exception):
    """This event cannot take effect before somebody has mended the cause."""


class PassingError(Exception):
    """This attempt fails, as a bug that comes and goes would make it."""


class PostgresHandler:
    """Appends effects to a table."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def handle(self, envelope: Envelope) -> None:
        """Bring one event into effect."""
        await self.handle_together([envelope])

    async def handle_together(self, envelopes: Sequence[Envelope]) -> None:
        """Bring events of different keys into effect in one transaction."""
        async with self._engine.begin() as connection:
            claimed = await claim_all_in_inbox(connection, GROUP, [envelope.id for envelope in envelopes])
            fresh = [envelope for envelope in envelopes if envelope.id in claimed]
            if not fresh:
                return
            await connection.execute(insert(EFFECT), [_effect(envelope) for envelope in fresh])
            if any(envelope.type == POISONOUS for envelope in fresh) and not await _is_cured(connection):
                raise PoisonError
            if random.random() < FAILING_SHARE:
                raise PassingError


class DynamoDbHandler:
    """Appends the ids of events to a list in an item of their key."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client

    async def handle(self, envelope: Envelope) -> None:
        """Bring one event into effect."""
        mark = inbox_put(
            DYNAMODB_TABLE, DYNAMODB_GROUP, envelope.id, now=datetime.now(UTC), retention=INBOX_RETENTION
        )
        append: Any = {
            "TableName": DYNAMODB_TABLE,
            "Key": effects_key(envelope.key),
            "UpdateExpression": "SET events = list_append(if_not_exists(events, :none), :event)",
            "ExpressionAttributeValues": {":none": {"L": []}, ":event": {"L": [{"S": envelope.id}]}},
        }
        if envelope.type == POISONOUS and not await self._is_cured():
            raise PoisonError
        if random.random() < FAILING_SHARE:
            raise PassingError
        try:
            await self._client.transact_write_items(TransactItems=[mark, {"Update": append}])
        except self._client.exceptions.TransactionCanceledException as error:
            reasons: Any = error.response.get("CancellationReasons", [{}])
            if reasons[0].get("Code") != "ConditionalCheckFailed":
                raise
        log.info("event.handled", key=envelope.key, sequence=envelope.sequence, id=envelope.id)
        if random.random() < FAILING_SHARE:
            raise PassingError

    async def _is_cured(self) -> bool:
        found = await self._client.get_item(TableName=DYNAMODB_TABLE, Key=CURE_KEY, ConsistentRead=True)
        return "Item" in found


def cure_item() -> dict[str, Any]:
    """Return the item that stands in the table once the cause of the failures is mended."""
    return dict(CURE_KEY)


def effects_key(key: str) -> dict[str, dict[str, str]]:
    """Return the primary key of the item that holds the effects of a key."""
    return {"pk": {"S": f"EFFECTS#{key}"}, "sk": {"S": "EFFECTS"}}


def _effect(envelope: Envelope) -> dict[str, Any]:
    return {
        "topic": envelope.topic,
        "key": envelope.key,
        "sequence": envelope.sequence,
        "event_id": envelope.id,
    }


async def _is_cured(connection: AsyncConnection) -> bool:
    return await connection.scalar(select(CURE.c.id)) is not None
