"""The first step of the saga: a vehicle is reserved for a buyer."""

from __future__ import annotations

from datetime import datetime

from autodeal_contracts.events.sale import PaymentMethod, SaleInitialized
from autodeal_contracts.saga import OrderState
from autodeal_vehicle.domain.order import Change, Order, TimelineEntry, VehicleMove
from autodeal_vehicle.domain.vehicle import Vehicle


def reserve_vehicle(
    vehicle: Vehicle,
    *,
    order_id: int,
    buyer_id: str,
    payment_method: PaymentMethod,
    expires_at: datetime,
    idempotency_key_digest: str,
    now: datetime,
) -> Change:
    """Return the draft order that claims the vehicle; raise VehicleNotAvailableError if another does."""
    vehicle.require_available()
    order = Order(
        id=order_id,
        vehicle_id=vehicle.id,
        buyer_id=buyer_id,
        status=OrderState.DRAFT,
        price_cents=vehicle.details.price_cents,
        payment_method=payment_method,
        created_at=now,
        expires_at=expires_at,
        event_sequence=1,
        version=1,
    )
    event = SaleInitialized(
        order_id=order_id,
        vehicle_id=vehicle.id,
        buyer_id=buyer_id,
        amount_cents=order.price_cents,
        payment_method=payment_method,
        expires_at=expires_at,
        idempotency_key_digest=idempotency_key_digest,
    )
    entry = TimelineEntry(
        sequence=1, at=now, event="sale.initialized", detail={"payment_method": payment_method.value}
    )
    return Change(order=order, entries=(entry,), events=(event,), vehicle=VehicleMove.RESERVED)
