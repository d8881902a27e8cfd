"""Members that leave while the group forms anew, as when every pod of a service is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from tests.integration.messaging.consumer_stage import TestTopic

from autodeal_messaging.disposable_clients import DisposableConsumer
from autodeal_messaging.kafka_clients import make_consumer
from autodeal_messaging.kafka_settings import KafkaSettings

pytestmark = pytest.mark.integration

FORMS_AGAIN_SECONDS = 30.0


@asynccontextmanager
async def member(kafka: KafkaSettings, group: str, topic: TestTopic) -> AsyncIterator[DisposableConsumer]:
    consumer = make_consumer(kafka, group)
    consumer.subscribe(topics=[topic.name])
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def share_all(members: list[DisposableConsumer], topic: TestTopic) -> None:
    """Wait until every partition has exactly one owner among the members, and each member has some."""
    while True:
        shares = [consumer.assignment() for consumer in members]
        if all(shares) and sum(map(len, shares)) == topic.partitions == len(set().union(*shares)):
            return
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("leaving", [(1, 0), (0, 1), (2, 1)])
async def test_a_group_forms_again_when_members_leave_one_upon_the_other(
    kafka_settings: KafkaSettings, group: str, topic: TestTopic, leaving: tuple[int, int]
) -> None:
    async with AsyncExitStack() as stays:
        members = [await stays.enter_async_context(member(kafka_settings, group, topic)) for _ in range(3)]
        async with asyncio.timeout(FORMS_AGAIN_SECONDS):
            await share_all(members, topic)

        # The second leaves while the group forms anew without the first; one of them may have led it.
        for number in leaving:
            await members[number].stop()

        staying = [consumer for number, consumer in enumerate(members) if number not in leaving]
        newcomer = await stays.enter_async_context(member(kafka_settings, group, topic))
        async with asyncio.timeout(FORMS_AGAIN_SECONDS):
            await share_all([*staying, newcomer], topic)
