"""The wiring: every part is made here, by plain constructors, and nowhere else."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import aioboto3  # type: ignore[import-untyped]  # the package ships no types
import aiohttp
from aiobotocore.config import AioConfig
from litestar import Litestar

from autodeal_contracts import topics
from autodeal_contracts.catalog import UndecodableEventError
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.deadlines import DeadlineWorker
from autodeal_messaging.dynamodb.deadline_store import DynamoDeadlineStore
from autodeal_messaging.dynamodb.outbox_store import DynamoOutboxStore
from autodeal_messaging.dynamodb.parking_store import DynamoParkingStore
from autodeal_messaging.dynamodb.unsendable_store import DynamoUnsendableStore
from autodeal_messaging.failure_kind import FailureKinds
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.parking.park_records import RecordParking
from autodeal_messaging.parking.port import ParkingStore
from autodeal_messaging.parking.replay import ReplayWorker
from autodeal_messaging.parking.unsendable import outbox_group
from autodeal_messaging.relay import Relay
from autodeal_payment.adapters.cognito_payer_directory import CognitoPayerDirectory
from autodeal_payment.adapters.dynamodb_items import sale_key
from autodeal_payment.adapters.dynamodb_payment_queries import DynamoPaymentQueries
from autodeal_payment.adapters.dynamodb_sale_store import CONSUMER, INBOX_RETENTION, DynamoSaleStore
from autodeal_payment.adapters.dynamodb_table import create_table
from autodeal_payment.adapters.guarded_provider import GuardedProvider
from autodeal_payment.adapters.mercado_pago import MercadoPago
from autodeal_payment.app.advance_sale import AdvanceSale
from autodeal_payment.app.call_provider import ProviderCaller
from autodeal_payment.app.change_sale import SaleChanger
from autodeal_payment.app.check_deadline import CheckDeadline
from autodeal_payment.app.choose_payment import ChoosePayment
from autodeal_payment.app.find_payments import FindPayments
from autodeal_payment.app.handle_notification import HandleNotification
from autodeal_payment.app.handle_sale_event import HandleSaleEvent
from autodeal_payment.app.ports.payer_directory import PayerDirectoryUnavailableError
from autodeal_payment.app.ports.payment_provider import ProviderUnansweredError
from autodeal_payment.app.ports.sale_store import StoreUnavailableError
from autodeal_payment.entrypoints.consume_events import event_handler
from autodeal_payment.entrypoints.http.payment_routes import payment_routes
from autodeal_payment.entrypoints.http.problem_statuses import STATUSES
from autodeal_payment.entrypoints.http.use_cases import UseCases
from autodeal_payment.settings import (
    OperatorSettings,
    ProviderSettings,
    Settings,
    StoreSettings,
    TopicsSettings,
)
from autodeal_platform.aws_tokens import kafka_tokens
from autodeal_platform.health import Health
from autodeal_platform.http_app import create_app
from autodeal_platform.run_worker import Loop
from autodeal_platform.tokens import TokenVerifier

if TYPE_CHECKING:  # the stubs are not installed in production
    from types_aiobotocore_cognito_idp import CognitoIdentityProviderClient
    from types_aiobotocore_dynamodb import DynamoDBClient

SERVICE = "payment"
BACKGROUND_DRAIN_SECONDS = 5.0
"""How long calls of the provider that outlive their requests may take to end when the process stops; the
janitor takes up what does not."""
FAILURE_KINDS = FailureKinds(
    surroundings=(StoreUnavailableError, ProviderUnansweredError, PayerDirectoryUnavailableError),
    permanent=(UndecodableEventError,),
)
AnyTopicSettings = TypeVar("AnyTopicSettings", bound=TopicsSettings)


def with_kafka_tokens(settings: AnyTopicSettings) -> AnyTopicSettings:
    """Return the settings with a source of tokens where the brokers want one; once in a process."""
    tokens = kafka_tokens(settings.kafka_sasl_mechanism, settings.aws_region)
    return replace(settings, kafka_tokens=tokens)


@dataclass(frozen=True)
class Connections:
    """The long-lived clients of one process; making one costs up to two seconds."""

    dynamodb: DynamoDBClient
    cognito: CognitoIdentityProviderClient
    http: aiohttp.ClientSession


@asynccontextmanager
async def open_store(settings: StoreSettings) -> AsyncIterator[DynamoDBClient]:
    """Give the DynamoDB client for the length of a block."""
    config = AioConfig(
        parameter_validation=settings.dynamodb_parameter_validation,
        max_pool_connections=settings.dynamodb_connections,
        connect_timeout=settings.dynamodb_timeout_seconds,
        read_timeout=settings.dynamodb_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    session = aioboto3.Session(region_name=settings.aws_region)
    async with session.client(
        "dynamodb", endpoint_url=settings.dynamodb_endpoint_url, config=config
    ) as client:
        yield client


@asynccontextmanager
async def open_connections(settings: Settings) -> AsyncIterator[Connections]:
    """Give the clients for the length of a block."""
    config = AioConfig(
        parameter_validation=False,
        connect_timeout=settings.mercado_pago_timeout_seconds,
        read_timeout=settings.mercado_pago_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    async with AsyncExitStack() as stack:
        session = aioboto3.Session(region_name=settings.aws_region)
        yield Connections(
            dynamodb=await stack.enter_async_context(open_store(settings)),
            cognito=await stack.enter_async_context(
                session.client("cognito-idp", endpoint_url=settings.cognito_endpoint_url, config=config)
            ),
            http=await stack.enter_async_context(open_http(settings)),
        )


def open_http(settings: ProviderSettings) -> aiohttp.ClientSession:
    """Make the HTTP client of the provider; it keeps connections and no cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=settings.mercado_pago_connections),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


@dataclass(frozen=True)
class Engine:
    """The parts that bring sales forward, the same in `serve` and `work`."""

    store: DynamoSaleStore
    provider: GuardedProvider
    changer: SaleChanger
    advance: AdvanceSale


def make_engine(
    settings: Settings, connections: Connections, on_commit: Callable[[int], None] = lambda _: None
) -> Engine:
    """Make the engine; `on_commit` is told the orders that have new events."""
    store = DynamoSaleStore(
        connections.dynamodb, settings.dynamodb_table, outbox_shards=settings.outbox_shards
    )
    provider = GuardedProvider(
        MercadoPago(
            connections.http,
            url=settings.mercado_pago_url,
            access_token=settings.mercado_pago_access_token,
            timeout_seconds=settings.mercado_pago_timeout_seconds,
            notification_url=settings.mercado_pago_notification_url,
        )
    )
    payers = CognitoPayerDirectory(connections.cognito, settings.cognito_user_pool_id)
    changer = SaleChanger(store, settings.schedule, clock=_now, on_commit=on_commit)
    advance = AdvanceSale(store, changer, ProviderCaller(provider, payers, clock=_now))
    return Engine(store, provider, changer, advance)


def make_app(
    settings: Settings, connections: Connections, health: Health, verifier: TokenVerifier | None = None
) -> Litestar:
    """Make the HTTP application on open connections."""
    engine = make_engine(settings, connections)
    use_cases = UseCases(
        choose_payment=ChoosePayment(
            engine.store, engine.changer, engine.advance, budget_seconds=settings.payment_answer_seconds
        ),
        find_payments=FindPayments(
            engine.store, DynamoPaymentQueries(connections.dynamodb, settings.dynamodb_table)
        ),
    )

    async def drain(_: Litestar) -> None:
        await use_cases.choose_payment.drain(BACKGROUND_DRAIN_SECONDS)

    health.add_check("dynamodb", lambda: _ask(connections.dynamodb, settings.dynamodb_table))
    return create_app(
        service=SERVICE,
        routes=payment_routes(use_cases),
        settings=settings,
        health=health,
        statuses=STATUSES,
        verifier=verifier or TokenVerifier.from_settings(settings),
        on_shutdown=[drain],
    )


def make_loops(settings: Settings, connections: Connections, health: Health) -> list[Loop]:
    """Make the loops of `work`: the relay, the consumer, the replays and the janitor."""
    nudge = Nudge()
    engine = make_engine(settings, connections, on_commit=lambda order_id: nudge.ring(str(order_id)))
    handle_notification = HandleNotification(engine.store, engine.provider, engine.changer, engine.advance)
    relay = Relay(
        DynamoOutboxStore(
            connections.dynamodb,
            settings.dynamodb_table,
            owner=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
            shards=settings.outbox_shards,
        ),
        settings,
        nudge,
        SERVICE,
        unsendable=_make_unsendable(settings, connections.dynamodb),
    )
    handler = event_handler(HandleSaleEvent(engine.changer, engine.advance), handle_notification)
    parked = make_parking(settings, connections.dynamodb)
    consumer = Consumer(
        settings,
        CONSUMER,
        [topics.SALE, topics.NOTIFICATION],
        handler,
        failures=RecordParking(parked, FAILURE_KINDS),
    )
    replay = ReplayWorker(parked, handler, FAILURE_KINDS)
    # Deadlines lie further ahead than the worker's own look-ahead, so nobody need ring for them.
    janitor = DeadlineWorker(
        DynamoDeadlineStore(connections.dynamodb, settings.dynamodb_table),
        CheckDeadline(engine.store, engine.advance, handle_notification),
        Nudge(),
    )
    health.add_check("dynamodb", lambda: _ask(connections.dynamodb, settings.dynamodb_table))
    return [relay.run, consumer.run, replay.run, janitor.run]


def make_parking(settings: OperatorSettings, client: DynamoDBClient) -> ParkingStore:
    """Make the store of records that could not be handled."""
    return DynamoParkingStore(
        client,
        settings.dynamodb_table,
        CONSUMER,
        inbox_retention=INBOX_RETENTION,
        outbox_shards=settings.outbox_shards,
    )


def _make_unsendable(settings: OperatorSettings, client: DynamoDBClient) -> DynamoUnsendableStore:
    return DynamoUnsendableStore(
        client, settings.dynamodb_table, outbox_group(SERVICE), outbox_shards=settings.outbox_shards
    )


@asynccontextmanager
async def open_parking(settings: OperatorSettings, *, of_outbox: bool = False) -> AsyncIterator[ParkingStore]:
    """Give the parked records, for an operator's commands, for the length of a block."""
    async with open_store(settings) as client:
        yield _make_unsendable(settings, client) if of_outbox else make_parking(settings, client)


async def migrate(settings: StoreSettings) -> None:
    """Make the table; again and again if need be."""
    async with open_store(settings) as client:
        await create_table(client, settings.dynamodb_table)


async def _ask(client: DynamoDBClient, table: str) -> None:
    await client.get_item(TableName=table, Key=sale_key(0))


def _now() -> datetime:
    return datetime.now(UTC)
