"""What people and the clock may do to an order, and the pieces that every change is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from autodeal_contracts.catalog import type_name
from autodeal_contracts.events.sale import CancelReason, SaleCancelled, SaleEvent, SaleRefundRequested
from autodeal_contracts.saga import OrderState
from autodeal_vehicle.domain.errors import (
    OrderNotDraftError,
    OrderNotRefundableError,
    PickupNotPossibleError,
)
from autodeal_vehicle.domain.order import PAID_STATES, Change, Order, TimelineEntry, VehicleMove


def cancel_by_buyer(order: Order, now: datetime) -> Change:
    """Cancel a draft. Asked again it changes nothing; later than that it raises OrderNotDraftError."""
    if order.cancel_reason is CancelReason.BUYER_CANCELLED:
        return Change(order=order)
    if order.status is not OrderState.DRAFT:
        raise OrderNotDraftError(order.id, order.status.value)
    return cancelled(order, CancelReason.BUYER_CANCELLED, now)


def expire(order: Order, now: datetime) -> Change:
    """Cancel a draft whose deadline passed; an order that went on, or has time left, stays as it is."""
    if order.status is not OrderState.DRAFT or now < order.expires_at:
        return Change(order=order)
    return cancelled(order, CancelReason.DEADLINE_PASSED, now)


def request_refund(order: Order, now: datetime) -> Change:
    """Ask for the buyer's money to be returned. While that is under way, asking again changes nothing.

    An order whose money the buyer's bank has taken back is refunded at once: nothing is left to return.
    """
    if order.status is OrderState.REFUNDING and not order.charged_back:
        return Change(order=order)
    if order.status not in PAID_STATES or order.paid_by is None:
        raise OrderNotRefundableError(order.id, order.status.value)
    event = SaleRefundRequested(
        order_id=order.id,
        vehicle_id=order.vehicle_id,
        payment_id=order.paid_by,
        amount_cents=order.price_cents,
    )
    change = noted(
        replace(order, status=OrderState.REFUNDING), now, type_name(event), {"payment_id": order.paid_by}
    )
    requested = published(change, event)
    return refunded(requested) if order.charged_back else requested


def confirm_pickup(order: Order, now: datetime) -> Change:
    """Note that a sold vehicle was handed over. Confirmed again it changes nothing."""
    if order.status is not OrderState.SOLD:
        raise PickupNotPossibleError(order.vehicle_id)
    if order.picked_up_at is not None:
        return Change(order=order)
    return noted(replace(order, picked_up_at=now), now, "vehicle.picked_up", {})


def cancelled(order: Order, reason: CancelReason, now: datetime) -> Change:
    """Return the change that ends a draft unpaid and sets its vehicle free."""
    event = SaleCancelled(order_id=order.id, vehicle_id=order.vehicle_id, reason=reason)
    change = noted(
        replace(order, status=OrderState.CANCELLED, cancel_reason=reason),
        now,
        type_name(event),
        {"reason": reason.value},
    )
    return replace(published(change, event), vehicle=VehicleMove.RELEASED, ends_deadline=True)


def refunded(change: Change) -> Change:
    """Return the change with which the money is back at the buyer's and the vehicle for sale again."""
    order = replace(change.order, status=OrderState.REFUNDED)
    return replace(change, order=order, vehicle=VehicleMove.RETURNED)


def noted(order: Order, now: datetime, event: str, detail: dict[str, str | int | bool | None]) -> Change:
    """Return the change that writes one more entry into the timeline of an order."""
    sequence = order.version + 1
    entry = TimelineEntry(sequence=sequence, at=now, event=event, detail=detail)
    return Change(order=replace(order, version=sequence), entries=(entry,))


def published(change: Change, event: SaleEvent) -> Change:
    """Return the change with one more event to publish."""
    order = replace(change.order, event_sequence=change.order.event_sequence + 1)
    return replace(change, order=order, events=(*change.events, event))


def followed_by(first: Change, then: Change) -> Change:
    """Return two changes of one order as one; `then` was decided on the outcome of `first`."""
    return replace(then, entries=(*first.entries, *then.entries), events=(*first.events, *then.events))
