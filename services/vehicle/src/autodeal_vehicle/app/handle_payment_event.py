"""The payment service said something about an order: the vehicle half of the saga reacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from autodeal_contracts.events.payment import PaymentEvent
from autodeal_platform.telemetry import bind_purchase
from autodeal_vehicle.app.errors import UnknownOrderError
from autodeal_vehicle.app.metrics import count_sale
from autodeal_vehicle.app.seal_events import seal_events
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import SealedChange, Store
from autodeal_vehicle.domain.order import Change, Order
from autodeal_vehicle.domain.react_to_payment import react_to_payment


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A payment event as it arrived, with what links it to its purchase."""

    event: PaymentEvent
    event_id: str
    correlation_id: str
    traceparent: str


@dataclass(frozen=True)
class HandlePaymentEvent:
    """Applies payment events to their orders, each exactly once."""

    store: Store
    surroundings: Surroundings

    async def __call__(self, event: PaymentEvent, event_id: str) -> None:
        """Change the order in the commit that claims the event; raises UnknownOrderError."""
        async with self.store.begin() as work:
            if not await work.claim_event(event_id):
                return
            order = await work.order_to_change(event.order_id)
            # The clock is read under the lock, so that the timeline's times ascend.
            now = self.surroundings.clock()
            sealed = self._react(order, event, now)
            await work.save(sealed.change, sealed.envelopes, now)
        self._tell(sealed.change)

    async def together(self, deliveries: Sequence[Delivery]) -> None:
        """Do the same for events of different orders in one commit; if one cannot be handled, none is."""
        async with self.store.begin() as work:
            claimed = await work.claim_events([delivery.event_id for delivery in deliveries])
            fresh = [delivery for delivery in deliveries if delivery.event_id in claimed]
            if not fresh:
                return
            orders = await work.orders_to_change([delivery.event.order_id for delivery in fresh])
            now = self.surroundings.clock()
            changes = [self._react_bound(orders, delivery, now) for delivery in fresh]
            await work.save_all(changes, now)
        for delivery, sealed in zip(fresh, changes, strict=True):
            with bind_purchase(delivery.correlation_id, delivery.event_id, delivery.traceparent):
                self._tell(sealed.change)

    def _react_bound(self, orders: Mapping[int, Order], delivery: Delivery, now: datetime) -> SealedChange:
        with bind_purchase(delivery.correlation_id, delivery.event_id, delivery.traceparent):
            return self._react(orders.get(delivery.event.order_id), delivery.event, now)

    def _react(self, order: Order | None, event: PaymentEvent, now: datetime) -> SealedChange:
        if order is None:
            raise UnknownOrderError(event.order_id)
        change = react_to_payment(order, event, now)
        return SealedChange(change=change, envelopes=seal_events(change, now, self.surroundings))

    def _tell(self, change: Change) -> None:
        count_sale(change)
        if change.alarm is not None:
            self.surroundings.alarms.raise_alarm(change.alarm, change.order.id)
        self.surroundings.bell.order_changed(change.order.id)
