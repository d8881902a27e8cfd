"""Each store under its name, so that one suite runs on all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tests.contracts.messaging.parking_under_test import (
    DynamoParkingUnderTest,
    MemoryParkingUnderTest,
    ParkingUnderTest,
    PostgresParkingUnderTest,
)
from tests.contracts.messaging.stores_under_test import (
    DeadlinesUnderTest,
    DynamoDeadlinesUnderTest,
    DynamoInboxUnderTest,
    DynamoOutboxUnderTest,
    InboxUnderTest,
    MemoryDeadlinesUnderTest,
    MemoryInboxUnderTest,
    MemoryOutboxUnderTest,
    OutboxUnderTest,
    PostgresDeadlinesUnderTest,
    PostgresInboxUnderTest,
    PostgresOutboxUnderTest,
)

from autodeal_devstack.engines.dynamodb_tables import create_table
from autodeal_messaging.outbox.port import OutboxStore
from autodeal_messaging.postgres.parking_schema import define_parked_records, define_parking_audit
from autodeal_messaging.postgres.schema import define_deadlines, define_inbox, define_outbox

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

OpenStore = Callable[[str], Awaitable[OutboxStore]]
"""Opens a relay's view of the outbox under a name; it is closed after the test."""


@pytest.fixture(
    params=[
        "memory",
        pytest.param("postgres", marks=pytest.mark.integration),
        pytest.param("dynamodb", marks=pytest.mark.integration),
    ]
)
def kind_of_store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(loop_scope="session")
async def postgres_engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+asyncpg://", 1))
    metadata = MetaData()
    for define in (define_outbox, define_inbox, define_deadlines):
        define(metadata)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def created_table(dynamodb_client: DynamoDBClient, dynamodb_table: str) -> str:
    await create_table(dynamodb_client, dynamodb_table)
    return dynamodb_table


@pytest.fixture
def outbox(kind_of_store: str, request: pytest.FixtureRequest) -> OutboxUnderTest:
    # Engines are asked for by name, so that the fake's tests start none.
    need = request.getfixturevalue
    if kind_of_store == "postgres":
        return PostgresOutboxUnderTest(need("postgres_engine"), need("postgres_url"))
    if kind_of_store == "dynamodb":
        return DynamoOutboxUnderTest(need("dynamodb_client"), need("created_table"))
    return MemoryOutboxUnderTest()


@pytest_asyncio.fixture(loop_scope="session")
async def open_store(outbox: OutboxUnderTest) -> AsyncIterator[OpenStore]:
    opened: list[OutboxStore] = []

    async def open_one(name: str) -> OutboxStore:
        store = outbox.store(name)
        await store.open()
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
def inbox(kind_of_store: str, request: pytest.FixtureRequest) -> InboxUnderTest:
    need = request.getfixturevalue
    if kind_of_store == "postgres":
        return PostgresInboxUnderTest(need("postgres_engine"))
    if kind_of_store == "dynamodb":
        return DynamoInboxUnderTest(need("dynamodb_client"), need("created_table"))
    return MemoryInboxUnderTest()


@pytest.fixture
def deadlines(kind_of_store: str, request: pytest.FixtureRequest) -> DeadlinesUnderTest:
    need = request.getfixturevalue
    if kind_of_store == "postgres":
        return PostgresDeadlinesUnderTest(need("postgres_engine"))
    if kind_of_store == "dynamodb":
        return DynamoDeadlinesUnderTest(need("dynamodb_client"), need("created_table"))
    return MemoryDeadlinesUnderTest()


@pytest_asyncio.fixture(loop_scope="session")
async def parking_engine(postgres_engine: AsyncEngine) -> AsyncEngine:
    metadata = MetaData()
    define_parked_records(metadata)
    define_parking_audit(metadata)
    async with postgres_engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    return postgres_engine


@pytest.fixture
def parking(kind_of_store: str, request: pytest.FixtureRequest) -> ParkingUnderTest:
    need = request.getfixturevalue
    if kind_of_store == "postgres":
        return PostgresParkingUnderTest(need("parking_engine"))
    if kind_of_store == "dynamodb":
        return DynamoParkingUnderTest(need("dynamodb_client"), need("created_table"))
    return MemoryParkingUnderTest()
