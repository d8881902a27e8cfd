from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from tests.integration.gateway.conftest import (
    WEBHOOK_SECRET,
    RunningGateway,
    SettingsMaker,
    running_gateway,
)

from autodeal_contracts import topics
from autodeal_contracts.catalog import unseal
from autodeal_contracts.envelope import Envelope
from autodeal_contracts.events.notification import NotificationReceived
from autodeal_devstack.pytest_engines import PrivateBroker
from autodeal_gateway.domain.webhook_signature import sign
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.topics_admin import ensure_topics
from autodeal_platform.settings import Secret

pytestmark = pytest.mark.integration
TOPIC = next(topic for topic in topics.TOPICS if topic.name == topics.NOTIFICATION)


def kafka_of(settings: KafkaSettings) -> dict[str, Any]:
    return {
        "kafka_bootstrap_servers": settings.kafka_bootstrap_servers,
        "kafka_idempotent_producer": settings.kafka_idempotent_producer,
    }


async def notify(
    gateway: RunningGateway,
    payment: str,
    *,
    request_id: str = "request-1",
    ts: str = "1704908010",
    secret: str = WEBHOOK_SECRET,
    kind: str = "type=payment",
    **options: Any,
) -> tuple[int, Any]:
    digest = sign(secret.encode(), data_id=payment, request_id=request_id, timestamp=ts)
    status, body, _ = await gateway.call(
        "POST",
        f"/webhook?data.id={payment}&{kind}",
        headers={"x-signature": f"ts={ts},v1={digest}", "x-request-id": request_id},
        **({"json": {"action": "payment.updated", "data": {"id": payment}, "type": "payment"}} | options),
    )
    return status, body


async def records_of(settings: KafkaSettings, payment: str) -> list[Envelope]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(TOPIC.name, number) for number in range(TOPIC.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found = []
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                record = await consumer.getone(partition)
                if record.key == payment.encode():
                    found.append(
                        Envelope.from_record(
                            topic=TOPIC.name, key=record.key, headers=record.headers, value=record.value
                        )
                    )
        return found
    finally:
        await consumer.stop()


@pytest.fixture(scope="session")
async def connected(
    make_settings: SettingsMaker, kafka_settings: KafkaSettings, aws_credentials: None
) -> AsyncIterator[RunningGateway]:
    await ensure_topics(kafka_settings, [TOPIC], replication_factor=1)
    settings = make_settings(**kafka_of(kafka_settings), webhook_secret_previous=Secret("old-secret"))
    async with running_gateway(settings) as gateway:
        yield gateway


@pytest.fixture
def payment() -> str:
    return str(uuid.uuid4().int)[:15]


async def test_notification_is_in_kafka_when_answered_with_200(
    connected: RunningGateway, kafka_settings: KafkaSettings, payment: str
) -> None:
    assert await notify(connected, payment) == (200, {"status": "kept"})
    (envelope,) = await records_of(kafka_settings, payment)
    event = unseal(envelope)
    assert isinstance(event, NotificationReceived)
    assert (event.provider_payment_id, event.request_id) == (payment, "request-1")
    assert (envelope.source, envelope.subject, envelope.sequence) == (
        "/autodeal/gateway", f"provider_payment/{payment}", 0,
    )  # fmt: skip
    assert envelope.traceparent is not None


async def test_repeat_is_told_from_a_later_notification_when_both_are_kept(
    connected: RunningGateway, kafka_settings: KafkaSettings, payment: str
) -> None:
    for request_id, ts in (("r-1", "10"), ("r-1", "10"), ("r-2", "10"), ("r-1", "11")):
        assert (await notify(connected, payment, request_id=request_id, ts=ts))[0] == 200
    first, again, other, later = [envelope.id for envelope in await records_of(kafka_settings, payment)]
    assert first == again
    assert len({first, other, later}) == 3


async def test_notification_is_accepted_when_signed_with_the_previous_secret(
    connected: RunningGateway, payment: str
) -> None:
    assert (await notify(connected, payment, secret="old-secret"))[0] == 200


async def test_notification_is_refused_and_not_kept_when_forged(
    connected: RunningGateway, kafka_settings: KafkaSettings, payment: str
) -> None:
    status, problem = await notify(connected, payment, secret="guessed")
    assert (status, problem["code"]) == (401, "webhook_forged")
    status, problem, _ = await connected.call("POST", f"/webhook?data.id={payment}&type=payment", json={})
    assert (status, problem["code"]) == (401, "webhook_forged")
    assert await records_of(kafka_settings, payment) == []


@pytest.mark.parametrize("kind", ["type=merchant_order", "topic=chargebacks", "type=subscription"])
async def test_notification_is_ignored_when_about_something_else(
    connected: RunningGateway, kafka_settings: KafkaSettings, payment: str, kind: str
) -> None:
    assert await notify(connected, payment, kind=kind) == (200, {"status": "ignored"})
    assert await records_of(kafka_settings, payment) == []


async def test_kind_is_taken_from_the_body_when_the_query_does_not_say(
    connected: RunningGateway, payment: str
) -> None:
    assert await notify(connected, payment, kind="v=1") == (200, {"status": "kept"})
    status, problem = await notify(connected, payment, kind="v=1", json=None, data=b"{nonsense")
    assert (status, problem["code"]) == (400, "notification_malformed")


async def test_body_is_believed_in_nothing_when_it_contradicts_the_query(
    connected: RunningGateway, kafka_settings: KafkaSettings, payment: str
) -> None:
    body = {"type": "payment", "data": {"id": "999"}, "action": "payment.approved"}
    assert (await notify(connected, payment, json=body))[0] == 200
    assert [envelope.key for envelope in await records_of(kafka_settings, payment)] == [payment]


async def test_body_is_refused_when_over_the_webhooks_own_limit(
    connected: RunningGateway, payment: str
) -> None:
    status, problem = await notify(connected, payment, json=None, data=b"x" * 100_000)
    assert (status, problem["code"]) == (413, "body_too_large")


async def test_nothing_is_lost_when_kafka_goes_away_and_comes_back(
    make_settings: SettingsMaker, private_broker: PrivateBroker, payment: str
) -> None:
    kafka = private_broker.settings
    await ensure_topics(kafka, [TOPIC], replication_factor=1)
    async with running_gateway(make_settings(**kafka_of(kafka))) as gateway:
        assert (await notify(gateway, payment))[0] == 200
        await private_broker.kill()
        answers = await asyncio.gather(*(notify(gateway, payment, request_id=f"r-{n}") for n in range(5)))
        assert {(status, body["code"]) for status, body in answers} == {(503, "notifications_unavailable")}
        assert (await gateway.call("GET", "/readyz"))[0] == 200
        await private_broker.restart()
        await ensure_topics(kafka, [TOPIC], replication_factor=1)
        # The provider sends again whatever was not answered with 200.
        unanswered = {f"r-{number}" for number in range(5)}
        while unanswered:
            for request_id in sorted(unanswered):
                if (await notify(gateway, payment, request_id=request_id))[0] == 200:
                    unanswered.discard(request_id)
        kept = {event.request_id for event in map(unseal, await records_of(kafka, payment)) if
                isinstance(event, NotificationReceived)}  # fmt: skip
        assert kept >= {f"r-{number}" for number in range(5)}


async def test_gateway_starts_and_says_503_when_kafka_was_never_there(gateway: RunningGateway) -> None:
    status, problem = await notify(gateway, "77")
    assert (status, problem["code"]) == (503, "notifications_unavailable")
    assert (await gateway.call("GET", "/vehicles"))[0] == 200
