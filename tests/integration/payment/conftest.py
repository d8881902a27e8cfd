"""The payment engine on DynamoDB and the sandbox over HTTP, with a clock that can be put forward."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from autodeal_contracts.events.notification import NotificationReceived
from autodeal_contracts.events.sale import CancelReason, PaymentMethod, SaleCancelled, SaleInitialized
from autodeal_contracts.saga import PaymentState
from autodeal_devstack.processes.find_port import find_port
from autodeal_devstack.sandbox.application import create_sandbox
from autodeal_devstack.sandbox.client import SandboxControl
from autodeal_devstack.sandbox.settings import SandboxSettings
from autodeal_messaging.dynamodb.deadline_store import DynamoDeadlineStore
from autodeal_payment.adapters.dynamodb_payment_queries import DynamoPaymentQueries
from autodeal_payment.adapters.dynamodb_sale_store import DynamoSaleStore
from autodeal_payment.adapters.dynamodb_table import create_table
from autodeal_payment.adapters.mercado_pago import MercadoPago
from autodeal_payment.app.advance_sale import AdvanceSale
from autodeal_payment.app.call_provider import ProviderCaller
from autodeal_payment.app.change_sale import SaleChanger
from autodeal_payment.app.check_deadline import CheckDeadline
from autodeal_payment.app.choose_payment import ChoosePayment
from autodeal_payment.app.find_payments import FindPayments
from autodeal_payment.app.handle_notification import HandleNotification
from autodeal_payment.app.handle_sale_event import HandleSaleEvent
from autodeal_payment.app.ports.fake_payer_directory import FakePayerDirectory
from autodeal_payment.domain.sale import Sale
from autodeal_payment.domain.schedule import Schedule
from autodeal_platform.health import Health
from autodeal_platform.run_http import run_http
from autodeal_platform.settings import Secret

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

TOKEN = "the-token"
PATIENCE_SECONDS = 20
_ORDERS = itertools.count(1001)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox() -> AsyncIterator[SandboxControl]:
    """Serve a sandbox that sends no webhooks: the tests decide what is heard and when."""
    settings = SandboxSettings(
        http_port=find_port(),
        sandbox_access_token=Secret(TOKEN),
        sandbox_webhook_secret=Secret("the-secret"),
        sandbox_draw_pix_image=False,
    )
    stop = asyncio.Event()
    serving = asyncio.create_task(run_http(create_sandbox(settings, Health()), settings, Health(), stop=stop))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await _answers(settings.public_url):  # noqa: ASYNC110 - another server's state
            await asyncio.sleep(0.02)
    yield SandboxControl(settings.public_url)
    stop.set()
    await serving


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as response:
            return response.ok
    except aiohttp.ClientError:
        return False


@dataclass
class Desk:
    """One order at the service, and everything a test wants to do with it."""

    client: DynamoDBClient
    table: str
    provider: MercadoPago
    sandbox: SandboxControl
    schedule: Schedule = field(default_factory=Schedule)
    order_id: int = field(default_factory=lambda: next(_ORDERS))
    ahead: timedelta = timedelta()

    def __post_init__(self) -> None:
        self.store = DynamoSaleStore(self.client, self.table, outbox_shards=2)
        self.payers = FakePayerDirectory()
        self.changer = SaleChanger(self.store, self.schedule, clock=self.now)
        caller = ProviderCaller(self.provider, self.payers, clock=self.now)
        self.advance = AdvanceSale(self.store, self.changer, caller)
        self.handle_sale_event = HandleSaleEvent(self.changer, self.advance)
        self.handle_notification = HandleNotification(self.store, self.provider, self.changer, self.advance)
        self.check_deadline = CheckDeadline(self.store, self.advance, self.handle_notification)
        self.choose_payment = ChoosePayment(self.store, self.changer, self.advance, budget_seconds=5.0)
        self.find_payments = FindPayments(self.store, DynamoPaymentQueries(self.client, self.table))
        self._deadlines = DynamoDeadlineStore(self.client, self.table)
        self._notifications = itertools.count(1)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    @property
    def reference(self) -> str:
        return f"{self.order_id}-1"

    async def begin(self, method: PaymentMethod = PaymentMethod.PIX) -> None:
        await self.handle_sale_event(self.initialized(method), f"begin-{self.order_id}")

    def initialized(self, method: PaymentMethod = PaymentMethod.PIX) -> SaleInitialized:
        return SaleInitialized(
            order_id=self.order_id,
            vehicle_id=1,
            buyer_id="buyer",
            amount_cents=8_999_000,
            payment_method=method,
            expires_at=self.now() + timedelta(minutes=30),
        )

    async def cancel(self) -> None:
        event = SaleCancelled(order_id=self.order_id, vehicle_id=1, reason=CancelReason.BUYER_CANCELLED)
        await self.handle_sale_event(event, f"cancel-{self.order_id}")

    async def notify(self, provider_id: str | None = None) -> None:
        """Hand the service a notification, of which only the provider's id is taken."""
        if provider_id is None:
            provider_id = str(await self.sandbox.provider_id(self.reference))
        number = next(self._notifications)
        event = NotificationReceived(
            provider_payment_id=provider_id, received_at=self.now(), request_id=f"request-{number}"
        )
        await self.handle_notification(event, f"notification-{self.order_id}-{number}")

    async def put_clock_forward(self, time: timedelta) -> None:
        """Let time pass and the janitor do what fell due, until nothing more is due by then."""
        self.ahead += time
        for _ in range(50):
            due = await self._deadlines.earliest(before=self.now(), limit=50)
            if not due:
                return
            for deadline in due:
                await self.check_deadline(deadline.kind, deadline.subject, deadline.due_at)
        raise AssertionError("the janitor finds no end")

    async def sale(self) -> Sale:
        sale = await self.store.load(self.order_id)
        assert sale is not None
        return sale

    async def states(self) -> list[PaymentState]:
        return [payment.state for payment in (await self.sale()).payments]

    async def items(self, prefix: str) -> list[dict[str, Any]]:
        """Return the order's items whose sort key begins so."""
        page = await self.client.query(
            TableName=self.table,
            KeyConditionExpression="pk = :order AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={
                ":order": {"S": f"ORDER#{self.order_id}"},
                ":prefix": {"S": prefix},
            },
            ConsistentRead=True,
        )
        return list(page["Items"])

    async def events(self) -> list[str]:
        """Return the types of the order's events in the outbox, in the order of their sequence."""
        found: list[tuple[str, str]] = []
        for shard in range(2):
            page = await self.client.query(
                TableName=self.table,
                KeyConditionExpression="pk = :shard",
                ExpressionAttributeValues={":shard": {"S": f"OUTBOX#{shard:03d}"}},
                ConsistentRead=True,
            )
            found += [
                (item["sk"]["S"], item["headers"]["S"])
                for item in page["Items"]
                if item["key"]["S"] == str(self.order_id)
            ]
        return [headers.split('"ce_type":"')[1].split('"')[0] for _, headers in sorted(found)]

    async def count_calls(self, operation: str, reference: str | None = None) -> int:
        return len(await self.sandbox.calls(reference or self.reference, operation))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def payment_table(dynamodb_client: DynamoDBClient) -> AsyncIterator[str]:
    """Make one table for all tests here: their orders differ."""
    table = f"payment-{datetime.now(UTC).timestamp():.0f}"
    await create_table(dynamodb_client, table)
    yield table
    await dynamodb_client.delete_table(TableName=table)


@pytest.fixture
async def desk(
    dynamodb_client: DynamoDBClient, payment_table: str, sandbox: SandboxControl
) -> AsyncIterator[Desk]:
    async with aiohttp.ClientSession() as session:
        provider = MercadoPago(
            session,
            url=sandbox._url,
            access_token=Secret(TOKEN),
            timeout_seconds=1.0,
            notification_url=None,
        )
        desk = Desk(dynamodb_client, payment_table, provider, sandbox)
        yield desk
        with contextlib.suppress(Exception):
            await desk.choose_payment.drain(1.0)
    await sandbox.clear_faults()
