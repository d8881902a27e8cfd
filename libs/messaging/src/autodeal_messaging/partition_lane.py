"""One assigned partition of a consumer: what was read, what runs, and how far all took effect."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from aiokafka.structs import ConsumerRecord

CANCEL_TIMEOUT_SECONDS = 2.0
"""A database that stands still does not even answer a cancellation. What ends later than this is still
told apart by its inbox mark."""

HandleRecord = Callable[[ConsumerRecord, asyncio.Event], Awaitable[bool]]
"""Brings a record into effect, trying as often as it takes. Returns False if it was not brought into
effect because the event, which says that the partition is being given up, was set meanwhile."""


class PartitionLane:
    """Runs the records of one key one after the other, different keys side by side.

    `committable_offset` is the offset of the first record that has not taken effect, so committing it
    never skips one. Once the lane closes nothing new begins; what was read and not begun is read again
    by the partition's next owner.
    """

    def __init__(self, handle: HandleRecord, on_read: Callable[[ConsumerRecord], None] | None = None) -> None:
        self._handle = handle
        self._on_read = on_read
        self._keys: dict[bytes | None, deque[ConsumerRecord]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._unfinished: deque[int] = deque()
        self._finished_early: set[int] = set()
        self._next_offset: int | None = None
        self.committed_offset: int | None = None
        """What was last committed for this lane."""

    def add(self, records: Iterable[ConsumerRecord]) -> None:
        """Take records over, in the order of their offsets."""
        for record in records:
            if self._on_read is not None:
                self._on_read(record)
            self._unfinished.append(record.offset)
            self._next_offset = record.offset + 1
            waiting = self._keys.get(record.key)
            if waiting is not None:
                waiting.append(record)
                continue
            self._keys[record.key] = deque([record])
            task = asyncio.create_task(self._run_key(record.key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @property
    def committable_offset(self) -> int | None:
        """The offset to commit: the first unfinished record's, or the one after the last."""
        return self._unfinished[0] if self._unfinished else self._next_offset

    @property
    def unfinished_count(self) -> int:
        """How many records were read since the first unfinished one."""
        return len(self._unfinished)

    async def close(self, timeout_seconds: float) -> None:
        """Begin nothing more, and let what runs finish within the time-out; then cancel it.

        What is cancelled counts as unfinished. It may have taken effect, as after a crash; the next
        owner's inbox will tell.
        """
        self._closing.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=CANCEL_TIMEOUT_SECONDS)

    async def _run_key(self, key: bytes | None) -> None:
        """Bring the records of one key into effect in order, until none waits or the lane closes."""
        waiting = self._keys[key]
        while waiting and not self._closing.is_set():
            # The record stays at the head while it runs, so that later ones of its key queue behind it.
            if not await self._handle(waiting[0], self._closing):
                return
            self._finish(waiting.popleft().offset)
        if not waiting:
            del self._keys[key]

    def _finish(self, offset: int) -> None:
        self._finished_early.add(offset)
        while self._unfinished and self._unfinished[0] in self._finished_early:
            self._finished_early.discard(self._unfinished.popleft())
