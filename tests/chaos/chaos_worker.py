"""A relay or a consumer as a process: `python -m tests.chaos.chaos_worker <kind> <name> <stage>`."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
import uvloop
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from tests.chaos.chaos_stage import (
    CURE,
    DYNAMODB_SHARDS,
    DYNAMODB_TABLE,
    DYNAMODB_TOPIC,
    EFFECT,
    GROUP,
    POISONOUS,
    POSTGRES_TOPIC,
    Stage,
    open_postgres,
)

from autodeal_contracts.envelope import Envelope
from autodeal_devstack.engines.probes import aws_client
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.dynamodb.outbox_store import DynamoOutboxStore
from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.parking.limits import ParkingLimits
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.replay import ReplayWorker
from autodeal_messaging.postgres.outbox_store import PostgresOutboxStore
from autodeal_messaging.postgres.parking_store import PostgresParkingStore
from autodeal_messaging.postgres.write import claim_all_in_inbox
from autodeal_messaging.relay import Relay

FAILING_SHARE = 0.1
"""Attempts at a record that fail after its effect was written and before it is committed."""
LIMITS = ParkingLimits(
    attempts_in_place=2, retry_first_seconds=0.5, retry_maximum_seconds=3.0, claim_seconds=5.0
)


class PoisonError(Exception):
    """This event cannot take effect before somebody has mended the cause."""


class PassingError(Exception):
    """This attempt fails, as a bug that comes and goes would make it."""


KINDS_OF_FAILURE = FailureKinds(permanent=(PoisonError,))


class Handler:
    """Appends effects in the transaction of their inbox marks, and now and then fails in between."""

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


def _effect(envelope: Envelope) -> dict[str, Any]:
    return {
        "topic": envelope.topic,
        "key": envelope.key,
        "sequence": envelope.sequence,
        "event_id": envelope.id,
    }


async def _is_cured(connection: AsyncConnection) -> bool:
    return await connection.scalar(select(CURE.c.id)) is not None


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
    """Consume both topics, and replay what was parked."""
    del name
    async with open_postgres(stage, pool_size=8) as engine:
        handler = Handler(engine)
        parked = PostgresParkingStore(engine, GROUP)
        consumer = Consumer(
            stage.kafka,
            GROUP,
            [POSTGRES_TOPIC, DYNAMODB_TOPIC],
            handler.handle,
            together=handler.handle_together,
            failures=RecordParking(parked, KINDS_OF_FAILURE, limits=LIMITS),
        )
        replay = ReplayWorker(parked, handler.handle, KINDS_OF_FAILURE, limits=LIMITS)
        await asyncio.gather(consumer.run(stop), replay.run(stop))


KINDS = {"relay": relay_postgres, "dynamodb-relay": relay_dynamodb, "consumer": consume}


async def main(kind: str, name: str, encoded_stage: str) -> None:
    """Work until SIGTERM."""
    # As the services do it: a traceback with the variables in it would take seconds to draw.
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await KINDS[kind](name, msgspec.json.decode(encoded_stage, type=Stage), stop)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
