"""A relay or a consumer as a process: `python -m tests.chaos.chaos_worker <kind> <name> <stage>`."""

from __future__ import annotations

import asyncio
import random
import signal
import sys

import msgspec
import structlog
import uvloop
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.chaos.chaos_stage import (
    DYNAMODB_SHARDS,
    DYNAMODB_TABLE,
    DYNAMODB_TOPIC,
    EFFECT,
    GROUP,
    POSTGRES_TOPIC,
    Stage,
    open_postgres,
)

from autodeal_contracts.envelope import Envelope
from autodeal_devstack.engines.probes import aws_client
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.dynamodb.outbox_store import DynamoOutboxStore
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.postgres.outbox_store import PostgresOutboxStore
from autodeal_messaging.postgres.write import claim_in_inbox
from autodeal_messaging.relay import Relay

FAILING_SHARE = 0.02
"""Attempts at a record that fail after its effect was written and before it is committed."""


class Handler:
    """Appends an effect in the transaction of the inbox mark, and now and then fails in between."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def handle(self, envelope: Envelope) -> None:
        """Bring one event into effect."""
        async with self._engine.begin() as connection:
            if not await claim_in_inbox(connection, GROUP, envelope.id):
                return
            await connection.execute(
                insert(EFFECT).values(
                    topic=envelope.topic,
                    key=envelope.key,
                    sequence=envelope.sequence,
                    event_id=envelope.id,
                )
            )
            if random.random() < FAILING_SHARE:
                raise RuntimeError("this attempt fails, as a bug that comes and goes would")


async def relay_postgres(name: str, stage: Stage, stop: asyncio.Event) -> None:
    """Relay from PostgreSQL."""
    store = PostgresOutboxStore(stage.postgres_url)
    await Relay(store, stage.kafka, Nudge(), name).run(stop)


async def relay_dynamodb(name: str, stage: Stage, stop: asyncio.Event) -> None:
    """Relay from DynamoDB."""
    async with aws_client("dynamodb", stage.dynamodb_url) as client:
        store = DynamoOutboxStore(
            client,
            DYNAMODB_TABLE,
            owner=name,
            shards=DYNAMODB_SHARDS,
            lease_seconds=3.0,
            balance_interval_seconds=0.5,
        )
        await Relay(store, stage.kafka, Nudge(), name).run(stop)


async def consume(name: str, stage: Stage, stop: asyncio.Event) -> None:
    """Consume both topics."""
    del name
    async with open_postgres(stage, pool_size=8) as engine:
        topics = [POSTGRES_TOPIC, DYNAMODB_TOPIC]
        await Consumer(stage.kafka, GROUP, topics, Handler(engine).handle).run(stop)


KINDS = {"relay": relay_postgres, "dynamodb-relay": relay_dynamodb, "consumer": consume}


async def main(kind: str, name: str, encoded_stage: str) -> None:
    """Work until SIGTERM."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await KINDS[kind](name, msgspec.json.decode(encoded_stage, type=Stage), stop)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
