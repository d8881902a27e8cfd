"""Acting on time: durable deadlines, written in the transaction of the step that sets them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from autodeal_messaging.backoff import Backoff, worth_logging
from autodeal_messaging.metrics import (
    DEADLINES_FAILED,
    DEADLINES_HANDLED,
    DEADLINES_OVERDUE,
    DEADLINES_READ_AT,
)
from autodeal_messaging.nudge import Nudge

log = structlog.get_logger(__name__)


@dataclass(frozen=True, order=True, slots=True)
class Deadline:
    """Something to look at again at a time."""

    due_at: datetime
    kind: str
    subject: str


class DeadlineStore(Protocol):
    """Where deadlines are read; they are written and claimed in the services' own transactions."""

    async def earliest(self, *, before: datetime, limit: int) -> Sequence[Deadline]:
        """Return up to `limit` deadlines due at or before a time, the soonest first."""
        ...


DeadlineHandler = Callable[[str, str, datetime], Awaitable[None]]
"""Called with kind, subject and due time. It claims the row in its own transaction, so that of two
workers one acts; finding it gone, moved or claimed it does nothing."""

LOOK_AHEAD_SECONDS = 1.0
"""The longest sleep: other processes may set deadlines without ringing this one."""
BATCH = 200
STILL_THERE_SECONDS = 1.0
"""How long to leave a deadline alone that was handled but has not gone (another worker has it)."""


class DeadlineWorker:
    """Hands deadlines to the handler when they are due, several at a time, the soonest first.

    A handler that fails is called again with growing delays, for as long as the row is there; others
    are not held up by it. Its own nudge is rung when a deadline was set in this process.
    """

    def __init__(
        self,
        store: DeadlineStore,
        handler: DeadlineHandler,
        nudge: Nudge,
        *,
        concurrency: int = 16,
        drain_timeout_seconds: float = 10.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._handler = handler
        self._nudge = nudge
        self._concurrency = concurrency
        self._drain_timeout_seconds = drain_timeout_seconds
        self._now = now
        self._ready: deque[Deadline] = deque()
        self._running: dict[Deadline, asyncio.Task[None]] = {}
        self._resting: dict[Deadline, tuple[datetime, Backoff]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; then let what runs finish, within the drain time-out."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._nudge.wake())
        store_backoff = Backoff(first_seconds=0.1, maximum_seconds=5.0)
        try:
            while not stop.is_set():
                try:
                    wait_seconds = await self._read_due()
                    store_backoff.reset()
                except Exception as error:  # noqa: BLE001  # the database may be away for any reason
                    wait_seconds = store_backoff.next_seconds()
                    log.warning("deadlines.unreadable", error=repr(error), retry_in_seconds=wait_seconds)
                await self._work_until(wait_seconds, stop)
        finally:
            stopping.cancel()
            await self._drain()

    async def _read_due(self) -> float:
        """Queue what is due; return for how long nothing else can fall due unannounced."""
        now = self._now()
        # The ones at rest may all come first, so the limit makes room for others behind them.
        limit = BATCH + len(self._resting) + len(self._running)
        found = await self._store.earliest(before=now + timedelta(seconds=LOOK_AHEAD_SECONDS), limit=limit)
        _measure(found, now)
        still_there = set(found)
        for deadline in [known for known, (until, _) in self._resting.items() if until <= now]:
            if deadline not in still_there:
                del self._resting[deadline]
        self._ready.clear()
        wait_seconds = LOOK_AHEAD_SECONDS
        for deadline in found:
            if deadline in self._running:
                continue
            rest = self._resting.get(deadline)
            act_at = max(deadline.due_at, rest[0]) if rest else deadline.due_at
            if act_at <= now:
                self._ready.append(deadline)
            else:
                wait_seconds = min(wait_seconds, (act_at - now).total_seconds())
        return wait_seconds

    async def _work_until(self, wait_seconds: float, stop: asyncio.Event) -> None:
        """Run what is ready; return when more may be due."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_seconds
        had_work = bool(self._ready)
        while not stop.is_set():
            while self._ready and len(self._running) < self._concurrency:
                self._start(self._ready.popleft())
            left = until - loop.time()
            if left <= 0 or (had_work and not self._ready):
                return
            if await self._nudge.wait(left):
                self._nudge.take()
                return

    def _start(self, deadline: Deadline) -> None:
        task = asyncio.create_task(self._handle(deadline))
        self._running[deadline] = task

    async def _handle(self, deadline: Deadline) -> None:
        _, backoff = self._resting.pop(deadline, (None, Backoff(first_seconds=0.2, maximum_seconds=60.0)))
        try:
            await self._handler(deadline.kind, deadline.subject, deadline.due_at)
        except Exception as error:
            rest_seconds = backoff.next_seconds()
            DEADLINES_FAILED.labels(deadline.kind, type(error).__name__).inc()
            if worth_logging(backoff.failures):
                log.exception(
                    "deadline.failed",
                    kind=deadline.kind,
                    subject=deadline.subject,
                    failures=backoff.failures,
                    retry_in_seconds=rest_seconds,
                )
        else:
            rest_seconds = STILL_THERE_SECONDS
            DEADLINES_HANDLED.labels(deadline.kind).inc()
        finally:
            del self._running[deadline]
            self._nudge.wake()
        self._resting[deadline] = (self._now() + timedelta(seconds=rest_seconds), backoff)

    async def _drain(self) -> None:
        running = set(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=self._drain_timeout_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _measure(found: Sequence[Deadline], now: datetime) -> None:
    DEADLINES_READ_AT.set(now.timestamp())
    overdue_seconds = (now - found[0].due_at).total_seconds() if found else 0.0
    DEADLINES_OVERDUE.set(max(0.0, overdue_seconds))
