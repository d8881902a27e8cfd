"""A hot key's backlog goes to Kafka in small parts of each read, with the others in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from tests.integration.messaging.consumer_stage import TestTopic
from tests.integration.messaging.outbox_under_test import OutboxUnderTest

from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.relay import Relay
from autodeal_messaging.relay_round import RelayLimits
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = pytest.mark.integration

HOT = 300
COLD = 12
AT_A_TIME = 25
"""Events of one transaction, which DynamoDB limits."""
LIMITS = RelayLimits(read_limit=64, window=128)


async def test_cold_keys_are_sent_early_when_a_hot_key_has_a_long_backlog(
    *,
    outbox: OutboxUnderTest,
    kafka_settings: KafkaSettings,
    topic_prefix: str,
    running: Callable[[Any], AbstractAsyncContextManager[Any]],
    read_topic: Callable[[TestTopic], Awaitable[list[ConsumerRecord]]],
    until: Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]],
) -> None:
    # On one partition, whose log tells the order of all.
    topic = TestTopic(f"{topic_prefix}fair.v1", partitions=1)
    await ensure_topics(kafka_settings, [topic])
    for first in range(1, HOT + 1, AT_A_TIME):
        await outbox.commit(*(topic.event("hot", first + number) for number in range(AT_A_TIME)))
    # Keys that share the hot one's shard stand behind it; they are few, and not what this is about.
    await outbox.commit(*(topic.event(f"cold-{number}", 1) for number in range(COLD)))

    async def is_drained() -> bool:
        return not await outbox.count()

    relay = Relay(outbox.store("relay"), kafka_settings, Nudge(), "relay", limits=LIMITS)
    async with running(relay.run):
        await until(is_drained)
    keys = [record.key.decode() for record in await read_topic(topic)]
    assert keys.count("hot") == HOT
    cold = sorted(place for place, key in enumerate(keys) if key != "hot")
    assert len(cold) == COLD
    assert cold[COLD // 2] < HOT // 3
