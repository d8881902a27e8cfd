"""Told to stop, every loop ends within its drain time-out, whatever stands still at that moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from tests.chaos.freeze_processes import frozen

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.kafka_clients import make_consumer, make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.memory.outbox_store import MemoryOutbox, MemoryOutboxStore
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.relay import Relay
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = pytest.mark.integration

DRAIN_SECONDS = 1.0
LEEWAY_SECONDS = 6.0
"""For a machine that has other things to do; waiting for the broker instead would take longer still."""

Loop = Callable[[asyncio.Event], Awaitable[None]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


async def nothing(_envelope: Envelope) -> None:
    """Handle an event."""


async def time_stop(task: asyncio.Task[None], stop: asyncio.Event) -> float:
    """Stop a loop and return how long it took; a loop that does not end by itself is cancelled."""
    began = time.monotonic()
    stop.set()
    await asyncio.wait({task}, timeout=DRAIN_SECONDS + 20)
    took_seconds = time.monotonic() - began
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return took_seconds


@pytest_asyncio.fixture(loop_scope="session")
async def silent_broker() -> AsyncIterator[KafkaSettings]:
    """A broker that accepts every connection and never says a word, as one that stands still."""
    connections: set[asyncio.StreamWriter] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        with suppress(ConnectionError):
            while await reader.read(1_000):
                pass
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield KafkaSettings(
        kafka_bootstrap_servers=f"127.0.0.1:{port}",
        kafka_drain_timeout_seconds=DRAIN_SECONDS,
        kafka_request_timeout_ms=60_000,
    )
    for connection in connections:
        connection.close()
    server.close()
    await server.wait_closed()


async def test_a_consumer_stops_in_time_when_the_broker_never_answers(silent_broker: KafkaSettings) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(Consumer(silent_broker, "group", ["topic"], nothing).run(stop))
    await asyncio.sleep(0.3)
    assert await time_stop(task, stop) < DRAIN_SECONDS + LEEWAY_SECONDS


async def test_a_relay_stops_in_time_when_the_broker_never_answers(silent_broker: KafkaSettings) -> None:
    stop = asyncio.Event()
    store = MemoryOutboxStore(MemoryOutbox(shards=4), "relay")
    task = asyncio.create_task(Relay(store, silent_broker, Nudge(), "relay").run(stop))
    await asyncio.sleep(0.3)
    assert await time_stop(task, stop) < DRAIN_SECONDS + LEEWAY_SECONDS


async def test_a_consumer_stops_in_time_when_its_broker_stands_still(
    private_broker: Any, topic: Any, group: str, until: Until
) -> None:
    """It is a member of its group, fetches, and has something to commit."""
    settings = replace(private_broker.settings, kafka_drain_timeout_seconds=DRAIN_SECONDS)
    await ensure_topics(settings, [topic])
    handled: list[str] = []

    async def handle(envelope: Envelope) -> None:
        handled.append(envelope.id)

    producer = make_producer(settings)
    await producer.start()
    event = topic.event("key", 1)
    await producer.send_and_wait(event.topic, key=b"key", value=event.data, headers=event.headers())
    await producer.stop()

    stop = asyncio.Event()
    task = asyncio.create_task(Consumer(settings, group, [topic.name], handle).run(stop))

    async def came() -> bool:
        return bool(handled)

    await until(came)
    with frozen(private_broker.pid):
        await asyncio.sleep(0.5)
        assert await time_stop(task, stop) < DRAIN_SECONDS + LEEWAY_SECONDS


async def test_a_relay_stops_in_time_when_its_broker_stands_still(
    private_broker: Any, topic: Any, until: Until
) -> None:
    settings = replace(private_broker.settings, kafka_drain_timeout_seconds=DRAIN_SECONDS)
    await ensure_topics(settings, [topic])
    outbox = MemoryOutbox(shards=4)
    outbox.add([topic.event("key", 1)])
    stop = asyncio.Event()
    task = asyncio.create_task(
        Relay(MemoryOutboxStore(outbox, "relay"), settings, Nudge(), "relay").run(stop)
    )

    async def sent() -> bool:
        return not outbox.records

    await until(sent)
    with frozen(private_broker.pid):
        outbox.add([topic.event("key", 2)])
        await asyncio.sleep(0.5)
        assert await time_stop(task, stop) < DRAIN_SECONDS + LEEWAY_SECONDS
    assert len(outbox.records) == 1


async def test_nothing_of_a_producer_lives_on_when_it_is_thrown_away(private_broker: Any, topic: Any) -> None:
    """Otherwise it would send what it held once the broker is back, long after others took over."""
    settings = private_broker.settings
    await ensure_topics(settings, [topic])
    before = asyncio.all_tasks()
    producer = make_producer(settings)
    await producer.start()
    await producer.partitions_for(topic.name)
    with frozen(private_broker.pid):
        for partition in range(2):
            batch = producer.create_batch()
            batch.append(timestamp=None, key=b"key", value=b"value", headers=[])
            await producer.send_batch(batch, topic.name, partition=partition)
        await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await producer.stop()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() - before == set()


async def test_nothing_of_a_consumer_lives_on_when_it_is_thrown_away(
    private_broker: Any, topic: Any, group: str, until: Until
) -> None:
    """Otherwise it would keep the partitions that it does not read."""
    settings = private_broker.settings
    await ensure_topics(settings, [topic])
    before = asyncio.all_tasks()
    consumer = make_consumer(settings, group)
    await consumer.start()
    consumer.subscribe(topics=[topic.name])

    async def joined() -> bool:
        await consumer.getmany(timeout_ms=10)
        return bool(consumer.assignment())

    await until(joined)
    with frozen(private_broker.pid):
        with suppress(TimeoutError):  # the client swallows it in places, and then ends well
            async with asyncio.timeout(0.2):
                await consumer.stop()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() - before == set()
