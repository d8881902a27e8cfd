"""A buyer watches an order: its timeline, entry by entry, as it grows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from autodeal_vehicle.app.find_orders import OrderBook, Viewer
from autodeal_vehicle.app.views import TimelineEntryView, show_entry
from autodeal_vehicle.domain.errors import OrderNotFoundError


class Watch(Protocol):
    """Tells one watcher when to look again."""

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait for a change at most this long; tell whether there was one."""
        ...


class OrderNews(Protocol):
    """Knows when orders change."""

    def watch(self, order_id: int) -> AbstractAsyncContextManager[Watch]:
        """Watch one order for the length of a block; a change from its beginning on is not missed."""
        ...


@dataclass(frozen=True)
class FollowOrder:
    """Streams an order's timeline until the order is final."""

    orders: OrderBook
    news: OrderNews
    look_again_seconds: float
    """News may be lost, so the order is looked at this often anyway."""
    heartbeat_seconds: float
    """How long a stream may be silent: a proxy must not take it for dead."""

    is_draining: Callable[[], bool]
    """Tells that this process stops: streams end, and their clients take them up again elsewhere."""

    async def open(
        self, order_id: int, viewer: Viewer, after_sequence: int
    ) -> AsyncIterator[TimelineEntryView | None] | None:
        """Return the entries after a sequence number as they appear, in which None is a sign of life.

        Returns nothing when there is nothing left to tell. Raises OrderNotFoundError, before anything is
        streamed, when the viewer may not see the order.
        """
        found = await self.orders.entries_after(order_id, after_sequence)
        if found is None or not viewer.may_see(found.order.buyer_id):
            raise OrderNotFoundError(order_id)
        if found.order.is_final and not found.timeline:
            return None
        return self._stream(order_id, after_sequence)

    async def _stream(self, order_id: int, sequence: int) -> AsyncIterator[TimelineEntryView | None]:
        async with self.news.watch(order_id) as watch:
            silent_seconds = 0.0
            while (found := await self.orders.entries_after(order_id, sequence)) is not None:
                for entry in found.timeline:
                    sequence = entry.sequence
                    yield show_entry(entry)
                if found.order.is_final or self.is_draining():
                    return
                silent_seconds = 0.0 if found.timeline else silent_seconds
                if not await watch.wait(self.look_again_seconds):
                    silent_seconds += self.look_again_seconds
                if silent_seconds >= self.heartbeat_seconds:
                    silent_seconds = 0.0
                    yield None
