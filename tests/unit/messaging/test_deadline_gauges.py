"""What the deadline worker tells of its own lateness."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from prometheus_client import REGISTRY

from autodeal_messaging.deadlines import DeadlineWorker
from autodeal_messaging.memory.deadline_store import MemoryDeadlineStore
from autodeal_messaging.nudge import Nudge


async def read_once(store: MemoryDeadlineStore, now: datetime) -> float | None:
    """Run a worker, whose handler never ends, until it has looked; return how late it says it is."""
    stop = asyncio.Event()

    async def never_end(_kind: str, _subject: str, _due_at: datetime) -> None:
        await asyncio.Event().wait()

    worker = DeadlineWorker(store, never_end, Nudge(), drain_timeout_seconds=0, now=lambda: now)
    task = asyncio.create_task(worker.run(stop))
    while REGISTRY.get_sample_value("deadlines_last_read_timestamp_seconds") != now.timestamp():  # noqa: ASYNC110  # gauges are looked at
        await asyncio.sleep(0.001)
    overdue_seconds = REGISTRY.get_sample_value("deadlines_oldest_overdue_seconds")
    stop.set()
    await task
    return overdue_seconds


async def test_oldest_deadline_tells_the_lateness_when_several_wait() -> None:
    now, store = datetime.now(UTC), MemoryDeadlineStore()
    for minutes in (1, 7, 3):
        store.schedule("sale", str(minutes), now - timedelta(minutes=minutes))
    assert await read_once(store, now) == 420


async def test_nothing_is_late_when_all_deadlines_lie_ahead() -> None:
    now, store = datetime.now(UTC) + timedelta(seconds=1), MemoryDeadlineStore()
    store.schedule("sale", "1", now + timedelta(seconds=0.5))
    assert await read_once(store, now) == 0


async def test_nothing_is_late_when_nothing_waits() -> None:
    assert await read_once(MemoryDeadlineStore(), datetime.now(UTC) + timedelta(seconds=2)) == 0
