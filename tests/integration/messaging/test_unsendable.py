"""An event that Kafka refuses for good: on a broker and on each store, its key waits and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
import pytest
from aiokafka.structs import ConsumerRecord
from tests.integration.messaging.consumer_stage import TestTopic
from tests.integration.messaging.outbox_under_test import (
    DYNAMODB_SHARDS,
    DynamoOutboxUnderTest,
    OutboxUnderTest,
)

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.dynamodb.unsendable_store import DynamoUnsendableStore
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.parking.operate import ParkingOperator
from autodeal_messaging.parking.port import ParkedFilter, ParkedState, ParkingStore
from autodeal_messaging.parking.unsendable import UnsendableStore, outbox_group
from autodeal_messaging.postgres.unsendable_store import PostgresUnsendableStore
from autodeal_messaging.relay import Relay
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = pytest.mark.integration


class SmallTopic(TestTopic):
    """A topic that takes small records only, and one event that is none."""

    def event(self, key: str, sequence: int) -> Envelope:
        data = b"x" * (5_000 if (key, sequence) == ("key-2", 2) else 10)
        return msgspec.structs.replace(super().event(key, sequence), data=data)


class Unsendable(UnsendableStore, ParkingStore, Protocol):
    """Both sides of a store."""


@pytest.fixture
def aside(outbox: OutboxUnderTest, request: pytest.FixtureRequest) -> Unsendable:
    need, group = request.getfixturevalue, outbox_group("relay")
    if isinstance(outbox, DynamoOutboxUnderTest):
        client, table = need("dynamodb_client"), need("created_table")
        return DynamoUnsendableStore(client, table, group, outbox_shards=DYNAMODB_SHARDS)
    return PostgresUnsendableStore(need("parking_engine"), group)


@pytest.mark.real
async def test_others_are_sent_and_its_key_waits_when_an_event_is_too_large_for_its_topic(
    *,
    outbox: OutboxUnderTest,
    aside: Unsendable,
    kafka_settings: KafkaSettings,
    topic_prefix: str,
    read_topic: Callable[[SmallTopic], Awaitable[list[ConsumerRecord]]],
    until: Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]],
) -> None:
    topic = SmallTopic(f"{topic_prefix}small.v1", partitions=1, config={"max.message.bytes": "3000"})
    await ensure_topics(kafka_settings, [topic])
    for sequence in (1, 2, 3):
        for key in ("key-1", "key-2", "key-3"):
            await outbox.commit(topic.event(key, sequence))

    async def is_drained() -> bool:
        return not await outbox.count()

    stop = asyncio.Event()
    relay = Relay(outbox.store("relay"), kafka_settings, Nudge(), "relay", unsendable=aside)
    running = asyncio.ensure_future(relay.run(stop))
    try:
        await until(is_drained)
        found = await aside.find(ParkedFilter())
        assert [(one.event_id, one.state) for one in found] == [
            ("key-2-2", ParkedState.DEAD),
            ("key-2-3", ParkedState.PARKED),
        ]
        assert found[0].last_error == "MessageSizeTooLargeError: 5000 bytes"
        await ParkingOperator(aside, "ana").discard(found[0].id, "too large")
        await until(is_drained)
        assert not await aside.find(ParkedFilter())
    finally:
        stop.set()
        await running
    sent = [dict(record.headers)["ce_id"].decode() for record in await read_topic(topic)]
    assert {key: [one for one in sent if one.startswith(key)] for key in ("key-1", "key-2", "key-3")} == {
        "key-1": ["key-1-1", "key-1-2", "key-1-3"],
        "key-2": ["key-2-1", "key-2-3"],
        "key-3": ["key-3-1", "key-3-2", "key-3-3"],
    }
