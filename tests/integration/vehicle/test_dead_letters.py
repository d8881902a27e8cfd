"""Records that cannot take effect, from Kafka to the operator's commands, in the service as it runs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from autodeal_contracts import topics
from autodeal_contracts.catalog import seal
from autodeal_contracts.events.payment import PaymentApproved, PaymentCreated, PaymentInstructions
from autodeal_contracts.events.sale import PaymentMethod
from autodeal_messaging.topics_admin import ensure_topics
from autodeal_platform.health import Health
from autodeal_vehicle.bootstrap import make_worker
from autodeal_vehicle.settings import Settings

if TYPE_CHECKING:
    from tests.integration.vehicle.conftest import RunService, Service, WaitUntil

    from autodeal_devstack.pytest_engines import PrivateBroker

    Connection = asyncpg.Connection[asyncpg.Record]

pytestmark = pytest.mark.integration

PRICE_CENTS = 8_999_000
DEAD_LETTERS = "autodeal-vehicle.dlq"


@dataclass
class Desk:
    """The running service, somebody who sends to its topic, and an operator's shell."""

    service: Service
    producer: AIOKafkaProducer
    settings: Settings
    database: Connection
    said: int = 0

    async def say(self, event: PaymentCreated | PaymentApproved) -> None:
        self.said += 1
        envelope = seal(
            event,
            event_id=f"payment-event-{self.said}",
            source="payment",
            time=datetime.now(UTC),
            sequence=self.said,
        )
        await self.send(envelope.key, envelope.data, envelope.headers())

    async def send(self, key: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        await self.producer.send_and_wait(topics.PAYMENT, key=key.encode(), value=value, headers=headers)

    async def pay(self, order_id: int) -> None:
        fact: Any = {
            "order_id": order_id,
            "payment_id": f"{order_id}-1",
            "attempt": 1,
            "amount_cents": PRICE_CENTS,
        }
        instructions = PaymentInstructions(pix_code="000201")
        await self.say(PaymentCreated(**fact, payment_method=PaymentMethod.PIX, instructions=instructions))
        await self.say(PaymentApproved(**fact))

    async def order(self) -> int:
        order_id: int = (await self.service.reserve(await self.service.offer())).body["order_id"]
        return order_id

    def is_sold(self, order_id: int) -> Callable[[], Any]:
        async def is_sold() -> bool:
            return bool((await self.service.call("GET", f"/orders/{order_id}")).body["status"] == "sold")

        return is_sold

    async def dlq(self, *arguments: str, code: int = 0) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "autodeal_vehicle", "dlq", *arguments),
            env={"PATH": os.environ["PATH"], "DATABASE_URL": self.settings.database_url.reveal()},
            stdout=PIPE,
            stderr=PIPE,
        )
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
        assert process.returncode == code, errors.decode()
        return output.decode()

    async def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(await self.dlq("list", "--json"))
        return found

    def has_parked(self, count: int) -> Callable[[], Any]:
        async def has_parked() -> bool:
            return bool(await self.database.fetchval("SELECT count(*) FROM parked_record") == count)

        return has_parked


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with make_worker(settings, Health()).open() as loops:
        tasks = [asyncio.ensure_future(loop(stop)) for loop in loops]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)


@pytest.fixture
async def desk(
    private_broker: PrivateBroker,
    change_settings: Callable[..., Settings],
    run_service: RunService,
    database: Connection,
) -> AsyncIterator[Desk]:
    kafka = private_broker.settings
    await ensure_topics(kafka, (*topics.TOPICS, *topics.DEAD_LETTER_TOPICS))
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
            yield Desk(service, producer, settings, database)
    finally:
        await producer.stop()


async def first_dead_letter(settings: Settings) -> Any:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=20
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(DEAD_LETTERS, number) for number in range(12)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        async with asyncio.timeout(30):
            return await consumer.getone()
    finally:
        await consumer.stop()


async def test_others_go_on_and_its_key_waits_when_a_record_is_poison(
    desk: Desk, wait_until: WaitUntil
) -> None:
    poisoned, other = await desk.order(), await desk.order()
    await desk.send(str(poisoned), b"not an event", [("ce_id", b"\xff")])
    await desk.pay(poisoned)
    await desk.pay(other)
    await wait_until(desk.is_sold(other), 30.0)
    await wait_until(desk.has_parked(3), 30.0)
    assert not await desk.is_sold(poisoned)()
    dead, *waiting = await desk.listed()
    assert (dead["state"], dead["key"], dead["event_id"]) == ("dead", str(poisoned), None)
    assert "MalformedEnvelopeError" in dead["last_error"]
    assert [one["event_type"] for one in waiting] == ["payment.created", "payment.approved"]
    table = await desk.dlq("list")
    assert "MalformedEnvelopeError" in table
    assert "not an event" in await desk.dlq("show", dead["id"])
    copy = await first_dead_letter(desk.settings)
    assert (copy.key, copy.value) == (str(poisoned).encode(), b"not an event")
    assert dict(copy.headers)["dlq_topic"] == topics.PAYMENT.encode()

    await desk.dlq("discard", dead["id"], "--reason", "not from us")
    await wait_until(desk.is_sold(poisoned), 30.0)
    await wait_until(desk.has_parked(0), 30.0)
    assert "not from us" in await desk.dlq("audit")


async def test_all_come_through_in_order_when_the_cause_is_mended_and_redriven(
    desk: Desk, wait_until: WaitUntil
) -> None:
    unknown = await desk.order() + 1  # The next order's number; nobody has it yet.
    await desk.pay(unknown)
    await wait_until(desk.has_parked(2), 30.0)
    [first, _] = await desk.listed()
    assert "UnknownOrderError" in first["last_error"]
    # As after the last of many attempts, which nobody wants to wait for here.
    await desk.database.execute(
        "UPDATE parked_record SET state = 'dead', next_attempt_at = NULL WHERE next_attempt_at IS NOT NULL"
    )
    assert await desk.order() == unknown
    assert "Would redrive 1 keys with 2 records" in await desk.dlq("redrive", "--all", "--dry-run")
    await desk.dlq("redrive", "--key", str(unknown), "--rate", "100")
    await wait_until(desk.is_sold(unknown), 30.0)
    await wait_until(desk.has_parked(0), 30.0)
    [entry] = json.loads(await desk.dlq("audit", "--json"))
    assert (entry["act"], entry["key"]) == ("redrive", str(unknown))
    await desk.dlq("show", first["id"], code=1)
    await desk.dlq("redrive", code=2)
