"""Stores, topics of the test's own, and loops that run while a block does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import ConsumerRecord, TopicPartition
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tests.integration.messaging.consumer_stage import ConsumerStage, Loop, Running, TestTopic, Until
from tests.integration.messaging.ledger import Ledger
from tests.integration.messaging.outbox_under_test import (
    DynamoOutboxUnderTest,
    OutboxUnderTest,
    PostgresOutboxUnderTest,
)
from tests.integration.messaging.parking_stage import ParkingStage
from tests.integration.messaging.relay_stage import ReadTopic, RelayStage

from autodeal_devstack.engines.dynamodb_tables import create_table
from autodeal_messaging.dynamodb.parking_store import DynamoParkingStore
from autodeal_messaging.kafka_clients import make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.parking.port import ParkingStore
from autodeal_messaging.postgres.parking_schema import define_parked_records, define_parking_audit
from autodeal_messaging.postgres.parking_store import PostgresParkingStore
from autodeal_messaging.postgres.schema import define_deadlines, define_inbox, define_outbox
from autodeal_messaging.topics_admin import ensure_topics

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient


@pytest.fixture
def running() -> Running:
    """Run a loop while a block runs, then stop it and wait until it has drained."""

    @asynccontextmanager
    async def run_loop(run: Loop) -> AsyncIterator[asyncio.Task[None]]:
        stop = asyncio.Event()
        task = asyncio.ensure_future(run(stop))
        assert isinstance(task, asyncio.Task)
        try:
            yield task
        finally:
            stop.set()
            if not task.cancelled():
                await task

    return run_loop


@pytest_asyncio.fixture(loop_scope="session")
async def topic(kafka_settings: KafkaSettings, topic_prefix: str) -> TestTopic:
    made = TestTopic(f"{topic_prefix}events.v1")
    await ensure_topics(kafka_settings, [made])
    return made


@pytest.fixture
def group(topic_prefix: str) -> str:
    return f"{topic_prefix}group"


@pytest.fixture
def impatient(kafka_settings: KafkaSettings) -> KafkaSettings:
    """Settings under which a test need not wait for a limit that production wants long."""
    return replace(kafka_settings, kafka_request_timeout_ms=4_000, kafka_commit_interval_ms=50)


@pytest_asyncio.fixture(loop_scope="session")
async def postgres_engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(
        postgres_url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=20
    )
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
def postgres_outbox(postgres_engine: AsyncEngine, postgres_url: str) -> PostgresOutboxUnderTest:
    return PostgresOutboxUnderTest(postgres_engine, postgres_url)


@pytest_asyncio.fixture(loop_scope="session")
async def parking_engine(postgres_engine: AsyncEngine) -> AsyncEngine:
    metadata = MetaData()
    define_parked_records(metadata)
    define_parking_audit(metadata)
    async with postgres_engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    return postgres_engine


@pytest_asyncio.fixture(loop_scope="session")
async def ledger(postgres_engine: AsyncEngine) -> Ledger:
    ledger = Ledger(postgres_engine)
    await ledger.create()
    return ledger


@pytest.fixture(params=["postgres", "dynamodb"])
def store(request: pytest.FixtureRequest, group: str) -> ParkingStore:
    need = request.getfixturevalue
    if request.param == "postgres":
        return PostgresParkingStore(need("parking_engine"), group)
    client, table = need("dynamodb_client"), need("created_table")
    return DynamoParkingStore(client, table, group, inbox_retention=timedelta(days=14))


@pytest_asyncio.fixture(loop_scope="session")
async def producer(kafka_settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    producer = make_producer(kafka_settings)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture(params=["postgres", "dynamodb"])
def outbox(request: pytest.FixtureRequest) -> OutboxUnderTest:
    need = request.getfixturevalue
    if request.param == "postgres":
        return PostgresOutboxUnderTest(need("postgres_engine"), need("postgres_url"))
    return DynamoOutboxUnderTest(need("dynamodb_client"), need("created_table"))


@pytest.fixture
def read_topic(kafka_settings: KafkaSettings) -> ReadTopic:
    """Read all that a topic holds now."""

    async def read(topic: TestTopic, settings: KafkaSettings = kafka_settings) -> list[ConsumerRecord]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=settings.kafka_fetch_max_wait_ms,
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            found: list[ConsumerRecord] = []
            for partition in partitions:
                while await consumer.position(partition) < ends[partition]:
                    fetched = await consumer.getmany(partition, timeout_ms=1_000)
                    found.extend(fetched.get(partition, []))
            return found
        finally:
            await consumer.stop()

    return read


@pytest.fixture
def until() -> Until:
    """Wait until a condition holds; the test's own time limit ends a wait in vain."""

    async def wait(condition: Callable[[], Awaitable[bool]]) -> None:
        while not await condition():  # noqa: ASYNC110  # what changes is outside of this process
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def stage(
    *,
    topic: TestTopic,
    group: str,
    producer: AIOKafkaProducer,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> ConsumerStage:
    return ConsumerStage(topic, group, producer, settings=impatient, running=running, until=until)


@pytest.fixture
def parking(stage: ConsumerStage, store: ParkingStore) -> ParkingStage:
    return ParkingStage(**vars(stage), store=store)


@pytest.fixture
def relays(
    topic: TestTopic, kafka_settings: KafkaSettings, running: Running, until: Until, read_topic: ReadTopic
) -> RelayStage:
    return RelayStage(topic, kafka_settings, running, until, read_topic)
