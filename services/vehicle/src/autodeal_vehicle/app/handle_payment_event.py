"""The payment service said something about an order: the vehicle half of the saga reacts."""

from __future__ import annotations

from dataclasses import dataclass

from autodeal_contracts.events.payment import PaymentEvent
from autodeal_vehicle.app.errors import UnknownOrderError
from autodeal_vehicle.app.seal_events import seal_events
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import Store
from autodeal_vehicle.domain.react_to_payment import react_to_payment


@dataclass(frozen=True)
class HandlePaymentEvent:
    """Applies one payment event to its order, exactly once."""

    store: Store
    surroundings: Surroundings

    async def __call__(self, event: PaymentEvent, event_id: str) -> None:
        """Change the order in the commit that claims the event; raises UnknownOrderError."""
        async with self.store.begin() as work:
            if not await work.claim_event(event_id):
                return
            order = await work.order_to_change(event.order_id)
            if order is None:
                raise UnknownOrderError(event.order_id)
            # The clock is read under the lock, so that the timeline's times ascend.
            now = self.surroundings.clock()
            change = react_to_payment(order, event, now)
            await work.save(change, seal_events(change, now, self.surroundings), now)
        if change.alarm is not None:
            self.surroundings.alarms.raise_alarm(change.alarm, event.order_id)
        self.surroundings.bell.order_changed(event.order_id)
