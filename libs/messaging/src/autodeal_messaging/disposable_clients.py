"""Kafka clients that can be thrown away: a `stop` that is cut short leaves nothing behind.

As aiokafka has it, a producer's sender then lives on and would send what it held once the broker is
back, and a consumer would fetch and send heartbeats for partitions that nobody reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import ProducerClosed

THROW_AWAY_SECONDS = 0.3
"""How long the parts may take to end once they are cancelled and their connections are gone."""
CANCELLATIONS = 3
"""aiokafka swallows some, and waits for the next thing."""


class DisposableProducer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """A producer whose `stop` may be cancelled."""

    async def stop(self) -> None:
        """Send what is left and disconnect; cancelled, throw away what is left and disconnect."""
        stopping = asyncio.create_task(super().stop())
        try:
            await asyncio.wait({stopping})
        except asyncio.CancelledError:
            self._forget_batches()
            await _end([stopping, self._sender.sender_task], self.client.close())
            raise
        stopping.result()

    def _forget_batches(self) -> None:
        held = self._message_accumulator
        batches = [batch for waiting in held._batches.values() for batch in waiting]  # noqa: SLF001
        futures = [batch.future for batch in (*batches, *held._pending_batches)]  # noqa: SLF001
        held.fail_all(ProducerClosed())
        for future in futures:
            if not future.cancelled():
                future.exception()  # Whoever sent it may not be there any more to look at it.


class DisposableConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """A consumer whose `stop` may be cancelled, and which need not tell its group that it stops."""

    def __init__(self, *, leave_group: bool = True, **options: object) -> None:
        super().__init__(**options)
        self._leave_group = leave_group

    async def stop(self) -> None:
        """Leave the group, unless told not to, and disconnect; cancelled, disconnect without leaving."""
        if self._coordinator is not None and not self._leave_group:
            self._coordinator._maybe_leave_group = _say_nothing  # noqa: SLF001
        stopping = asyncio.create_task(super().stop())
        try:
            await asyncio.wait({stopping})
        except asyncio.CancelledError:
            parts = [stopping]
            if self._coordinator is not None:
                group = self._coordinator
                parts += [group._coordination_task, group._heartbeat_task, group._commit_refresh_task]  # noqa: SLF001
            if self._fetcher is not None:
                parts += [self._fetcher._fetch_task, *self._fetcher._pending_tasks]  # noqa: SLF001
            await _end(parts, self._client.close())
            raise
        stopping.result()


async def _say_nothing() -> None:
    """Leave without a word: the coordinator finds out when the session times out."""


async def _end(parts: Iterable[asyncio.Task[Any] | None], disconnect: Coroutine[Any, Any, None]) -> None:
    """End a client's background tasks; they wait for requests, whose connections are gone meanwhile."""
    closing = asyncio.create_task(disconnect)
    left = {part for part in parts if part is not None} | {closing}
    for number in range(CANCELLATIONS):
        for part in left - ({closing} if number == 0 else set()):
            part.cancel()
        done, left = await asyncio.wait(left, timeout=THROW_AWAY_SECONDS)
        await asyncio.gather(*done, return_exceptions=True)  # nobody else looks at how they ended
        if not left:
            return
