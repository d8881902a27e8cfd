"""A relay or a consumer as a process: `python -m tests.chaos.chaos_worker <kind> <name> <stage>`."""

from __future__ import annotations

import asyncio
import signal
import sys

import msgspec
import structlog
import uvloop
from tests.chaos.chaos_stage import (
    DYNAMODB_GROUP,
    DYNAMODB_SHARDS,
    DYNAMODB_TABLE,
    DYNAMODB_TOPIC,
    GROUP,
    INBOX_RETENTION,
    POSTGRES_TOPIC,
    Stage,
    open_postgres,
)
from tests.chaos.handle_events import DynamoDbHandler, PoisonError, PostgresHandler
from tests.chaos.mutate_product import MUTATIONS

from autodeal_devstack.engines.probes import aws_client
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.dynamodb.outbox_store import DynamoOutboxStore
from autodeal_messaging.dynamodb.parking_store import DynamoParkingStore
from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.parking.limits import ParkingLimits
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.replay import ReplayWorker
from autodeal_messaging.postgres.outbox_store import PostgresOutboxStore
from autodeal_messaging.postgres.parking_store import PostgresParkingStore
from autodeal_messaging.relay import Relay

LIMITS = ParkingLimits(
    attempts_in_place=2, retry_first_seconds=0.5, retry_maximum_seconds=3.0, claim_seconds=5.0
)


KINDS_OF_FAILURE = FailureKinds(permanent=(PoisonError,))


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
        handler = PostgresHandler(engine)
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


async def consume_into_dynamodb(name: str, stage: Stage, stop: asyncio.Event) -> None:
    """Consume what came from DynamoDB as another service would, whose store that is."""
    del name
    async with aws_client("dynamodb", stage.dynamodb_url) as client:
        handler = DynamoDbHandler(client)
        parked = DynamoParkingStore(
            client,
            DYNAMODB_TABLE,
            DYNAMODB_GROUP,
            inbox_retention=INBOX_RETENTION,
            outbox_shards=DYNAMODB_SHARDS,
        )
        failures = RecordParking(parked, KINDS_OF_FAILURE, limits=LIMITS)
        consumer = Consumer(stage.kafka, DYNAMODB_GROUP, [DYNAMODB_TOPIC], handler.handle, failures=failures)
        replay = ReplayWorker(parked, handler.handle, KINDS_OF_FAILURE, limits=LIMITS)
        await asyncio.gather(consumer.run(stop), replay.run(stop))


KINDS = {
    "relay": relay_postgres,
    "dynamodb-relay": relay_dynamodb,
    "consumer": consume,
    "dynamodb-consumer": consume_into_dynamodb,
}


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
    stage = msgspec.json.decode(encoded_stage, type=Stage)
    if stage.mutation:
        MUTATIONS[stage.mutation]()
    await KINDS[kind](name, stage, stop)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
