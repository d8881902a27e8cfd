"""Apache Kafka's ways of letting a consumer down: nothing is lost, and each key keeps its order."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import TopicPartition
from tests.integration.messaging import ledger as ledger_module
from tests.integration.messaging.consumer_stage import Running, Until
from tests.integration.messaging.kafka_clusters import (
    CONNECTION_LIFE_MS,
    FOLLOWER_ID,
    authenticating_kafka,
    two_brokers,
)
from tests.integration.messaging.ledger import Ledger, ledger_consumer
from tests.integration.messaging.ledger_load import Load, more, verify
from tests.integration.messaging.run_program import program

from autodeal_devstack.engines.describe_kafka import kafka_settings_for
from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_messaging.kafka_clients import make_admin
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = [pytest.mark.integration, pytest.mark.real]

PROGRAM = Path(ledger_module.__file__)


@pytest.mark.parametrize("together", [True, False], ids=["shared commits", "own commits"])
async def test_consuming_goes_on_in_order_when_the_broker_is_killed_again_and_again(
    *,
    ledger: Ledger,
    topic: Any,
    group: str,
    private_broker: Any,
    running: Running,
    until: Until,
    together: bool,
) -> None:
    settings = replace(private_broker.settings, kafka_request_timeout_ms=4_000, kafka_commit_interval_ms=50)
    await ensure_topics(settings, [topic])
    load = Load(settings, topic)
    consumer = ledger_consumer(settings, group, topic.name, ledger, together=together)
    async with running(consumer.run):
        async with load.flowing():
            for _ in range(2):
                await until(more(ledger, await ledger.total(), 200))
                await private_broker.kill()
                await asyncio.sleep(0.5)
                await private_broker.restart()
            await until(more(ledger, await ledger.total(), 200))
        await verify(ledger, load, until)


async def test_no_offset_goes_back_and_nothing_is_double_when_a_consumer_slept_through_its_session(
    *,
    ledger: Ledger,
    topic: Any,
    group: str,
    postgres_url: str,
    impatient: KafkaSettings,
    running: Running,
    until: Until,
) -> None:
    """Stopped by SIGSTOP, it wakes up with records in hand that others have handled meanwhile."""
    load = Load(impatient, topic)
    async with load.flowing(), program(PROGRAM, impatient, postgres_url, group, topic.name) as process:
        await until(more(ledger, 0, 400))
        process.send_signal(signal.SIGSTOP)
        async with running(ledger_consumer(impatient, group, topic.name, ledger).run):
            await until(more(ledger, await ledger.total(), 1_000))
        async with offsets_of(impatient, group, topic) as committed:
            # Nobody is in the group now: who has been thrown out of it could set the offsets back.
            before = await committed()
            process.send_signal(signal.SIGCONT)
            came = more(ledger, await ledger.total(), 400)
            while not await came():
                after = await committed()
                assert all(after[partition] >= offset for partition, offset in before.items())
                before = after
    async with running(ledger_consumer(impatient, group, topic.name, ledger).run):
        await verify(ledger, load, until)


@asynccontextmanager
async def offsets_of(
    settings: KafkaSettings, group: str, topic: Any
) -> AsyncIterator[Callable[[], Awaitable[dict[TopicPartition, int]]]]:
    """Give a look at what the group has committed."""
    partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    admin = make_admin(settings)
    await admin.start()

    async def committed() -> dict[TopicPartition, int]:
        offsets = await admin.list_consumer_group_offsets(group, partitions=partitions)
        return {partition: found.offset for partition, found in offsets.items()}

    try:
        yield committed
    finally:
        await admin.close()


async def test_consuming_goes_on_quietly_when_the_broker_closes_authenticated_connections(
    *,
    ledger: Ledger,
    topic_prefix: str,
    topic: Any,
    group: str,
    running: Running,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with authenticating_kafka() as broker:
        settings = broker.settings()
        await ensure_topics(settings, [topic])
        load = Load(settings, topic)
        caplog.set_level(logging.INFO, logger="aiokafka")
        async with running(ledger_consumer(settings, group, topic.name, ledger).run):
            async with load.flowing():
                # Each connection is closed several times over.
                await asyncio.sleep(6 * CONNECTION_LIFE_MS / 1000)
                await until(load.passed(20))
            await verify(ledger, load, until)
        lines = [record for record in caplog.records if record.name.startswith("aiokafka")]
        assert len(lines) < 200, "a closed connection is no reason for a flood of lines"


async def test_consuming_goes_on_in_order_when_the_group_moves_to_another_broker(
    *, ledger: Ledger, topic: Any, topic_prefix: str, running: Running, until: Until
) -> None:
    async with two_brokers() as (leader, follower):
        settings = replace(
            kafka_settings_for(leader.locate(Endpoints())),
            kafka_request_timeout_ms=4_000,
            kafka_commit_interval_ms=50,
        )
        await ensure_topics(settings, [topic], replication_factor=2)
        group = await group_led_by(settings, FOLLOWER_ID, topic_prefix)
        load = Load(settings, topic)
        async with running(ledger_consumer(settings, group, topic.name, ledger).run):
            async with load.flowing():
                await until(more(ledger, 0, 200))
                await follower.kill()
                await until(more(ledger, await ledger.total(), 400))
                await follower.restart()
                await until(more(ledger, await ledger.total(), 400))
            await verify(ledger, load, until)


async def group_led_by(settings: KafkaSettings, node: int, prefix: str) -> str:
    """Find a name for a group whose coordinator this broker is."""
    admin = make_admin(settings)
    await admin.start()
    try:
        while True:
            for number in range(50):
                name = f"{prefix}group-{number}"
                try:
                    if await admin.find_coordinator(name) == node:
                        return name
                except Exception:  # noqa: BLE001  # whatever it is, the broker is away
                    await asyncio.sleep(0.2)  # the topic of offsets is being made
    finally:
        await admin.close()
