"""What tests of consumers stand on: a topic, a group that reads it, a handler that fails when told."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from autodeal_contracts.envelope import Envelope
from autodeal_messaging.consumer import Consumer
from autodeal_messaging.kafka_clients import make_admin
from autodeal_messaging.kafka_settings import KafkaSettings

Loop = Callable[[asyncio.Event], Awaitable[None]]
"""A relay's, consumer's or worker's `run`."""
Running = Callable[[Loop], AbstractAsyncContextManager["asyncio.Task[None]"]]
"""Runs a loop while a block runs."""
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
"""Waits until a condition holds."""
Handle = Callable[[Envelope], Awaitable[None]]
PARTITIONS = 4


@dataclass(frozen=True)
class TestTopic:
    __test__ = False

    name: str
    partitions: int = PARTITIONS
    config: dict[str, str] = field(default_factory=dict)

    def event(self, key: str, sequence: int) -> Envelope:
        return Envelope(
            topic=self.name,
            key=key,
            id=f"{key}-{sequence}",
            type="test.happened",
            source="/autodeal/test",
            subject=f"test/{key}",
            time=datetime.now(UTC),
            sequence=sequence,
            correlation_id=key,
            data=b'{"filler":"' + b"x" * 200 + b'"}',
        )


@dataclass(frozen=True)
class ConsumerStage:
    """A topic of the test's own, a group that reads it, and what tests do with both."""

    topic: TestTopic
    group: str
    producer: AIOKafkaProducer
    settings: KafkaSettings
    running: Running
    until: Until

    def consumer(self, handle: Handle, **options: Any) -> Consumer:
        return Consumer(self.settings, self.group, [self.topic.name], handle, **options)

    def consuming(self, handle: Handle, **options: Any) -> AbstractAsyncContextManager[asyncio.Task[None]]:
        """Consume while a block runs."""
        return self.running(self.consumer(handle, **options).run)

    async def send(self, *envelopes: Envelope) -> None:
        for acknowledged in [
            await self.producer.send(
                envelope.topic, key=envelope.key.encode(), value=envelope.data, headers=envelope.headers()
            )
            for envelope in envelopes
        ]:
            await acknowledged

    async def send_all(self, *, keys: int, events: int) -> None:
        """Send the events of all keys in turn."""
        for sequence in range(1, events + 1):
            await self.send(*(self.topic.event(f"key-{number}", sequence) for number in range(keys)))

    async def send_raw(self, value: bytes, *, key: bytes | None, headers: Any = ()) -> None:
        """Send to the first partition what need be no event."""
        await self.producer.send_and_wait(self.topic.name, key=key, value=value, headers=headers, partition=0)

    async def committed(self) -> int:
        """Return the sum of the group's offsets: how many records count as done."""
        admin = make_admin(self.settings)
        await admin.start()
        try:
            partitions = [TopicPartition(self.topic.name, number) for number in range(self.topic.partitions)]
            offsets = await admin.list_consumer_group_offsets(self.group, partitions=partitions)
            return sum(max(0, found.offset) for found in offsets.values())
        finally:
            await admin.close()


class Effects:
    """A handler that notes what it handled, in order, with switches to hold it up or let it fail."""

    def __init__(self) -> None:
        self.by_key: defaultdict[str, list[int]] = defaultdict(list)
        self.attempts: defaultdict[str, int] = defaultdict(int)
        self.held_up: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.hold_up: set[str] = set()
        self.failing: set[str] = set()
        self.running = 0
        self.most_running = 0
        self.seconds = 0.0

    async def handle(self, envelope: Envelope) -> None:
        self.attempts[envelope.id] += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.seconds)
            if envelope.id in self.hold_up:
                await self.held_up[envelope.id].wait()
            if envelope.id in self.failing:
                raise RuntimeError("told to fail")
            self.by_key[envelope.key].append(envelope.sequence)
        finally:
            self.running -= 1

    def first_effects(self) -> dict[str, list[int]]:
        return {key: list(dict.fromkeys(sequences)) for key, sequences in self.by_key.items()}

    def count(self) -> int:
        return sum(len(sequences) for sequences in self.first_effects().values())

    def reached(self, count: int) -> Callable[[], Awaitable[bool]]:
        async def reached() -> bool:
            return self.count() >= count

        return reached

    def attempted(self, event_id: str, times: int = 1) -> Callable[[], Awaitable[bool]]:
        async def attempted() -> bool:
            return self.attempts[event_id] >= times

        return attempted


def expected(keys: int, events: int) -> dict[str, list[int]]:
    """Return what every key has in the end when `send_all` was handled."""
    return {f"key-{number}": list(range(1, events + 1)) for number in range(keys)}
