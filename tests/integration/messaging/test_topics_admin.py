"""Topics are created once and errors are not swallowed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from autodeal_messaging.kafka_clients import make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.topics_admin import TopicsError, ensure_topics

pytestmark = pytest.mark.integration


async def test_topics_have_their_partitions_when_ensured_twice(
    kafka_settings: KafkaSettings, topic: Any
) -> None:
    await ensure_topics(kafka_settings, [topic])
    producer = make_producer(kafka_settings)
    await producer.start()
    try:
        assert len(await producer.partitions_for(topic.name)) == topic.partitions
    finally:
        await producer.stop()


async def test_it_is_loud_when_the_broker_cannot_be_reached(
    kafka_settings: KafkaSettings, topic: Any
) -> None:
    nowhere = replace(kafka_settings, kafka_bootstrap_servers="127.0.0.1:1")
    with pytest.raises(KafkaError):
        await ensure_topics(nowhere, [topic])


@pytest.mark.real
async def test_it_is_loud_when_the_broker_refuses_a_topic(kafka_settings: KafkaSettings, topic: Any) -> None:
    with pytest.raises(TopicsError, match="replication"):
        await ensure_topics(kafka_settings, [replace(topic, name=topic.name + "2")], replication_factor=3)
