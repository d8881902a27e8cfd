"""News of orders: a notification on a channel of its own wakes everybody in this process who watches."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from autodeal_messaging.postgres.connect import Connect
from autodeal_messaging.postgres.notify import PostgresListener

ORDER_CHANNEL = "autodeal_order"
"""Carries the id of an order whose timeline grew."""


class PostgresOrderNews:
    """Implements OrderNews. `run` listens; until it does, watchers still look for themselves."""

    def __init__(self, connect: Connect) -> None:
        self._listener = PostgresListener(connect, self.tell, channel=ORDER_CHANNEL)
        self._watches: dict[int, set[OrderWatch]] = defaultdict(set)

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until told to stop."""
        await self._listener.run(stop)

    def tell(self, payload: str) -> None:
        """Wake the watchers of an order; an empty payload, after a lost connection, wakes all."""
        if not payload:
            for watches in self._watches.values():
                for watch in watches:
                    watch.ring()
        elif payload.isdecimal():
            for watch in self._watches.get(int(payload), ()):
                watch.ring()

    @asynccontextmanager
    async def watch(self, order_id: int) -> AsyncIterator[OrderWatch]:
        """Watch one order for the length of a block."""
        watch = OrderWatch()
        self._watches[order_id].add(watch)
        try:
            yield watch
        finally:
            self._watches[order_id].discard(watch)
            if not self._watches[order_id]:
                del self._watches[order_id]


class OrderWatch:
    """Implements Watch; news between two waits fold into one."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def ring(self) -> None:
        """Tell that there is something to see."""
        self._news.set()

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait for news at most this long; tell whether there were any."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True
