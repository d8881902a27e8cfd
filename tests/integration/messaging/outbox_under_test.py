"""An outbox on each real store, behind the same few verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.dynamodb.outbox_store import DynamoOutboxStore
from autodeal_messaging.dynamodb.write import outbox_partition, outbox_put
from autodeal_messaging.outbox.port import OutboxStore
from autodeal_messaging.postgres.outbox_store import PostgresOutboxStore
from autodeal_messaging.postgres.write import add_to_outbox

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

DYNAMODB_SHARDS = 4


class OutboxUnderTest(Protocol):
    async def commit(self, *envelopes: Envelope) -> None: ...

    def store(self, name: str, /) -> OutboxStore: ...

    async def count(self) -> int: ...

    async def break_connections(self) -> None:
        """Cut every relay off from the store, abruptly."""


class PostgresOutboxUnderTest:
    def __init__(self, engine: AsyncEngine, url: str) -> None:
        self.engine = engine
        self.url = url

    async def commit(self, *envelopes: Envelope) -> None:
        async with self.engine.begin() as connection:
            await add_to_outbox(connection, envelopes)

    def store(self, _name: str) -> OutboxStore:
        return PostgresOutboxStore(self.url, balance_interval_seconds=0.1)

    async def count(self) -> int:
        async with self.engine.connect() as connection:
            return int(await connection.scalar(text("SELECT count(*) FROM outbox")) or 0)

    async def break_connections(self) -> None:
        async with self.engine.connect() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'autodeal-relay' AND datname = current_database()"
                )
            )


class DynamoOutboxUnderTest:
    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    async def commit(self, *envelopes: Envelope) -> None:
        await self._client.transact_write_items(
            TransactItems=[outbox_put(self._table, envelope, DYNAMODB_SHARDS) for envelope in envelopes]
        )

    def store(self, name: str) -> OutboxStore:
        return DynamoOutboxStore(
            self._client,
            self._table,
            owner=name,
            shards=DYNAMODB_SHARDS,
            lease_seconds=1.5,
            balance_interval_seconds=0.3,
        )

    async def count(self) -> int:
        found = 0
        for shard in range(DYNAMODB_SHARDS):
            page = await self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :shard",
                ExpressionAttributeValues={":shard": {"S": outbox_partition(shard)}},
                ConsistentRead=True,
                Select="COUNT",
            )
            found += page["Count"]
        return found

    async def break_connections(self) -> None:
        """There is no session to break: a request is all the connection there is."""
