"""Events without a pause for consumers that keep a ledger, and what the ledger must say in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.integration.messaging.consumer_stage import Until
from tests.integration.messaging.ledger import Ledger

from autodeal_messaging.kafka_clients import make_producer
from autodeal_messaging.kafka_settings import KafkaSettings

KEYS = 20


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
