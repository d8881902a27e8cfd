"""The wiring: every part is made here, by plain constructors, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from autodeal_contracts import topics
from autodeal_contracts.catalog import UndecodableEventError
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.deadlines import DeadlineWorker
from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.port import ParkingStore
from autodeal_messaging.parking.replay import ReplayWorker
from autodeal_messaging.parking.unsendable import outbox_group
from autodeal_messaging.postgres.deadline_store import PostgresDeadlineStore
from autodeal_messaging.postgres.notify import PostgresListener
from autodeal_messaging.postgres.outbox_store import PostgresOutboxStore
from autodeal_messaging.postgres.parking_store import PostgresParkingStore
from autodeal_messaging.postgres.unsendable_store import PostgresUnsendableStore
from autodeal_messaging.relay import Relay
from autodeal_platform.aws_tokens import kafka_tokens
from autodeal_platform.health import Health
from autodeal_platform.http_app import create_app
from autodeal_platform.run_worker import Loop
from autodeal_platform.tokens import TokenVerifier
from autodeal_vehicle.adapters.log_alarms import LoggedAlarms
from autodeal_vehicle.adapters.postgres.connect import SalePool, create_engine, create_sale_pool
from autodeal_vehicle.adapters.postgres.identify import connector_of
from autodeal_vehicle.adapters.postgres.order_book import PostgresOrderBook
from autodeal_vehicle.adapters.postgres.order_news import PostgresOrderNews
from autodeal_vehicle.adapters.postgres.purge import purge_once
from autodeal_vehicle.adapters.postgres.ring_bell import PostgresBell
from autodeal_vehicle.adapters.postgres.sale_desk import PostgresSaleDesk
from autodeal_vehicle.adapters.postgres.showroom import PostgresShowroom
from autodeal_vehicle.adapters.postgres.unit_of_work import CONSUMER, PostgresStore
from autodeal_vehicle.app.cancel_order import CancelOrder
from autodeal_vehicle.app.confirm_pickup import ConfirmPickup
from autodeal_vehicle.app.edit_vehicle import EditVehicle
from autodeal_vehicle.app.errors import StoreUnavailableError
from autodeal_vehicle.app.expire_order import ExpireOrder
from autodeal_vehicle.app.find_orders import FindOrders
from autodeal_vehicle.app.find_vehicles import FindVehicles
from autodeal_vehicle.app.follow_order import FollowOrder
from autodeal_vehicle.app.handle_payment_event import HandlePaymentEvent
from autodeal_vehicle.app.initialize_sale import InitializeSale
from autodeal_vehicle.app.refund_order import RefundOrder
from autodeal_vehicle.app.register_vehicle import RegisterVehicle
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.entrypoints.consume_payment_events import payment_event_handler, payment_events_handler
from autodeal_vehicle.entrypoints.handle_deadlines import sale_deadline_handler
from autodeal_vehicle.entrypoints.http.describe_api import all_routes
from autodeal_vehicle.entrypoints.http.problem_statuses import STATUSES
from autodeal_vehicle.entrypoints.http.use_cases import UseCases
from autodeal_vehicle.entrypoints.purge_old_rows import PurgeLoop
from autodeal_vehicle.settings import OperatorSettings, Settings, TopicsSettings

SERVICE = "vehicle"
SERVE_NAME = "autodeal-vehicle-serve"
WORK_NAME = "autodeal-vehicle-work"
OPERATE_NAME = "autodeal-vehicle-dlq"
FAILURE_KINDS = FailureKinds(database=(StoreUnavailableError,), permanent=(UndecodableEventError,))
AnyTopicSettings = TypeVar("AnyTopicSettings", bound=TopicsSettings)


def with_kafka_tokens(settings: AnyTopicSettings) -> AnyTopicSettings:
    """Return the settings with a source of tokens where the brokers want one; once in a process."""
    tokens = kafka_tokens(settings.kafka_sasl_mechanism, settings.aws_region)
    return replace(settings, kafka_tokens=tokens)


def make_use_cases(
    *,
    settings: Settings,
    engine: AsyncEngine,
    sale_pool: SalePool,
    surroundings: Surroundings,
    news: PostgresOrderNews,
    is_draining: Callable[[], bool],
) -> UseCases:
    """Make what the routes call."""
    store = PostgresStore(engine, settings.outbox_shards)
    orders = PostgresOrderBook(engine)
    return UseCases(
        find_vehicles=FindVehicles(PostgresShowroom(engine)),
        register_vehicle=RegisterVehicle(store, surroundings),
        edit_vehicle=EditVehicle(store, surroundings),
        initialize_sale=InitializeSale(
            PostgresSaleDesk(
                sale_pool,
                acquire_timeout_seconds=settings.database_acquire_timeout_seconds,
                outbox_shards=settings.outbox_shards,
            ),
            settings.sale_deadlines,
            surroundings,
        ),
        confirm_pickup=ConfirmPickup(store, surroundings),
        find_orders=FindOrders(orders),
        follow_order=FollowOrder(
            orders,
            news,
            settings.order_stream_look_again_seconds,
            settings.order_stream_heartbeat_seconds,
            is_draining,
        ),
        cancel_order=CancelOrder(store, surroundings),
        refund_order=RefundOrder(store, surroundings),
    )


def make_app(settings: Settings, health: Health, verifier: TokenVerifier | None = None) -> Litestar:
    """Make the HTTP application; it connects when it starts and disconnects when it ends."""
    engine = create_engine(settings, SERVE_NAME)
    sale_pool = create_sale_pool(settings, SERVE_NAME)
    bell = PostgresBell(connector_of(settings, "autodeal-notifier"))
    news = PostgresOrderNews(connector_of(settings, "autodeal-listener"))
    use_cases = make_use_cases(
        settings=settings,
        engine=engine,
        sale_pool=sale_pool,
        surroundings=Surroundings(bell=bell, alarms=LoggedAlarms()),
        news=news,
        is_draining=lambda: health.draining,
    )
    health.add_check("database", partial(_ask, engine))

    @asynccontextmanager
    async def connected(_: Litestar) -> AsyncIterator[None]:
        streams = _stream_news(news, health, settings.http_drain_delay_seconds)
        async with _disposing(engine), sale_pool, bell, streams:
            yield

    return create_app(
        service=SERVICE,
        routes=all_routes(use_cases),
        settings=settings,
        health=health,
        statuses=STATUSES,
        verifier=verifier or TokenVerifier.from_settings(settings),
        lifespan=[connected],
    )


@asynccontextmanager
async def _disposing(engine: AsyncEngine) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await engine.dispose()


@asynccontextmanager
async def _stream_news(
    news: PostgresOrderNews, health: Health, drain_delay_seconds: float
) -> AsyncIterator[None]:
    """Listen for the length of a block, and end the streams when the process stops."""
    stop = asyncio.Event()
    listening = asyncio.create_task(news.run(stop))
    ending = asyncio.create_task(_end_streams(news, health, drain_delay_seconds))
    try:
        yield
    finally:
        stop.set()
        ending.cancel()
        await asyncio.gather(listening, ending, return_exceptions=True)


async def _end_streams(news: PostgresOrderNews, health: Health, delay_seconds: float) -> None:
    """Wake every stream once no new ones are sent here, so that each sees that it should end."""
    await health.wait_until_draining()
    await asyncio.sleep(delay_seconds)
    news.tell("")


@dataclass(frozen=True)
class Worker:
    """The loops of `work`, and what must be open around them."""

    loops: list[Loop]
    engine: AsyncEngine
    bell: PostgresBell

    @asynccontextmanager
    async def open(self) -> AsyncIterator[list[Loop]]:
        """Give the loops for the length of a block; disconnect afterwards."""
        async with _disposing(self.engine), self.bell:
            yield self.loops


def make_worker(settings: Settings, health: Health) -> Worker:
    """Make the relay, the consumer, the replays, the deadlines and the purge."""
    engine = create_engine(settings, WORK_NAME)
    relay_nudge = Nudge()
    bell = PostgresBell(connector_of(settings, "autodeal-notifier"), own_relay=relay_nudge.ring)
    surroundings = Surroundings(bell=bell, alarms=LoggedAlarms())
    store = PostgresStore(engine, settings.outbox_shards)
    health.add_check("database", partial(_ask, engine))
    relay = Relay(
        PostgresOutboxStore(connector_of(settings, "autodeal-relay"), shards=settings.outbox_shards),
        settings,
        relay_nudge,
        SERVICE,
        unsendable=PostgresUnsendableStore(
            engine, outbox_group(SERVICE), outbox_shards=settings.outbox_shards
        ),
    )
    handle_payment_event = HandlePaymentEvent(store, surroundings)
    parked = PostgresParkingStore(engine, CONSUMER, outbox_shards=settings.outbox_shards)
    consumer = Consumer(
        settings,
        CONSUMER,
        [topics.PAYMENT],
        payment_event_handler(handle_payment_event),
        together=payment_events_handler(handle_payment_event),
        failures=RecordParking(parked, FAILURE_KINDS),
    )
    replay = ReplayWorker(parked, payment_event_handler(handle_payment_event), FAILURE_KINDS)
    # Deadlines lie further ahead than the worker's own look-ahead, so nobody need ring for them.
    deadlines = DeadlineWorker(
        PostgresDeadlineStore(engine), sale_deadline_handler(ExpireOrder(store, surroundings)), Nudge()
    )
    purge = PurgeLoop(
        partial(purge_once, engine, timedelta(hours=settings.idempotency_retention_hours)),
        settings.purge_interval_seconds,
    )
    listener = PostgresListener(connector_of(settings, "autodeal-listener"), lambda _: relay_nudge.ring())
    loops: list[Loop] = [relay.run, listener.run, consumer.run, replay.run, deadlines.run, purge.run]
    return Worker(loops, engine, bell)


@asynccontextmanager
async def open_parking(settings: OperatorSettings, *, of_outbox: bool = False) -> AsyncIterator[ParkingStore]:
    """Give the parked records, for an operator's commands, for the length of a block."""
    engine = create_engine(settings, OPERATE_NAME)
    async with _disposing(engine):
        if of_outbox:
            yield PostgresUnsendableStore(engine, outbox_group(SERVICE), outbox_shards=settings.outbox_shards)
        else:
            yield PostgresParkingStore(engine, CONSUMER, outbox_shards=settings.outbox_shards)


async def _ask(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
