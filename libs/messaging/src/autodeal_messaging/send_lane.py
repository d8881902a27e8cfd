"""The sending side of one partition: record batches, one after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from autodeal_messaging.outbox.port import OutboxRecord


class SendLane:
    """Sends the records of one partition in the order they were added.

    Those whose positions are in `alone` travel in batches of their own, so that a refusal names one.

    The next batch leaves only when Kafka has acknowledged the one before, so no retry can overtake
    anything. After an error the outcome of that batch is unknown: the lane sends nothing more, forgets
    what it had queued, and reports the error. The rows are still in the outbox.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        partition: int,
        *,
        acknowledge_timeout_seconds: float,
        on_acknowledged: Callable[[Sequence[OutboxRecord], float], None],
        on_failed: Callable[[Exception, Sequence[OutboxRecord]], None],
        alone: Collection[Any] = (),
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._acknowledge_timeout_seconds = acknowledge_timeout_seconds
        self._on_acknowledged = on_acknowledged
        self._on_failed = on_failed
        self._alone = alone
        self._sending: list[OutboxRecord] = []
        self._queue: deque[OutboxRecord] = deque()
        self._failed = False
        self.task: asyncio.Task[None] | None = None
        """Runs while there is something to send."""

    def add(self, records: Iterable[OutboxRecord]) -> None:
        """Queue records behind those already queued."""
        if self._failed:
            return
        self._queue.extend(records)
        if self._queue and self.task is None:
            self.task = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                began = loop.time()
                sent = await self._send_one_batch()
                self._on_acknowledged(sent, loop.time() - began)
        except Exception as error:  # noqa: BLE001  # any error leaves the same: an unknown outcome
            self._failed = True
            self._queue.clear()
            self._on_failed(error, self._sending)
        finally:
            self.task = None

    async def _send_one_batch(self) -> list[OutboxRecord]:
        batch = self._producer.create_batch()
        taken: list[OutboxRecord] = []
        self._sending = taken
        while self._queue:
            record = self._queue[0]
            if taken and (record.position in self._alone or taken[-1].position in self._alone):
                break
            added = batch.append(
                timestamp=None, key=record.key.encode(), value=record.value, headers=record.headers()
            )
            if added is None:
                break
            taken.append(self._queue.popleft())
        batch.close()
        # An idempotent producer would retry for ever; a limit makes the outcome unknown instead.
        async with asyncio.timeout(self._acknowledge_timeout_seconds):
            acknowledged = await self._producer.send_batch(batch, self._topic, partition=self._partition)
            await acknowledged
        return taken
