"""Outbox, inbox and deadlines of each store behind the same few verbs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.deadlines import DeadlineStore
from autodeal_messaging.dynamodb.deadline_store import DynamoDeadlineStore
from autodeal_messaging.dynamodb.outbox_store import DynamoOutboxStore
from autodeal_messaging.dynamodb.write import deadline_delete as delete_deadline_item
from autodeal_messaging.dynamodb.write import deadline_put, inbox_put, outbox_put
from autodeal_messaging.memory.deadline_store import MemoryDeadlineStore
from autodeal_messaging.memory.inbox import MemoryInbox
from autodeal_messaging.memory.outbox_store import MemoryOutbox, MemoryOutboxStore
from autodeal_messaging.metrics import count_inbox_duplicate
from autodeal_messaging.outbox.port import OutboxStore
from autodeal_messaging.postgres import write as postgres_write
from autodeal_messaging.postgres.deadline_store import PostgresDeadlineStore
from autodeal_messaging.postgres.outbox_store import PostgresOutboxStore

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

SHARDS = 8
LEASE_SECONDS = 6.0


class OutboxUnderTest(Protocol):
    async def commit(self, *envelopes: Envelope) -> None:
        """Commit events in one transaction, in this order."""

    def store(self, name: str, /) -> OutboxStore:
        """Make a relay's view; the fixture closes it."""

    async def crash(self, store: OutboxStore, /) -> None:
        """Let a relay die without a word, and let the time pass after which others may notice."""


class InboxUnderTest(Protocol):
    async def claim(self, consumer: str, event_id: str) -> bool: ...

    async def claim_and_roll_back(self, consumer: str, event_id: str) -> None: ...


class DeadlinesUnderTest(Protocol):
    store: DeadlineStore

    async def schedule(self, kind: str, subject: str, due_at: datetime) -> None: ...

    async def move(self, kind: str, subject: str, due_at: datetime, /, to: datetime) -> None: ...

    async def cancel(self, kind: str, subject: str, due_at: datetime, /) -> None: ...


class MemoryOutboxUnderTest:
    def __init__(self) -> None:
        self._outbox = MemoryOutbox(shards=SHARDS)
        self._names: dict[int, str] = {}

    async def commit(self, *envelopes: Envelope) -> None:
        self._outbox.add(envelopes)

    def store(self, name: str) -> OutboxStore:
        store = MemoryOutboxStore(self._outbox, name)
        self._names[id(store)] = name
        return store

    async def crash(self, store: OutboxStore) -> None:
        self._outbox.forget_member(self._names[id(store)])


class PostgresOutboxUnderTest:
    def __init__(self, engine: AsyncEngine, url: str) -> None:
        self._engine = engine
        self._url = url

    async def commit(self, *envelopes: Envelope) -> None:
        async with self._engine.begin() as connection:
            await postgres_write.add_to_outbox(connection, envelopes, shards=SHARDS)

    def store(self, _name: str) -> OutboxStore:
        return PostgresOutboxStore(self._url, shards=SHARDS)

    async def crash(self, store: OutboxStore) -> None:
        assert isinstance(store, PostgresOutboxStore)
        assert store._connection is not None
        store._connection.terminate()


class DynamoOutboxUnderTest:
    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._time = 1_000_000.0

    async def commit(self, *envelopes: Envelope) -> None:
        await self._client.transact_write_items(
            TransactItems=[outbox_put(self._table, envelope, SHARDS) for envelope in envelopes]
        )

    def store(self, name: str) -> OutboxStore:
        return DynamoOutboxStore(
            self._client,
            self._table,
            owner=name,
            shards=SHARDS,
            lease_seconds=LEASE_SECONDS,
            now=lambda: self._time,
        )

    async def crash(self, _store: OutboxStore) -> None:
        self._time += 2 * LEASE_SECONDS


class MemoryInboxUnderTest:
    def __init__(self) -> None:
        self._inbox = MemoryInbox()

    async def claim(self, consumer: str, event_id: str) -> bool:
        return self._inbox.claim(consumer, event_id)

    async def claim_and_roll_back(self, consumer: str, event_id: str) -> None:
        self._inbox.claim(consumer, event_id)
        self._inbox.forget(consumer, event_id)


class PostgresInboxUnderTest:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def claim(self, consumer: str, event_id: str) -> bool:
        async with self._engine.begin() as connection:
            return await postgres_write.claim_in_inbox(connection, consumer, event_id)

    async def claim_and_roll_back(self, consumer: str, event_id: str) -> None:
        async with self._engine.connect() as connection:
            await postgres_write.claim_in_inbox(connection, consumer, event_id)
            await connection.rollback()


class DynamoInboxUnderTest:
    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    async def claim(self, consumer: str, event_id: str) -> bool:
        return await self._write(consumer, event_id, fails=False)

    async def claim_and_roll_back(self, consumer: str, event_id: str) -> None:
        assert not await self._write(consumer, event_id, fails=True)

    async def _write(self, consumer: str, event_id: str, *, fails: bool) -> bool:
        claim = inbox_put(
            self._table, consumer, event_id, now=datetime.now(UTC), retention=timedelta(days=14)
        )
        effect = deadline_put(self._table, "effect", event_id, datetime.now(UTC))
        if fails:
            effect["Put"]["ConditionExpression"] = "attribute_exists(pk)"
        try:
            await self._client.transact_write_items(TransactItems=[claim, effect])
        except self._client.exceptions.TransactionCanceledException:
            if not fails:
                count_inbox_duplicate(consumer)
            return False
        return True


class MemoryDeadlinesUnderTest:
    def __init__(self) -> None:
        self._memory = MemoryDeadlineStore()
        self.store: DeadlineStore = self._memory

    async def schedule(self, kind: str, subject: str, due_at: datetime) -> None:
        self._memory.schedule(kind, subject, due_at)

    async def move(self, kind: str, subject: str, _due_at: datetime, to: datetime) -> None:
        self._memory.schedule(kind, subject, to)

    async def cancel(self, kind: str, subject: str, _due_at: datetime) -> None:
        self._memory.cancel(kind, subject)


class PostgresDeadlinesUnderTest:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.store: DeadlineStore = PostgresDeadlineStore(engine)

    async def schedule(self, kind: str, subject: str, due_at: datetime) -> None:
        await self._write(
            lambda connection: postgres_write.schedule_deadline(connection, kind, subject, due_at)
        )

    async def move(self, kind: str, subject: str, _due_at: datetime, to: datetime) -> None:
        await self.schedule(kind, subject, to)

    async def cancel(self, kind: str, subject: str, _due_at: datetime) -> None:
        await self._write(lambda connection: postgres_write.cancel_deadline(connection, kind, subject))

    async def _write(self, act: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        async with self._engine.begin() as connection:
            await act(connection)


class DynamoDeadlinesUnderTest:
    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self.store: DeadlineStore = DynamoDeadlineStore(client, table)

    async def schedule(self, kind: str, subject: str, due_at: datetime) -> None:
        await self._client.transact_write_items(
            TransactItems=[deadline_put(self._table, kind, subject, due_at)]
        )

    async def move(self, kind: str, subject: str, due_at: datetime, to: datetime) -> None:
        await self._client.transact_write_items(
            TransactItems=[
                delete_deadline_item(self._table, kind, subject, due_at),
                deadline_put(self._table, kind, subject, to),
            ]
        )

    async def cancel(self, kind: str, subject: str, due_at: datetime) -> None:
        await self._client.transact_write_items(
            TransactItems=[delete_deadline_item(self._table, kind, subject, due_at)]
        )
