"""The janitor: go on with what fell due, be it a scheduled question or a step that a crash left undone."""

from __future__ import annotations

from datetime import datetime

from autodeal_payment.app.advance_sale import AdvanceSale
from autodeal_payment.app.handle_notification import HandleNotification
from autodeal_payment.app.ports.sale_store import NOTIFICATION_DEADLINE, SALE_DEADLINE, SaleStore
from autodeal_platform.telemetry import bind_purchase, new_traceparent


class UnknownDeadlineError(Exception):
    """A deadline of a kind that this program does not set."""


class CheckDeadline:
    """Handles a due deadline; its item goes away in the commit of what follows."""

    def __init__(
        self, store: SaleStore, advance: AdvanceSale, handle_notification: HandleNotification
    ) -> None:
        self._store = store
        self._advance = advance
        self._handle_notification = handle_notification

    async def __call__(self, kind: str, subject: str, due_at: datetime) -> None:
        """Go on with a sale, or look into a notification that came while the provider was away."""
        if kind == NOTIFICATION_DEADLINE:
            await self._handle_notification.look_into(subject, due_at)
            return
        if kind != SALE_DEADLINE:
            raise UnknownDeadlineError(kind)
        with bind_purchase(correlation_id=subject, traceparent=new_traceparent()):
            sale = await self._store.load(int(subject))
            if sale is None or sale.due_at != due_at:
                # Another one came first and moved it; an item that was left over is dropped.
                await self._store.move_deadline(kind, subject, due_at, None)
                return
            await self._advance(sale.order_id, loaded=sale)
