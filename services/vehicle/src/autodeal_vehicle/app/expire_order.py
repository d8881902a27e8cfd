"""The clock cancels an order that nobody paid in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from autodeal_vehicle.app.metrics import count_sale
from autodeal_vehicle.app.seal_events import seal_events
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import Store
from autodeal_vehicle.domain.change_order import expire


@dataclass(frozen=True)
class ExpireOrder:
    """Handles one due deadline; done twice, or too late, it changes nothing."""

    store: Store
    surroundings: Surroundings

    async def __call__(self, order_id: int, due_at: datetime) -> None:
        """Settle the deadline in the commit of its effect."""
        now = max(self.surroundings.clock(), due_at)
        async with self.store.begin() as work:
            # The order first, the deadline second: whoever pays or cancels locks in this order too.
            order = await work.order_to_change(order_id)
            if not await work.claim_deadline(order_id, due_at) or order is None:
                return
            change = expire(order, now)
            if change.entries:
                await work.save(change, seal_events(change, now, self.surroundings), now)
        count_sale(change)
        if change.entries:
            self.surroundings.bell.order_changed(order_id)
