"""Told to stop, every loop ends by its drain time-out, whatever stands still at that moment.

Whatever else it could wait for here takes longer than the test may: it ends by that, or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
from tests.chaos.freeze_processes import frozen
from tests.integration.messaging.consumer_stage import Until

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.kafka_clients import make_consumer, make_producer
from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.memory.outbox_store import MemoryOutbox, MemoryOutboxStore
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.outbox.port import Batch
from autodeal_messaging.relay import Relay
from autodeal_messaging.topics_admin import ensure_topics

pytestmark = pytest.mark.integration

DRAIN_SECONDS = 1.0
NEVER_MS = 3_600_000


async def nothing(_envelope: Envelope) -> None:
    """Handle an event."""


def waiting_for_ever(settings: KafkaSettings) -> KafkaSettings:
    """Return settings under which nothing but the drain time-out ends a wait for the broker."""
    return replace(settings, kafka_drain_timeout_seconds=DRAIN_SECONDS, kafka_request_timeout_ms=NEVER_MS)


def all_gone_since(before: Collection[asyncio.Task[Any]]) -> Callable[[], Awaitable[bool]]:
    """Tell whether no other task lives; those of a client that waits for its broker would for ever."""

    async def all_gone() -> bool:
        return asyncio.all_tasks() <= set(before)

    return all_gone


@dataclass
class SilentBroker:
    """A broker that accepts every connection and never says a word, as one that stands still."""

    settings: KafkaSettings
    was_asked: asyncio.Event


class WatchedStore(MemoryOutboxStore):
    """An outbox that tells when something was read from it."""

    def __init__(self, outbox: MemoryOutbox) -> None:
        super().__init__(outbox, "relay")
        self.was_read = asyncio.Event()

    async def read(self, *, limit: int, exclude: Collection[int], keys: frozenset[str] | None) -> Batch:
        batch = await super().read(limit=limit, exclude=exclude, keys=keys)
        if batch.records:
            self.was_read.set()
        return batch


@pytest_asyncio.fixture(loop_scope="session")
async def silent_broker() -> AsyncIterator[SilentBroker]:
    connections: set[asyncio.StreamWriter] = set()
    was_asked = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        with suppress(ConnectionError):
            while await reader.read(1_000):
                was_asked.set()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = KafkaSettings(kafka_bootstrap_servers=f"127.0.0.1:{port}")
    yield SilentBroker(waiting_for_ever(settings), was_asked)
    for connection in connections:
        connection.close()
    server.close()
    await server.wait_closed()


async def test_a_consumer_stops_when_the_broker_never_answers(silent_broker: SilentBroker) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(Consumer(silent_broker.settings, "group", ["topic"], nothing).run(stop))
    await silent_broker.was_asked.wait()
    stop.set()
    await task


async def test_a_relay_stops_when_the_broker_never_answers(silent_broker: SilentBroker) -> None:
    stop = asyncio.Event()
    store = MemoryOutboxStore(MemoryOutbox(shards=4), "relay")
    task = asyncio.create_task(Relay(store, silent_broker.settings, Nudge(), "relay").run(stop))
    await silent_broker.was_asked.wait()
    stop.set()
    await task


async def test_a_consumer_stops_when_its_broker_stands_still(
    private_broker: Any, topic: Any, group: str, until: Until
) -> None:
    """It is a member of its group, fetches, and has something to commit."""
    settings = replace(waiting_for_ever(private_broker.settings), kafka_commit_interval_ms=NEVER_MS)
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
        stop.set()
        await task


async def test_a_relay_stops_when_its_broker_stands_still(
    private_broker: Any, topic: Any, until: Until
) -> None:
    settings = waiting_for_ever(private_broker.settings)
    await ensure_topics(settings, [topic])
    outbox = MemoryOutbox(shards=4)
    outbox.add([topic.event("key", 1)])
    store = WatchedStore(outbox)
    stop = asyncio.Event()
    task = asyncio.create_task(Relay(store, settings, Nudge(), "relay").run(stop))

    async def sent() -> bool:
        return not outbox.records

    await until(sent)
    store.was_read.clear()
    with frozen(private_broker.pid):
        outbox.add([topic.event("key", 2)])
        await store.was_read.wait()
        stop.set()
        await task
    assert len(outbox.records) == 1


async def test_nothing_of_a_producer_lives_on_when_it_is_thrown_away(
    private_broker: Any, topic: Any, until: Until
) -> None:
    """Otherwise it would send what it held once the broker is back, long after others took over."""
    settings = waiting_for_ever(private_broker.settings)
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
        await until(all_gone_since(before))


async def test_nothing_of_a_consumer_lives_on_when_it_is_thrown_away(
    private_broker: Any, topic: Any, group: str, until: Until
) -> None:
    """Otherwise it would keep the partitions that it does not read."""
    settings = waiting_for_ever(private_broker.settings)
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
        await until(all_gone_since(before))
