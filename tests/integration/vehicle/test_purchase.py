"""The service with its loops on a broker: events go out in order, events come in and take effect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from autodeal_contracts import topics
from autodeal_contracts.catalog import seal
from autodeal_contracts.envelope import Envelope
from autodeal_contracts.events.payment import (
    PaymentApproved,
    PaymentCreated,
    PaymentEvent,
    PaymentInstructions,
    PaymentRefunded,
)
from autodeal_contracts.events.sale import PaymentMethod
from autodeal_messaging.topics_admin import ensure_topics
from autodeal_platform.health import Health
from autodeal_vehicle.bootstrap import make_worker
from autodeal_vehicle.settings import Settings

if TYPE_CHECKING:
    from tests.integration.vehicle.conftest import RunService, Service, WaitUntil

    from autodeal_devstack.pytest_engines import PrivateBroker

    Connection = asyncpg.Connection[asyncpg.Record]

PRICE_CENTS = 8_999_000


@dataclass
class Payments:
    """Stands for the payment service: says things about orders, in order."""

    producer: AIOKafkaProducer
    said: int = 0

    async def say(self, event: PaymentEvent, *, times: int = 1) -> None:
        self.said += 1
        envelope = seal(
            event,
            event_id=f"payment-event-{self.said}",
            source="payment",
            time=datetime.now(UTC),
            sequence=self.said,
        )
        for _ in range(times):
            await self.producer.send_and_wait(
                envelope.topic,
                key=envelope.key.encode(),
                value=envelope.data,
                headers=envelope.headers(),
            )


@dataclass(frozen=True)
class Running:
    service: Service
    payments: Payments
    settings: Settings

    async def status(self, order_id: int) -> str:
        status: str = (await self.service.call("GET", f"/orders/{order_id}")).body["status"]
        return status


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """Run the loops of `work` for the length of a block."""
    stop = asyncio.Event()
    async with make_worker(settings, Health()).open() as loops:
        tasks = [asyncio.ensure_future(loop(stop)) for loop in loops]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)


@pytest.fixture
async def running(
    private_broker: PrivateBroker, change_settings: Callable[..., Settings], run_service: RunService
) -> AsyncIterator[Running]:
    kafka = private_broker.settings
    await ensure_topics(kafka, topics.TOPICS)
    settings = change_settings(
        kafka_bootstrap_servers=kafka.kafka_bootstrap_servers,
        kafka_idempotent_producer=kafka.kafka_idempotent_producer,
        kafka_session_timeout_ms=kafka.kafka_session_timeout_ms,
        kafka_heartbeat_interval_ms=kafka.kafka_heartbeat_interval_ms,
        kafka_fetch_max_wait_ms=kafka.kafka_fetch_max_wait_ms,
        sale_deadline_pix_seconds=600.0,
    )
    producer = AIOKafkaProducer(bootstrap_servers=kafka.kafka_bootstrap_servers)
    await producer.start()
    try:
        async with run_service(settings) as service, working(settings):
            yield Running(service, Payments(producer), settings)
    finally:
        await producer.stop()


async def sale_events(settings: Settings, count: int) -> list[Envelope]:
    """Read the first events of the sale topic."""
    partitions = [TopicPartition(topics.SALE, number) for number in range(12)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=20
    )
    await consumer.start()
    found: list[Envelope] = []
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        async with asyncio.timeout(30):
            while len(found) < count:
                record = await consumer.getone()
                found.append(
                    Envelope.from_record(
                        topic=record.topic, key=record.key, headers=record.headers, value=record.value
                    )
                )
    finally:
        await consumer.stop()
    return found


def fact(order_id: int) -> dict[str, object]:
    return {
        "order_id": order_id,
        "payment_id": f"{order_id}-1",
        "attempt": 1,
        "amount_cents": PRICE_CENTS,
    }


def created(order_id: int) -> PaymentCreated:
    return PaymentCreated(
        **fact(order_id),  # type: ignore[arg-type]
        payment_method=PaymentMethod.PIX,
        instructions=PaymentInstructions(pix_code="000201"),
    )


def approved(order_id: int) -> PaymentApproved:
    return PaymentApproved(**fact(order_id))  # type: ignore[arg-type]


def refunded(order_id: int) -> PaymentRefunded:
    return PaymentRefunded(**fact(order_id))  # type: ignore[arg-type]


async def test_vehicle_is_sold_and_returned_when_its_buyer_pays_and_is_refunded(
    running: Running, wait_until: WaitUntil
) -> None:
    service = running.service
    vehicle_id = await service.offer()
    order_id = (await service.reserve(vehicle_id)).body["order_id"]

    async def is_(status: str) -> bool:
        return await running.status(order_id) == status

    await running.payments.say(created(order_id), times=2)
    await running.payments.say(approved(order_id), times=3)
    await wait_until(lambda: is_("sold"))
    pickup = await service.call("PUT", f"/vehicle/{vehicle_id}/confirm-pickup", group="Admin")
    refund = await service.call("POST", f"/orders/{order_id}/refund", group="Admin")
    await running.payments.say(refunded(order_id), times=2)
    await wait_until(lambda: is_("refunded"))

    assert (pickup.status, refund.status) == (200, 200)
    order = (await service.call("GET", f"/orders/{order_id}")).body
    assert [entry["event"] for entry in order["timeline"]] == [
        "sale.initialized",
        "payment.created",
        "payment.approved",
        "sale.completed",
        "vehicle.picked_up",
        "sale.refund_requested",
        "payment.refunded",
    ]
    assert order["payment"]["status"] == "refunded"
    assert (await service.call("GET", f"/vehicle/{vehicle_id}")).body["status"] == "available"
    events = await sale_events(running.settings, 3)
    assert [(event.type, event.sequence) for event in events] == [
        ("sale.initialized", 1),
        ("sale.completed", 2),
        ("sale.refund_requested", 3),
    ]
    assert {event.key for event in events} == {str(order_id)}
    assert events[1].causation_id == "payment-event-2"


async def test_outbox_is_emptied_when_many_sales_are_made(
    running: Running, database: Connection, wait_until: WaitUntil
) -> None:
    service = running.service
    vehicles = [await service.offer() for _ in range(20)]
    answers = await asyncio.gather(*(service.reserve(vehicle_id) for vehicle_id in vehicles))

    async def is_empty() -> bool:
        return not await database.fetchval("SELECT count(*) FROM outbox")

    await wait_until(is_empty)
    events = await sale_events(running.settings, 20)
    assert {event.key for event in events} == {str(answer.body["order_id"]) for answer in answers}


async def test_order_is_cancelled_when_its_deadline_passes(
    running: Running, database: Connection, wait_until: WaitUntil
) -> None:
    service = running.service
    vehicle_id = await service.offer()
    order_id = (await service.reserve(vehicle_id)).body["order_id"]
    moved = "UPDATE deadline SET due_at = now(); UPDATE vehicle_sold SET expires_at = now() - interval '1 s'"
    await database.execute(moved)

    async def is_cancelled() -> bool:
        return await running.status(order_id) == "cancelled"

    await wait_until(is_cancelled)

    order = (await service.call("GET", f"/orders/{order_id}")).body
    assert order["timeline"][-1]["detail"] == {"reason": "deadline_passed"}
    assert (await service.reserve(vehicle_id, subject="buyer-2")).status == 201
    assert await database.fetchval("SELECT count(*) FROM deadline") == 1


async def test_buyer_sees_the_timeline_grow_when_following_an_order(running: Running) -> None:
    service = running.service
    order_id = (await service.reserve(await service.offer())).body["order_id"]
    seen: list[str] = []
    headers = service.pool.authorization("Buyer", subject="buyer-1")
    url = f"{service.url}/orders/{order_id}/events"
    async with asyncio.timeout(25), service.session.get(url, headers=headers) as stream:
        async for line in stream.content:
            if not line.startswith(b"event: "):
                continue
            seen.append(line.decode().removeprefix("event: ").strip())
            if seen == ["sale.initialized"]:
                await running.payments.say(created(order_id))
            elif seen[-1] == "payment.created":
                # The service looks by itself only every 30 seconds: what comes sooner was pushed.
                await service.call("POST", f"/orders/{order_id}/cancel")

    assert seen == ["sale.initialized", "payment.created", "sale.cancelled"]
