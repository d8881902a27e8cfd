"""What tests of the relay stand on: a topic, a nudge, relays of an outbox, and what has arrived."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from aiokafka.structs import ConsumerRecord
from tests.integration.messaging.consumer_stage import Running, TestTopic, Until
from tests.integration.messaging.outbox_under_test import OutboxUnderTest

from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.nudge import Nudge
from autodeal_messaging.relay import Relay

ReadTopic = Callable[..., Awaitable[list[ConsumerRecord]]]
"""Reads all that a topic holds now, by default on the session's broker."""


@dataclass(frozen=True)
class RelayStage:
    """A topic of the test's own, and relays that bring events to it."""

    topic: TestTopic
    settings: KafkaSettings
    running: Running
    until: Until
    read_topic: ReadTopic
    nudge: Nudge = field(default_factory=Nudge)

    def relay(self, outbox: OutboxUnderTest, name: str = "relay", **options: Any) -> Relay:
        return Relay(outbox.store(name), self.settings, self.nudge, name, **options)

    def relaying(
        self, outbox: OutboxUnderTest, name: str = "relay", **options: Any
    ) -> AbstractAsyncContextManager[asyncio.Task[None]]:
        """Relay while a block runs."""
        return self.running(self.relay(outbox, name, **options).run)

    async def write_all(self, outbox: OutboxUnderTest, *, keys: int, events: int) -> None:
        """Write each key's events one after the other, all keys at once."""

        async def write_key(key: str) -> None:
            for sequence in range(1, events + 1):
                await outbox.commit(self.topic.event(key, sequence))
                self.nudge.ring(key)

        await asyncio.gather(*(write_key(f"key-{number}") for number in range(keys)))

    async def until_empty(self, outbox: OutboxUnderTest) -> None:
        """Wait until all was sent."""

        async def is_empty() -> bool:
            return await outbox.count() == 0

        await self.until(is_empty)

    async def records(self) -> list[ConsumerRecord]:
        """Return all that has arrived."""
        return await self.read_topic(self.topic, self.settings)

    async def arrived(self) -> dict[str, list[int]]:
        """Return each key's sequence numbers in the order in which each came first."""
        return first_copies(await self.records())


def first_copies(records: Iterable[ConsumerRecord]) -> dict[str, list[int]]:
    """Return each key's sequence numbers in the order in which each came first."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for record in records:
        sequence = int(dict(record.headers)["ce_sequence"])
        key = record.key.decode()
        if sequence not in found[key]:
            found[key].append(sequence)
    return dict(found)
