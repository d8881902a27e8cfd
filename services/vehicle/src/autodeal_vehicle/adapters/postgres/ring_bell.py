"""Telling other processes about a commit, after it and outside of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from autodeal_messaging.postgres.connect import Connect
from autodeal_messaging.postgres.notify import PostgresNotifier
from autodeal_vehicle.adapters.postgres.order_news import ORDER_CHANNEL


class PostgresBell:
    """Implements Bell by NOTIFY on two channels: one for the relays, one for who watches an order.

    A relay in the same process, `own_relay`, is rung without a way through the database.
    """

    def __init__(self, connect: Connect, *, own_relay: Callable[[], None] | None = None) -> None:
        self._own_relay = own_relay
        self._outbox = PostgresNotifier(connect)
        self._orders = PostgresNotifier(connect, channel=ORDER_CHANNEL)
        self._open = AsyncExitStack()

    def sale_begun(self, order_id: int) -> None:  # noqa: ARG002  nobody can be watching it yet
        """Wake the relays."""
        self._outbox.ring()

    def order_changed(self, order_id: int) -> None:
        """Wake the relays, the own one first, and whoever watches the order."""
        if self._own_relay is not None:
            self._own_relay()
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
