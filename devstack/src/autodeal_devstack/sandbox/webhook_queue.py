"""The notifications that wait for their time, the next due one first."""

import asyncio
import heapq
import itertools

from autodeal_devstack.sandbox.notification import Notification
from autodeal_devstack.sandbox.payment_book import wait_for_event

_LONGEST_WAIT_SECONDS = 60.0


class WebhookQueue:
    """Holds at most `limit` notifications by the time at which each is due.

    A notification that is put again moves: its earlier place is void. Times are the event loop's.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[tuple[float, int, Notification]] = []
        self._entries = itertools.count(1)
        self._wake = asyncio.Event()

    def put(self, notification: Notification, delay_seconds: float = 0.0) -> bool:
        """Let a notification be due after a while; False when too many wait already."""
        if len(self._heap) >= self._limit:
            return False
        notification.entry = next(self._entries)
        due = asyncio.get_running_loop().time() + delay_seconds
        heapq.heappush(self._heap, (due, notification.entry, notification))
        self._wake.set()
        return True

    async def next(self) -> Notification:
        """Return the next notification once it is due."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            timeout_seconds = _LONGEST_WAIT_SECONDS
            if self._heap:
                due, entry, notification = self._heap[0]
                if due <= loop.time():
                    heapq.heappop(self._heap)
                    if entry == notification.entry:
                        return notification
                    continue
                timeout_seconds = min(due - loop.time(), timeout_seconds)
            await wait_for_event(self._wake, timeout_seconds)

    def clear(self) -> None:
        """Forget all that wait."""
        self._heap.clear()
