"""What a fault run works on: tables, topics and the addresses that the workers are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import msgspec
from sqlalchemy import BigInteger, Column, Identity, Integer, MetaData, Table, Text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from autodeal_devstack.engines.describe_kafka import kafka_settings_for
from autodeal_devstack.engines.dynamodb_tables import create_table
from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.engines.postgres_databases import create_database
from autodeal_devstack.engines.probes import aws_client
from autodeal_devstack.engines.run_engines import EngineSet
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.parking.dead_letter import dead_letter_topic
from autodeal_messaging.postgres.parking_schema import define_parked_records, define_parking_audit
from autodeal_messaging.postgres.schema import define_inbox, define_outbox
from autodeal_messaging.topics_admin import ensure_topics

GROUP = "chaos"
DYNAMODB_GROUP = "chaos-in-dynamodb"
POSTGRES_TOPIC = "chaos.postgres.v1"
DYNAMODB_TOPIC = "chaos.dynamodb.v1"
DYNAMODB_TABLE = "chaos-table"
DYNAMODB_SHARDS = 4
PARTITIONS = 4
INBOX_RETENTION = timedelta(days=8)

METADATA = MetaData()
define_outbox(METADATA)
define_inbox(METADATA)
define_parked_records(METADATA)
define_parking_audit(METADATA)
AGGREGATE = Table(
    "aggregate", METADATA, Column("key", Text, primary_key=True), Column("version", Integer, nullable=False)
)
COMMITTED = Table(
    "committed",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event_id", Text, nullable=False),
    comment="Written in the transaction of each event: the truth that the effects are held against.",
)
EFFECT = Table(
    "effect",
    METADATA,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("event_id", Text, nullable=False),
    comment="Appended by the handler, without a constraint that could hide a second effect.",
)

CURE = Table(
    "cure",
    METADATA,
    Column("id", Integer, primary_key=True),
    comment="Holds a row once the cause of the poisonous events' failures is mended.",
)
POISONOUS = "chaos.poisoned"
"""The type of events that no handler can bring into effect before the cure."""
HARMLESS = "chaos.happened"


class Stage(msgspec.Struct, frozen=True):
    """Everything a worker must know, as it is handed to its process."""

    postgres_url: str
    kafka: KafkaSettings
    dynamodb_url: str
    mutation: str = ""
    """What the workers do wrong on purpose: a name in `mutate_product`, or nothing."""


@dataclass(frozen=True)
class ChaosTopic:
    """A topic of the run."""

    name: str
    partitions: int = PARTITIONS
    config: dict[str, str] = field(default_factory=dict)


async def set_stage(engines: EngineSet, mutation: str) -> Stage:
    """Make database, table and topics on engines of the run's own."""
    endpoints: Endpoints = await engines.start({"postgres", "kafka", "dynamodb"})
    assert endpoints.dynamodb_url is not None
    # A time-out that production wants long would only make the run's end later.
    kafka = replace(
        kafka_settings_for(endpoints), kafka_request_timeout_ms=4_000, kafka_commit_interval_ms=100
    )
    stage = Stage(
        postgres_url=await create_database(endpoints.postgres_url, "chaos"),
        kafka=kafka,
        dynamodb_url=endpoints.dynamodb_url,
        mutation=mutation,
    )
    async with open_postgres(stage) as engine, engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    async with aws_client("dynamodb", stage.dynamodb_url) as client:
        await create_table(client, DYNAMODB_TABLE)
    dead_letters = (dead_letter_topic(group) for group in (GROUP, DYNAMODB_GROUP))
    names = (POSTGRES_TOPIC, DYNAMODB_TOPIC, *dead_letters)
    await ensure_topics(kafka, [ChaosTopic(name) for name in names])
    return stage


@asynccontextmanager
async def open_postgres(stage: Stage, *, pool_size: int = 5) -> AsyncIterator[AsyncEngine]:
    """Open a pool whose statements give up on a server that stands still."""
    engine = create_async_engine(
        stage.postgres_url.replace("postgresql://", "postgresql+asyncpg://", 1),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        connect_args={"timeout": 5, "command_timeout": 10},
    )
    try:
        yield engine
    finally:
        async with asyncio.timeout(20):
            await engine.dispose()
