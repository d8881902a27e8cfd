"""What cancelling, refunding, handing over and expiring have in common: one locked order, one commit."""

from __future__ import annotations

from datetime import datetime

from autodeal_vehicle.app.seal_events import seal_events
from autodeal_vehicle.app.surroundings import Surroundings
from autodeal_vehicle.app.unit_of_work import UnitOfWork
from autodeal_vehicle.app.views import OrderView, show_order
from autodeal_vehicle.domain.order import Change


async def save_change(
    work: UnitOfWork, change: Change, now: datetime, surroundings: Surroundings
) -> OrderView:
    """Store a change of an order with its events, and return what the buyer sees of the order now."""
    if change.entries:
        await work.save(change, seal_events(change, now, surroundings), now)
    return show_order(change.order, await work.timeline(change.order.id))
