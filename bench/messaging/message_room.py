"""PostgreSQL, Apache Kafka and DynamoDB Local with the tables of messaging in them, and events to bring."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from autodeal_devstack.engines.describe_kafka import kafka_settings_for
from autodeal_devstack.engines.endpoints import Endpoints, EngineChoice
from autodeal_devstack.engines.postgres_databases import create_database
from autodeal_devstack.engines.run_engines import running_engines
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.outbox.port import shard_of
from autodeal_messaging.postgres.schema import define_inbox, define_outbox
from autodeal_messaging.postgres.write import OUTBOX_SHARDS
from autodeal_messaging.topics_admin import ensure_topics

KEYS = 1_000
PARTITIONS = 8
EVENT_BYTES = 500
"""Of the event itself; its nine headers come on top."""

# Events of all keys in turn, so that the ids of one key ascend with its sequence.
_FILL = """
    INSERT INTO outbox (shard, topic, key, headers, value)
    SELECT shard, $1, key,
           format('{"ce_specversion":"1.0","ce_id":"%s-%s","ce_type":"bench.happened",'
                  '"ce_source":"/autodeal/bench","ce_subject":"bench/%s",'
                  '"ce_time":"2026-01-01T00:00:00+00:00","ce_sequence":"%s",'
                  '"ce_correlationid":"%s","content-type":"application/json"}',
                  key, sequence, key, sequence, key),
           $2
    FROM generate_series(1, $3::int) AS sequence
    CROSS JOIN unnest($4::text[], $5::smallint[]) AS held (key, shard)
    ORDER BY sequence
"""


@dataclass(frozen=True)
class BenchTopic:
    """A topic of one run's own."""

    name: str
    partitions: int = PARTITIONS
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MessageRoom:
    """Engines of one benchmark's own; durable as in production."""

    endpoints: Endpoints
    kafka: KafkaSettings

    async def make_topic(self) -> BenchTopic:
        """Create a topic that no other run uses."""
        topic = BenchTopic(f"bench.{secrets.token_hex(6)}.v1")
        await ensure_topics(self.kafka, [topic])
        return topic

    async def make_database(self) -> str:
        """Create a database with an outbox and an inbox; return its URL."""
        url = await create_database(self.endpoints.postgres_url, f"b{secrets.token_hex(6)}")
        engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
        metadata = MetaData()
        for define in (define_outbox, define_inbox):
            define(metadata)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await engine.dispose()
        return url


@asynccontextmanager
async def message_room(*more: str) -> AsyncIterator[MessageRoom]:
    """Run PostgreSQL and Apache Kafka, and what else is named, while the block runs."""
    async with running_engines(EngineChoice.REAL, need={"postgres", "kafka", *more}) as endpoints:
        yield MessageRoom(endpoints=endpoints, kafka=kafka_settings_for(endpoints))


async def fill_outbox(connection: asyncpg.Connection, topic: str, events: int) -> None:
    """Write so many events, as many of each key; the caller commits."""
    keys = key_names()
    assert events % KEYS == 0
    value = b'{"filler":"' + b"x" * (EVENT_BYTES - 13) + b'"}'
    shards = [shard_of(key, OUTBOX_SHARDS) for key in keys]
    await connection.execute(_FILL, topic, value, events // KEYS, keys, shards, timeout=600)


def key_names() -> list[str]:
    """Return the keys of all events."""
    return [f"key-{number}" for number in range(KEYS)]
