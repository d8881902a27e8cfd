"""Apache Kafka's ways of letting a consumer down: nothing is lost, and each key keeps its order."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiokafka.structs import TopicPartition
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.messaging import ledger as ledger_module
from tests.integration.messaging.kafka_clusters import (
    CONNECTION_LIFE_MS,
    FOLLOWER_ID,
    authenticating_kafka,
    two_brokers,
)
from tests.integration.messaging.ledger import Ledger, ledger_consumer

from autodeal_devstack.engines.describe_kafka import kafka_settings_for
from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_messaging.kafka_clients import make_admin, make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = [pytest.mark.integration, pytest.mark.real]

PROGRAM = Path(ledger_module.__file__)
KEYS = 20

Loop = Callable[[asyncio.Event], Awaitable[None]]
Running = Callable[[Loop], AbstractAsyncContextManager["asyncio.Task[None]"]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest_asyncio.fixture(loop_scope="session")
async def ledger(postgres_engine: AsyncEngine) -> Ledger:
    ledger = Ledger(postgres_engine)
    await ledger.create()
    return ledger


class Load:
    """Sends events of all keys in turn, for as long as the block runs, each until it is acknowledged."""

    def __init__(self, settings: KafkaSettings, topic: Any) -> None:
        self._settings = settings
        self._topic = topic
        self.rounds = 0

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[Load]:
        stop = asyncio.Event()
        task = asyncio.create_task(self._flow(stop))
        try:
            yield self
        finally:
            stop.set()
            await task

    async def _flow(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            producer = make_producer(self._settings)
            try:
                await producer.start()
                while not stop.is_set():
                    await self._send_round(producer)
                    await asyncio.sleep(0.01)
            except Exception:  # noqa: BLE001  # whatever it is, the broker is away
                # What came of this round is unknown, so it is sent again; the inbox drops what is double.
                await asyncio.sleep(0.1)
            finally:
                await producer.stop()

    async def _send_round(self, producer: Any) -> None:
        sent = []
        for number in range(KEYS):
            event = self._topic.event(f"key-{number}", self.rounds + 1)
            sent.append(
                await producer.send(
                    event.topic, key=event.key.encode(), value=event.data, headers=event.headers()
                )
            )
        for acknowledged in sent:
            await acknowledged
        self.rounds += 1

    def passed(self, rounds: int) -> Callable[[], Awaitable[bool]]:
        """Tell when so many more rounds were sent than now."""
        goal = self.rounds + rounds

        async def passed() -> bool:
            return self.rounds >= goal

        return passed


async def verify(ledger: Ledger, load: Load, until: Until) -> None:
    """Wait until all took effect, and see that it did in order."""

    async def complete() -> bool:
        return await ledger.total() >= load.rounds * KEYS

    await until(complete)
    assert await ledger.skipped() == 0
    assert await ledger.last() == {f"key-{number}": load.rounds for number in range(KEYS)}


def more(ledger: Ledger, before: int, count: int) -> Callable[[], Awaitable[bool]]:
    async def came() -> bool:
        return await ledger.total() >= before + count

    return came


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
    async with load.flowing(), sleeper(impatient, postgres_url, group, topic.name) as process:
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
async def sleeper(settings: KafkaSettings, *rest: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a consumer in a process of its own until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        msgspec.json.encode(settings).decode(),
        *rest,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        await process.communicate()


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
