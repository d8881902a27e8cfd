"""Telling other processes about a commit, after it and outside of it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from autodeal_messaging.postgres.notify import PostgresNotifier
from autodeal_vehicle.adapters.postgres.order_news import ORDER_CHANNEL


class PostgresBell:
    """Implements Bell by NOTIFY on two channels: one for the relay, one for who watches an order."""

    def __init__(self, database_url: str) -> None:
        self._outbox = PostgresNotifier(database_url)
        self._orders = PostgresNotifier(database_url, channel=ORDER_CHANNEL)
        self._open = AsyncExitStack()

    def sale_begun(self, order_id: int) -> None:  # noqa: ARG002  nobody can be watching it yet
        """Wake the relay."""
        self._outbox.ring()

    def order_changed(self, order_id: int) -> None:
        """Wake the relay and whoever watches the order."""
        self._outbox.ring()
        self._orders.ring(str(order_id))

    async def __aenter__(self) -> Self:
        """Start sending."""
        await self._open.enter_async_context(self._outbox)
        await self._open.enter_async_context(self._orders)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send what was rung last, and disconnect."""
        await self._open.aclose()
